"""What the datasets of tracks share: windows that are cut out of matches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError
from footmm.simulation.state import PLAYERS_PER_TEAM
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks

WINDOW_TEAM = np.repeat([HOME, AWAY, BALL], [PLAYERS_PER_TEAM, PLAYERS_PER_TEAM, 1]).astype(
    np.int64
)
"""What the places of a window belong to: 11 of the home team, 11 of the away team, the ball."""


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

    def _explain_no_windows(self, num_candidates: int) -> str:
        name = type(self).__name__
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


def cut_window(tracks: AgentTracks, first: int, num_frames: int) -> dict[str, Any]:
    """Copy a window out of a match.

    A team's places go to its up to 11 agents who are present longest in the window.

    Args:
        tracks: The match.
        first: First frame of the window.
        num_frames: Number of frames ``T``; all in one segment, which is not checked.

    Returns:
        ``positions`` ``(T, 23, 2)`` float32, metres, world frame, 0 where not present;
        ``present`` ``(T, 23)`` bool; ``team`` ``(23,)`` int64, see :data:`WINDOW_TEAM`;
        ``goalkeeper`` ``(23,)`` bool; ``agent_ids``, a list of names, empty where a place is not
        taken; ``frame_ids`` ``(T,)`` int64; ``match``, ``source``, ``rate``, ``period`` and
        ``pitch_size`` (length, width).
    """
    frames = slice(first, first + num_frames)
    present = np.asarray(tracks.present[frames])
    agents, places = _choose_agents(present.sum(0), np.asarray(tracks.team))
    window_positions = np.zeros((num_frames, len(WINDOW_TEAM), 2), np.float32)
    window_present = np.zeros((num_frames, len(WINDOW_TEAM)), bool)
    goalkeeper = np.zeros(len(WINDOW_TEAM), bool)
    window_positions[:, places] = np.asarray(tracks.positions[frames])[:, agents]
    window_present[:, places] = present[:, agents]
    window_positions[~window_present] = 0
    goalkeeper[places] = tracks.goalkeeper[agents]
    names = dict(zip(places.tolist(), (tracks.agent_ids[agent] for agent in agents), strict=True))
    return dict(
        positions=window_positions,
        present=window_present,
        team=WINDOW_TEAM.copy(),
        goalkeeper=goalkeeper,
        agent_ids=[names.get(place, "") for place in range(len(WINDOW_TEAM))],
        match=tracks.match,
        source=tracks.source,
        rate=tracks.rate,
        period=int(tracks.period[first]),
        frame_ids=np.array(tracks.frame_ids[frames]),
        pitch_size=(tracks.pitch.length, tracks.pitch.width),
    )


def _choose_agents(num_present: np.ndarray, team: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The agents who get a place in a window, longest present first, and their places."""
    agents, places = [], []
    for number in (HOME, AWAY, BALL):
        free = np.flatnonzero(np.equal(WINDOW_TEAM, number))
        members = np.flatnonzero((team == number) & (num_present > 0))
        longest = members[np.argsort(-num_present[members], kind="stable")[: len(free)]]
        agents.append(longest)
        places.append(free[: len(longest)])
    return np.concatenate(agents), np.concatenate(places)
