"""Places on the pitch that were found frame by frame in the picture of the main camera."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.logging import print_log
from scipy.signal import savgol_filter

from footmm.datasets.trajectory.base import TrajectoryDataset
from footmm.datasets.trajectory.preparation import (
    MAX_GAP_S,
    MAX_SHARE_OF_ERRORS,
    RawTracks,
    prepare_tracks,
)
from footmm.pitch.dimensions import PitchDimensions
from footmm.structures.agent_tracks import AWAY, HOME, AgentTracks

SMOOTHING_S = 0.4
"""Seconds over which places are smoothed: boxes are whole pixels, legs swing, and the camera of a
frame is off by something else than that of the next. On simulated sequences with boxes 1 px off,
0.4 s bring the median error from 7 to 3 cm, and 0.6 s to 4 cm."""

SIDES = {"left": HOME, "right": AWAY}
"""SoccerNet names teams by the goal that they defend: the left one attacks to the right."""

#: How far beyond the lines people are believed to be, metres.
_MAX_DISTANCE_OFF_PITCH = 10.0
#: From frame to frame, metres. A longer step is a mistake, or another person's: it must stay a step
#: that is seen as too fast later on, and not become a run.
_MAX_NOISY_STEP = 3.0
#: A team's average is nearer to the goal that it defends; not always, in what a camera shows.
_MAX_SWAPPED = 1.0


@dataclass(frozen=True)
class TrackIdentity:
    """Who a track is, as far as it matters to the game.

    Attributes:
        team: See :mod:`footmm.structures.agent_tracks`.
        goalkeeper: Whether it is a goalkeeper.
    """

    team: int
    goalkeeper: bool = False


@dataclass(frozen=True, eq=False)
class GroundPoints:
    """Who was seen where, ``N`` times in a video.

    Attributes:
        match: Name of the video.
        source: Kind of data.
        origin: Name of the file or folder, for messages.
        rate: Frames a second.
        num_frames: Frames of the video.
        frames: ``(N,)``, frames counted from 1.
        tracks: ``(N,)``, numbers of the tracks; none twice in a frame.
        positions: ``(N, 2)``, metres, world frame; nan where not known.
        identities: Who the tracks are; those who are not here, referees say, take no part.
    """

    match: str
    source: str
    origin: str
    rate: float
    num_frames: int
    frames: np.ndarray
    tracks: np.ndarray
    positions: np.ndarray
    identities: Mapping[int, TrackIdentity]

    def to_raw_tracks(self, smoothing_s: float = SMOOTHING_S) -> RawTracks:
        """Arrange the points by frame and track, without those over 10 m off the pitch.

        Args:
            smoothing_s: Places are smoothed by straight lines fitted to those of an agent that are
                within so many seconds, without a gap or a step over 3 m; 0 leaves them.
        """
        pitch = PitchDimensions()
        limit = np.array([pitch.length, pitch.width]) / 2 + _MAX_DISTANCE_OFF_PITCH
        tracks = np.array(sorted(self.identities), dtype=np.int64)
        # Comparisons with nan are false.
        used = np.isin(self.tracks, tracks) & (np.abs(self.positions) <= limit).all(1)
        place = self.frames[used] - 1, np.searchsorted(tracks, self.tracks[used])
        positions = np.zeros((self.num_frames, len(tracks), 2))
        present = np.zeros((self.num_frames, len(tracks)), bool)
        positions[place] = self.positions[used]
        present[place] = True
        _smooth(positions, present, 2 * round(smoothing_s * self.rate / 2) + 1)
        who = [self.identities[track] for track in tracks.tolist()]
        raw = RawTracks(
            match=self.match,
            source=self.source,
            origin=self.origin,
            rate=self.rate,
            times=np.arange(self.num_frames) / self.rate,
            period=np.ones(self.num_frames, np.int8),
            frame_ids=np.arange(1, self.num_frames + 1),
            positions=positions,
            present=present,
            team=np.array([identity.team for identity in who], np.int8),
            goalkeeper=np.array([identity.goalkeeper for identity in who], bool),
            agent_ids=tuple(map(str, tracks.tolist())),
            home_attacks_right={1: True},
            pitch=pitch,
        )
        _warn_if_swapped(raw)
        return raw


class GroundPointsDataset(TrajectoryDataset):
    """Base of the datasets of sequences that the main camera filmed.

    Args:
        data_root: Folder of the sequences.
        sequences: Names of the sequences to use; all if None.
        rate: Frames a second of the windows.
        smoothing_s: See :meth:`GroundPoints.to_raw_tracks`.
        max_gap_s: Seconds without a measurement over which positions are still interpolated.
        max_share_of_errors: Share of impossible positions from which on a sequence is refused.
        **kwargs: Arguments of :class:`footmm.datasets.trajectory.TrajectoryDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format, or there is not a single window.
    """

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        sequences: Sequence[str] | None = None,
        rate: float = 6.25,
        smoothing_s: float = SMOOTHING_S,
        max_gap_s: float = MAX_GAP_S,
        max_share_of_errors: float = MAX_SHARE_OF_ERRORS,
        **kwargs: Any,
    ) -> None:
        self.sequences = sequences
        self.rate = rate
        self.smoothing_s = smoothing_s
        self.max_gap_s = max_gap_s
        self.max_share_of_errors = max_share_of_errors
        super().__init__(data_root=os.fspath(data_root), **kwargs)

    @abstractmethod
    def read_sequences(self) -> Iterator[RawTracks]:
        """Read the sequences, in order."""

    def load_tracks(self) -> list[AgentTracks]:
        """Return the prepared sequences."""
        return [
            prepare_tracks(raw, self.rate, self.max_gap_s, self.max_share_of_errors)
            for raw in self.read_sequences()
        ]


def _warn_if_swapped(raw: RawTracks) -> None:
    """Doubt teams of which the left one is on average clearly right of the other."""
    home, away = (raw.positions[raw.present & (raw.team == team), 0] for team in (HOME, AWAY))
    metres = home.mean() - away.mean() if len(home) and len(away) else 0.0
    if metres > _MAX_SWAPPED:
        print_log(
            f"{raw.origin}: on average, team 'left' is {metres:.1f} m right of team 'right'. Its "
            "name says that it defends the left goal and attacks to the right, which is believed; "
            "are the names swapped?",
            logger="current",
            level=logging.WARNING,
        )


def _smooth(positions: np.ndarray, present: np.ndarray, window: int) -> None:
    """Smooth ``(T, A, 2)`` in place over an odd number of frames, each agent's runs apart."""
    for agent in range(positions.shape[1]):
        frames = np.flatnonzero(present[:, agent])
        steps = np.linalg.norm(np.diff(positions[frames, agent], axis=0), axis=1)
        breaks = np.flatnonzero((np.diff(frames) > 1) | (steps > _MAX_NOISY_STEP)) + 1
        for run in np.split(frames, breaks):
            length = min(window, len(run) - 1 + len(run) % 2)
            # Through two points goes a line.
            if length > 2:
                positions[run, agent] = savgol_filter(positions[run, agent], length, 1, axis=0)
