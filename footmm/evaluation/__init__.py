"""Metrics and the arithmetic under them."""

from footmm.evaluation.metrics import ReIDMetrics

__all__ = ["ReIDMetrics"]
