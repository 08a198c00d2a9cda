# YOLOX-Pose tiny on synthetic frames: minutes on two CPU cores. It learns from tiles of Full HD
# frames at their full resolution and finds the athletes in whole frames.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/yoloxpose_tiny_synloc.py",
    "../_base_/schedules/adamw_yolox_300e.py",
]

input_size = (384, 640)
# Whole frames.
test_input_size = (1088, 1920)
batch_size = 8
# Two cores compute faster than one that computes and one that loads.
num_workers = 0
max_epochs = 3
warmup_epochs = 0.2
learning_rate = 1e-3
data_root = "data/synthetic"

_size = (input_size[1], input_size[0])

train_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocRandomTile", size=_size, scale=(0.8, 1.25), rotation=3.0),
    dict(type="mmpose.YOLOXHSVRandomAug"),
    dict(type="SynLocRandomFlip", prob=0.5),
    dict(type="SynLocFilterAthletes"),
    dict(type="PackSynLocInputs"),
]
test_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocResize", size=(test_input_size[1], test_input_size[0])),
    dict(type="PackSynLocInputs"),
]
# The frame at two sizes, each also mirrored: four views.
tta_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="SynLocResize", size=size) for size in ((1920, 1088), (2240, 1280))],
            [dict(type="SynLocRandomFlip", prob=0.0), dict(type="SynLocRandomFlip", prob=1.0)],
            [dict(type="PackSynLocInputs")],
        ],
    ),
]
tta_model = dict(type="LocaliserTTAModel", radius=0.5)

model = dict(backbone=dict(init_cfg=None), test_cfg=dict(ground_nms_radius=0.3))

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticSynLocDataset",
        data_root=data_root,
        num_samples=1600,
        split="train",
        pipeline=train_pipeline,
        num_writers=2,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticSynLocDataset",
        data_root=data_root,
        num_samples=200,
        split="val",
        pipeline=test_pipeline,
        test_mode=True,
        num_writers=2,
    ),
)
test_dataloader = dict(
    batch_size=1,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticSynLocDataset",
        data_root=data_root,
        num_samples=200,
        split="test",
        pipeline=test_pipeline,
        test_mode=True,
        num_writers=2,
    ),
)
val_evaluator = dict(type="LocSimMetric")
test_evaluator = dict(type="LocSimMetric", score_threshold="validation")

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs, dynamic_intervals=None)
optim_wrapper = dict(
    type="BFloat16OptimWrapper",
    optimizer=dict(lr=learning_rate),
    clip_grad=dict(max_norm=10.0),
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
custom_hooks = [dict(type="ChannelsLastHook"), dict(type="ScoreThresholdHook")]
default_hooks = dict(pictures=dict(interval=max_epochs, max_samples=None))
auto_scale_lr = dict(base_batch_size=8)
