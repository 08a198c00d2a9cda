test_pipeline = [dict(type="PackTrajectoryInputs")]

# Stand still, constant velocity and Kalman stand beside the model, so that no number stands alone.
val_evaluator = [
    dict(type="MultiHorizonTrajectoryMetrics"),
    dict(type="TrajectoryADE", agents="ball", prefix="trajectory_ball"),
    dict(type="TrajectoryFDE", agents="ball", prefix="trajectory_ball"),
]
test_evaluator = val_evaluator
