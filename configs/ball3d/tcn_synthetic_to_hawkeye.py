# The model of tcn_synthetic.py on a real ball: Hawk-Eye's positions, filmed by simulated cameras.
_base_ = ["tcn_synthetic.py"]

data_root = "data/hawkeye"

_window = dict(num_frames=_base_.num_frames, num_future=_base_.num_future, rate=_base_.rate)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=dict(
            _window,
            type="HawkEyeBallDataset",
            path=f"{data_root}/hawkeye.zip",
            pitch_size=(104.0, 67.0),
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            _window,
            type="SyntheticBall3DDataset",
            split="test",
            num_samples=2_000,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    )
)
