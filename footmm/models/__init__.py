"""Models: backbones, necks, heads and losses, by task."""

from footmm.models.homography import PitchHeatmapHead, PitchKeypointEstimator
from footmm.models.losses import (
    CenterLoss,
    ContrastiveLoss,
    LabelSmoothSoftmaxLoss,
    TrajectoryLoss,
    TripletLoss,
)
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
from footmm.models.trajectory import (
    Baller2Vec,
    ContrastiveHead,
    ForecastHead,
    ReconstructionHead,
    TrajectoryDataPreprocessor,
    TrajectoryViews,
)

__all__ = [
    "AppearanceHead",
    "AthleteLocaliser",
    "BNNeck",
    "Baller2Vec",
    "BodyShapeHead",
    "CenterLoss",
    "ContrastiveHead",
    "ContrastiveLoss",
    "ForecastHead",
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
    "ReconstructionHead",
    "SimCCYOLOXPoseHead",
    "SyncRandomResize",
    "TrajectoryDataPreprocessor",
    "TrajectoryLoss",
    "TrajectoryViews",
    "TripletLoss",
    "YOLOXPoseHead",
]
