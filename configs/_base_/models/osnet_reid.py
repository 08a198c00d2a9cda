num_identities = 751

model = dict(
    type="ReIDModel",
    data_preprocessor=dict(
        type="ImgDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(type="OSNet", arch="x1_0"),
    neck=dict(type="BNNeck", in_channels=512, out_channels=256),
    appearance_head=dict(
        type="AppearanceHead",
        num_classes=num_identities,
        in_channels=256,
        loss_softmax=dict(type="LabelSmoothSoftmaxLoss", label_smoothing=0.1),
        loss_triplet=dict(type="TripletLoss", margin=0.3),
    ),
    jersey_head=dict(type="JerseyNumberHead", in_channels=256, loss_weight=0.1),
    body_shape_head=dict(type="BodyShapeHead", in_channels=256, loss_weight=0.1),
)

visualizer = dict(
    type="ReIDVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
