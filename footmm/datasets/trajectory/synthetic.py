"""Windows of synthetic matches, made while they are asked for."""

from __future__ import annotations

import numpy as np

from footmm.datasets.synthetic_match_windows import SyntheticMatchWindowsDataset
from footmm.datasets.trajectory.base import TrajectoryDataset
from footmm.registry import DATASETS
from footmm.simulation.tracks import STRATEGIES
from footmm.simulation.windows import TrajectoryWindow


@DATASETS.register_module()
class SyntheticTrajectoryDataset(SyntheticMatchWindowsDataset):
    """Windows of synthetic matches, window ``i`` decided by seed, split and ``i`` alone.

    A sample is the window of a real match (:class:`footmm.datasets.trajectory.TrajectoryDataset`)
    with ``strategy`` (2,), the teams' indices into :data:`footmm.simulation.tracks.STRATEGIES`,
    and ``has_strategy`` (2,), false where the strategy changes within the window.

    Arguments and errors are those of
    :class:`footmm.datasets.synthetic_match_windows.SyntheticMatchWindowsDataset`.
    """

    METAINFO: dict = TrajectoryDataset.METAINFO | {
        "data_source": "simulated matches",
        "synthetic": True,
        "strategies": STRATEGIES,
    }

    def sample_of(self, number: int, window: TrajectoryWindow) -> dict:
        """Return a window as a sample, before the pipeline."""
        strategy = window.strategy.astype(np.int64)
        return super().sample_of(number, window) | dict(
            strategy=strategy[-1],
            has_strategy=(strategy == strategy[-1]).all(0),
        )
