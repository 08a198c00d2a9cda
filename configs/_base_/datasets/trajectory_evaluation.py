test_pipeline = [dict(type="PackTrajectoryInputs")]

# Stand still, constant velocity and Kalman stand beside the model, so that no number stands alone.
val_evaluator = [
    dict(type="MultiHorizonTrajectoryMetrics"),
    dict(
        type="MultiHorizonTrajectoryMetrics",
        agents="ball",
        horizons_s=(0.4, 1.0, 2.0, 4.8),
        prefix="trajectory_ball",
    ),
]
test_evaluator = val_evaluator
