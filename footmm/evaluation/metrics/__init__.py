"""Metrics, one module per task."""

from footmm.evaluation.metrics.reid import ReIDMetrics

__all__ = ["ReIDMetrics"]
