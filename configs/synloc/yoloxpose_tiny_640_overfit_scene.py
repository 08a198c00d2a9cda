# YOLOX-Pose tiny learns one 4K frame by heart, from tiles of 640 x 384: does all fit together?
# tools/data/prepare_synloc_scene.py arranges the frame, e.g. the example scene of sskit.
_base_ = ["yoloxpose_tiny_synthetic.py"]

data_root = "data/synloc_scene"
test_input_size = (2176, 3840)

_size = (_base_.input_size[1], _base_.input_size[0])

# Tiles and nothing else: what is augmented is not learned by heart.
train_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocRandomTile", size=_size),
    dict(type="SynLocFilterAthletes"),
    dict(type="PackSynLocInputs"),
]
test_pipeline = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocResize", size=(test_input_size[1], test_input_size[0])),
    dict(type="PackSynLocInputs"),
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="RepeatDataset",
        times=1600,
        dataset=dict(
            type="SyntheticFallback",
            real=dict(
                type="SynLocDataset",
                data_root=data_root,
                split="train",
                images="4k",
                pipeline=train_pipeline,
            ),
            synthetic=dict(
                type="SyntheticSynLocDataset",
                num_samples=1,
                split="train",
                image_size=(3840, 2160),
                pipeline=train_pipeline,
            ),
        ),
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="SyntheticFallback",
        real=dict(
            type="SynLocDataset",
            data_root=data_root,
            split="val",
            images="4k",
            pipeline=test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticSynLocDataset",
            num_samples=1,
            split="train",
            image_size=(3840, 2160),
            pipeline=test_pipeline,
            test_mode=True,
        ),
    )
)
test_dataloader = val_dataloader
