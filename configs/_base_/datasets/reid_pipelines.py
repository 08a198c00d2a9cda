# Augmentation and test pipelines for crops of persons.
input_size = (256, 128)

_scale = (input_size[1], input_size[0])
_padding = 10
_imagenet_mean = (124, 116, 104)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=_scale),
    dict(
        type="Albumentation",
        transforms=[
            dict(type="HorizontalFlip", p=0.5),
            dict(
                type="PadIfNeeded",
                min_height=input_size[0] + 2 * _padding,
                min_width=input_size[1] + 2 * _padding,
                fill=_imagenet_mean,
            ),
            dict(type="RandomCrop", height=input_size[0], width=input_size[1]),
            dict(
                type="ColorJitter",
                brightness=(0.8, 1.2),
                contrast=(0.85, 1.15),
                saturation=(0.8, 1.2),
                hue=(-0.03, 0.03),
                p=0.5,
            ),
            dict(type="Downscale", scale_range=(0.25, 0.75), p=0.2),
            dict(type="MotionBlur", blur_limit=(3, 9), p=0.1),
            dict(type="ImageCompression", quality_range=(30, 90), p=0.2),
            dict(type="Erasing", scale=(0.02, 0.33), fill=_imagenet_mean, p=0.5),
        ],
    ),
    dict(type="PackReIDInputs"),
]

test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=_scale),
    dict(type="ComputeColorHistogram"),
    dict(type="PackReIDInputs"),
]

tta_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=_scale)],
            [dict(type="RandomFlip", prob=1.0), dict(type="RandomFlip", prob=0.0)],
            [dict(type="ComputeColorHistogram")],
            [dict(type="PackReIDInputs")],
        ],
    ),
]
tta_model = dict(type="ReIDTTAModel")
