max_epochs = 150
warmup_epochs = 1
learning_rate = 1e-3

train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=0.01),
    clip_grad=dict(max_norm=5.0),
    accumulative_counts=1,
)

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
