# The model of osnet_synthetic.py, tested on Market-1501 or any folder in its layout: what players
# that were never filmed teach about real ones. Only for tools/test.py.
_base_ = ["osnet_synthetic.py"]

data_root = "data/Market-1501-v15.09.15"

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=dict(
            type="Market1501Dataset",
            data_root=data_root,
            split="test",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticMarket1501Dataset",
            split="test",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
test_evaluator = [
    dict(type="ReIDMetrics", protocol="market1501"),
    dict(
        type="ReIDMetrics",
        protocol="market1501",
        feature="color_histogram",
        prefix="reid_color_histogram",
    ),
]
