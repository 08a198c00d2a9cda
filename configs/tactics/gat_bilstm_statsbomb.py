# TacticsGNN on the freeze frames of StatsBomb's 360 data, with formations, roles and strategies
# that its events tell: https://github.com/statsbomb/open-data, matches of the UEFA Euro 2020.
_base_ = ["gat_bilstm.py"]

data_root = "data/statsbomb/data"
match_files = dict(
    event_data="events/{match}.json",
    lineup_data="lineups/{match}.json",
    three_sixty_data="three-sixty/{match}.json",
)
train_matches = ["3788741", "3788742", "3788743", "3788744", "3788745", "3788746", "3788747"]
val_matches = ["3788748"]
test_matches = ["3788749", "3788750"]
num_frames = 20
num_observed = 10
stride = 2
# The frames are those of events; there is nothing between them.
frame_step = 1

train_pipeline = [
    dict(type="TacticsRandomMirror"),
    dict(type="TacticsHidePlayers", most=6, prob=0.5),
    dict(type="BuildTacticsGraph", frame_step=frame_step),
    dict(type="PackTacticsInputs"),
]
test_pipeline = [
    dict(type="BuildTacticsGraph", frame_step=frame_step),
    dict(type="PackTacticsInputs"),
]

_frames = dict(
    _delete_=True,
    type="StatsBombTacticsDataset",
    data_root=data_root,
    files=match_files,
    num_frames=num_frames,
    num_observed=num_observed,
)
_synthetic = dict(num_frames=num_frames, num_observed=num_observed, rate=1.0)
_test = dict(pipeline=test_pipeline, test_mode=True)

train_dataloader = dict(
    dataset=dict(
        real=dict(_frames, matches=train_matches, stride=stride, pipeline=train_pipeline),
        synthetic=dict(_synthetic, pipeline=train_pipeline),
    )
)
val_dataloader = dict(
    dataset=dict(
        real=dict(_frames, **_test, matches=val_matches), synthetic=dict(_synthetic, **_test)
    )
)
test_dataloader = dict(
    dataset=dict(
        real=dict(_frames, **_test, matches=test_matches), synthetic=dict(_synthetic, **_test)
    )
)
# A freeze frame has no future.
val_evaluator = _base_.val_evaluator[:3]
test_evaluator = val_evaluator
model = dict(loss=dict(weights=dict(trajectory=0.0)))
