"""How play is restarted: where the ball is placed, who stands where, and how it is taken."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from footmm.simulation.decisions import Kick, Outlook, cross, pass_to, rate_passes
from footmm.simulation.flight_library import THROW_HEIGHT
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.play import Play
from footmm.simulation.recording import Segment, SegmentKind
from footmm.simulation.state import PLAYERS_PER_TEAM, TEAM_SIGN, TICK, BallState, length
from footmm.simulation.tracks import BALL_RADIUS, EventKind, Phase

BOARDS = 4.5
"""Metres from the lines to the boards, which stop the ball."""

_NET_DEPTH = 1.6
_SETTLE_AFTER = 3.0
_CELEBRATION = 8.0
_LATEST = 60.0
_AT_THE_BALL = 0.6
_WALK, _JOG = 2.2, 3.6
# Shortest and longest pause in seconds before the restart is taken.
_PAUSE = {
    Phase.KICK_OFF: (3.0, 5.0),
    Phase.THROW_IN: (3.0, 7.0),
    Phase.CORNER: (8.0, 14.0),
    Phase.GOAL_KICK: (6.0, 12.0),
    Phase.CELEBRATION: (_CELEBRATION, _CELEBRATION),
}
_EVENT_OF = {
    Phase.KICK_OFF: EventKind.KICK_OFF,
    Phase.THROW_IN: EventKind.THROW_IN,
    Phase.CORNER: EventKind.CORNER,
    Phase.GOAL_KICK: EventKind.GOAL_KICK,
}
# Metres from the goal line and from the middle, on the side of the corner positive.
_CORNER_RUNS = ((5.0, 4.0), (7.0, 0.0), (9.0, -3.5), (6.0, -6.0), (12.0, 1.5), (19.0, 3.0))
_CORNER_GUARDS = ((0.8, 3.4), (4.0, 3.0), (4.5, 0.0), (6.0, -3.5), (7.5, 2.0), (9.0, -1.0))


@dataclass(frozen=True)
class Restart:
    """A restart that is being prepared.

    Attributes:
        phase: Which one.
        team: Who takes it.
        spot: ``(x, y)``, metres, world frame: where from.
        taker: Who takes it, 0 to 21.
        earliest: Seconds, before which it is not taken.
        latest: Seconds, after which nobody is waited for but the taker.
        placed: Whether the ball is at the spot.
    """

    phase: Phase
    team: int
    spot: tuple[float, float]
    taker: int
    earliest: float
    latest: float
    placed: bool = False


class Restarts:
    """All restarts of one match.

    Args:
        play: The match.
    """

    def __init__(self, play: Play) -> None:
        self.play = play
        self.state, self.match, self.rng = play.state, play.match, play.rng
        self._restart: Restart | None = None

    def kick_off_at_start(self) -> None:
        """Set everybody up for the first kick-off, with the ball at the centre."""
        self._begin(Phase.KICK_OFF, int(self.rng.integers(0, 2)), (0.0, 0.0), 0.0)
        state, match = self.state, self.match
        state.position[match, :NUM_PLAYERS] = state.assigned_target[match]
        self._restart = replace(self._restart, earliest=float(self.rng.uniform(1.0, 2.5)))
        self._place_ball(0.0)

    def went_out(self, time: float, point: np.ndarray, carried: bool) -> None:
        """Stop play because the ball is wholly over a line.

        Args:
            time: Seconds.
            point: ``(3,)``, where the ball was then.
            carried: Whether a player took it over the line.
        """
        play, pitch = self.play, self.state.pitch
        half_length, half_width = pitch.length / 2, pitch.width / 2
        over_goal_line = abs(point[0]) > half_length
        inside_posts = abs(point[1]) < pitch.goal_width / 2 - BALL_RADIUS
        goal = over_goal_line and inside_posts and point[2] < pitch.goal_height - BALL_RADIUS
        self._roll_on(time, point, goal, carried)
        x, y = float(point[0]), float(point[1])
        last = int(self.state.team[self.match])
        if goal:
            self._goal(time, 0 if x > 0 else 1, (x, y))
            return
        play.recording.add_event(time, EventKind.OUT, None, last, (x, y))
        side = math.copysign(1.0, y)
        if not over_goal_line:
            spot = (float(np.clip(x, 1 - half_length, half_length - 1)), side * half_width)
            self._begin(Phase.THROW_IN, 1 - last, spot, time)
            return
        end = math.copysign(1.0, x)
        defending = 1 if x > 0 else 0
        if last == defending:
            spot = (end * (half_length - 0.3), side * (half_width - 0.3))
            self._begin(Phase.CORNER, 1 - last, spot, time)
            return
        spot = (end * (half_length - pitch.goal_area_length), side * pitch.goal_area_width / 4)
        self._begin(Phase.GOAL_KICK, defending, spot, time)

    def advance(self, tick: int) -> None:
        """Go on with the restart: place the ball, take it."""
        restart, time = self._restart, tick * TICK
        if restart.phase is Phase.CELEBRATION:
            if time >= restart.earliest:
                self._begin(Phase.KICK_OFF, restart.team, restart.spot, time)
            return
        away = math.dist(self._taker_place(restart), self.state.position[self.match, restart.taker])
        if not restart.placed and away < 2.5 and time > restart.earliest - 2.0:
            self._place_ball(time)
            restart = self._restart
        everybody = restart.phase is not Phase.KICK_OFF or self._in_own_halves()
        waited = time >= restart.earliest and (everybody or time > restart.latest)
        if restart.placed and waited and away < _AT_THE_BALL:
            self._take(restart, time)

    # Setting up ------------------------------------------------------------------------------

    def _begin(self, phase: Phase, team: int, spot: tuple[float, float], time: float) -> None:
        play, state, match = self.play, self.state, self.match
        earliest = time + float(self.rng.uniform(*_PAUSE[phase]))
        state.ball_state[match] = BallState.DEAD
        # Teams line up for where the ball is going to be.
        state.ball[match] = (*spot, BALL_RADIUS)
        play.settled_at = math.inf
        play.give_to(team, time)
        play.set_phase(phase, time)
        taker = self._nearest(team, spot, phase is Phase.GOAL_KICK)
        self._restart = Restart(phase, team, spot, taker, earliest, earliest + _LATEST)
        state.assigned[match] = False
        {
            Phase.KICK_OFF: self._line_up_for_kick_off,
            Phase.CORNER: self._line_up_for_corner,
            Phase.THROW_IN: self._line_up_for_throw_in,
            Phase.CELEBRATION: self._celebrate,
            Phase.GOAL_KICK: lambda restart: None,
        }[phase](self._restart)
        if phase is not Phase.CELEBRATION:
            taker = self._restart.taker
            away = math.dist(spot, state.position[match, taker])
            pace = np.clip(1.1 * away / (earliest - time), _WALK, 6.0)
            play.runs.assign(taker, np.array(self._taker_place(self._restart)), float(pace))

    def _nearest(self, team: int, spot: tuple[float, float], keeper: bool) -> int:
        first = team * PLAYERS_PER_TEAM
        if keeper:
            return first
        away = length(self.state.position[self.match, first + 1 : first + 11] - np.array(spot))
        return first + 1 + int(away.argmin())

    def _taker_place(self, restart: Restart) -> tuple[float, float]:
        """Behind the ball, as the taker kicks it into the pitch."""
        x, y = restart.spot
        if restart.phase is Phase.KICK_OFF:
            return (-0.4 * TEAM_SIGN[restart.team], 0.0)
        if restart.phase is Phase.THROW_IN:
            return (x, y + math.copysign(0.3, y))
        return (x + math.copysign(0.4, x), y + math.copysign(0.2, y))

    def _line_up_for_kick_off(self, restart: Restart) -> None:
        state, match, pitch = self.state, self.match, self.state.pitch
        for team in (0, 1):
            depth = 1.5 + (1.0 - state.depth[match, team]) * 30.0
            place = np.stack((-depth, state.side[match, team] * 0.36 * pitch.width), -1)
            place[0] = (4.0 - pitch.length / 2, 0.0)
            away = np.maximum(length(place), 0.1)
            if team != restart.team:
                outside = np.maximum(pitch.circle_radius + 0.6, away) / away
                place *= outside[:, None]
                place[:, 0] = np.minimum(place[:, 0], -0.8)
            for number, target in enumerate(place * TEAM_SIGN[team]):
                player = team * PLAYERS_PER_TEAM + number
                self.play.runs.assign(player, target, _JOG)
        # A goalkeeper never leaves his goal to kick off; the nearest to the centre does.
        first = restart.team * PLAYERS_PER_TEAM
        away = length(state.assigned_target[match, first + 1 : first + PLAYERS_PER_TEAM])
        self._restart = replace(restart, taker=first + 1 + int(away.argmin()))

    def _line_up_for_corner(self, restart: Restart) -> None:
        end, side = math.copysign(1.0, restart.spot[0]), math.copysign(1.0, restart.spot[1])
        for team, places in ((restart.team, _CORNER_RUNS), (1 - restart.team, _CORNER_GUARDS)):
            first = team * PLAYERS_PER_TEAM
            players = [p for p in range(first + 1, first + 11) if p != restart.taker]
            # Attackers come from the front of the team, defenders from its back.
            players = players[::-1] if team == restart.team else players
            for player, (back, aside) in zip(players, places, strict=False):
                x = end * (self.state.pitch.length / 2 - back)
                jitter = 0.7 * self.rng.standard_normal(2)
                self.play.runs.assign(player, np.array([x, side * aside]) + jitter, _JOG)

    def _line_up_for_throw_in(self, restart: Restart) -> None:
        first = restart.team * PLAYERS_PER_TEAM
        players = np.arange(first + 1, first + PLAYERS_PER_TEAM)
        players = players[players != restart.taker]
        away = length(self.state.position[self.match, players] - np.array(restart.spot))
        inwards = -math.copysign(1.0, restart.spot[1])
        for player in players[away.argsort()[:2]]:
            along, inside = self.rng.uniform(-9.0, 9.0), self.rng.uniform(4.0, 11.0)
            target = np.array(restart.spot) + np.array([along, inwards * inside])
            self.play.runs.assign(int(player), target, _JOG)

    def _celebrate(self, restart: Restart) -> None:
        """The scorers run to a corner, the others walk back."""
        scorers = 1 - restart.team
        sign = float(TEAM_SIGN[scorers])
        side = 1.0 if self.rng.random() < 0.5 else -1.0
        pitch = self.state.pitch
        corner = np.array([sign * (pitch.length / 2 - 5.0), side * (pitch.width / 2 - 6.0)])
        first = scorers * PLAYERS_PER_TEAM
        for player in range(first + 1, first + PLAYERS_PER_TEAM):
            huddle = corner + 2.2 * self.rng.standard_normal(2)
            self.play.runs.assign(player, huddle, float(self.rng.uniform(2.5, 6.0)))

    def _in_own_halves(self) -> bool:
        ahead = self.state.position[self.match, :NUM_PLAYERS, 0].copy()
        ahead[PLAYERS_PER_TEAM:] *= -1.0
        return bool((ahead < 0.6).all())

    # The ball --------------------------------------------------------------------------------

    def _roll_on(self, time: float, point: np.ndarray, goal: bool, carried: bool) -> None:
        """A ball that is out goes on until boards or net stop it."""
        play, pitch = self.play, self.state.pitch
        if carried:
            velocity = self.state.velocity[self.match, self.state.possessor[self.match]]
            flight = play.library.ground(0.0, float(np.hypot(*velocity)))
            play.launch(flight, math.atan2(velocity[1], velocity[0]), time, tuple(point))
            play.recording.segments.pop()
        limit = np.array([pitch.length / 2 + BOARDS, pitch.width / 2 + BOARDS])
        if goal:
            limit = np.array([pitch.length / 2 + _NET_DEPTH, pitch.goal_width / 2 - BALL_RADIUS])
        stopped_at = play.flight_reaches(limit, time)
        play.recording.segments.append(play.flight_segment(time, out=True, stopped_at=stopped_at))

    def _place_ball(self, time: float) -> None:
        restart = self._restart
        height = THROW_HEIGHT if restart.phase is Phase.THROW_IN else BALL_RADIUS
        point = (*restart.spot, height)
        segments = self.play.recording.segments
        segments.append(Segment(SegmentKind.STILL, time, out=True, point=point))
        self._restart = replace(restart, placed=True)

    def _goal(self, time: float, team: int, point: tuple[float, float]) -> None:
        play = self.play
        play.recording.add_event(time, EventKind.GOAL, None, team, point)
        play.score = (play.score[0] + (team == 0), play.score[1] + (team == 1))
        play.recording.note("score", time, play.score)
        self._begin(Phase.CELEBRATION, 1 - team, (0.0, 0.0), time)

    # Taking it -------------------------------------------------------------------------------

    def _take(self, restart: Restart, time: float) -> None:
        play = self.play
        play.settled_at = time + _SETTLE_AFTER
        self.state.assigned[self.match] = False
        outlook = Outlook(self.state, self.match, restart.taker)
        corner = restart.phase is Phase.CORNER
        kick = cross(outlook, play.library, self.rng) if corner else self._pass(outlook)
        height = THROW_HEIGHT if restart.phase is Phase.THROW_IN else BALL_RADIUS
        kick = replace(kick, kind=_EVENT_OF[restart.phase])
        play.kick(kick, restart.taker, time, (*restart.spot, height))

    def _pass(self, outlook: Outlook) -> Kick:
        library, rng, phase = self.play.library, self.rng, self._restart.phase
        scores, lanes = rate_passes(outlook, rng)
        away = length(outlook.mates - outlook.ball)
        if phase is Phase.THROW_IN:
            scores = scores - 0.3 * np.maximum(away - 12.0, 0.0)
            best = int(scores.argmax())
            flight = library.landing("throw", 0.85 * float(away[best]), int(rng.integers(1, 3)))
            angle = outlook.angle(outlook.mates[best] - outlook.ball)
            return Kick(EventKind.PASS, flight, angle, outlook.player(best))
        if phase is Phase.KICK_OFF:
            scores = scores - 0.2 * np.maximum(outlook.mates[:, 0] + 4.0, 0.0)
        elif rng.random() < 0.45:
            scores = scores + 0.08 * np.clip(away, 0.0, 45.0)
        best = int(scores.argmax())
        return pass_to(outlook, best, float(lanes[best]), library, rng)
