max_epochs = 300
learning_rate = 1e-4
# Batches whose gradients are added up before a step of the optimiser.
accumulation = 4

train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=max_epochs, val_interval=10)
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=learning_rate, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=0.1, norm_type=2),
    accumulative_counts=accumulation,
)

param_scheduler = [
    dict(type="MultiStepLR", begin=0, end=max_epochs, milestones=[200], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=32)
