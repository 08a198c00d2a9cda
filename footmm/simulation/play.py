"""The ball of one match: who has it, where it goes, and what follows when it is touched."""

from __future__ import annotations

import math

import numpy as np

from footmm.simulation.decisions import (
    HEADER_HEIGHT,
    Kick,
    Outlook,
    decide,
    deflection_chance,
    dribble_direction,
    interception_chance,
)
from footmm.simulation.flight_library import DURATION, STEP, FlightLibrary
from footmm.simulation.recording import GRAVITY, Recording, Segment, SegmentKind, turned
from footmm.simulation.runs import Runs
from footmm.simulation.state import PLAYERS_PER_TEAM, TICK, BallState, BatchState
from footmm.simulation.tracks import BALL_RADIUS, STRATEGIES, EventKind, Phase

DEFENCES = ("high_press", "mid_block", "low_block")
ATTACKS = ("build_up", "counter_attack")
_BUILD_UP, _COUNTER_ATTACK, _SET_PIECE = (
    STRATEGIES.index(name) for name in ("build_up", "counter_attack", "set_piece")
)
_COUNTER_ATTACK_LASTS = 9.0
_NEVER = np.inf
_FEET_REACH = 0.9


class Play:
    """One match of a batch.

    Args:
        state: All matches.
        match: Which of them.
        rng: The match's random generator.
        library: The flights.
        fixed: For each team the index of the strategy it always follows in its half of the game
            (with or without the ball), or none.

    Attributes:
        recording: What is kept of the match.
        runs: Runs that decisions ask for.
        settled_at: Seconds, when a restart is over and play is open again.
        score: Goals of both teams.
    """

    def __init__(
        self,
        state: BatchState,
        match: int,
        rng: np.random.Generator,
        library: FlightLibrary,
        fixed: tuple[int | None, int | None],
    ) -> None:
        self.state, self.match, self.rng, self.library = state, match, rng, library
        self.recording = Recording(state.pitch, library)
        self.runs = Runs(state, match, library)
        self.settled_at = 0.0
        self.score = (0, 0)
        self.phase = Phase.OPEN_PLAY
        self._fixed = fixed
        self._defences = [self._draw_defence(team) for team in (0, 1)]
        self._counter_until = 0.0
        self._kick: Kick | None = None
        self._touch: tuple[float, tuple[float, float, float]] = (0.0, (0.0, 0.0, 0.0))
        self._noted_strategy: tuple[int, int] | None = None
        self._noted_team: int | None = None

    # Teams -----------------------------------------------------------------------------------

    def _draw_defence(self, team: int) -> int:
        fixed = self._fixed[team]
        if fixed is not None and STRATEGIES[fixed] in DEFENCES:
            return fixed
        return STRATEGIES.index(DEFENCES[self.rng.choice(3, p=(0.35, 0.45, 0.2))])

    def _draw_attack(self, team: int, regained: bool, time: float) -> int:
        fixed = self._fixed[team]
        if fixed is not None and STRATEGIES[fixed] in ATTACKS:
            return fixed
        if regained and self.rng.random() < 0.4:
            self._counter_until = time + _COUNTER_ATTACK_LASTS
            return _COUNTER_ATTACK
        return _BUILD_UP

    def change_defences(self) -> None:
        """Let both teams think again of how to defend."""
        self._defences = [self._draw_defence(team) for team in (0, 1)]

    def give_to(self, team: int, time: float, regained: bool = False) -> None:
        """Make a team the one in possession.

        Args:
            team: 0 or 1.
            time: Seconds.
            regained: Whether it took the ball from the other one in open play.
        """
        style = self.state.style[self.match]
        changed = self.state.team[self.match] != team
        self.state.team[self.match] = team
        if changed or style[team] not in (_BUILD_UP, _COUNTER_ATTACK):
            style[team] = self._draw_attack(team, regained, time)
        style[1 - team] = self._defences[1 - team]
        self.note(time)

    def note(self, time: float) -> None:
        """Bring the labels of teams and phase up to date."""
        restarting = time < self.settled_at
        team = int(self.state.team[self.match])
        style = self.state.style[self.match]
        if style[team] == _COUNTER_ATTACK and time > self._counter_until:
            style[team] = self._draw_attack(team, False, time)
        strategy = (_SET_PIECE,) * 2 if restarting else (int(style[0]), int(style[1]))
        if strategy != self._noted_strategy:
            self.recording.note("strategy", time, strategy)
            self._noted_strategy = strategy
        if team != self._noted_team:
            self.recording.note("team_in_possession", time, team)
            self._noted_team = team
        if not restarting and self.phase is not Phase.OPEN_PLAY:
            self.set_phase(Phase.OPEN_PLAY, time)

    def set_phase(self, phase: Phase, time: float) -> None:
        """Begin a phase of play."""
        self.phase = phase
        self.recording.note("phase", time, int(phase))

    def set_formation(self, formations: tuple[int, int], time: float) -> None:
        """Set both teams' formations, by their indices."""
        for team, formation in enumerate(formations):
            self.state.set_formation(self.match, team, formation)
        self.recording.note("formation", time, formations)

    # The ball at the feet --------------------------------------------------------------------

    def own(self, player: int, tick: int, patience: float = 1.0) -> None:
        """Give a player the ball at his feet.

        Args:
            player: 0 to 21.
            tick: The tick from which on he has it.
            patience: Mean seconds until he decides what to do.
        """
        state, match, time = self.state, self.match, tick * TICK
        state.ball_state[match] = BallState.CARRIED
        state.possessor[match] = player
        state.owned_since[match] = tick
        state.blocked_until[match] = 0.0
        self.recording.segments.append(Segment(SegmentKind.CARRIED, time, player=player))
        if player % PLAYERS_PER_TEAM == 0:
            patience += 1.5
        wait = 0.3 + patience * self.rng.exponential()
        state.decide_at[match] = tick + 1 + round(min(wait, 5.0) / TICK)
        self.note(time)
        self.run_with_ball(player, time)

    def run_with_ball(self, player: int, time: float) -> None:
        """Let the possessor take the ball where there is space."""
        state, match = self.state, self.match
        outlook = Outlook(state, match, player)
        direction = dribble_direction(outlook, self.rng)
        free = outlook.pressure > 6.0
        pace = self.rng.uniform(2.0, 4.5) if free else self.rng.uniform(3.5, 6.5)
        if player % PLAYERS_PER_TEAM == 0:
            pace = 1.5
        self.runs.assign_only(player, state.position[match, player] + 9.0 * direction, pace)
        if pace > 4.0:
            self._event(time, EventKind.DRIBBLE, player)

    def think(self, tick: int) -> None:
        """Let the possessor decide."""
        state, match = self.state, self.match
        player = int(state.possessor[match])
        held_for = (tick - state.owned_since[match]) * TICK
        outlook = Outlook(state, match, player)
        kick = decide(outlook, self.library, self.rng, must=held_for > 5.0)
        if kick is None:
            state.decide_at[match] = tick + int(self.rng.integers(4, 12))
            self.run_with_ball(player, tick * TICK)
            return
        self.kick(kick, player, tick * TICK, tuple(state.ball[match]))

    def tackle(self, tackler: int, tick: int) -> None:
        """Let an opponent who is near enough try to take the ball."""
        state, match, time = self.state, self.match, tick * TICK
        loser = int(state.possessor[match])
        if self.rng.random() < 0.45:
            state.blocked_until[match, tackler] = time + 1.2
            return
        self._event(time, EventKind.TACKLE, tackler)
        gap = state.ball[match, :2] - state.position[match, tackler]
        if self.rng.random() < 0.6 and np.hypot(*gap) < _FEET_REACH:
            state.dribble[match] = gap
            self.give_to(tackler // PLAYERS_PER_TEAM, time, regained=True)
            self.own(tackler, tick, patience=0.7)
        else:
            angle = self.rng.uniform(-math.pi, math.pi)
            flight = self.library.families["ground"].start + int(self.rng.integers(6, 20))
            self.touched_by(tackler, time)
            self.launch(flight, angle, time, tuple(state.ball[match]))
            self._kick = None
            self.chase(time)
        state.blocked_until[match, loser] = time + 0.8

    # Kicks -----------------------------------------------------------------------------------

    def kick(self, kick: Kick, player: int, time: float, point: tuple[float, float, float]) -> None:
        """Let a player kick the ball from where it is.

        Args:
            kick: The kick.
            player: 0 to 21.
            time: Seconds.
            point: Where the ball is, metres.
        """
        self._event(time, kick.kind, player, kick.target, point)
        self._kick = kick
        self.launch(kick.flight, kick.angle, time, point)
        blocked = self.state.blocked_until[self.match]
        blocked[:] = 0.0
        if kick.target is not None:
            # Team-mates let a pass run that is not for them.
            own = player // PLAYERS_PER_TEAM * PLAYERS_PER_TEAM
            blocked[own : own + PLAYERS_PER_TEAM] = time + 1.5
            blocked[kick.target] = 0.0
        blocked[player] = time + 0.7
        self.note(time)
        self.chase(time)

    def launch(
        self,
        flight: int,
        angle: float,
        time: float,
        point: tuple[float, float, float],
        height: float | None = None,
    ) -> None:
        """Set the ball off on a flight of the library.

        Args:
            flight: Index of the flight.
            angle: Radians, world frame.
            time: Seconds.
            point: Where the ball is, metres.
            height: Height at which the library's flight is entered; that of the point if not
                given.
        """
        state, match = self.state, self.match
        height = point[2] if height is None else height
        above_start = height > self.library.position[flight, 0, 2] + 0.02
        passed = self.library.entry(flight, height) if above_start else 0.0
        turn = np.array([math.cos(angle), math.sin(angle)])
        way, _, _ = self.library.sample(np.array([flight]), np.array([passed]))
        state.ball_state[match] = BallState.FLIGHT
        state.flight[match] = flight
        state.flight_turn[match] = turn
        state.flight_start[match] = time - passed
        state.flight_origin[match] = np.array(point[:2]) - turned(way, turn[None])[0, :2]
        self.recording.segments.append(self.flight_segment(time))

    def flight_segment(self, time: float, **changes: object) -> Segment:
        """The present flight as a segment from a time on."""
        state, match = self.state, self.match
        return Segment(
            SegmentKind.FLIGHT,
            time,
            flight=int(state.flight[match]),
            flight_start=float(state.flight_start[match]),
            origin=tuple(state.flight_origin[match]),
            turn=tuple(state.flight_turn[match]),
            **changes,
        )

    def flight_reaches(self, limit: np.ndarray, time: float) -> float:
        """Seconds when the present flight is about to leave ``|x|, |y| <= limit``, from a time on.

        Args:
            limit: ``(2,)``, metres.
            time: Seconds.
        """
        state, match = self.state, self.match
        seconds = time - state.flight_start[match] + np.arange(0.0, DURATION, STEP)
        way, _, _ = self.library.sample(state.flight[match, None], seconds[None])
        place = turned(way, state.flight_turn[match, None])[0, :, :2] + state.flight_origin[match]
        beyond = (np.abs(place) > limit).any(-1)
        if not beyond.any():
            return math.inf
        return time + max(int(beyond.argmax()) - 1, 0) * STEP

    # Touches ---------------------------------------------------------------------------------

    def touch(
        self, player: int, time: float, point: tuple[float, float, float], speed: float
    ) -> None:
        """Let a player who can reach the flying or rolling ball play it.

        Args:
            player: 0 to 21.
            time: Seconds.
            point: Where the ball is, metres.
            speed: The ball's speed, metres a second.
        """
        own_team = player // PLAYERS_PER_TEAM == self.state.team[self.match]
        if player % PLAYERS_PER_TEAM == 0:
            self._goalkeeper_touch(player, time, point, speed, own_team)
        elif not own_team and self.rng.random() > interception_chance(speed, point[2]):
            self.state.blocked_until[self.match, player] = _NEVER
        elif point[2] > HEADER_HEIGHT:
            self._head(player, time, point)
        elif self.rng.random() < deflection_chance(speed, own_team):
            self._deflect(player, time, point, self.rng.uniform(0.3, 0.7) * speed)
        else:
            gained = not own_team and self._kick is not None
            kind = EventKind.INTERCEPTION if gained else EventKind.RECEPTION
            self._event(time, kind, player, None, point)
            self.control(player, time, point)

    def control(
        self, player: int, time: float, point: tuple[float, float, float], least: float = 0.08
    ) -> None:
        """Let a player bring the ball under control, which takes as long as it falls."""
        state, match = self.state, self.match
        fall = math.sqrt(max(2 * (point[2] - BALL_RADIUS) / GRAVITY, 0.0))
        end = math.ceil((time + max(fall, least)) / TICK - 1e-6)
        team = player // PLAYERS_PER_TEAM
        self.give_to(team, time, regained=team != state.team[match])
        state.ball_state[match] = BallState.CONTROL
        state.possessor[match] = player
        state.control_until[match] = end
        self._touch = (time, point)
        direction = state.facing[match, player]
        # Take the pace out of a run on the ball, but do not stop.
        self.runs.assign_only(player, state.position[match, player] + 4.0 * direction, 3.0)

    def end_control(self, tick: int) -> None:
        """The ball is at the feet of who touched it."""
        state, match = self.state, self.match
        player = int(state.possessor[match])
        state.dribble[match] = 0.45 * state.facing[match, player]
        self.recording.segments.append(self._control_segment(tick))
        pressed = Outlook(state, match, player).pressure < 3.0
        self.own(player, tick, patience=0.8 if pressed else 2.1)

    def flush(self, tick: int) -> None:
        """Keep what is under way when the match ends."""
        if self.state.ball_state[self.match] == BallState.CONTROL:
            self.state.dribble[self.match] = 0.0
            self.recording.segments.append(self._control_segment(tick + 1))

    def _control_segment(self, tick: int) -> Segment:
        state, match = self.state, self.match
        player = int(state.possessor[match])
        time, point = self._touch
        return Segment(
            SegmentKind.CONTROL,
            time,
            player=player,
            point=point,
            end=tick * TICK,
            end_point=tuple(state.position[match, player] + state.dribble[match]),
        )

    def touched_by(self, player: int, time: float) -> None:
        """Note whose the ball is after a touch that leaves it loose."""
        team = player // PLAYERS_PER_TEAM
        if team != self.state.team[self.match]:
            self.give_to(team, time, regained=True)

    def _goalkeeper_touch(
        self,
        player: int,
        time: float,
        point: tuple[float, float, float],
        speed: float,
        own_team: bool,
    ) -> None:
        shot = self._kick is not None and self._kick.kind is EventKind.SHOT and not own_team
        if shot and self.rng.random() < 0.005 * speed:
            self.state.blocked_until[self.match, player] = _NEVER
            return
        kind = EventKind.SAVE if shot else EventKind.RECEPTION
        if not shot and not own_team:
            kind = EventKind.INTERCEPTION
        self._event(time, kind, player, None, point)
        if shot and self.rng.random() < 0.6:
            side = math.copysign(1.0, point[1]) * self.rng.uniform(0.7, 1.7)
            sign = 1.0 if player == 0 else -1.0
            away = sign * self.rng.uniform(-1.8, 0.2)
            self._loose(player, math.atan2(side, away), time, point, 0.4 * speed)
            return
        self.control(player, time, point, least=0.3)

    def _head(self, player: int, time: float, point: tuple[float, float, float]) -> None:
        outlook = Outlook(self.state, self.match, player)
        rng = self.rng
        flight = self.library.rising(point[2] + 0.1, float(rng.uniform(9.0, 15.0)))
        near_goal = outlook.goal_distance < 13.0
        aim = np.array([1.0, rng.uniform(-0.8, 0.8)])
        if outlook.ball[0] < 9.0 - outlook.half_length and rng.random() < 0.4:
            # Too near to the own goal for anything but over the goal line.
            aim = np.array([-0.7, math.copysign(1.0, outlook.ball[1])])
        if near_goal:
            aim = np.array(outlook.goal) - outlook.ball
            flight = self.library.rising(point[2] + 0.05, 11.0)
        self.touched_by(player, time)
        kind = EventKind.SHOT if near_goal else EventKind.HEADER
        angle = outlook.angle(aim) + 0.15 * rng.standard_normal()
        self.kick(Kick(kind, flight, angle), player, time, point)

    def _deflect(
        self, player: int, time: float, point: tuple[float, float, float], speed: float
    ) -> None:
        turn = self.state.flight_turn[self.match]
        aside = self.rng.uniform(0.3, 2.4) * (1.0 if self.rng.random() < 0.5 else -1.0)
        angle = math.atan2(turn[1], turn[0]) + aside
        if player // PLAYERS_PER_TEAM != self.state.team[self.match]:
            self._event(time, EventKind.INTERCEPTION, player, None, point)
        self._loose(player, angle, time, point, speed)

    def _loose(
        self,
        player: int,
        angle: float,
        time: float,
        point: tuple[float, float, float],
        speed: float,
    ) -> None:
        if point[2] > BALL_RADIUS + 0.02:
            flight = self.library.rising(point[2], speed)
        else:
            flight = self.library.ground(0.0, speed)
        self.touched_by(player, time)
        self._kick = None
        self.launch(flight, angle, time, point)
        self.state.blocked_until[self.match] = 0.0
        self.state.blocked_until[self.match, player] = time + 0.5
        self.chase(time)

    def chase(self, time: float) -> None:
        """Send players to the flying or rolling ball."""
        self.runs.chase(time, None if self._kick is None else self._kick.target)

    def _event(
        self,
        time: float,
        kind: EventKind,
        player: int,
        target: int | None = None,
        point: tuple[float, ...] | None = None,
    ) -> None:
        x, y = (self.state.ball[self.match] if point is None else point)[:2]
        team = player // PLAYERS_PER_TEAM
        self.recording.add_event(time, kind, player, team, (float(x), float(y)), target)
