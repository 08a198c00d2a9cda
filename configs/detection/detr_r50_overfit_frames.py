# Does the full model of detr_r50.py learn eight frames by heart, from scratch? Small frames and no
# dropout, for two CPU cores. Of the frames of sixty seeds those of this one show the ball largest:
# 2 to 4 pixels wide in frames of 224 pixels, 1 to 2 in those of seed 0.
_base_ = ["detr_r50.py"]

input_size = (128, 224)
batch_size = 8
num_workers = 0
max_epochs = 140
learning_rate = 1e-4

_size = (input_size[1], input_size[0])

# Nothing is augmented: what changes is not learned by heart.
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.LoadAnnotations", with_bbox=True),
    dict(type="mmdet.Resize", scale=_size, keep_ratio=True),
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

_no_dropout = dict(dropout=0.0)
_layer = dict(self_attn_cfg=_no_dropout, ffn_cfg=dict(ffn_drop=0.0))

model = dict(
    init_cfg=None,
    # Without weights of ImageNet their statistics are of no use.
    backbone=dict(
        frozen_stages=-1, norm_cfg=dict(requires_grad=True), norm_eval=False, init_cfg=None
    ),
    encoder=dict(layer_cfg=_layer),
    decoder=dict(layer_cfg=dict(cross_attn_cfg=_no_dropout, **_layer)),
)

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        # Epochs of 25 steps.
        times=25,
        dataset=dict(
            type="SyntheticDetectionDataset",
            num_samples=8,
            split="train",
            seed=45,
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    num_workers=num_workers,
    dataset=dict(
        _delete_=True,
        type="SyntheticDetectionDataset",
        num_samples=8,
        split="train",
        seed=45,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=max_epochs, val_interval=20)
optim_wrapper = dict(
    type="BFloat16OptimWrapper",
    optimizer=dict(lr=learning_rate),
    paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=1.0)}),
    accumulative_counts=1,
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, begin=0, end=2, convert_to_iter_based=True),
    dict(
        type="CosineAnnealingLR",
        eta_min=0.0,
        begin=2,
        end=max_epochs,
        T_max=max_epochs - 2,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [dict(type="ChannelsLastHook")]
default_hooks = dict(checkpoint=dict(interval=max_epochs), pictures=dict(interval=max_epochs))
auto_scale_lr = dict(base_batch_size=8)
