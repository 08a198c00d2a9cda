# Does the full model of efficientnet_b3_tcn.py learn sixteen windows by heart, from scratch?
_base_ = ["efficientnet_b3_tcn.py"]

batch_size = 16
num_workers = 0
num_frames = 10
num_future = 5
crop_size = 32
max_epochs = 15
learning_rate = 2e-3

# Nothing is drawn anew: what changes is not learned by heart.
train_pipeline = [
    dict(type="SimulateBallDetector", seed=0),
    dict(type="PaintBallCrops", size=crop_size, seed=0),
    dict(type="PackBall3DInputs"),
]

model = dict(
    head=dict(num_future=num_future),
    refiner=dict(crop_size=crop_size, backbone=dict(init_cfg=None)),
)

_windows = dict(
    type="SyntheticBall3DDataset",
    split="train",
    num_samples=16,
    num_frames=num_frames,
    num_future=num_future,
    windows_per_block=16,
)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    persistent_workers=False,
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        # Epochs of 30 steps.
        times=30,
        dataset=dict(_windows, pipeline=train_pipeline),
    ),
)
val_dataloader = dict(
    num_workers=num_workers,
    dataset=dict(_delete_=True, **_windows, pipeline=train_pipeline, test_mode=True),
)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=max_epochs, val_interval=3)
optim_wrapper = dict(optimizer=dict(lr=learning_rate, weight_decay=0.0))
custom_hooks = [dict(type="ChannelsLastHook")]
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=1, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.001,
        begin=1,
        end=max_epochs,
        T_max=max_epochs - 1,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(interval=max_epochs), pictures=dict(interval=max_epochs))
auto_scale_lr = dict(base_batch_size=16)
