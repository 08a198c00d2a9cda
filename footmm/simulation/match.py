"""A football match: two teams, three referees and the ball, for minutes, at any rate.

``simulate_match`` plays one match, ``simulate_matches`` many of them side by side, which costs far
less for each. What happens is decided in ticks of a tenth of a second; frames of any rate are cut
out of the motion in between, see :mod:`footmm.simulation.recording`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.flight_library import FlightLibrary, flight_library
from footmm.simulation.formations import FORMATIONS, formation_index
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.play import ATTACKS, DEFENCES, Play
from footmm.simulation.recording import Recording, turned
from footmm.simulation.restarts import Restarts
from footmm.simulation.state import (
    BOTTOM_ASSISTANT,
    PLAYERS_PER_TEAM,
    REFEREE,
    TICK,
    TICKS_PER_PLAN,
    TOP_ASSISTANT,
    BallState,
    BatchState,
    length,
)
from footmm.simulation.tactics import plan
from footmm.simulation.tracks import BALL_RADIUS, MatchTracks, strategy_index

_SUBSTEPS = np.arange(1, 6)
_TACKLE_RANGE = 1.2
_TACKLE_CHANCE = 0.12
_SAFE_TICKS = 5
_RECHASE_TICKS = 6
_HURRY_RANGE = 1.8
_HURRY_TICKS = 6
_SECONDS_BETWEEN_CHANGES = 120.0
# Height below which a player reaches the ball, and how far from him.
_REACH = ((0.5, 0.75), (1.4, 0.6), (2.2, 0.5))
_KEEPER_REACH, _KEEPER_HEIGHT = 2.4, 2.5


@dataclass(frozen=True)
class MatchSettings:
    """What is given of a match; the rest is drawn from its seed.

    Attributes:
        duration_s: Seconds.
        rate: Frames a second.
        pitch: The pitch.
        home_formation: Formation of the team that begins on the left, which it keeps; drawn and
            changed now and then if not given.
        away_formation: The same for the other team.
        home_strategy: Strategy of that team whenever it has the ball, or whenever it has not,
            depending on the strategy; drawn if not given.
        away_strategy: The same for the other team.

    Raises:
        ConfigError: A value is impossible.
    """

    duration_s: float = 60.0
    rate: float = 25.0
    pitch: PitchDimensions = field(default_factory=PitchDimensions)
    home_formation: str | None = None
    away_formation: str | None = None
    home_strategy: str | None = None
    away_strategy: str | None = None

    def __post_init__(self) -> None:
        for name in ("duration_s", "rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}={getattr(self, name)}: give a positive number")
        for name in (self.home_formation, self.away_formation):
            if name is not None:
                formation_index(name)
        for name in (self.home_strategy, self.away_strategy):
            if name is not None:
                strategy_index(name, DEFENCES + ATTACKS)

    @property
    def formations(self) -> tuple[int | None, int | None]:
        """Indices of the given formations."""
        names = (self.home_formation, self.away_formation)
        return tuple(None if name is None else formation_index(name) for name in names)

    @property
    def strategies(self) -> tuple[int | None, int | None]:
        """Indices of the given strategies."""
        names = (self.home_strategy, self.away_strategy)
        return tuple(None if name is None else strategy_index(name) for name in names)


def simulate_match(settings: MatchSettings, seed: int | np.random.SeedSequence) -> MatchTracks:
    """Play one match.

    Args:
        settings: What is given of it.
        seed: Decides everything else.
    """
    return simulate_matches(settings, [seed])[0]


def simulate_matches(
    settings: MatchSettings, seeds: Sequence[int | np.random.SeedSequence]
) -> list[MatchTracks]:
    """Play many matches side by side.

    Args:
        settings: What is given of all of them.
        seeds: One for each; a match is the same whatever others it is played with.
    """
    recordings = _Simulation(settings, seeds).run()
    return [recording.tracks(settings.rate, settings.duration_s) for recording in recordings]


def _streams(seed: int | np.random.SeedSequence) -> list[np.random.SeedSequence]:
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    # Not spawn(): it counts, so a second match of the same sequence would be another one.
    return [
        np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, stream))
        for stream in range(3)
    ]


class _Simulation:
    def __init__(
        self, settings: MatchSettings, seeds: Sequence[int | np.random.SeedSequence]
    ) -> None:
        self.settings = settings
        self.num_ticks = int(np.ceil(settings.duration_s / TICK)) + 1
        # Separate streams, so that a longer match begins like a shorter one.
        for_agents, for_chances, for_plays = zip(*(_streams(seed) for seed in seeds), strict=True)
        plans = self.num_ticks // TICKS_PER_PLAN + 1
        self.state = BatchState(for_agents, settings.pitch, plans)
        chances = [np.random.default_rng(seed).random(self.num_ticks) for seed in for_chances]
        self.chance = np.stack(chances, 1)
        self.library: FlightLibrary = flight_library()
        self.plays = [
            Play(self.state, match, np.random.default_rng(seed), self.library, settings.strategies)
            for match, seed in enumerate(for_plays)
        ]
        self.restarts = [Restarts(play) for play in self.plays]
        self.changes = np.zeros(len(seeds))
        self.formations = [(0, 0)] * len(seeds)
        self._start()

    def _start(self) -> None:
        state = self.state
        for match, play in enumerate(self.plays):
            self._change_teams(match, 0.0)
            play.recording.note("score", 0.0, (0, 0))
            self.restarts[match].kick_off_at_start()
        state.position[:, REFEREE] = (-4.0, 10.5)
        state.position[:, BOTTOM_ASSISTANT] = (25.0, -self.settings.pitch.width / 2 - 0.8)
        state.position[:, TOP_ASSISTANT] = (-25.0, self.settings.pitch.width / 2 + 0.8)
        plan(state)

    def _change_teams(self, match: int, time: float) -> None:
        """Draw formations and ways to defend, as coaches do now and then."""
        play = self.plays[match]
        fixed = self.settings.formations
        drawn = play.rng.integers(0, len(FORMATIONS), 2)
        self.formations[match] = tuple(
            int(new) if given is None else given for new, given in zip(drawn, fixed, strict=True)
        )
        play.set_formation(self.formations[match], time)
        play.change_defences()
        self.changes[match] = time + _SECONDS_BETWEEN_CHANGES * play.rng.uniform(0.5, 1.5)

    def run(self) -> list[Recording]:
        """Play all ticks."""
        state = self.state
        logs = {
            name: np.empty((self.num_ticks, *getattr(state, name).shape))
            for name in ("position", "velocity", "facing", "dribble")
        }
        logs["acceleration"] = np.empty_like(logs["position"])
        logs["dribble_end"] = np.empty_like(logs["dribble"])
        for tick in range(self.num_ticks):
            for name in ("position", "velocity", "facing", "dribble"):
                logs[name][tick] = getattr(state, name)
            if tick % TICKS_PER_PLAN == 0:
                state.stroll(tick // TICKS_PER_PLAN)
                plan(state)
            before = state.position
            logs["acceleration"][tick] = state.move()
            self._carry(tick, logs["dribble_end"][tick])
            self._play_on(tick, before)
        for match, play in enumerate(self.plays):
            play.flush(self.num_ticks)
            for name, log in logs.items():
                setattr(play.recording, name, np.ascontiguousarray(log[:, match]))
        return [play.recording for play in self.plays]

    def _carry(self, tick: int, dribble_end: np.ndarray) -> None:
        """Move balls with those who have them."""
        state = self.state
        held = np.flatnonzero(state.ball_state <= BallState.CONTROL)
        who = state.possessor[held]
        facing, speed = state.facing[held, who], length(state.velocity[held, who])
        wanted = facing * (0.4 + 0.05 * speed)[:, None]
        state.dribble[held] += 0.35 * (wanted - state.dribble[held])
        state.ball[held, :2] = state.position[held, who] + state.dribble[held]
        state.ball[held, 2] = BALL_RADIUS
        dribble_end[:] = state.dribble

    def _play_on(self, tick: int, before: np.ndarray) -> None:
        """Everything that may happen to the balls between a tick and the next."""
        state = self.state
        states = state.ball_state.copy()
        carried = np.flatnonzero(states == BallState.CARRIED)
        if carried.size:
            self._challenge(carried, tick)
        ready = (states == BallState.CONTROL) & (state.control_until <= tick + 1)
        for match in np.flatnonzero(ready):
            self.plays[match].end_control(tick + 1)
        flying = np.flatnonzero(states == BallState.FLIGHT)
        if flying.size:
            self._fly(flying, tick, before)
        for match in np.flatnonzero(states == BallState.DEAD):
            if (tick + 1) * TICK > self.changes[match]:
                self._change_teams(match, (tick + 1) * TICK)
            self.restarts[match].advance(tick + 1)

    def _challenge(self, carried: np.ndarray, tick: int) -> None:
        """Tackles and decisions of those with the ball."""
        state, pitch = self.state, self.settings.pitch
        who = state.possessor[carried]
        ball = state.ball[carried, :2]
        away = length(state.position[carried, :NUM_PLAYERS] - ball[:, None])
        teams = np.arange(NUM_PLAYERS) // PLAYERS_PER_TEAM
        away[teams == (who // PLAYERS_PER_TEAM)[:, None]] = np.inf
        nearest = away.min(1)
        waiting = state.decide_at[carried] - tick
        hurried = (nearest < _HURRY_RANGE) & (waiting > _HURRY_TICKS)
        state.decide_at[carried[hurried]] = tick + _HURRY_TICKS
        away[state.blocked_until[carried] > (tick + 1) * TICK] = np.inf
        tackler = away.argmin(1)
        tackled = (away.min(1) < _TACKLE_RANGE) & (self.chance[tick, carried] < _TACKLE_CHANCE)
        tackled &= (tick - state.owned_since[carried] > _SAFE_TICKS) & (who % PLAYERS_PER_TEAM > 0)
        decides = state.decide_at[carried] <= tick + 1
        limit = np.array([pitch.length / 2, pitch.width / 2]) + BALL_RADIUS
        out = (np.abs(ball) > limit).any(-1)
        for row in np.flatnonzero(tackled | decides | out):
            match = carried[row]
            if out[row]:
                self.restarts[match].went_out((tick + 1) * TICK, state.ball[match].copy(), True)
            elif tackled[row]:
                self.plays[match].tackle(int(tackler[row]), tick + 1)
            else:
                self.plays[match].think(tick + 1)

    def _fly(self, flying: np.ndarray, tick: int, before: np.ndarray) -> None:
        """Balls on their way: who touches them, and do they go out."""
        state = self.state
        shares = _SUBSTEPS / len(_SUBSTEPS)
        seconds = (tick + shares) * TICK - state.flight_start[flying, None]
        ball, velocity, _ = self.library.sample(state.flight[flying], seconds)
        ball = turned(ball, state.flight_turn[flying])
        ball[..., :2] += state.flight_origin[flying, None]
        reached = self._reached(flying, tick, ball, before[flying, :NUM_PLAYERS])
        out = self._beyond(ball)
        state.ball[flying] = ball[:, -1]
        touched = reached.any(2)
        first_touch = np.where(touched.any(1), touched.argmax(1), len(shares))
        first_out = np.where(out.any(1), out.argmax(1), len(shares))
        something = (first_touch < len(shares)) | (first_out < len(shares))
        rechase = tick % _RECHASE_TICKS == 0
        for row in np.flatnonzero(something | rechase):
            match, step = flying[row], min(first_touch[row], first_out[row])
            if step == len(shares):
                self.plays[match].chase((tick + 1) * TICK)
                continue
            time, point = (tick + float(shares[step])) * TICK, ball[row, step]
            if first_out[row] <= first_touch[row]:
                self.restarts[match].went_out(time, point, False)
                continue
            player = int(reached[row, step].argmax())
            speed = float(np.sqrt((velocity[row, step] ** 2).sum()))
            self.plays[match].touch(player, time, tuple(map(float, point)), speed)

    def _reached(
        self, flying: np.ndarray, tick: int, ball: np.ndarray, before: np.ndarray
    ) -> np.ndarray:
        """``(N, 5, 22)``, who reaches the ball when."""
        state, pitch = self.state, self.settings.pitch
        shares = (_SUBSTEPS / len(_SUBSTEPS))[:, None, None]
        after = state.position[flying, :NUM_PLAYERS]
        players = before[:, None] + shares * (after - before)[:, None]
        away = length(ball[..., None, :2] - players)
        height = ball[..., 2]
        reach = np.select([height < top for top, _ in _REACH], [near for _, near in _REACH], -1.0)
        reach = np.repeat(reach[..., None], NUM_PLAYERS, -1)
        area = np.abs(ball[..., 0]) > pitch.length / 2 - pitch.penalty_area_length
        area &= (np.abs(ball[..., 1]) < pitch.penalty_area_width / 2) & (height < _KEEPER_HEIGHT)
        for keeper, side in ((0, -1.0), (PLAYERS_PER_TEAM, 1.0)):
            handles = area & (side * ball[..., 0] > 0)
            reach[..., keeper] = np.where(handles, _KEEPER_REACH, reach[..., keeper])
        free = state.blocked_until[flying] < (tick + 1) * TICK
        return (away < reach) & free[:, None]

    def _beyond(self, ball: np.ndarray) -> np.ndarray:
        pitch = self.settings.pitch
        limit = np.array([pitch.length / 2, pitch.width / 2]) + BALL_RADIUS
        return (np.abs(ball[..., :2]) > limit).any(-1)
