"""Metrics and the arithmetic under them."""

from footmm.evaluation.metrics import (
    CalibrationJaC,
    HomographyIoU,
    KeypointPCK,
    LocSimMetric,
    ReIDMetrics,
    ReprojectionError,
)

__all__ = [
    "CalibrationJaC",
    "HomographyIoU",
    "KeypointPCK",
    "LocSimMetric",
    "ReIDMetrics",
    "ReprojectionError",
]
