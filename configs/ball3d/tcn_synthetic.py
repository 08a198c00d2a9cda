# Ball3DTracker from 2D tracks, on synthetic flights: minutes on two CPU cores.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/ball3d_tcn.py",
    "../_base_/schedules/adamw_cosine_150e.py",
]

num_frames = 50
num_future = 25
rate = 25.0
batch_size = 32
# The windows are made in the training process, and kept there.
num_workers = 0
max_epochs = 3
warmup_epochs = 0.3
learning_rate = 2e-3

train_pipeline = [dict(type="SimulateBallDetector"), dict(type="PackBall3DInputs")]
test_pipeline = [dict(type="SimulateBallDetector", seed=0), dict(type="PackBall3DInputs")]

model = dict(rate=rate, head=dict(num_future=num_future))

_window = dict(
    type="SyntheticBall3DDataset", num_frames=num_frames, num_future=num_future, rate=rate
)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    drop_last=True,
    sampler=dict(type="WindowBlockSampler"),
    dataset=dict(_window, split="train", num_samples=10_240, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(_window, split="valid", num_samples=1_000, pipeline=test_pipeline, test_mode=True),
)
test_dataloader = dict(
    batch_size=128,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(_window, split="test", num_samples=2_000, pipeline=test_pipeline, test_mode=True),
)

# The three baselines stand beside the model, so that no number stands alone.
val_evaluator = dict(type="Ball3DMetrics")
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.01, begin=0, end=warmup_epochs, convert_to_iter_based=True
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.01,
        begin=warmup_epochs,
        end=max_epochs,
        T_max=max_epochs - warmup_epochs,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(pictures=dict(interval=max_epochs, max_samples=256))
auto_scale_lr = dict(base_batch_size=32)
