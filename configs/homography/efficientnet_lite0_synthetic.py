# EfficientNet-Lite0 from ImageNet, on synthetic frames in all colours and lights: the one to try on
# real broadcasts where there are no real frames to train on. Half an hour on two CPU cores.
_base_ = ["resnet50_synthetic.py"]

input_size = (256, 448)
warmup_epochs = 0.2
learning_rate = 1.5e-3

_size = (input_size[1], input_size[0])
codec = dict(
    _base_.codec,
    input_size=_size,
    heatmap_size=(_size[0] // _base_.heatmap_stride, _size[1] // _base_.heatmap_stride),
)

pixel_augmentation = [
    dict(
        type="ColorJitter",
        brightness=(0.5, 1.5),
        contrast=(0.5, 1.4),
        saturation=(0.3, 1.5),
        hue=(-0.06, 0.06),
        p=0.8,
    ),
    dict(type="RandomGamma", gamma_limit=(60, 150), p=0.3),
    dict(type="PlanckianJitter", p=0.2),
    dict(type="RandomShadow", shadow_roi=(0, 0, 1, 1), shadow_intensity_range=(0.2, 0.6), p=0.2),
    # Captions, logos, benches and people hide markings.
    dict(
        type="CoarseDropout",
        num_holes_range=(1, 6),
        hole_height_range=(0.03, 0.15),
        hole_width_range=(0.02, 0.2),
        fill="random_uniform",
        p=0.4,
    ),
    dict(
        type="OneOf",
        transforms=[
            dict(type="GaussianBlur", blur_limit=(3, 5)),
            dict(type="Downscale", scale_range=(0.5, 0.9)),
            dict(type="Sharpen", alpha=(0.2, 0.6)),
        ],
        p=0.4,
    ),
    dict(type="GaussNoise", std_range=(0.01, 0.04), p=0.2),
    dict(type="ImageCompression", quality_range=(30, 90), p=0.4),
]
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchRandomFlip", prob=0.5),
    dict(type="PitchRandomWarp", size=_size, scale=(0.8, 1.4), prob=0.8),
    dict(type="Albumentation", transforms=pixel_augmentation),
    dict(type="mmpose.GenerateTarget", encoder=codec),
    dict(type="PackPitchInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchResize", size=_size),
    dict(type="PackPitchInputs"),
]

model = dict(
    backbone=dict(_delete_=True, type="EfficientNetLite", variant=0),
    neck=dict(in_channels=(24, 40, 112, 320)),
    head=dict(decoder=codec),
)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.01, begin=0, end=warmup_epochs, convert_to_iter_based=True
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min=0.0,
        begin=warmup_epochs,
        end=_base_.max_epochs,
        T_max=_base_.max_epochs - warmup_epochs,
        convert_to_iter_based=True,
    ),
]
