channels = 128
num_layers = 6

model = dict(
    type="Ball3DTracker",
    rate=25.0,
    temporal=dict(type="TemporalConvNet", channels=channels, num_layers=num_layers, dropout=0.0),
    head=dict(
        type="Ball3DHead",
        num_future=25,
        loss_position=dict(type="BallPositionLoss", distance_weight=1.0, nll_weight=0.1),
        loss_reprojection=dict(type="BallReprojectionLoss", loss_weight=0.02),
        loss_velocity=dict(type="BallMotionLoss", beta=1.0, loss_weight=0.1),
        loss_physics=dict(type="PhysicsConstraintLoss", loss_weight=0.1),
        loss_flight=dict(type="BallMotionLoss", beta=0.5, loss_weight=0.05),
    ),
    data_preprocessor=dict(type="Ball3DDataPreprocessor"),
)

visualizer = dict(
    type="Ball3DVisualizer",
    vis_backends=[dict(type="LocalVisBackend"), dict(type="TensorboardVisBackend")],
)
