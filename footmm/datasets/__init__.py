"""Datasets, one public format per module."""

from footmm.datasets import samplers, transforms
from footmm.datasets.fallback import SyntheticFallback
from footmm.datasets.reid import (
    Market1501Dataset,
    ReIDDataset,
    SoccerNetReIDDataset,
    SyntheticReIDDataset,
)

__all__ = [
    "Market1501Dataset",
    "ReIDDataset",
    "SoccerNetReIDDataset",
    "SyntheticFallback",
    "SyntheticReIDDataset",
    "samplers",
    "transforms",
]
