# SynLoc at 960 x 544.
_base_ = ["synloc_640.py"]

input_size = (544, 960)
batch_size = 16

_size = (input_size[1], input_size[0])
_tta_sizes = [_size, (1120, 640), (1280, 736)]

train_pipeline = [
    dict(part, size=_size) if "size" in part else part for part in _base_.train_pipeline
]
final_pipeline = [
    dict(part, size=_size) if "size" in part else part for part in _base_.final_pipeline
]
test_pipeline = [
    dict(part, size=_size) if "size" in part else part for part in _base_.test_pipeline
]
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="SynLocResize", size=size) for size in _tta_sizes],
            *_base_.tta_pipeline[1]["transforms"][1:],
        ],
    ),
]

_training = dict(pipeline=train_pipeline)
_testing = dict(pipeline=test_pipeline)
train_dataloader = dict(batch_size=batch_size, dataset=dict(real=_training, synthetic=_training))
val_dataloader = dict(batch_size=batch_size, dataset=dict(real=_testing, synthetic=_testing))
test_dataloader = val_dataloader

custom_hooks = [
    dict(_base_.custom_hooks[0], switch_pipeline=final_pipeline),
    *_base_.custom_hooks[1:],
]
