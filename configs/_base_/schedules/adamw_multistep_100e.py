max_epochs = 100
warmup_epochs = 1
learning_rate = 5e-4

train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=5)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=1e-4),
    accumulative_counts=1,
)

param_scheduler = [
    dict(
        type="LinearLR",
        start_factor=0.01,
        begin=0,
        end=warmup_epochs,
        convert_to_iter_based=True,
    ),
    dict(type="MultiStepLR", milestones=[70, 90], gamma=0.1),
]
