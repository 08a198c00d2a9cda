_base_ = ["trajectory_evaluation.py"]

data_root = "data/trajectories"
batch_size = 64
num_workers = 2
num_frames = 40
num_observed = 10
rate = 6.25
stride = 5

_window = dict(num_frames=num_frames, num_observed=num_observed, pipeline=_base_.test_pipeline)
_real = dict(_window, type="TrajectoriesNpz")
_synthetic = dict(_window, type="SyntheticTrajectoryDataset", rate=rate)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(_real, path=f"{data_root}/train.npz", stride=stride),
        # All blocks are kept: the order is random.
        synthetic=dict(_synthetic, split="train", num_samples=10_000, cached_blocks=5),
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(_real, path=f"{data_root}/valid.npz", test_mode=True),
        synthetic=dict(_synthetic, split="valid", num_samples=2_000, test_mode=True),
    ),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(_real, path=f"{data_root}/test.npz", test_mode=True),
        synthetic=dict(_synthetic, split="test", num_samples=2_000, test_mode=True),
    ),
)
