# A smaller Baller2Vec on synthetic matches: minutes on two CPU cores.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/baller2vec.py",
    "../_base_/datasets/trajectory_evaluation.py",
    "../_base_/schedules/adamw_cosine_200e.py",
]

num_frames = 40
num_observed = 10
rate = 6.25
embed_dims = 64
num_layers = 3
num_heads = 4
batch_size = 64
# The windows are made in the training process, and kept there.
num_workers = 0
max_epochs = 3
warmup_epochs = 0.3
learning_rate = 1e-3

train_pipeline = [dict(type="PackTrajectoryInputs")]

model = dict(
    num_observed=num_observed,
    rate=rate,
    embed_dims=embed_dims,
    encoder=dict(num_layers=num_layers, num_heads=num_heads, dropout=0.0),
    forecast_head=dict(num_frames=num_frames - num_observed, rate=rate),
    reconstruction_head=dict(num_heads=num_heads, num_layers=1),
)

_synthetic = dict(
    type="SyntheticTrajectoryDataset",
    num_frames=num_frames,
    num_observed=num_observed,
    rate=rate,
)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    drop_last=True,
    sampler=dict(type="WindowBlockSampler"),
    dataset=dict(
        _synthetic,
        split="train",
        num_samples=13_824,
        # All of them: later epochs need no simulation.
        cached_blocks=6,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        _synthetic,
        split="valid",
        num_samples=2_000,
        pipeline=_base_.test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=256,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        _synthetic,
        split="test",
        num_samples=8_000,
        pipeline=_base_.test_pipeline,
        test_mode=True,
    ),
)
# What the windows' vectors know of the teams' strategies, which the simulation states.
val_evaluator = [*_base_.val_evaluator, dict(type="StrategyProbe")]
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
default_hooks = dict(pictures=dict(interval=max_epochs, max_samples=256))
auto_scale_lr = dict(base_batch_size=64)
