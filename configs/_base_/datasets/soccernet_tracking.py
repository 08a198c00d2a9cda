# Frames of SoccerNet's tracking sequences, one a second: those in between are hardly different.
data_root = "data/soccernet/tracking"
every = 25
# What a frame is fitted into.
input_size = (800, 1333)
batch_size = 8
num_workers = 4

_size = (input_size[1], input_size[0])
_train_sizes = [
    dict(
        type="mmdet.RandomChoiceResize",
        resize_type="mmdet.Resize",
        scales=[
            (_size[0], round(share * _size[1])) for share in (0.6, 0.68, 0.76, 0.84, 0.92, 1.0)
        ],
        keep_ratio=True,
    )
]

pixel_augmentation = [
    dict(type="ColorJitter", brightness=(0.7, 1.3), contrast=(0.7, 1.3), p=0.5),
    dict(type="ImageCompression", quality_range=(40, 95), p=0.2),
]
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.RandomFlip", prob=0.5),
    dict(
        type="RandomChoice",
        transforms=[
            _train_sizes,
            # A part of the frame, in which players and ball become larger.
            [
                dict(type="mmdet.RandomCrop", crop_type="relative_range", crop_size=(0.45, 0.45)),
                *_train_sizes,
            ],
        ],
    ),
    dict(type="Albumentation", transforms=pixel_augmentation),
    dict(type="mmdet.PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.Resize", scale=_size, keep_ratio=True),
    dict(
        type="mmdet.PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances"),
    ),
]

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetTrackingDataset",
            data_root=data_root,
            split="train",
            every=every,
            pipeline=train_pipeline,
        ),
        synthetic=dict(
            type="SyntheticDetectionDataset",
            num_samples=2000,
            split="train",
            image_size=(1920, 1080),
            pipeline=train_pipeline,
        ),
    ),
)
# The official splits hold no third one for validation.
val_dataloader = dict(
    batch_size=1,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetTrackingDataset",
            data_root=data_root,
            split="test",
            every=every,
            pipeline=test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticDetectionDataset",
            num_samples=200,
            split="test",
            image_size=(1920, 1080),
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="DetectionMetrics")
test_evaluator = val_evaluator
