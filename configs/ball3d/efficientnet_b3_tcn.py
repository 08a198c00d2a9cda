# Ball3DTracker that looks at the ball: crops of every detection, then the track.
_base_ = ["tcn_only.py"]

crop_size = 64

train_pipeline = [
    dict(type="SimulateBallDetector"),
    dict(type="PaintBallCrops", size=crop_size),
    dict(type="PackBall3DInputs"),
]
test_pipeline = [
    dict(type="SimulateBallDetector", seed=0),
    dict(type="PaintBallCrops", size=crop_size, seed=0),
    dict(type="PackBall3DInputs"),
]
soccernet_pipeline = [
    dict(type="LoadBallCrops", size=crop_size),
    dict(type="PackBall3DInputs"),
]

model = dict(
    refiner=dict(
        type="BallCropRefiner",
        crop_size=crop_size,
        backbone=dict(
            type="EfficientNetB3",
            init_cfg=dict(type="Pretrained", checkpoint="torchvision://efficientnet_b3"),
        ),
        loss_center=dict(type="BallReprojectionLoss", beta_px=0.5, loss_weight=0.2),
        loss_size=dict(type="BallSizeLoss", loss_weight=0.1),
    ),
)

_synthetic, _soccernet = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(_synthetic, pipeline=train_pipeline),
            dict(
                _soccernet,
                real=dict(_soccernet.real, pipeline=soccernet_pipeline),
                synthetic=dict(_soccernet.synthetic, pipeline=train_pipeline),
            ),
        ]
    )
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(real=dict(pipeline=soccernet_pipeline), synthetic=dict(pipeline=test_pipeline))
)
