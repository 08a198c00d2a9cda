"""Datasets, one public format per module."""

from footmm.datasets import samplers, transforms
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

__all__ = [
    "Market1501Dataset",
    "ReIDDataset",
    "SoccerNetCalibrationDataset",
    "SoccerNetReIDDataset",
    "SynLocDataset",
    "SyntheticFallback",
    "SyntheticHomographyDataset",
    "SyntheticMarket1501Dataset",
    "SyntheticReIDDataset",
    "SyntheticSynLocDataset",
    "samplers",
    "transforms",
]
