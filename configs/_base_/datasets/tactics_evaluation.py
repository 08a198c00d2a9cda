frame_step = 10

train_pipeline = [
    dict(type="TacticsRandomMirror"),
    dict(type="TacticsHidePlayers", most=10, prob=0.2),
    dict(type="TacticsHidePlayers", most=10, prob=0.35, by="view"),
    dict(type="BuildTacticsGraph", frame_step=frame_step),
    dict(type="PackTacticsInputs"),
]
test_pipeline = [
    dict(type="BuildTacticsGraph", frame_step=frame_step),
    dict(type="PackTacticsInputs"),
]

# Simple rules stand beside the model, so that no number stands alone.
val_evaluator = [
    dict(type="FormationAccuracy"),
    dict(type="RoleAccuracy"),
    dict(type="StrategyAccuracy"),
    dict(
        type="MultiHorizonTrajectoryMetrics",
        horizons_s=(1.0, 2.0),
        baselines=("stand_still", "constant_velocity"),
        prefix="tactics_trajectory",
    ),
]
test_evaluator = val_evaluator
