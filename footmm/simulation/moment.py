"""One instant of a match: all that a camera can see of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUM_PLAYERS = 22
"""Players of both teams: agents 0 to 10 defend the left goal when the match begins, 11 to 21 the
right one; agents 0 and 11 are the goalkeepers."""

NUM_AGENTS = 25
"""Players, then the main referee and two assistants: the order of
:func:`footmm.simulation.appearance.sample_match_identities`."""


@dataclass(frozen=True)
class Moment:
    """Where everybody and the ball are at one time.

    Attributes:
        positions: ``(25, 2)``, metres, world frame: below the pelvis.
        velocities: ``(25, 2)``, metres a second, world frame.
        headings: ``(25,)``, radians: where the bodies face, 0 along x, counter-clockwise.
        ball_position: ``(3,)``, metres, world frame: the ball's centre.
        ball_velocity: ``(3,)``, metres a second, world frame.
        time: Seconds since the start.
    """

    positions: np.ndarray
    velocities: np.ndarray
    headings: np.ndarray
    ball_position: np.ndarray
    ball_velocity: np.ndarray
    time: float
