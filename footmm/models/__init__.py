"""Models: backbones, necks, heads and losses, by task."""

from footmm.models.homography import PitchHeatmapHead, PitchKeypointEstimator
from footmm.models.losses import CenterLoss, ContrastiveLoss, LabelSmoothSoftmaxLoss, TripletLoss
from footmm.models.reid import (
    AppearanceHead,
    BNNeck,
    BodyShapeHead,
    JerseyNumberHead,
    OSNet,
    ReIDModel,
    ReIDResNet,
    ReIDTTAModel,
)

__all__ = [
    "AppearanceHead",
    "BNNeck",
    "BodyShapeHead",
    "CenterLoss",
    "ContrastiveLoss",
    "JerseyNumberHead",
    "LabelSmoothSoftmaxLoss",
    "OSNet",
    "PitchHeatmapHead",
    "PitchKeypointEstimator",
    "ReIDModel",
    "ReIDResNet",
    "ReIDTTAModel",
    "TripletLoss",
]
