# ResNet50 of half width, 57 keypoints and the ends of 23 straight lines, on synthetic frames:
# minutes on two CPU cores.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/resnet50_homography.py",
    "../_base_/schedules/adamw_multistep_100e.py",
]

input_size = (224, 384)
heatmap_stride = 4
keypoint_set = "kp57"
batch_size = 16
# Two cores compute faster than one that computes and one that loads.
num_workers = 0
max_epochs = 3
warmup_epochs = 0.4
learning_rate = 2e-3
data_root = "data/synthetic"

_size = (input_size[1], input_size[0])
_channels = 32
codec = dict(
    type="footmm.PitchHeatmap",
    input_size=_size,
    heatmap_size=(_size[0] // heatmap_stride, _size[1] // heatmap_stride),
    sigma=1.5,
    with_lines=True,
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchRandomFlip", prob=0.5),
    dict(type="PitchRandomWarp", size=_size, scale=(0.8, 1.4), prob=0.8),
    dict(
        type="Albumentation",
        transforms=[
            dict(type="ColorJitter", brightness=0.3, contrast=0.3, saturation=0.3, hue=0.02, p=0.5),
            dict(type="GaussianBlur", blur_limit=(3, 5), p=0.2),
        ],
    ),
    dict(type="mmpose.GenerateTarget", encoder=codec),
    dict(type="PackPitchInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchResize", size=_size),
    dict(type="PackPitchInputs"),
]

model = dict(
    backbone=dict(
        base_channels=_channels,
        stem_channels=_channels,
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(
            _delete_=True, type="Kaiming", layer="Conv2d", mode="fan_out", nonlinearity="relu"
        ),
    ),
    # The deconvolutions of the large model need more steps than a quick run has.
    neck=dict(
        type="FinestFeaturePyramid",
        in_channels=tuple(_channels * 4 * 2**stage for stage in range(4)),
        out_channels=64,
    ),
    head=dict(
        in_channels=64,
        keypoint_set=keypoint_set,
        deconv_out_channels=None,
        deconv_kernel_sizes=None,
        loss_line=dict(type="KeypointHeatmapLoss"),
        decoder=codec,
    ),
)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticHomographyDataset",
        data_root=data_root,
        num_samples=4000,
        split="train",
        keypoint_set=keypoint_set,
        pipeline=train_pipeline,
        num_writers=2,
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticHomographyDataset",
        data_root=data_root,
        num_samples=400,
        split="test",
        keypoint_set=keypoint_set,
        pipeline=test_pipeline,
        test_mode=True,
        num_writers=2,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="ReprojectionError"),
    dict(type="KeypointPCK"),
    dict(type="CalibrationJaC"),
    dict(type="HomographyIoU"),
]
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    type="BFloat16OptimWrapper", optimizer=dict(lr=learning_rate), clip_grad=dict(max_norm=5.0)
)
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.01, begin=0, end=warmup_epochs, convert_to_iter_based=True
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min=0.0,
        begin=warmup_epochs,
        end=max_epochs,
        T_max=max_epochs - warmup_epochs,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [dict(type="ChannelsLastHook")]
default_hooks = dict(pictures=dict(interval=max_epochs, max_samples=16))
auto_scale_lr = dict(base_batch_size=16)
