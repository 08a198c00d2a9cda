# The synthetic test windows with 8 of the 22 players out of view, those farthest from the ball: to
# be tested with the checkpoint of gat_bilstm_synthetic.py.
_base_ = ["gat_bilstm_synthetic.py"]

test_pipeline = [
    dict(type="TacticsHidePlayers", least=8, most=8, by="view", seed=0),
    *_base_.test_pipeline,
]

test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
