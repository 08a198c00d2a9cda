"""What is kept of one match while it is played, and its conversion to frames at any rate.

Between ticks every agent moves with a constant acceleration, and the ball follows one segment
after the other: at somebody's feet, in a flight, coming under control, or lying still. Frames are
evaluated from those, so they are exact at every rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from footmm.pitch.ballistics import BallPhysics
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.frames import azimuth
from footmm.simulation.flight_library import FlightLibrary
from footmm.simulation.formations import FORMATIONS
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.state import TICK
from footmm.simulation.tracks import (
    BALL_RADIUS,
    BallMode,
    EventKind,
    MatchEvent,
    MatchTracks,
    first_frame,
)

GRAVITY = float(BallPhysics().gravity)
"""Metres a second squared."""

_ROLE_TABLE = np.array([[slot.role for slot in f.slots] for f in FORMATIONS], np.int8)
_FLYING_HEIGHT = BALL_RADIUS + 0.02
_LATER = 1e-9


class SegmentKind(IntEnum):
    """What moves the ball for a while."""

    CARRIED = 0
    CONTROL = 1
    FLIGHT = 2
    STILL = 3


@dataclass(frozen=True)
class Segment:
    """The ball's way until the next segment starts.

    Attributes:
        kind: What moves it.
        start: Seconds.
        out: Whether it is out of play.
        player: Who carries it.
        flight: Index of the flight in the library.
        flight_start: Seconds, when that flight would have begun.
        origin: ``(x, y)``, where it would have begun.
        turn: Cosine and sine of its direction.
        stopped_at: Seconds, when boards or net stop a ball that is out; it falls on from there.
        point: ``(x, y, z)`` at the start; for a ball that lies still or comes under control.
        end: Seconds, when it is under control.
        end_point: ``(x, y)`` then.
    """

    kind: SegmentKind
    start: float
    out: bool = False
    player: int = 0
    flight: int = 0
    flight_start: float = 0.0
    origin: tuple[float, float] = (0.0, 0.0)
    turn: tuple[float, float] = (1.0, 0.0)
    stopped_at: float = np.inf
    point: tuple[float, float, float] = (0.0, 0.0, BALL_RADIUS)
    end: float = 0.0
    end_point: tuple[float, float] = (0.0, 0.0)


@dataclass
class Recording:
    """One match.

    Attributes:
        pitch: The pitch.
        library: The flights.
        segments: The ball's segments, in the order of time.
        events: ``(time, kind, agent, team, target, position)``, in the order of time.
        timelines: For every label the times from which on it has a value, and the values.
        position: ``(K + 1, 25, 2)`` at the ticks.
        velocity: ``(K + 1, 25, 2)``.
        acceleration: ``(K, 25, 2)`` between them.
        facing: ``(K + 1, 25, 2)``.
        dribble: ``(K, 2)``, from the possessor to the ball when an interval begins.
        dribble_end: ``(K, 2)``, the same when it ends, before anybody else takes the ball.
    """

    pitch: PitchDimensions
    library: FlightLibrary
    segments: list[Segment] = field(default_factory=list)
    events: list[tuple] = field(default_factory=list)
    timelines: dict[str, tuple[list[float], list]] = field(default_factory=dict)
    position: np.ndarray = field(init=False)
    velocity: np.ndarray = field(init=False)
    acceleration: np.ndarray = field(init=False)
    facing: np.ndarray = field(init=False)
    dribble: np.ndarray = field(init=False)
    dribble_end: np.ndarray = field(init=False)

    def note(self, label: str, time: float, value: int | tuple[int, int]) -> None:
        """Set a label from a time on."""
        times, values = self.timelines.setdefault(label, ([], []))
        times.append(time)
        values.append(value)

    def add_event(
        self,
        time: float,
        kind: EventKind,
        agent: int | None,
        team: int,
        position: tuple[float, float],
        target: int | None = None,
    ) -> None:
        """Keep an event; see :class:`footmm.simulation.tracks.MatchEvent`."""
        self.events.append((time, kind, agent, team, target, position))

    def tracks(self, rate: float, duration: float) -> MatchTracks:
        """The match as frames.

        Args:
            rate: Frames a second.
            duration: Seconds; the last frame is the last one before its end.
        """
        # The tiny shift puts a frame on a tick after what happens at that tick.
        times = np.arange(max(round(duration * rate), 1)) / rate + _LATER
        tick = np.minimum((times / TICK).astype(np.int64), len(self.acceleration) - 1)
        since = times - tick * TICK
        position, velocity = self._agents(tick, since)
        ball = self._ball(times, tick, since, position, velocity)
        headings = azimuth(self.facing[tick])
        turned = azimuth(self.facing[tick + 1]) - headings
        turned = (turned + np.pi) % (2 * np.pi) - np.pi
        labels = {name: self._label(name, times) for name in self.timelines}
        formation = labels["formation"]
        role = _ROLE_TABLE[formation].reshape(len(times), NUM_PLAYERS)
        return MatchTracks(
            rate=rate,
            pitch=self.pitch,
            positions=position.astype(np.float32),
            velocities=velocity.astype(np.float32),
            headings=(headings + (since / TICK)[:, None] * turned).astype(np.float32),
            role=role,
            attacks_right=np.tile(np.array([True, False]), (len(times), 1)),
            events=tuple(
                MatchEvent(first_frame(time, rate), time, *rest)
                for time, *rest in self._events_before(times[-1])
            ),
            **labels,
            **ball,
        )

    def _events_before(self, end: float) -> list[tuple]:
        return [
            (time, kind, agent, team, target, position)
            for time, kind, agent, team, target, position in self.events
            if time <= end
        ]

    def _label(self, name: str, times: np.ndarray) -> np.ndarray:
        since, values = self.timelines[name]
        index = np.searchsorted(np.array(since), times, side="right") - 1
        return np.array(values, np.int8)[index]

    def _agents(self, tick: np.ndarray, since: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        since = since[:, None, None]
        velocity, acceleration = self.velocity[tick], self.acceleration[tick]
        return (
            self.position[tick] + since * (velocity + since / 2 * acceleration),
            velocity + since * acceleration,
        )

    def _ball(
        self,
        times: np.ndarray,
        tick: np.ndarray,
        since: np.ndarray,
        agents: np.ndarray,
        agent_velocities: np.ndarray,
    ) -> dict[str, np.ndarray]:
        starts = np.array([segment.start for segment in self.segments])
        index = np.searchsorted(starts, times, side="right") - 1
        used, index = np.unique(index, return_inverse=True)
        segments = [self.segments[number] for number in used]
        kind, out, player = (_column(segments, name)[index] for name in ("kind", "out", "player"))
        position, velocity = np.zeros((len(times), 3)), np.zeros((len(times), 3))
        rolls = np.zeros(len(times), bool)

        rows = np.flatnonzero(kind == SegmentKind.STILL)
        position[rows] = _column(segments, "point")[index[rows]]
        rows = np.flatnonzero(kind == SegmentKind.CONTROL)
        position[rows], velocity[rows] = _under_control(segments, index[rows], times[rows])
        rolls[rows] = position[rows, 2] <= _FLYING_HEIGHT
        rows = np.flatnonzero(kind == SegmentKind.FLIGHT)
        position[rows], velocity[rows], rolls[rows] = self._flights(
            segments, index[rows], times[rows]
        )
        carried = kind == SegmentKind.CARRIED
        rows = np.flatnonzero(carried)
        carriers = rows, player[rows]
        position[rows], velocity[rows] = self._carried(
            agents[carriers], agent_velocities[carriers], tick[rows], since[rows]
        )
        mode = np.where(rolls, BallMode.ROLL, BallMode.FLY)
        mode = np.where(carried, BallMode.POSSESSED, mode)
        return dict(
            ball_position=position.astype(np.float32),
            ball_velocity=velocity.astype(np.float32),
            ball_mode=np.where(out, BallMode.OUT, mode).astype(np.int8),
            possessor=player.astype(np.int8),
            has_possessor=carried,
        )

    def _carried(
        self, feet: np.ndarray, speed: np.ndarray, tick: np.ndarray, since: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ball at the feet, from one end of the tick to the other."""
        begin = self.dribble[tick]
        change = self.dribble_end[tick] - begin
        height = np.full((len(tick), 1), BALL_RADIUS)
        place = feet + begin + (since / TICK)[:, None] * change
        return (
            np.concatenate((place, height), 1),
            np.concatenate((speed + change / TICK, 0.0 * height), 1),
        )

    def _flights(
        self, segments: list[Segment], index: np.ndarray, times: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        flight = _column(segments, "flight")[index]
        start = _column(segments, "flight_start")[index]
        place, speed, rolls = self.library.sample(flight, times - start)
        stopped_at = _column(segments, "stopped_at")[index]
        stopped = times > stopped_at
        if stopped.any():
            rows = np.flatnonzero(stopped)
            held, _, _ = self.library.sample(flight[rows], (stopped_at - start)[rows])
            place[rows, :2], speed[rows, :2] = held[:, :2], 0.0
        turn = _column(segments, "turn")[index]
        position, velocity = turned(place, turn), turned(speed, turn)
        position[:, :2] += _column(segments, "origin")[index]
        return position, velocity, rolls


def turned(vectors: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Vectors of a flight along x, turned into its direction.

    Args:
        vectors: ``(N, 3)`` or ``(N, K, 3)``.
        turn: ``(N, 2)``, cosine and sine.

    Returns:
        Like ``vectors``.
    """
    shape = (len(turn), *(1,) * (vectors.ndim - 2))
    cosine, sine = turn[:, 0].reshape(shape), turn[:, 1].reshape(shape)
    forward, left = vectors[..., 0], vectors[..., 1]
    return np.stack(
        (cosine * forward - sine * left, sine * forward + cosine * left, vectors[..., 2]), -1
    )


def _column(segments: list[Segment], name: str) -> np.ndarray:
    return np.array([getattr(segment, name) for segment in segments])


def _under_control(
    segments: list[Segment], index: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A touched ball falls freely to the feet while the player takes it along."""
    start, end = _column(segments, "start")[index], _column(segments, "end")[index]
    point, end_point = _column(segments, "point")[index], _column(segments, "end_point")[index]
    since = times - start
    speed = (end_point - point[:, :2]) / (end - start)[:, None]
    height = point[:, 2] - GRAVITY / 2 * since**2
    falls = height > BALL_RADIUS
    position = np.concatenate(
        (point[:, :2] + since[:, None] * speed, np.where(falls, height, BALL_RADIUS)[:, None]), 1
    )
    fall = np.where(falls, -GRAVITY * since, 0.0)
    return position, np.concatenate((speed, fall[:, None]), 1)
