# The model of detr_r50_synthetic.py goes on with a few labelled broadcast frames: Roboflow's
# football-players-detection, or any in YOLO's layout, split by clip. Minutes on two CPU cores. Give
# its checkpoint as load_from; tools/test.py with that checkpoint says what it knows before.
_base_ = ["detr_r50_synthetic.py"]

data_root = "data/football_players"
train_prefixes = ("08fd33", "121364")
test_prefixes = ("40cd38",)
# Larger than the synthetic frames: the people in these are smaller.
test_input_size = (704, 1280)
max_epochs = 10
learning_rate = 1e-4

_size = (test_input_size[1], test_input_size[0])

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.RandomFlip", prob=0.5),
    # The files are squeezed to squares: this brings 16:9 back.
    dict(type="mmdet.Resize", scale=_size, keep_ratio=False),
    dict(
        type="mmdet.RandomResize",
        resize_type="mmdet.Resize",
        scale=_size,
        ratio_range=(0.8, 1.2),
        keep_ratio=True,
    ),
    dict(type="mmdet.RandomCrop", crop_size=_base_.input_size, allow_negative_crop=True),
    dict(type="mmdet.YOLOXHSVRandomAug"),
    dict(type="mmdet.PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.Resize", scale=_size, keep_ratio=False),
    dict(
        type="mmdet.PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances"),
    ),
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        # Epochs of 80 steps.
        times=20,
        dataset=dict(
            type="SyntheticFallback",
            real=dict(
                type="YOLODataset",
                data_root=data_root,
                prefixes=train_prefixes,
                pipeline=train_pipeline,
            ),
            synthetic=dict(
                type="SyntheticDetectionDataset",
                num_samples=16,
                split="train",
                pipeline=train_pipeline,
            ),
        ),
    ),
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=dict(
            type="YOLODataset",
            data_root=data_root,
            prefixes=test_prefixes,
            pipeline=test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticDetectionDataset",
            num_samples=8,
            split="test",
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(
        type="CosineAnnealingLR",
        eta_min=0.0,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    checkpoint=dict(interval=max_epochs),
    logger=dict(interval=10),
    pictures=dict(interval=max_epochs),
)
