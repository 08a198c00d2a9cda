"""Tracks of a match: where every player and the ball were, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

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

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)
