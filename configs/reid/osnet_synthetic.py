# OSNet x0.25 on synthetic players: minutes on two CPU cores.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/osnet_reid.py",
    "../_base_/schedules/adam_cosine_120e.py",
]

input_size = (128, 64)
identities_per_batch = 16
images_per_identity = 4
num_identities = 2_000
# Two cores compute faster than one that computes and one that loads.
num_workers = 0
max_epochs = 11
warmup_epochs = 1
learning_rate = 3.5e-3
data_root = "data/synthetic"

_scale = (input_size[1], input_size[0])
_padding = 5
_imagenet_mean = (124, 116, 104)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=_scale),
    dict(
        type="Albumentation",
        # No mirror image: numbers tell these players apart.
        transforms=[
            dict(
                type="PadIfNeeded",
                min_height=input_size[0] + 2 * _padding,
                min_width=input_size[1] + 2 * _padding,
                fill=_imagenet_mean,
            ),
            dict(type="RandomCrop", height=input_size[0], width=input_size[1]),
            dict(type="RandomBrightnessContrast", p=0.5),
            dict(type="Erasing", scale=(0.02, 0.2), fill=_imagenet_mean, p=0.3),
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

model = dict(
    backbone=dict(arch="x0_25"),
    appearance_head=dict(
        num_classes=num_identities,
        loss_softmax=dict(type="LabelSmoothSoftmaxLoss", label_smoothing=0.1, loss_weight=0.2),
        # Learns in minutes what the classifier, with four pictures a person, needs hours for.
        loss_contrastive=dict(type="ContrastiveLoss", temperature=0.1),
    ),
)

train_dataloader = dict(
    batch_size=identities_per_batch * images_per_identity,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(
        type="ActionSampler",
        identities_per_batch=identities_per_batch,
        images_per_identity=images_per_identity,
    ),
    dataset=dict(
        type="SyntheticReIDDataset",
        data_root=data_root,
        split="train",
        pipeline=train_pipeline,
        num_writers=2,
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticReIDDataset",
        data_root=data_root,
        split="test",
        pipeline=test_pipeline,
        test_mode=True,
        num_writers=2,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(type="ReIDMetrics", protocol="soccernet"),
    # What colours alone achieve: the data must not be too easy.
    dict(
        type="ReIDMetrics",
        protocol="soccernet",
        feature="color_histogram",
        prefix="reid_color_histogram",
    ),
]
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=learning_rate))
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.01, begin=0, end=warmup_epochs, convert_to_iter_based=True
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min_ratio=0.01,
        begin=warmup_epochs,
        end=max_epochs,
        T_max=max_epochs - warmup_epochs,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(pictures=dict(interval=max_epochs))
auto_scale_lr = dict(base_batch_size=64)
