_base_ = ["soccernet_calibration.py"]

keypoint_set = "kp57"

codec = dict(with_lines=True)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="PitchRandomFlip", prob=0.5),
    dict(type="PitchRandomWarp", size=_base_._size),
    dict(type="Albumentation", transforms=_base_.pixel_augmentation),
    dict(type="mmpose.GenerateTarget", encoder=dict(_base_.codec, **codec)),
    dict(type="PackPitchInputs"),
]

_train_dataset = dict(keypoint_set=keypoint_set, pipeline=train_pipeline)
_test_dataset = dict(keypoint_set=keypoint_set)

train_dataloader = dict(dataset=dict(real=_train_dataset, synthetic=_train_dataset))
val_dataloader = dict(dataset=dict(real=_test_dataset, synthetic=_test_dataset))
test_dataloader = val_dataloader
