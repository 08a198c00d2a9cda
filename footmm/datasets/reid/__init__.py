"""Player re-identification datasets."""

from footmm.datasets.reid.base import ReIDDataset
from footmm.datasets.reid.market1501 import Market1501Dataset
from footmm.datasets.reid.soccernet import SoccerNetReIDDataset
from footmm.datasets.reid.synthetic import SyntheticMarket1501Dataset, SyntheticReIDDataset

__all__ = [
    "Market1501Dataset",
    "ReIDDataset",
    "SoccerNetReIDDataset",
    "SyntheticMarket1501Dataset",
    "SyntheticReIDDataset",
]
