# SynLoc at 640 x 384: all of a 16:9 frame at 640 x 360, and 24 rows of padding.
# The last epochs of the schedule train on whole frames, without mosaic and random affine map.
_base_ = ["../schedules/adamw_yolox_300e.py"]

data_root = "data/synloc"
# "fullhd" or "4k".
images = "fullhd"
input_size = (384, 640)
batch_size = 32
num_workers = 8

_size = (input_size[1], input_size[0])
_tta_sizes = [_size, (800, 480), (960, 544)]

train_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocMosaic", size=_size),
    dict(type="SynLocRandomAffine", size=_size, scale=(0.75, 1.0), rotation=10.0, shift=0.1),
    dict(type="mmpose.YOLOXHSVRandomAug"),
    dict(type="SynLocRandomFlip", prob=0.5),
    dict(type="SynLocFilterAthletes"),
    dict(type="PackSynLocInputs"),
]
final_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocResize", size=_size),
    dict(type="mmpose.YOLOXHSVRandomAug"),
    dict(type="SynLocRandomFlip", prob=0.5),
    dict(type="SynLocFilterAthletes"),
    dict(type="PackSynLocInputs"),
]
test_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocResize", size=_size),
    dict(type="PackSynLocInputs"),
]
# The frame at three sizes, each also mirrored: six views.
tta_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="SynLocResize", size=size) for size in _tta_sizes],
            [dict(type="SynLocRandomFlip", prob=0.0), dict(type="SynLocRandomFlip", prob=1.0)],
            [dict(type="PackSynLocInputs")],
        ],
    ),
]
tta_model = dict(type="LocaliserTTAModel", radius=0.5)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SynLocDataset",
            data_root=data_root,
            split="train",
            images=images,
            pipeline=train_pipeline,
        ),
        synthetic=dict(
            type="SyntheticSynLocDataset",
            num_samples=4000,
            split="train",
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SynLocDataset",
            data_root=data_root,
            split="val",
            images=images,
            pipeline=test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticSynLocDataset",
            num_samples=400,
            split="val",
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SynLocDataset",
            data_root=data_root,
            split="test",
            images=images,
            pipeline=test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticSynLocDataset",
            num_samples=400,
            split="test",
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)

# The threshold is found on the validation set, goes into the checkpoint and is used in the test.
val_evaluator = dict(type="LocSimMetric")
test_evaluator = dict(type="LocSimMetric", score_threshold="validation")

custom_hooks = [
    dict(
        type="ResumablePipelineSwitchHook",
        switch_epoch=_base_.mosaic_epochs,
        switch_pipeline=final_pipeline,
    ),
    dict(
        type="EMAHook",
        ema_type="mmdet.ExpMomentumEMA",
        momentum=0.0002,
        update_buffers=True,
        strict_load=False,
    ),
    dict(type="ScoreThresholdHook"),
]
