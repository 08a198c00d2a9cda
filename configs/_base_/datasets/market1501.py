_base_ = ["reid_pipelines.py"]

data_root = "data/Market-1501-v15.09.15"
identities_per_batch = 16
images_per_identity = 4
num_workers = 4

train_dataloader = dict(
    batch_size=identities_per_batch * images_per_identity,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(
        type="PKSampler",
        identities_per_batch=identities_per_batch,
        images_per_identity=images_per_identity,
    ),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="Market1501Dataset",
            data_root=data_root,
            split="train",
            pipeline=_base_.train_pipeline,
        ),
        synthetic=dict(
            type="SyntheticMarket1501Dataset", split="train", pipeline=_base_.train_pipeline
        ),
    ),
)

# Market-1501 has no validation split.
val_dataloader = dict(
    batch_size=128,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="Market1501Dataset",
            data_root=data_root,
            split="test",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticMarket1501Dataset",
            split="test",
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader

val_evaluator = [
    dict(type="ReIDMetrics", protocol="market1501"),
    # What colours alone achieve, so that no number stands alone.
    dict(
        type="ReIDMetrics",
        protocol="market1501",
        feature="color_histogram",
        prefix="reid_color_histogram",
    ),
]
test_evaluator = val_evaluator
