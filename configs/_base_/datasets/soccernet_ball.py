# Nobody has labelled SoccerNet's balls in three dimensions. Synthetic windows teach the distance;
# SoccerNet adds real 2D tracks where it is there (reprojection and physics), and is what is tested.
data_root = "data/soccernet/tracking"
cameras = "data/soccernet/cameras/{sequence}/cameras.json"
batch_size = 32
num_workers = 4
num_frames = 50
num_future = 25
rate = 25.0

train_pipeline = [dict(type="SimulateBallDetector"), dict(type="PackBall3DInputs")]
test_pipeline = [dict(type="SimulateBallDetector", seed=0), dict(type="PackBall3DInputs")]
soccernet_pipeline = [dict(type="PackBall3DInputs")]

_window = dict(num_frames=num_frames, num_future=num_future)
_synthetic = dict(_window, type="SyntheticBall3DDataset", rate=rate)
_real = dict(
    _window,
    type="SoccerNetBallDataset",
    data_root=data_root,
    cameras=cameras,
    pipeline=soccernet_pipeline,
)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="ConcatDataset",
        datasets=[
            dict(_synthetic, split="train", num_samples=50_000, pipeline=train_pipeline),
            dict(
                type="SyntheticFallback",
                real=dict(_real, split="train", stride=10),
                synthetic=dict(
                    _synthetic, split="train", seed=1, num_samples=5_000, pipeline=train_pipeline
                ),
            ),
        ],
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        _synthetic, split="valid", num_samples=2_000, pipeline=test_pipeline, test_mode=True
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(_real, split="test", test_mode=True),
        synthetic=dict(
            _synthetic, split="test", num_samples=2_000, pipeline=test_pipeline, test_mode=True
        ),
    ),
)

# The three baselines stand beside the model, so that no number stands alone.
val_evaluator = dict(type="Ball3DMetrics")
test_evaluator = val_evaluator
