"""Models of the movements of many agents."""

from footmm.models.trajectory.baller2vec import Baller2Vec
from footmm.models.trajectory.data_preprocessor import TrajectoryDataPreprocessor
from footmm.models.trajectory.heads import ContrastiveHead, ForecastHead, ReconstructionHead
from footmm.models.trajectory.views import TrajectoryViews

__all__ = [
    "Baller2Vec",
    "ContrastiveHead",
    "ForecastHead",
    "ReconstructionHead",
    "TrajectoryDataPreprocessor",
    "TrajectoryViews",
]
