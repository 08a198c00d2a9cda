"""Tracks of a match: where every player and the ball were, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from footmm.errors import DataFormatError
from footmm.pitch.dimensions import PitchDimensions

HOME, AWAY, BALL = 0, 1, 2
"""What an agent belongs to: the home team, which attacks to the right, the away team, neither."""


@dataclass(frozen=True, eq=False)
class AgentTracks:
    """Tracks of ``A`` agents over ``T`` frames at a fixed rate, in the world frame.

    The direction of play is normalised: the home team attacks to the right in every frame. Frames
    of a segment follow each other without a gap; nothing that is cut out of a match (a window, a
    velocity) may reach across the border of a segment.

    Attributes:
        match: Name of the match.
        source: Where the tracks come from, e.g. ``"skillcorner"``.
        rate: Frames a second.
        positions: ``(T, A, 2)`` float32, metres; 0 where not present.
        present: ``(T, A)`` bool, whether the position is known.
        team: ``(A,)`` int8, :data:`HOME`, :data:`AWAY` or :data:`BALL`.
        goalkeeper: ``(A,)`` bool; False as well where the source does not tell.
        agent_ids: Names of the agents in the source.
        frame_ids: ``(T,)`` int64, the source's number of the frame, or of the one before.
        period: ``(T,)`` int8, 1 for the first half.
        segments: ``(S, 2)`` int64, first frame of each segment and the one after its last.
        pitch: The pitch.
        seconds: ``(T,)`` float32, time since the start of the period; None where the source does
            not tell.
    """

    match: str
    source: str
    rate: float
    positions: np.ndarray
    present: np.ndarray
    team: np.ndarray
    goalkeeper: np.ndarray
    agent_ids: tuple[str, ...]
    frame_ids: np.ndarray
    period: np.ndarray
    segments: np.ndarray
    pitch: PitchDimensions = field(default_factory=PitchDimensions)
    seconds: np.ndarray | None = None

    @classmethod
    def from_arrays(
        cls,
        positions: Any,
        team: Any,
        rate: float,
        *,
        goalkeeper: Any = None,
        agent_ids: Sequence[str] | None = None,
        frame_ids: Any = None,
        period: Any = None,
        segments: Any = None,
        seconds: Any = None,
        pitch_size: tuple[float, float] | None = None,
        match: str = "tracks",
        source: str = "arrays",
    ) -> AgentTracks:
        """Make tracks of arrays.

        Args:
            positions: ``(T, A, 2)``, metres, world frame, the home team attacking to the right; nan
                where not known.
            team: ``(A,)``, 0 home, 1 away, 2 the ball.
            rate: Frames a second.
            goalkeeper: ``(A,)`` bool; nobody without it.
            agent_ids: A names; numbers from 0 without them.
            frame_ids: ``(T,)``; numbers from 0 without them.
            period: ``(T,)``, 1 for the first half, which all frames are without it.
            segments: ``(S, 2)``, first frame of each segment and the one after its last; one for
                each period without them.
            seconds: ``(T,)``, since the start of the period.
            pitch_size: Length and width, metres; 105 x 68 without it.
            match: Name of the match.
            source: Where the tracks come from.

        Raises:
            DataFormatError: An array has the wrong shape or impossible values.
        """
        positions = np.asarray(positions, np.float32)
        if positions.ndim != 3 or positions.shape[2] != 2 or not 0 < rate < np.inf:
            raise DataFormatError(
                f"tracks '{match}': positions are {positions.shape}, need (frames, agents, 2), at "
                f"a rate of {rate}, needs to be positive"
            )
        frames, agents = positions.shape[:2]
        present = np.isfinite(positions).all(-1)
        arrays = dict(
            team=_vector(team, agents, np.int8, "team", match),
            goalkeeper=_vector(goalkeeper, agents, bool, "goalkeeper", match, np.zeros(agents)),
            frame_ids=_vector(frame_ids, frames, np.int64, "frame_ids", match, np.arange(frames)),
            period=_vector(period, frames, np.int8, "period", match, np.ones(frames)),
        )
        if not np.isin(arrays["team"], (HOME, AWAY, BALL)).all():
            raise DataFormatError(f"tracks '{match}': team needs to be 0, 1 or 2 for each agent")
        names = _vector(agent_ids, agents, str, "agent_ids", match, np.arange(agents))
        return cls(
            match=match,
            source=source,
            rate=float(rate),
            positions=np.where(present[..., None], positions, 0.0),
            present=present,
            agent_ids=tuple(names.tolist()),
            segments=_segments(segments, arrays["period"], match),
            pitch=PitchDimensions() if pitch_size is None else PitchDimensions(*pitch_size),
            seconds=None
            if seconds is None
            else _vector(seconds, frames, np.float32, "seconds", match),
            **arrays,
        )

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)


def _vector(
    values: Any,
    length: int,
    dtype: type,
    name: str,
    match: str,
    default: np.ndarray | None = None,
) -> np.ndarray:
    array = np.asarray(default if values is None else values).astype(dtype)
    if array.shape != (length,):
        raise DataFormatError(
            f"tracks '{match}': {name} has the shape {array.shape}, needs ({length},)"
        )
    return array


def _segments(segments: Any, period: np.ndarray, match: str) -> np.ndarray:
    """Check segments, or make one of each period."""
    if segments is None:
        borders = np.flatnonzero(np.diff(period)) + 1
        return np.stack([np.append(0, borders), np.append(borders, len(period))], axis=1)
    segments = np.asarray(segments, np.int64)
    inside = segments.ndim == 2 and segments.shape[1:] == (2,)
    if not inside or (segments < 0).any() or (segments > len(period)).any():
        raise DataFormatError(
            f"tracks '{match}': segments need to be (S, 2), frames from 0 to {len(period)}"
        )
    return segments
