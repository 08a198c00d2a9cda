"""What the datasets of tracks share: windows that are cut out of matches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from footmm.datasets.agent_windows import cut_window
from footmm.errors import ConfigError, DataFormatError
from footmm.structures.agent_tracks import BALL, AgentTracks


class TrajectoryDataset(BaseDataset):
    """Base of the datasets of tracks: windows of a fixed number of frames.

    A subclass reads the matches in :meth:`load_tracks`. No window reaches across half-time or
    another border of the tracks' segments. A sample, before the pipeline, is what
    :func:`cut_window` returns, with ``num_observed``.

    Training and test must not share a match: give them different matches, or, where there is one
    only, different ``part``s, e.g. ``(0.0, 0.7)`` and ``(0.7, 1.0)``, which share no frame.

    Args:
        num_frames: Frames of a window.
        num_observed: Frames of it that predictions are made from.
        stride: Frames from the start of one window to that of the next.
        min_agents: Players, of both teams together, who must be present in the last observed
            frame; windows with fewer are left out.
        part: The share of each match to take windows from: where it begins and ends, 0 to 1.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DataFormatError: There is not a single window.
    """

    METAINFO: dict = {"task": "trajectory", "synthetic": False}

    def __init__(
        self,
        num_frames: int = 40,
        num_observed: int = 10,
        stride: int = 10,
        min_agents: int = 6,
        part: tuple[float, float] = (0.0, 1.0),
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        self.num_frames = num_frames
        self.num_observed = num_observed
        self.stride = stride
        self.min_agents = min_agents
        self.part = tuple(part)
        self._check_arguments()
        self._tracks: list[AgentTracks] = []
        super().__init__(pipeline=list(pipeline), test_mode=test_mode, **kwargs)

    def _check_arguments(self) -> None:
        name = type(self).__name__
        if not 0 < self.num_observed < self.num_frames or self.stride < 1:
            raise ConfigError(
                f"{name}: num_observed={self.num_observed} must be at least 1 and less than "
                f"num_frames={self.num_frames}, and stride={self.stride} at least 1"
            )
        if len(self.part) != 2 or not 0 <= self.part[0] < self.part[1] <= 1:
            raise ConfigError(f"{name}(part={self.part}): give where it begins and ends, 0 to 1")

    @abstractmethod
    def load_tracks(self) -> list[AgentTracks]:
        """Return the matches; their arrays may be memory-mapped."""

    @property
    def tracks(self) -> list[AgentTracks]:
        """The matches, whole, whatever ``part`` is."""
        self.full_init()
        return self._tracks

    def load_data_list(self) -> list[dict]:
        """Return number of the match and first frame of every window.

        The tracks are kept aside: what is returned here is copied and pickled by MMEngine.
        """
        self._tracks = self.load_tracks()
        starts = [self._window_starts(tracks) for tracks in self._tracks]
        kept = [
            first[self._num_players(tracks, first) >= self.min_agents]
            for tracks, first in zip(self._tracks, starts, strict=True)
        ]
        windows = [
            dict(track=number, first=first)
            for number, frames in enumerate(kept)
            for first in frames.tolist()
        ]
        if not windows:
            raise DataFormatError(self._explain_no_windows(sum(map(len, starts))))
        print_log(
            f"{type(self).__name__}(part={self.part}): {len(windows)} windows of "
            f"{len(self._tracks)} matches; {sum(map(len, starts)) - len(windows)} left out for "
            f"fewer than {self.min_agents} players",
            logger="current",
        )
        return windows

    def get_data_info(self, idx: int) -> dict:
        """Return a window before the pipeline."""
        info = super().get_data_info(idx)
        window = cut_window(self._tracks[info["track"]], info["first"], self.num_frames)
        return window | {"num_observed": self.num_observed, "sample_idx": info["sample_idx"]}

    def _window_starts(self, tracks: AgentTracks) -> np.ndarray:
        """First frames of the windows that lie in ``part`` and in one segment each."""
        begin, end = (round(share * tracks.num_frames) for share in self.part)
        starts = [
            np.arange(max(first, begin), min(stop, end) - self.num_frames + 1, self.stride)
            for first, stop in np.asarray(tracks.segments).tolist()
        ]
        return np.concatenate([np.zeros(0, np.int64), *starts])

    def _num_players(self, tracks: AgentTracks, starts: np.ndarray) -> np.ndarray:
        """Players in the last observed frames of windows."""
        present = tracks.present[starts + self.num_observed - 1]
        return (present & (tracks.team != BALL)).sum(1)

    @property
    def origin(self) -> str:
        """Where the matches come from, for messages."""
        return self.data_root

    def _explain_no_windows(self, num_candidates: int) -> str:
        name = f"{type(self).__name__}({self.origin})"
        if num_candidates:
            return (
                f"{name}: in the last observed frame of none of {num_candidates} windows are "
                f"min_agents={self.min_agents} players present; lower min_agents"
            )
        lengths = [np.diff(np.asarray(tracks.segments)).max(initial=0) for tracks in self._tracks]
        return (
            f"{name}: no window of num_frames={self.num_frames} frames fits into part={self.part} "
            f"of the {len(self._tracks)} matches, whose longest segment without a gap has "
            f"{max(lengths, default=0)} frames; lower num_frames, or raise max_gap_s where the "
            "dataset has it"
        )
