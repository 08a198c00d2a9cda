"""Metrics and the arithmetic under them."""

from footmm.evaluation.metrics import (
    CalibrationJaC,
    HomographyIoU,
    KeypointPCK,
    LocSimMetric,
    MultiHorizonTrajectoryMetrics,
    ReIDMetrics,
    ReprojectionError,
    StrategyProbe,
    TrajectoryADE,
    TrajectoryFDE,
)

__all__ = [
    "CalibrationJaC",
    "HomographyIoU",
    "KeypointPCK",
    "LocSimMetric",
    "MultiHorizonTrajectoryMetrics",
    "ReIDMetrics",
    "ReprojectionError",
    "StrategyProbe",
    "TrajectoryADE",
    "TrajectoryFDE",
]
