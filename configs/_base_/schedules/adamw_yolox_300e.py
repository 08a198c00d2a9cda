max_epochs = 300
warmup_epochs = 5
# The learning rate is the lowest from here on, where the augmentation is milder too.
mosaic_epochs = 280
learning_rate = 4e-3

train_cfg = dict(
    type="EpochBasedTrainLoop",
    max_epochs=max_epochs,
    val_interval=10,
    dynamic_intervals=[(mosaic_epochs, 1)],
)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True),
    clip_grad=dict(max_norm=0.1, norm_type=2),
    accumulative_counts=1,
)

param_scheduler = [
    dict(
        type="mmpose.QuadraticWarmupLR",
        begin=0,
        end=warmup_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type="CosineAnnealingLR",
        eta_min=learning_rate / 20,
        begin=warmup_epochs,
        T_max=mosaic_epochs - warmup_epochs,
        end=mosaic_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(type="ConstantLR", factor=1, begin=mosaic_epochs, end=max_epochs, by_epoch=True),
]
