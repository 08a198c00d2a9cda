"""Losses, one module per family; all are called as ``loss(pred, target, weight)``."""

from footmm.models.losses.ball3d import (
    BallMotionLoss,
    BallPositionLoss,
    BallReprojectionLoss,
    BallSizeLoss,
)
from footmm.models.losses.ball_physics import PhysicsConstraintLoss
from footmm.models.losses.hungarian_matching import HungarianMatchingLoss
from footmm.models.losses.keypoint_heatmap import KeypointHeatmapLoss
from footmm.models.losses.metric_learning import CenterLoss, ContrastiveLoss, TripletLoss
from footmm.models.losses.reprojection import ReprojectionLoss
from footmm.models.losses.softmax import LabelSmoothSoftmaxLoss
from footmm.models.losses.tactics import TacticsLoss
from footmm.models.losses.trajectory import TrajectoryLoss

__all__ = [
    "BallMotionLoss",
    "BallPositionLoss",
    "BallReprojectionLoss",
    "BallSizeLoss",
    "CenterLoss",
    "ContrastiveLoss",
    "HungarianMatchingLoss",
    "KeypointHeatmapLoss",
    "LabelSmoothSoftmaxLoss",
    "PhysicsConstraintLoss",
    "ReprojectionLoss",
    "TacticsLoss",
    "TrajectoryLoss",
    "TripletLoss",
]
