"""Pictures of data samples, one module per task."""

from footmm.visualization.ball3d import Ball3DVisualizer
from footmm.visualization.detection import DetectionVisualizer
from footmm.visualization.homography import HomographyVisualizer
from footmm.visualization.reid import ReIDVisualizer
from footmm.visualization.synloc import SynLocVisualizer
from footmm.visualization.tactics import TacticsVisualizer
from footmm.visualization.trajectory import TrajectoryVisualizer

__all__ = [
    "Ball3DVisualizer",
    "DetectionVisualizer",
    "HomographyVisualizer",
    "ReIDVisualizer",
    "SynLocVisualizer",
    "TacticsVisualizer",
    "TrajectoryVisualizer",
]
