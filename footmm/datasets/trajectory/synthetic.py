"""Windows of synthetic matches, made while they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from footmm.datasets.synthetic_windows import SyntheticWindowsDataset
from footmm.datasets.trajectory.base import WINDOW_TEAM, TrajectoryDataset
from footmm.datasets.trajectory.simulated_match import AGENT_IDS, GOALKEEPER
from footmm.datasets.trajectory.trajectories_npz import SIMULATION
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.tracks import STRATEGIES
from footmm.simulation.windows import (
    TrajectoryWindow,
    TrajectoryWindows,
    TrajectoryWindowSettings,
)


@DATASETS.register_module()
class SyntheticTrajectoryDataset(SyntheticWindowsDataset):
    """Windows of synthetic matches, window ``i`` decided by seed, split and ``i`` alone.

    Nothing is written to disk: a block of matches is simulated when the first of its windows is
    asked for. Draw training windows with :class:`footmm.datasets.samplers.WindowBlockSampler`,
    whose random order visits every block once; with others keep all blocks in memory
    (``cached_blocks``). Matches of the splits are never the same.

    A sample is the window of a real match (:class:`footmm.datasets.trajectory.TrajectoryDataset`)
    with ``strategy`` (2,), the teams' indices into :data:`footmm.simulation.tracks.STRATEGIES`,
    and ``has_strategy`` (2,), false where the strategy changes within the window.

    Args:
        num_samples: Number of windows.
        split: ``train``, ``valid`` or ``test``.
        num_frames: Frames of a window.
        num_observed: Frames that predictions are made from.
        rate: Frames a second.
        match_duration_s: Seconds of a match.
        matches_per_block: Matches that are simulated together.
        cached_blocks: Blocks of matches that are kept in memory.
        seed: Of the whole data.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
    """

    METAINFO: dict = TrajectoryDataset.METAINFO | {
        "data_source": "simulated matches",
        "synthetic": True,
        "strategies": STRATEGIES,
    }

    def __init__(
        self,
        num_samples: int = 50_000,
        split: str = "train",
        num_frames: int = 40,
        num_observed: int = 10,
        rate: float = 6.25,
        match_duration_s: float = 120.0,
        matches_per_block: int = 64,
        cached_blocks: int = 2,
        seed: int = 0,
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if num_samples < 1 or not 0 < num_observed < num_frames:
            raise ConfigError(
                f"SyntheticTrajectoryDataset: num_samples={num_samples} must be at least 1, and "
                f"num_observed={num_observed} at least 1 and less than num_frames={num_frames}"
            )
        self.num_observed = num_observed
        self.settings = TrajectoryWindowSettings(
            num_frames=num_frames,
            rate=rate,
            match_duration_s=match_duration_s,
            matches_per_block=matches_per_block,
            cached_blocks=cached_blocks,
        )
        super().__init__(num_samples, split, seed, pipeline, test_mode, **kwargs)

    def make_windows(self, seed: int) -> TrajectoryWindows:
        """Return the windows of the split's seed."""
        return TrajectoryWindows(self.settings, seed)

    def sample_of(self, number: int, window: TrajectoryWindow) -> dict:
        """Return a window as a sample, before the pipeline."""
        settings = self.settings
        match, place = divmod(number, settings.windows_per_match)
        first = place * settings.stride
        strategy = window.strategy.astype(np.int64)
        return dict(
            positions=window.positions.astype(np.float32),
            present=np.ones(window.positions.shape[:2], bool),
            team=WINDOW_TEAM.copy(),
            goalkeeper=GOALKEEPER.copy(),
            agent_ids=list(AGENT_IDS),
            match=f"match_{match:05d}",
            source=SIMULATION,
            rate=settings.rate,
            period=1,
            frame_ids=np.arange(first, first + settings.num_frames),
            pitch_size=(settings.pitch.length, settings.pitch.width),
            num_observed=self.num_observed,
            strategy=strategy[-1],
            has_strategy=(strategy == strategy[-1]).all(0),
        )
