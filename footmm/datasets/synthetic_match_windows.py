"""Windows of synthetic matches, made while they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from footmm.datasets.agent_windows import simulated_window
from footmm.datasets.synthetic_windows import SyntheticWindowsDataset
from footmm.errors import ConfigError
from footmm.simulation.windows import (
    TrajectoryWindow,
    TrajectoryWindows,
    TrajectoryWindowSettings,
)


class SyntheticMatchWindowsDataset(SyntheticWindowsDataset):
    """Base of the datasets of windows that are cut out of simulated matches.

    Nothing is written to disk: a block of matches is simulated when the first of its windows is
    asked for. Draw training windows with :class:`footmm.datasets.samplers.WindowBlockSampler`,
    whose random order visits every block once; with others keep all blocks in memory
    (``cached_blocks``). Matches of the splits are never the same.

    A sample is what :func:`footmm.datasets.agent_windows.simulated_window` returns, with what a
    subclass adds of the labels.

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
                f"{type(self).__name__}: num_samples={num_samples} must be at least 1, and "
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
        return simulated_window(number, window, self.settings, self.num_observed)
