# What stands for detr_r50.py where there are minutes and two CPU cores. DETR itself needs days from
# scratch, so all that makes it slow is different here (CenterDINO): a ResNet18 of half width,
# queries that start at the peaks of fine heatmaps, whose map also takes the encoder's place, and
# two layers of DINO's decoder with its attention to few points and its denoising. Nothing is
# pretrained.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/dino_r50.py",
    "../_base_/schedules/adamw_multistep_300e.py",
]

# Parts of frames.
input_size = (352, 640)
# Whole frames.
test_input_size = (544, 960)
num_queries = 60
batch_size = 4
# Two cores compute faster than one that computes and one that loads.
num_workers = 0
max_epochs = 5
warmup_epochs = 0.1
learning_rate = 4e-4
data_root = "data/synthetic"

_size = (test_input_size[1], test_input_size[0])
_feed_forward = dict(feedforward_channels=256)
_deformable_attention = dict(num_levels=1)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.RandomFlip", prob=0.5),
    dict(
        type="mmdet.RandomResize",
        resize_type="mmdet.Resize",
        scale=_size,
        ratio_range=(0.7, 1.1),
        keep_ratio=True,
    ),
    dict(type="mmdet.RandomCrop", crop_size=input_size, allow_negative_crop=True),
    dict(type="mmdet.YOLOXHSVRandomAug"),
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

model = dict(
    type="CenterDINO",
    init_cfg=None,
    num_queries=num_queries,
    num_feature_levels=1,
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(
        depth=18,
        stem_channels=32,
        base_channels=32,
        out_indices=(0, 1, 2, 3),
        frozen_stages=-1,
        norm_cfg=dict(requires_grad=True),
        norm_eval=False,
        init_cfg=None,
    ),
    # From stride 4 to stride 8.
    neck=dict(
        _delete_=True, type="Conv2d", in_channels=64, out_channels=256, kernel_size=2, stride=2
    ),
    decoder=dict(
        num_layers=2,
        layer_cfg=dict(cross_attn_cfg=_deformable_attention, ffn_cfg=_feed_forward),
    ),
    dn_cfg=dict(box_noise_scale=0.4, group_cfg=dict(num_dn_queries=40)),
    center_neck=dict(type="FinestFeaturePyramid", in_channels=(32, 64, 128, 256), out_channels=64),
    center_head=dict(type="CenterHeatmapHead", labels=(0, 1, 2), in_channels=64, feat_channels=96),
    test_cfg=dict(max_per_img=num_queries),
)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticDetectionDataset",
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
        type="SyntheticDetectionDataset",
        data_root=data_root,
        num_samples=200,
        split="valid",
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
        type="SyntheticDetectionDataset",
        data_root=data_root,
        num_samples=200,
        split="test",
        pipeline=test_pipeline,
        test_mode=True,
        num_writers=2,
    ),
)
val_evaluator = dict(type="DetectionMetrics")
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(
    type="BFloat16OptimWrapper",
    optimizer=dict(lr=learning_rate),
    paramwise_cfg=dict(
        custom_keys={
            # Convolutions with batch norm learn fast.
            "backbone": dict(lr_mult=2.5),
            "neck": dict(lr_mult=2.5),
            "center_head": dict(lr_mult=2.5),
            # A step of these moves a box by many pixels.
            "reg_branches": dict(lr_mult=0.1),
            "sampling_offsets": dict(lr_mult=0.1),
        }
    ),
    clip_grad=dict(max_norm=1.0),
    accumulative_counts=1,
)
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.05, begin=0, end=warmup_epochs, convert_to_iter_based=True
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
default_hooks = dict(pictures=dict(interval=max_epochs, max_samples=None))
auto_scale_lr = dict(base_batch_size=4)
