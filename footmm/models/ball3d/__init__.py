"""Models of the ball in three dimensions."""

from footmm.models.ball3d.data_preprocessor import Ball3DDataPreprocessor
from footmm.models.ball3d.head import Ball3DHead
from footmm.models.ball3d.refinement import BallCropRefiner, EfficientNetB3
from footmm.models.ball3d.temporal import TemporalConvNet
from footmm.models.ball3d.tracker import Ball3DTracker

__all__ = [
    "Ball3DDataPreprocessor",
    "Ball3DHead",
    "Ball3DTracker",
    "BallCropRefiner",
    "EfficientNetB3",
    "TemporalConvNet",
]
