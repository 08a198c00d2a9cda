"""Metrics and the arithmetic under them."""

from footmm.evaluation.metrics import (
    CalibrationJaC,
    DetectionMetrics,
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
    "DetectionMetrics",
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
