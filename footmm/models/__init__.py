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
from footmm.models.synloc import (
    AthleteLocaliser,
    KeypointSimilarity,
    KeypointSimilarityLoss,
    LocaliserTTAModel,
    SimCCYOLOXPoseHead,
    SyncRandomResize,
    YOLOXPoseHead,
)

__all__ = [
    "AppearanceHead",
    "AthleteLocaliser",
    "BNNeck",
    "BodyShapeHead",
    "CenterLoss",
    "ContrastiveLoss",
    "JerseyNumberHead",
    "KeypointSimilarity",
    "KeypointSimilarityLoss",
    "LabelSmoothSoftmaxLoss",
    "LocaliserTTAModel",
    "OSNet",
    "PitchHeatmapHead",
    "PitchKeypointEstimator",
    "ReIDModel",
    "ReIDResNet",
    "ReIDTTAModel",
    "SimCCYOLOXPoseHead",
    "SyncRandomResize",
    "TripletLoss",
    "YOLOXPoseHead",
]
