"""Metrics and the arithmetic under them."""

from footmm.evaluation.metrics import (
    CalibrationJaC,
    DetectionMetrics,
    FormationAccuracy,
    HomographyIoU,
    KeypointPCK,
    LocSimMetric,
    MultiHorizonTrajectoryMetrics,
    ReIDMetrics,
    ReprojectionError,
    RoleAccuracy,
    StrategyAccuracy,
    StrategyProbe,
    TrajectoryADE,
    TrajectoryFDE,
)

__all__ = [
    "CalibrationJaC",
    "DetectionMetrics",
    "FormationAccuracy",
    "HomographyIoU",
    "KeypointPCK",
    "LocSimMetric",
    "MultiHorizonTrajectoryMetrics",
    "ReIDMetrics",
    "ReprojectionError",
    "RoleAccuracy",
    "StrategyAccuracy",
    "StrategyProbe",
    "TrajectoryADE",
    "TrajectoryFDE",
]
