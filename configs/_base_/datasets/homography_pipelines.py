# Augmentation and test pipelines for frames of the pitch.
input_size = (544, 960)
heatmap_stride = 4

_size = (input_size[1], input_size[0])
codec = dict(
    type="footmm.PitchHeatmap",
    input_size=_size,
    heatmap_size=(_size[0] // heatmap_stride, _size[1] // heatmap_stride),
    sigma=2.0,
)

# Grass of any colour in any light, then what lenses, processing and codecs do to a broadcast.
pixel_augmentation = [
    dict(
        type="ColorJitter",
        brightness=(0.6, 1.4),
        contrast=(0.6, 1.4),
        saturation=(0.4, 1.5),
        hue=(-0.05, 0.05),
        p=0.8,
    ),
    dict(type="RandomGamma", gamma_limit=(60, 150), p=0.3),
    dict(type="PlanckianJitter", p=0.2),
    dict(type="ToGray", p=0.05),
    dict(type="RandomShadow", shadow_roi=(0, 0, 1, 1), shadow_intensity_range=(0.2, 0.6), p=0.2),
    # Players, captions and logos hide markings.
    dict(
        type="CoarseDropout",
        num_holes_range=(1, 6),
        hole_height_range=(0.03, 0.15),
        hole_width_range=(0.02, 0.2),
        fill="random_uniform",
        p=0.3,
    ),
    dict(
        type="OneOf",
        transforms=[
            dict(type="GaussianBlur", blur_limit=(3, 5)),
            dict(type="MotionBlur", blur_limit=(3, 9)),
            dict(type="Defocus", radius=(1, 3)),
            dict(type="Downscale", scale_range=(0.4, 0.8)),
            dict(type="Sharpen", alpha=(0.2, 0.6)),
        ],
        p=0.5,
    ),
    dict(
        type="OneOf",
        transforms=[
            dict(type="GaussNoise", std_range=(0.01, 0.06)),
            dict(type="ISONoise", color_shift=(0.01, 0.05), intensity=(0.1, 0.4)),
        ],
        p=0.25,
    ),
    dict(type="ImageCompression", quality_range=(25, 90), p=0.5),
]

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchRandomFlip", prob=0.5),
    dict(type="PitchRandomWarp", size=_size),
    dict(type="Albumentation", transforms=pixel_augmentation),
    dict(type="mmpose.GenerateTarget", encoder=codec),
    dict(type="PackPitchInputs"),
]

test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchResize", size=_size),
    dict(type="PackPitchInputs"),
]
