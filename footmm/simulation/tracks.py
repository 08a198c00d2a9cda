"""The recording of a match: where everybody was in every frame, and what it meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Any

import numpy as np

from footmm.errors import ConfigError, did_you_mean
from footmm.pitch.ballistics import BallPhysics
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.frames import azimuth
from footmm.simulation.moment import Moment

BALL_RADIUS = float(BallPhysics().radius)
"""Radius of the ball, metres."""

STRATEGIES = (
    "high_press",
    "mid_block",
    "low_block",
    "build_up",
    "counter_attack",
    "set_piece",
)
"""What a team is about; labels are indices into this tuple. The first three are ways to defend, the
next two are ways to attack, the last holds for both teams while play is restarted."""


class BallMode(IntEnum):
    """What the ball is doing."""

    FLY = 0
    """In the air between two touches, bounces included."""
    ROLL = 1
    """On the ground between two touches."""
    POSSESSED = 2
    """At the feet of a player."""
    OUT = 3
    """Out of play: from crossing a line until the restart is taken."""


def is_untouched(before: Any, after: Any) -> Any:
    """Whether nobody touches the ball from one frame to the next.

    It flies or rolls in both, and does not take off: a ball that rolls flies again when kicked.

    Args:
        before: Modes of frames, an array or a tensor.
        after: Those of the next frames, of the same shape.

    Returns:
        Booleans of that shape.
    """
    flies = before == BallMode.FLY
    rolls = (before == BallMode.ROLL) & (after == BallMode.ROLL)
    return rolls | flies & ((after == BallMode.FLY) | (after == BallMode.ROLL))


class Phase(IntEnum):
    """Phase of play; a restart's phase ends a few seconds after it has been taken."""

    OPEN_PLAY = 0
    KICK_OFF = 1
    THROW_IN = 2
    CORNER = 3
    GOAL_KICK = 4
    CELEBRATION = 5


class EventKind(str, Enum):
    """What can happen to the ball."""

    PASS = "pass"
    RECEPTION = "reception"
    INTERCEPTION = "interception"
    TACKLE = "tackle"
    DRIBBLE = "dribble"
    SHOT = "shot"
    SAVE = "save"
    GOAL = "goal"
    HEADER = "header"
    CLEARANCE = "clearance"
    OUT = "out"
    THROW_IN = "throw_in"
    CORNER = "corner"
    GOAL_KICK = "goal_kick"
    KICK_OFF = "kick_off"


@dataclass(frozen=True)
class MatchEvent:
    """Something that happened to the ball.

    Attributes:
        frame: The first frame at or after the event.
        time: Seconds since the start.
        kind: What happened.
        agent: The player who did it, 0 to 21; none for a ball that went out or in.
        team: 0 for the team that began on the left, 1 for the other: that of the agent, or the one
            that scored or that touched the ball last.
        target: The player a pass was meant for, where it was meant for one.
        position: ``(x, y)``, metres, world frame: where the ball was.
    """

    frame: int
    time: float
    kind: EventKind
    agent: int | None
    team: int
    target: int | None
    position: tuple[float, float]


@dataclass(frozen=True)
class MatchTracks:
    """Tracks and labels of a match, ``T`` frames at a fixed rate.

    Agents are in the order of :mod:`footmm.simulation.moment`; team 0 are agents 0 to 10.

    Attributes:
        rate: Frames a second.
        pitch: The pitch.
        positions: ``(T, 25, 2)`` float32, metres, world frame.
        velocities: ``(T, 25, 2)`` float32, metres a second.
        headings: ``(T, 25)`` float32, radians: where the bodies face, 0 along x, counter-clockwise.
        ball_position: ``(T, 3)`` float32, metres: the ball's centre.
        ball_velocity: ``(T, 3)`` float32, metres a second.
        ball_mode: ``(T,)`` int8 of :class:`BallMode`.
        possessor: ``(T,)`` int8, the player who has the ball; meaningless where ``has_possessor``
            is not set.
        has_possessor: ``(T,)`` bool.
        team_in_possession: ``(T,)`` int8, the team that touched the ball last, or that restarts.
        formation: ``(T, 2)`` int8 into :data:`footmm.simulation.formations.FORMATIONS`.
        role: ``(T, 22)`` int8 into :data:`footmm.simulation.formations.ROLES`.
        strategy: ``(T, 2)`` int8 into :data:`STRATEGIES`.
        phase: ``(T,)`` int8 of :class:`Phase`.
        attacks_right: ``(T, 2)`` bool, whether the team attacks the right goal.
        score: ``(T, 2)`` int8.
        events: All events, in the order of time.
    """

    rate: float
    pitch: PitchDimensions
    positions: np.ndarray
    velocities: np.ndarray
    headings: np.ndarray
    ball_position: np.ndarray
    ball_velocity: np.ndarray
    ball_mode: np.ndarray
    possessor: np.ndarray
    has_possessor: np.ndarray
    team_in_possession: np.ndarray
    formation: np.ndarray
    role: np.ndarray
    strategy: np.ndarray
    phase: np.ndarray
    attacks_right: np.ndarray
    score: np.ndarray
    events: tuple[MatchEvent, ...]

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)

    def moment(self, frame: int) -> Moment:
        """One frame, as the renderer takes it.

        Args:
            frame: Number of the frame, from 0.
        """
        return Moment(
            positions=self.positions[frame],
            velocities=self.velocities[frame],
            headings=self.headings[frame],
            ball_position=self.ball_position[frame],
            ball_velocity=self.ball_velocity[frame],
            time=frame / self.rate,
        )

    def resampled(self, rate: float) -> MatchTracks:
        """The same match at another rate, over the same time.

        Agents follow the cubic through their positions and velocities, and so does the ball, but
        between two frames around a touch, where it goes straight; labels hold until the next
        frame that has others.

        Args:
            rate: Frames a second.

        Raises:
            ConfigError: The rate is not positive.
        """
        if rate <= 0:
            raise ConfigError(f"rate={rate} frames a second: give a positive number")
        count = round((self.num_frames - 1) / self.rate * rate, 6)
        at = np.arange(int(count) + 1) * (self.rate / rate)
        # Rounding to a billionth of a frame: a time that is on a frame must not fall before it.
        at = np.minimum(np.round(at, 9), self.num_frames - 1)
        index = np.minimum(at.astype(np.int64), max(self.num_frames - 2, 0))
        share = at - index
        nearest = np.floor(at).astype(np.int64)
        positions, velocities = hermite(
            self.positions, self.velocities, index, share, 1.0 / self.rate
        )
        ball_position, ball_velocity = self._resampled_ball(index, share)
        facing = linear(np.stack((np.cos(self.headings), np.sin(self.headings)), -1), index, share)
        return replace(
            self,
            rate=rate,
            positions=positions.astype(np.float32),
            velocities=velocities.astype(np.float32),
            headings=azimuth(facing).astype(np.float32),
            ball_position=ball_position.astype(np.float32),
            ball_velocity=ball_velocity.astype(np.float32),
            events=tuple(
                replace(event, frame=first_frame(event.time, rate)) for event in self.events
            ),
            **{name: getattr(self, name)[nearest] for name in LABELS},
        )

    def _resampled_ball(
        self, index: np.ndarray, share: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        position, velocity = self.ball_position, self.ball_velocity
        step = 1.0 / self.rate
        smooth_position, smooth_velocity = hermite(position, velocity, index, share, step)
        following = np.minimum(index + 1, self.num_frames - 1)
        way = (position[following] - position[index]) / step
        mean = (velocity[following] + velocity[index]) / 2
        # A steady force moves the ball with the mean of both velocities; a touch does not.
        touched = np.linalg.norm(way - mean, axis=-1) > 0.3 + 0.02 * np.linalg.norm(mean, axis=-1)
        touched = touched[:, None]
        straight = linear(position, index, share)
        return (
            np.where(touched, straight, smooth_position),
            np.where(touched, np.where(share[:, None] > 0, way, velocity[index]), smooth_velocity),
        )


LABELS = (
    "ball_mode",
    "possessor",
    "has_possessor",
    "team_in_possession",
    "formation",
    "role",
    "strategy",
    "phase",
    "attacks_right",
    "score",
)
"""The fields of :class:`MatchTracks` that label a frame."""


def first_frame(time: float, rate: float) -> int:
    """The first frame at or after a time in seconds, forgiving rounding errors."""
    return int(np.ceil(round(time * rate, 6)))


def linear(values: np.ndarray, index: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Straight lines between consecutive rows.

    Args:
        values: ``(T, ...)``.
        index: ``(N,)``, rows before the wanted places.
        share: ``(N,)``, 0 at that row to 1 at the next.

    Returns:
        ``(N, ...)`` float64.
    """
    following = np.minimum(index + 1, len(values) - 1)
    weight = share.reshape(-1, *(1,) * (values.ndim - 1))
    before = values[index].astype(np.float64)
    return before + weight * (values[following] - before)


def hermite(
    positions: np.ndarray,
    velocities: np.ndarray,
    index: np.ndarray,
    share: np.ndarray,
    step: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Cubic Hermite interpolation between consecutive rows.

    Args:
        positions: ``(T, ..., D)``, metres.
        velocities: ``(T, ..., D)``, metres a second.
        index: ``(N,)``, rows before the wanted times.
        share: ``(N,)``, 0 at that row to 1 at the next.
        step: Seconds from row to row.

    Returns:
        Positions and velocities, ``(N, ..., D)`` float64.
    """
    following = np.minimum(index + 1, len(positions) - 1)
    s = share.reshape(-1, *(1,) * (positions.ndim - 1))
    start = positions[index].astype(np.float64)
    way = positions[following] - start
    leaving, arriving = velocities[index] * step, velocities[following] * step
    quadratic, cubic = 3 * way - 2 * leaving - arriving, leaving + arriving - 2 * way
    position = start + s * (leaving + s * (quadratic + s * cubic))
    velocity = (leaving + s * (2 * quadratic + 3 * s * cubic)) / step
    return position, velocity


def strategy_index(name: str, choices: Sequence[str] = STRATEGIES) -> int:
    """Index of a strategy in :data:`STRATEGIES`.

    Args:
        name: E.g. ``"high_press"``.
        choices: The strategies that may be asked for.

    Raises:
        ConfigError: There is no such strategy among the choices.
    """
    if name not in choices:
        raise ConfigError(
            f"{name!r} is no strategy to choose{did_you_mean(name, choices)}; "
            f"choose one of {', '.join(choices)}"
        )
    return STRATEGIES.index(name)
