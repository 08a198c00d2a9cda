"""Windows of tracks with what the teams played: readers, and what they share."""

from footmm.datasets.tactics.kloppy_sheets import read_match_sheet
from footmm.datasets.tactics.labelled_tracks import TacticsDataset
from footmm.datasets.tactics.match_sheet import MatchSheet
from footmm.datasets.tactics.statsbomb_360 import StatsBombTacticsDataset
from footmm.datasets.tactics.synthetic import SyntheticTacticsDataset

__all__ = [
    "MatchSheet",
    "StatsBombTacticsDataset",
    "SyntheticTacticsDataset",
    "TacticsDataset",
    "read_match_sheet",
]
