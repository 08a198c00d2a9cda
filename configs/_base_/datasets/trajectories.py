_base_ = ["trajectory_evaluation.py"]

data_root = "data/trajectories"
batch_size = 64
num_workers = 2
num_frames = 40
num_observed = 10
rate = 6.25

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="TrajectoriesNpz",
            path=f"{data_root}/train.npz",
            num_frames=num_frames,
            num_observed=num_observed,
            stride=5,
            pipeline=_base_.test_pipeline,
        ),
        synthetic=dict(
            type="SyntheticTrajectoryDataset",
            split="train",
            num_samples=10_000,
            num_frames=num_frames,
            num_observed=num_observed,
            rate=rate,
            cached_blocks=5,
            pipeline=_base_.test_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="TrajectoriesNpz",
            path=f"{data_root}/valid.npz",
            num_frames=num_frames,
            num_observed=num_observed,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticTrajectoryDataset",
            split="valid",
            num_samples=2_000,
            num_frames=num_frames,
            num_observed=num_observed,
            rate=rate,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="TrajectoriesNpz",
            path=f"{data_root}/test.npz",
            num_frames=num_frames,
            num_observed=num_observed,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticTrajectoryDataset",
            split="test",
            num_samples=2_000,
            num_frames=num_frames,
            num_observed=num_observed,
            rate=rate,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
