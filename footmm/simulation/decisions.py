"""What a player does with the ball: pass, shoot, clear it, or go on with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from footmm.simulation.flight_library import FlightLibrary
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.state import PLAYERS_PER_TEAM, BatchState, length
from footmm.simulation.tracks import STRATEGIES, EventKind

HEADER_HEIGHT = 1.35
"""Metres, above which the ball is played with the head."""

_COUNTER_ATTACK = STRATEGIES.index("counter_attack")
_LOFT_FROM = 17.0
_PASS_ERROR = 0.05
_SHOT_ERROR = 0.14


@dataclass(frozen=True)
class Kick:
    """A flight into a direction.

    Attributes:
        kind: What it is meant as.
        flight: Index of the flight in the library.
        angle: Radians, world frame.
        target: The player it is meant for.
    """

    kind: EventKind
    flight: int
    angle: float
    target: int | None = None


class Outlook:
    """What a player with the ball sees, in his team's frame: it attacks towards +x.

    Args:
        state: All matches.
        match: Which of them.
        player: The player, 0 to 21.

    Attributes:
        sign: Times the world's coordinates.
        number: The player's place in his team.
        ball: ``(2,)``, metres.
        mates: ``(11, 2)``, metres.
        mate_velocities: ``(11, 2)``, metres a second.
        opponents: ``(11, 2)``, metres.
        pressure: Distance to the opponent nearest to the ball.
    """

    def __init__(self, state: BatchState, match: int, player: int) -> None:
        team, self.number = divmod(player, PLAYERS_PER_TEAM)
        self.first_mate = team * PLAYERS_PER_TEAM
        self.sign = 1.0 - 2.0 * team
        players = state.position[match, :NUM_PLAYERS] * self.sign
        own = slice(self.first_mate, self.first_mate + PLAYERS_PER_TEAM)
        first_opponent = PLAYERS_PER_TEAM - self.first_mate
        others = slice(first_opponent, first_opponent + PLAYERS_PER_TEAM)
        self.mates = players[own]
        self.mate_velocities = state.velocity[match, own] * self.sign
        self.opponents = players[others]
        self.ball = state.ball[match, :2] * self.sign
        away = self.opponents - self.ball
        self.distances = np.sqrt(away[:, 0] ** 2 + away[:, 1] ** 2)
        self.pressure = float(self.distances.min())
        self.style = int(state.style[match, team])
        self.half_length = state.pitch.length / 2
        self.half_width = state.pitch.width / 2
        self.goal = (self.half_length, 0.0)

    def angle(self, direction: np.ndarray) -> float:
        """World angle of a direction ``(2,)`` in the team's frame, radians."""
        return math.atan2(self.sign * direction[1], self.sign * direction[0])

    def player(self, number: int) -> int:
        """The player with a place in this team."""
        return self.first_mate + int(number)

    @property
    def goal_distance(self) -> float:
        """From the ball to the middle of the goal, metres."""
        return math.hypot(self.goal[0] - self.ball[0], self.goal[1] - self.ball[1])

    @property
    def offside_line(self) -> float:
        """Who is beyond cannot be passed to."""
        second_last = np.sort(self.opponents[:, 0])[-2]
        return max(float(second_last), float(self.ball[0]), 0.0)


def decide(
    outlook: Outlook, library: FlightLibrary, rng: np.random.Generator, must: bool = False
) -> Kick | None:
    """Choose what to do with the ball.

    Args:
        outlook: What the player sees.
        library: The flights.
        rng: The match's random generator.
        must: Whether he has to get rid of the ball.

    Returns:
        The kick, or none if he keeps the ball.
    """
    if rng.random() < _shot_appetite(outlook):
        return shoot(outlook, library, rng)
    if rng.random() < _cross_appetite(outlook):
        return cross(outlook, library, rng)
    scores, lanes = rate_passes(outlook, rng)
    best = int(scores.argmax())
    if outlook.pressure < 3.0 and outlook.ball[0] < -15 and scores[best] < 1.2:
        return clear(outlook, library, rng)
    keep = 1.3 if outlook.pressure > 5 else 0.6 if outlook.pressure > 2.5 else -0.3
    if not must and scores[best] < keep + 0.5 * rng.standard_normal():
        return None
    return pass_to(outlook, best, float(lanes[best]), library, rng)


def rate_passes(outlook: Outlook, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """How good it is to pass to each team-mate.

    Args:
        outlook: What the player sees.
        rng: The match's random generator.

    Returns:
        Scores, ``(11,)``, minus infinity for the player himself and for offside team-mates; and
        how far the nearest opponent is from cutting each pass out, metres, ``(11,)``.
    """
    lead = outlook.mates + 0.5 * outlook.mate_velocities
    way = lead - outlook.ball
    distance = np.maximum(np.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2), 0.1)
    unit = way / distance[:, None]
    away = outlook.opponents - outlook.ball
    along = np.outer(away[:, 0], unit[:, 0]) + np.outer(away[:, 1], unit[:, 1])
    aside = np.abs(np.outer(away[:, 1], unit[:, 0]) - np.outer(away[:, 0], unit[:, 1]))
    blocks = (along > 0.5) & (along < distance + 1.0)
    lanes = np.where(blocks, aside - 0.5 - 0.12 * along, 6.0).min(0)
    gap = outlook.opponents[:, None] - lead[None]
    space = np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2).min(0)
    forward = np.clip(way[:, 0], -20.0, 30.0)
    ambition = 0.07 if outlook.style == _COUNTER_ATTACK else 0.04
    safety = np.where(distance > _LOFT_FROM, np.maximum(lanes, -0.4), lanes)
    scores = ambition * forward + 0.4 * np.clip(safety, -3.0, 2.0) + 0.09 * np.minimum(space, 9.0)
    scores -= 0.02 * np.abs(distance - 18.0) + 0.6 * (distance < 6.0)
    scores += 0.5 * rng.standard_normal(PLAYERS_PER_TEAM)
    scores += 0.02 * np.clip(np.abs(lead[:, 1]) - np.abs(outlook.ball[1]), -10.0, 15.0)
    scores[0] -= 1.0
    offside = (outlook.mates[:, 0] > outlook.offside_line + 0.3) | (distance > 50.0)
    scores[offside] = -np.inf
    scores[outlook.number] = -np.inf
    if not np.isfinite(scores).any():
        scores[0 if outlook.number else 1] = 0.0
    return scores, lanes


def pass_to(
    outlook: Outlook,
    number: int,
    lane: float,
    library: FlightLibrary,
    rng: np.random.Generator,
) -> Kick:
    """Pass the ball to a team-mate, into his way.

    Args:
        outlook: What the player sees.
        number: The team-mate's place in the team.
        lane: How far the nearest opponent is from cutting the pass out, metres.
        library: The flights.
        rng: The match's random generator.
    """
    velocity = outlook.mate_velocities[number]
    way = outlook.mates[number] - outlook.ball
    seconds = 0.3 + float(np.hypot(*way)) / 13.0
    way = way + velocity * seconds * 0.8
    if outlook.mates[number, 0] > outlook.offside_line - 8.0 and rng.random() < 0.35:
        # Through ball: behind the last line, for a run to come.
        way = way + np.array([rng.uniform(3.0, 9.0), 0.0])
    distance = float(np.hypot(*way)) * (1 + 0.08 * rng.standard_normal())
    if distance > _LOFT_FROM and (lane < 0.3 or rng.random() < distance / 70):
        elevation = int(rng.integers(1, 3)) if distance < 32 else int(rng.integers(0, 3))
        flight = library.landing("lofted", distance - 1.0, elevation)
    else:
        arrival = 8.0 + 0.17 * distance + 1.8 * rng.standard_normal()
        flight = library.ground(distance, arrival)
    spread = _PASS_ERROR * (1.6 if outlook.pressure < 2.5 else 1.0) + 0.001 * distance
    angle = outlook.angle(way) + spread * rng.standard_normal()
    return Kick(EventKind.PASS, flight, angle, outlook.player(number))


def shoot(outlook: Outlook, library: FlightLibrary, rng: np.random.Generator) -> Kick:
    """Shoot at the goal."""
    aim = np.array([outlook.half_length, rng.uniform(-3.2, 3.2)]) - outlook.ball
    curled = rng.random() < 0.3
    flight = library.shot(
        "curled" if curled else "shot",
        float(rng.uniform(19.0, 28.0) if curled else rng.uniform(20.0, 32.0)),
        float(np.hypot(*aim)),
        float(rng.uniform(0.2, 3.2)),
    )
    bend = 0.0
    if curled:
        # Aim against the bend.
        cell = int(np.abs(library.position[flight, :, 0] - np.hypot(*aim)).argmin())
        bend = math.atan2(library.position[flight, cell, 1], library.position[flight, cell, 0])
    angle = outlook.angle(aim) - bend + _SHOT_ERROR * rng.standard_normal()
    return Kick(EventKind.SHOT, flight, angle)


def clear(outlook: Outlook, library: FlightLibrary, rng: np.random.Generator) -> Kick:
    """Kick the ball far away from the own goal."""
    side = math.copysign(1.0, outlook.ball[1]) * rng.uniform(-0.2, 0.9)
    flight = library.landing("lofted", float(rng.uniform(25.0, 50.0)), int(rng.integers(1, 3)))
    angle = outlook.angle(np.array([1.0, side])) + 0.15 * rng.standard_normal()
    return Kick(EventKind.CLEARANCE, flight, angle)


def cross(outlook: Outlook, library: FlightLibrary, rng: np.random.Generator) -> Kick:
    """Send the ball in front of the goal, to whoever of the team is nearest to there."""
    spot = np.array([outlook.half_length - rng.uniform(5.0, 11.0), rng.uniform(-5.0, 5.0)])
    way = spot - outlook.ball
    away = length(outlook.mates - spot)
    away[outlook.number] = np.inf
    flight = library.landing("lofted", float(np.hypot(*way)) + 1.0, int(rng.integers(0, 2)))
    angle = outlook.angle(way) + _PASS_ERROR * rng.standard_normal()
    return Kick(EventKind.PASS, flight, angle, outlook.player(int(away.argmin())))


def dribble_direction(outlook: Outlook, rng: np.random.Generator) -> np.ndarray:
    """``(2,)``, unit, world frame: where to run with the ball."""
    angles = np.arange(12) * (np.pi / 6) + rng.uniform(0.0, 0.5)
    directions = np.stack((np.cos(angles), np.sin(angles)), -1)
    ahead = outlook.ball + 6.0 * directions
    gap = outlook.opponents[:, None] - ahead[None]
    space = np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2).min(0)
    goal = np.array(outlook.goal) - outlook.ball
    towards = directions @ (goal / max(float(np.hypot(*goal)), 1.0))
    limit = np.array([outlook.half_length - 4.0, outlook.half_width - 3.0])
    beyond = (np.abs(ahead) > limit).any(-1)
    value = np.minimum(space, 7.0) + 2.2 * towards - 8.0 * beyond
    return outlook.sign * directions[int(value.argmax())]


def interception_chance(speed: float, height: float) -> float:
    """How likely an opponent plays a ball within his reach.

    Args:
        speed: The ball's, metres a second.
        height: Metres.
    """
    if height > HEADER_HEIGHT:
        return 0.7
    return float(np.clip(1.05 - 0.035 * speed, 0.25, 0.95))


def deflection_chance(speed: float, own_team: bool) -> float:
    """How likely the ball jumps away from who plays it.

    Args:
        speed: The ball's, metres a second.
        own_team: Whether a team-mate has kicked it, which makes it easier.
    """
    if own_team:
        return float(np.clip(0.02 * (speed - 12.0), 0.01, 0.2))
    return float(np.clip(0.05 * (speed - 4.0), 0.1, 0.75))


def _cross_appetite(outlook: Outlook) -> float:
    wide = abs(outlook.ball[1]) > 13.0
    return 0.5 if wide and outlook.ball[0] > outlook.half_length - 26.0 else 0.0


def _shot_appetite(outlook: Outlook) -> float:
    distance = outlook.goal_distance
    if distance > 28.0 or outlook.ball[0] > outlook.half_length - 1.0:
        return 0.0
    opening = (outlook.half_length - outlook.ball[0]) / distance
    return 1.4 * opening * (1.0 - distance / 30.0) ** 1.2
