"""Metrics, one module per task."""

from footmm.evaluation.metrics.homography import (
    CalibrationJaC,
    HomographyIoU,
    KeypointPCK,
    ReprojectionError,
)
from footmm.evaluation.metrics.reid import ReIDMetrics

__all__ = ["CalibrationJaC", "HomographyIoU", "KeypointPCK", "ReIDMetrics", "ReprojectionError"]
