# ResNet50 with the "bag of tricks" (Luo et al., CVPRW 2019): warm-up, random erasing, label
# smoothing, last stride 1, BNNeck, centre loss.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/osnet_reid.py",
    "../_base_/datasets/soccernet_reid.py",
    "../_base_/schedules/adam_cosine_120e.py",
]

num_identities = 150_000
max_epochs = 120
warmup_epochs = 10
learning_rate = 3.5e-4

model = dict(
    backbone=dict(
        _delete_=True,
        type="ReIDResNet",
        depth=50,
        last_stride=1,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    neck=dict(in_channels=2048),
    appearance_head=dict(
        num_classes=num_identities,
        loss_center=dict(type="CenterLoss", loss_weight=5e-4),
    ),
)

optim_wrapper = dict(
    optimizer=dict(lr=learning_rate),
    # Centres follow their class quickly, whatever the small weight of their loss.
    paramwise_cfg=dict(custom_keys={"loss_center": dict(lr_mult=100.0, decay_mult=0.0)}),
)
param_scheduler = [
    dict(
        type="LinearLR", start_factor=0.01, begin=0, end=warmup_epochs, convert_to_iter_based=True
    ),
    dict(type="MultiStepLR", milestones=[40, 70], gamma=0.1),
]

default_hooks = dict(checkpoint=dict(save_best="reid/mAP", rule="greater"))
auto_scale_lr = dict(base_batch_size=64)
