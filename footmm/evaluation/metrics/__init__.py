"""Metrics, one module per task."""

from footmm.evaluation.metrics.ball3d import Ball3DMetrics
from footmm.evaluation.metrics.detection import DetectionMetrics
from footmm.evaluation.metrics.homography import (
    CalibrationJaC,
    HomographyIoU,
    KeypointPCK,
    ReprojectionError,
)
from footmm.evaluation.metrics.reid import ReIDMetrics
from footmm.evaluation.metrics.synloc import LocSimMetric
from footmm.evaluation.metrics.tactics import FormationAccuracy, RoleAccuracy, StrategyAccuracy
from footmm.evaluation.metrics.trajectory import (
    MultiHorizonTrajectoryMetrics,
    TrajectoryADE,
    TrajectoryFDE,
)
from footmm.evaluation.metrics.trajectory_probe import StrategyProbe

__all__ = [
    "Ball3DMetrics",
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
