# A small TacticsGNN on synthetic matches: minutes on two CPU cores.
_base_ = [
    "../_base_/default_runtime.py",
    "../_base_/models/gat_bilstm.py",
    "../_base_/datasets/tactics_evaluation.py",
    "../_base_/schedules/adamw_cosine_150e.py",
]

num_frames = 101
num_observed = 91
rate = 5.0
frame_step = 15
embed_dims = 64
num_layers = 4
num_heads = 4
batch_size = 32
# The windows are made in the training process, and kept there.
num_workers = 0
max_epochs = 4
warmup_epochs = 0.3
learning_rate = 2e-3

train_pipeline = [
    dict(type="TacticsRandomMirror"),
    dict(type="TacticsHidePlayers", most=10, prob=0.2),
    dict(type="TacticsHidePlayers", most=10, prob=0.35, by="view"),
    dict(type="BuildTacticsGraph", frame_step=frame_step),
    dict(type="PackTacticsInputs"),
]
test_pipeline = [
    dict(type="BuildTacticsGraph", frame_step=frame_step),
    dict(type="PackTacticsInputs"),
]

model = dict(
    encoder=dict(embed_dims=embed_dims, num_layers=num_layers, num_heads=num_heads, dropout=0.0),
    temporal=dict(embed_dims=embed_dims, dropout=0.0),
    formation_head=dict(embed_dims=embed_dims),
    role_head=dict(embed_dims=embed_dims),
    strategy_head=dict(embed_dims=embed_dims),
    next_position_head=dict(embed_dims=embed_dims, num_frames=num_frames - num_observed, rate=rate),
    # Strategies take longest to learn.
    loss=dict(weights=dict(strategy=2.0)),
)

_window = dict(
    type="SyntheticTacticsDataset", num_frames=num_frames, num_observed=num_observed, rate=rate
)
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    drop_last=True,
    sampler=dict(type="WindowBlockSampler"),
    dataset=dict(
        _window,
        split="train",
        num_samples=9_216,
        # All of them: later epochs need no simulation.
        cached_blocks=9,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(_window, split="valid", num_samples=704, pipeline=test_pipeline, test_mode=True),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(_window, split="test", num_samples=2_048, pipeline=test_pipeline, test_mode=True),
)

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
auto_scale_lr = dict(base_batch_size=32)
