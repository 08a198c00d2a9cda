"""Windows of tracks: readers, one public format per module, and what they share."""

from footmm.datasets.trajectory.base import TrajectoryDataset, cut_window
from footmm.datasets.trajectory.kloppy_tracking import TrackingDataset
from footmm.datasets.trajectory.soccernet_game_state import SoccerNetGameStateTrajectories
from footmm.datasets.trajectory.soccernet_tracking import SoccerNetTrackingTrajectories
from footmm.datasets.trajectory.synthetic import SyntheticTrajectoryDataset
from footmm.datasets.trajectory.trajectories_npz import (
    TrajectoriesNpz,
    read_trajectories,
    write_trajectories,
)

__all__ = [
    "SoccerNetGameStateTrajectories",
    "SoccerNetTrackingTrajectories",
    "SyntheticTrajectoryDataset",
    "TrackingDataset",
    "TrajectoriesNpz",
    "TrajectoryDataset",
    "cut_window",
    "read_trajectories",
    "write_trajectories",
]
