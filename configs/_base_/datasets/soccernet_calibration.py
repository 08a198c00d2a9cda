_base_ = ["homography_pipelines.py"]

data_root = "data/soccernet/calibration-2023"
keypoint_set = "kp29"
batch_size = 16
num_workers = 4

train_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    worker_init_fn=dict(type="seed_worker_from_epoch"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetCalibrationDataset",
            data_root=data_root,
            split="train",
            keypoint_set=keypoint_set,
            pipeline=_base_.train_pipeline,
        ),
        synthetic=dict(
            type="SyntheticHomographyDataset",
            num_samples=10000,
            split="train",
            keypoint_set=keypoint_set,
            pipeline=_base_.train_pipeline,
        ),
    ),
)

val_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetCalibrationDataset",
            data_root=data_root,
            split="valid",
            keypoint_set=keypoint_set,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticHomographyDataset",
            num_samples=1000,
            split="valid",
            keypoint_set=keypoint_set,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)

test_dataloader = dict(
    batch_size=batch_size,
    num_workers=num_workers,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="SyntheticFallback",
        real=dict(
            type="SoccerNetCalibrationDataset",
            data_root=data_root,
            split="test",
            keypoint_set=keypoint_set,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
        synthetic=dict(
            type="SyntheticHomographyDataset",
            num_samples=1000,
            split="test",
            keypoint_set=keypoint_set,
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)

val_evaluator = [
    dict(type="ReprojectionError"),
    dict(type="KeypointPCK"),
    dict(type="CalibrationJaC"),
    dict(type="HomographyIoU"),
]
test_evaluator = val_evaluator
