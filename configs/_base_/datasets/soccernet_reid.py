_base_ = ["reid_pipelines.py"]

data_root = "data/soccernet/reid-2023"
identities_per_batch = 16
images_per_identity = 4
num_workers = 4

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
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetReIDDataset",
            data_root=data_root,
            split="train",
            pipeline=_base_.train_pipeline,
        ),
        synthetic=dict(
            type="SyntheticReIDDataset",
            split="train",
            pipeline=_base_.train_pipeline,
        ),
    ),
)

val_dataloader = dict(
    batch_size=128,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetReIDDataset",
            data_root=data_root,
            split="valid",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticReIDDataset",
            split="valid",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)

test_dataloader = dict(
    batch_size=128,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetReIDDataset",
            data_root=data_root,
            split="test",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticReIDDataset",
            split="test",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)

val_evaluator = [
    dict(type="ReIDMetrics", protocol="soccernet"),
    # What colours alone achieve, so that no number stands alone.
    dict(
        type="ReIDMetrics",
        protocol="soccernet",
        feature="color_histogram",
        prefix="reid_color_histogram",
    ),
]
test_evaluator = val_evaluator
