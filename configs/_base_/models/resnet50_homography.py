# A config adds the data's: model.head.keypoint_set and model.head.decoder.
model = dict(
    type="PitchKeypointEstimator",
    data_preprocessor=dict(
        type="mmpose.PoseDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type="mmpose.ResNet",
        depth=50,
        init_cfg=dict(type="Pretrained", checkpoint="torchvision://resnet50"),
    ),
    head=dict(
        type="PitchHeatmapHead",
        in_channels=2048,
        loss_keypoint=dict(type="KeypointHeatmapLoss", mse_weight=1.0, focal_weight=1.0),
        loss_reprojection=dict(type="ReprojectionLoss", loss_weight=1.0),
    ),
    test_cfg=dict(flip_test=False, calibration=dict(min_score=0.3)),
)

visualizer = dict(
    type="HomographyVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
