"""Losses, one module per family; all are called as ``loss(pred, target, weight)``."""

from footmm.models.losses.metric_learning import CenterLoss, ContrastiveLoss, TripletLoss
from footmm.models.losses.softmax import LabelSmoothSoftmaxLoss

__all__ = ["CenterLoss", "ContrastiveLoss", "LabelSmoothSoftmaxLoss", "TripletLoss"]
