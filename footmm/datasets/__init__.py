"""Datasets, one public format per module."""

from footmm.datasets import samplers, transforms
from footmm.datasets.ball3d import (
    HawkEyeBallDataset,
    SoccerNetBallDataset,
    SyntheticBall3DDataset,
)
from footmm.datasets.concatenation import ConcatDataset
from footmm.datasets.detection import (
    CocoDetectionDataset,
    DetectionDataset,
    MOTDataset,
    SoccerNetTrackingDataset,
    SyntheticDetectionDataset,
    YOLODataset,
)
from footmm.datasets.fallback import SyntheticFallback
from footmm.datasets.homography import SoccerNetCalibrationDataset, SyntheticHomographyDataset
from footmm.datasets.reid import (
    Market1501Dataset,
    ReIDDataset,
    SoccerNetReIDDataset,
    SyntheticMarket1501Dataset,
    SyntheticReIDDataset,
)
from footmm.datasets.synloc import SynLocDataset, SyntheticSynLocDataset
from footmm.datasets.tactics import (
    StatsBombTacticsDataset,
    SyntheticTacticsDataset,
    TacticsDataset,
)
from footmm.datasets.trajectory import (
    SoccerNetGameStateTrajectories,
    SoccerNetTrackingTrajectories,
    SyntheticTrajectoryDataset,
    TrackingDataset,
    TrajectoriesNpz,
)

__all__ = [
    "CocoDetectionDataset",
    "ConcatDataset",
    "DetectionDataset",
    "HawkEyeBallDataset",
    "MOTDataset",
    "Market1501Dataset",
    "ReIDDataset",
    "SoccerNetBallDataset",
    "SoccerNetCalibrationDataset",
    "SoccerNetGameStateTrajectories",
    "SoccerNetReIDDataset",
    "SoccerNetTrackingDataset",
    "SoccerNetTrackingTrajectories",
    "StatsBombTacticsDataset",
    "SynLocDataset",
    "SyntheticBall3DDataset",
    "SyntheticDetectionDataset",
    "SyntheticFallback",
    "SyntheticHomographyDataset",
    "SyntheticMarket1501Dataset",
    "SyntheticReIDDataset",
    "SyntheticSynLocDataset",
    "SyntheticTacticsDataset",
    "SyntheticTrajectoryDataset",
    "TacticsDataset",
    "TrackingDataset",
    "TrajectoriesNpz",
    "YOLODataset",
    "samplers",
    "transforms",
]
