"""The state of many matches at once, as arrays, and how agents move.

Matches are simulated side by side: what every agent does in every tick is array arithmetic over
all matches, and only the rare decisions on the ball are taken match by match.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.formations import FORMATIONS
from footmm.simulation.moment import NUM_AGENTS, NUM_PLAYERS

TICK = 0.1
"""Seconds between two decisions; accelerations are constant in between."""

TICKS_PER_PLAN = 2
"""Ticks between two looks at where to go."""

MAX_SPEED = 9.8
"""Metres a second no player exceeds; a little below the fastest sprints ever measured."""

MAX_ACCELERATION = 5.8
"""Metres a second squared."""

CALM, URGENT = 0.3, 1.6
"""How much faster a player goes for every metre he is away from where he wants to be."""

REFEREE, BOTTOM_ASSISTANT, TOP_ASSISTANT = range(NUM_PLAYERS, NUM_AGENTS)
PLAYERS_PER_TEAM = NUM_PLAYERS // 2
TEAM_SIGN = np.array([1.0, -1.0])
"""Times the world's coordinates: those of the team, which attacks towards +x."""

_SLOT_DEPTH = np.array([[slot.depth for slot in f.slots] for f in FORMATIONS])
_SLOT_SIDE = np.array([[slot.side for slot in f.slots] for f in FORMATIONS])
_REACTION = 0.75
_TURNING = 0.35
_WANDER_MEMORY = 0.96
_TOP_SPEEDS = (7.8, 9.3)


def length(vectors: np.ndarray) -> np.ndarray:
    """Lengths of plane vectors, ``(..., 2)`` to ``(...)``.

    Spelled out: reductions over an axis of two are slow, and sums in a fixed order are the same
    for every number of matches.
    """
    x, y = vectors[..., 0], vectors[..., 1]
    return np.sqrt(x * x + y * y)


class BallState(IntEnum):
    """Who moves the ball."""

    CARRIED = 0
    CONTROL = 1
    FLIGHT = 2
    DEAD = 3


class BatchState:
    """``M`` matches at one time.

    Args:
        seeds: One a match: a match is the same in whatever batch it is.
        pitch: The pitch of all matches.
        num_plans: How often agents look where to go, at the most.

    Attributes:
        position: ``(M, 25, 2)``, metres, world frame.
        velocity: ``(M, 25, 2)``, metres a second.
        facing: ``(M, 25, 2)``, unit vectors.
        top_speed: ``(M, 25)``, metres a second.
        target: ``(M, 25, 2)``, where agents are going.
        pace: ``(M, 25)``, how fast they go at the most.
        urgency: ``(M, 25)``, how much faster they go for every metre they are away, per second.
        assigned: ``(M, 22)``, players whose target was set by a decision on the ball.
        assigned_target: ``(M, 22, 2)``.
        assigned_pace: ``(M, 22)``.
        ball: ``(M, 3)``, metres.
        ball_reference: ``(M, 2)``, where teams think the ball is: it follows with a delay.
        ball_state: ``(M,)`` of :class:`BallState`.
        possessor: ``(M,)``, who carries or controls the ball.
        dribble: ``(M, 2)``, from the possessor to the ball he carries.
        team: ``(M,)``, 0 or 1, the team that touched the ball last.
        style: ``(M, 2)``, index of the strategy a team follows, also while it is set up for a
            restart.
        depth: ``(M, 2, 11)``, slots of the formations.
        side: ``(M, 2, 11)``.
        flight: ``(M,)``, index of the flight in the library.
        flight_origin: ``(M, 2)``, where that flight would have begun.
        flight_turn: ``(M, 2)``, cosine and sine of its direction.
        flight_start: ``(M,)``, seconds, when it would have begun.
        blocked_until: ``(M, 22)``, seconds, before which a player cannot touch the ball.
        decide_at: ``(M,)``, tick at which the possessor decides.
        owned_since: ``(M,)``, tick at which he got the ball.
        control_until: ``(M,)``, tick at which a touched ball is under control.
    """

    def __init__(
        self, seeds: Sequence[np.random.SeedSequence], pitch: PitchDimensions, num_plans: int
    ) -> None:
        self.pitch = pitch
        rngs = [np.random.default_rng(seed) for seed in seeds]
        count = len(rngs)
        self.position = np.zeros((count, NUM_AGENTS, 2))
        self.velocity = np.zeros((count, NUM_AGENTS, 2))
        self.facing = np.zeros((count, NUM_AGENTS, 2))
        self.facing[..., 0] = 1.0
        self.top_speed = np.stack([rng.uniform(*_TOP_SPEEDS, NUM_AGENTS) for rng in rngs])
        self.top_speed[:, NUM_PLAYERS:] -= 1.0
        self.target = np.zeros((count, NUM_AGENTS, 2))
        self.pace = np.zeros((count, NUM_AGENTS))
        self.urgency = np.full((count, NUM_AGENTS), CALM)
        self.assigned = np.zeros((count, NUM_PLAYERS), bool)
        self.assigned_target = np.zeros((count, NUM_PLAYERS, 2))
        self.assigned_pace = np.zeros((count, NUM_PLAYERS))
        self.ball = np.zeros((count, 3))
        self.ball_reference = np.zeros((count, 2))
        self.ball_state = np.full(count, int(BallState.DEAD))
        self.possessor = np.zeros(count, np.int64)
        self.dribble = np.zeros((count, 2))
        self.team = np.zeros(count, np.int64)
        self.style = np.zeros((count, 2), np.int64)
        self.depth = np.zeros((count, 2, PLAYERS_PER_TEAM))
        self.side = np.zeros((count, 2, PLAYERS_PER_TEAM))
        self.flight = np.zeros(count, np.int64)
        self.flight_origin = np.zeros((count, 2))
        self.flight_turn = np.zeros((count, 2))
        self.flight_start = np.zeros(count)
        self.blocked_until = np.zeros((count, NUM_PLAYERS))
        self.decide_at = np.zeros(count, np.int64)
        self.owned_since = np.zeros(count, np.int64)
        self.control_until = np.zeros(count, np.int64)
        self._noise = np.stack(
            [rng.standard_normal((num_plans, NUM_PLAYERS, 2), np.float32) for rng in rngs], axis=1
        )
        self.wander = self._noise[0].astype(np.float64)

    def set_formation(self, match: int, team: int, formation: int) -> None:
        """Give a team the slots of a formation, by its index."""
        self.depth[match, team] = _SLOT_DEPTH[formation]
        self.side[match, team] = _SLOT_SIDE[formation]

    def stroll(self, plan: int) -> None:
        """Let the players' own ideas of their places wander on: unit variance, some seconds."""
        drift = np.sqrt(1 - _WANDER_MEMORY**2)
        self.wander = _WANDER_MEMORY * self.wander + drift * self._noise[plan]

    def move(self) -> np.ndarray:
        """Steer every agent to its target for one tick.

        Returns:
            ``(M, 25, 2)``, the constant accelerations, metres a second squared.
        """
        way = self.target - self.position
        away = length(way)
        wanted = np.minimum(self.pace, self.urgency * away + np.minimum(0.5 * away, 1.2))
        heading_for = way * (wanted / np.maximum(away, 1e-6))[..., None]
        acceleration = (heading_for - self.velocity) / _REACTION
        size = length(acceleration)
        acceleration *= np.minimum(1.0, MAX_ACCELERATION / np.maximum(size, 1e-9))[..., None]
        self.position = self.position + TICK * self.velocity + TICK**2 / 2 * acceleration
        self.velocity = self.velocity + TICK * acceleration
        self._turn()
        self.ball_reference += 0.12 * (self.ball[:, :2] - self.ball_reference)
        return acceleration

    def _turn(self) -> None:
        # Who runs faces where he runs, who stands faces the ball.
        to_ball = self.ball[:, None, :2] - self.position
        to_ball *= (0.8 / (length(to_ball) + 0.5))[..., None]
        facing = self.facing + _TURNING * (0.6 * self.velocity + to_ball - self.facing)
        size = length(facing)
        turned = size > 0.1
        np.divide(facing, size[..., None], out=self.facing, where=turned[..., None])

    def team_view(self) -> np.ndarray:
        """``(M, 2, 11, 2)``, players as their own teams see the pitch: they attack towards +x."""
        count = len(self.position)
        players = self.position[:, :NUM_PLAYERS].reshape(count, 2, PLAYERS_PER_TEAM, 2)
        return players * TEAM_SIGN[:, None, None]
