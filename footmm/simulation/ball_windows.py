"""Windows of a flying, rolling or played ball, filmed by broadcast cameras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.blocks import Blocks, shuffled_blocks
from footmm.simulation.broadcast import FilmableTracks, sample_camera_operator
from footmm.simulation.camera_rigs import CameraKind
from footmm.simulation.flights import FlightKind, Flights, FlightSettings, sample_flights
from footmm.simulation.match import MatchSettings, simulate_matches
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.tracks import BALL_RADIUS, BallMode, MatchTracks

CAMERA_SHARES: Mapping[CameraKind, float] = {
    CameraKind.MAIN: 0.6,
    CameraKind.TACTICAL: 0.12,
    CameraKind.SIXTEEN_METRES_LEFT: 0.06,
    CameraKind.SIXTEEN_METRES_RIGHT: 0.06,
    CameraKind.HIGH_BEHIND_LEFT: 0.05,
    CameraKind.HIGH_BEHIND_RIGHT: 0.05,
    CameraKind.BEHIND_GOAL_LEFT: 0.03,
    CameraKind.BEHIND_GOAL_RIGHT: 0.03,
}
"""How often each camera films a window: most of a broadcast is the main camera's."""

LEAD = 25
"""Frames that an operator watches before the first frame of a window."""

_LEAST_VISIBLE = 0.5
"""Share of a window's frames that show the ball; another camera is drawn otherwise."""

_MAX_CAMERAS = 6
_SLACK = 25
"""Frames of a flight that its window may begin after the kick."""

_MATCH_WINDOWS = 20
"""Windows that are cut out of one match."""

_PLAYERS_SPREAD = 12.0
"""Metres that the players of a flight stand around its start and its end."""


@dataclass(frozen=True)
class BallWindowSettings:
    """What the windows are made of.

    Attributes:
        num_frames: Frames of a window that are filmed.
        num_future: Frames after them, whose truth is known.
        rate: Frames a second.
        image_size: Width and height in pixels.
        play_share: Share of the windows that are cut out of matches, with touches and possession;
            the others are free flights of all kinds (``FlightKind``).
        pitch: The pitch.
        windows_per_block: Windows that are made together.
        cached_blocks: Blocks that are kept in memory; a window needs about 13 kB.

    Raises:
        ConfigError: A value is impossible.
    """

    num_frames: int = 50
    num_future: int = 25
    rate: float = 25.0
    image_size: tuple[int, int] = (1920, 1080)
    play_share: float = 0.3
    pitch: PitchDimensions = field(default_factory=PitchDimensions)
    windows_per_block: int = 1024
    cached_blocks: int = 64

    def __post_init__(self) -> None:
        limits = {
            "num_frames": 1,
            "num_future": 0,
            "windows_per_block": 1,
            "cached_blocks": 1,
            "play_share": 0.0,
        }
        for name, least in limits.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name}={getattr(self, name)}: give at least {least}")
        if self.play_share > 1 or not self.rate > 0 or min(self.image_size) < 1:
            raise ConfigError(
                f"play_share={self.play_share}, rate={self.rate}, image_size={self.image_size}: "
                "play_share is at most 1, the others are above 0"
            )

    @property
    def total_frames(self) -> int:
        """Frames of a window and its future."""
        return self.num_frames + self.num_future


@dataclass(frozen=True, eq=False)
class BallPath:
    """A ball and the players around it, ``T`` frames; camera operators can film it.

    Attributes:
        rate: Frames a second.
        ball_position: ``(T, 3)`` float32, metres, world frame.
        ball_velocity: ``(T, 3)`` float32, metres a second.
        ball_mode: ``(T,)`` int8 of :class:`footmm.simulation.tracks.BallMode`.
        positions: ``(T, 22, 2)``, metres: the players.
    """

    rate: float
    ball_position: np.ndarray
    ball_velocity: np.ndarray
    ball_mode: np.ndarray
    positions: np.ndarray

    @classmethod
    def of(cls, tracks: MatchTracks, first: int, stop: int) -> BallPath:
        """Cut frames out of a match."""
        frames = slice(first, stop)
        return cls(
            tracks.rate,
            tracks.ball_position[frames],
            tracks.ball_velocity[frames],
            tracks.ball_mode[frames],
            tracks.positions[frames, :NUM_PLAYERS],
        )


@dataclass(frozen=True, eq=False)
class BallWindow:
    """A filmed ball: ``T`` frames and ``F`` after them.

    Attributes:
        ball_position: ``(T + F, 3)`` float32, metres, world frame.
        ball_velocity: ``(T + F, 3)`` float32, metres a second.
        ball_mode: ``(T + F,)`` int8 of :class:`footmm.simulation.tracks.BallMode`.
        camera: Of the first ``T`` frames.
        kind: Name of the kind of flight, or ``play``.
        camera_kind: Who filmed it.
    """

    ball_position: np.ndarray
    ball_velocity: np.ndarray
    ball_mode: np.ndarray
    camera: Camera
    kind: str
    camera_kind: CameraKind


class BallWindows:
    """An endless sequence of windows, number ``i`` decided by ``(seed, i)`` and the settings.

    Args:
        settings: What the windows are made of.
        seed: At least 0.
    """

    def __init__(self, settings: BallWindowSettings, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self._windows = Blocks(self._make, settings.windows_per_block, settings.cached_blocks)

    def __getitem__(self, index: int) -> BallWindow:
        """Return one window.

        Args:
            index: 0 or more.

        Raises:
            IndexError: The index is negative.
        """
        return self._windows[index]

    def shuffled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """See :func:`footmm.simulation.blocks.shuffled_blocks`."""
        return shuffled_blocks(count, self.settings.windows_per_block, rng)

    def _seed(self, *key: int) -> np.random.SeedSequence:
        """Seeds of windows have keys of three numbers, matches of two, `sample_flights` of one."""
        return np.random.SeedSequence(self.seed, spawn_key=key)

    def _make(self, number: int) -> list[BallWindow]:
        count = self.settings.windows_per_block
        numbers = range(number * count, (number + 1) * count)
        generators = [np.random.default_rng(self._seed(place, 0, 0)) for place in numbers]
        is_play = [rng.random() < self.settings.play_share for rng in generators]
        flights = self._sample_flights(number)
        played = self._play(number, sum(is_play))
        windows = []
        for place, (rng, plays) in enumerate(zip(generators, is_play, strict=True)):
            kind, path = "play", next(played) if plays else None
            if path is None:
                kind = FlightKind(flights.kind[place]).name.lower()
                path = self._flight_path(flights, place, rng)
            camera_kind, camera = film(path, self.settings, rng)
            ball = (path.ball_position, path.ball_velocity, path.ball_mode)
            ball = (part[LEAD:].copy() for part in ball)
            windows.append(BallWindow(*ball, camera, kind, camera_kind))
        return windows

    def _sample_flights(self, number: int) -> Flights:
        """Return a flight for each window of a block, longer than the window by the slack."""
        settings, count = self.settings, self.settings.windows_per_block
        frames = settings.total_frames + _SLACK
        flights = FlightSettings(frames, settings.rate, pitch=settings.pitch)
        return sample_flights(count, self.seed, flights, first=number * count)

    def _flight_path(self, flights: Flights, place: int, rng: np.random.Generator) -> BallPath:
        """Cut a window out of a flight; before the kick the ball lies still."""
        start = int(rng.integers(_SLACK + 1))
        frames = np.arange(start - LEAD, start + self.settings.total_frames)
        position, velocity = flights.positions[place], flights.velocities[place]
        outside = np.maximum.accumulate(_is_out(position, self.settings.pitch))
        mode = np.where(flights.rolling[place], BallMode.ROLL, BallMode.FLY)
        mode = np.where(outside, BallMode.OUT, mode).astype(np.int8)
        players = standing_players(position[[0, -1], :2], rng)
        seen = np.maximum(frames, 0)
        return BallPath(
            self.settings.rate,
            position[seen],
            velocity[seen],
            mode[seen],
            np.broadcast_to(players, (len(frames), *players.shape)),
        )

    def _play(self, number: int, count: int) -> Iterator[BallPath]:
        """Yield windows of matches, each match cut into pieces that share no frame."""
        settings, length = self.settings, self.settings.total_frames
        matches = -(-count // _MATCH_WINDOWS)
        seconds = (_MATCH_WINDOWS * length + LEAD + 1) / settings.rate
        seeds = [self._seed(number, i) for i in range(matches)]
        match = MatchSettings(seconds, settings.rate, settings.pitch)
        for tracks in simulate_matches(match, seeds):
            for first in range(0, _MATCH_WINDOWS * length, length):
                yield BallPath.of(tracks, first, first + LEAD + length)


def film(
    path: FilmableTracks, settings: BallWindowSettings, rng: np.random.Generator
) -> tuple[CameraKind, Camera]:
    """Film a ball with a camera that shows it in at least half of the frames, if one does.

    Args:
        path: The ball, :data:`LEAD` frames before the window and the window.
        settings: For the image and the number of frames.
        rng: Source of randomness.

    Returns:
        The kind of camera, and cameras of the window's ``num_frames`` frames.
    """
    frames = slice(LEAD, LEAD + settings.num_frames)
    ball = torch.as_tensor(np.asarray(path.ball_position[frames], float))[:, None]
    kinds, shares = list(CAMERA_SHARES), list(CAMERA_SHARES.values())
    for attempt in range(_MAX_CAMERAS):
        kind = kinds[rng.choice(len(kinds), p=shares)] if attempt < 3 else CameraKind.MAIN
        operator = sample_camera_operator(kind, rng, settings.pitch, settings.image_size)
        camera = operator.film(path, frames)
        if camera.visible(ball).float().mean() >= _LEAST_VISIBLE:
            break
    return kind, camera


def standing_players(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw players ``(22, 2)`` around places ``(N, 2)`` of the ball, metres."""
    around = places[rng.integers(len(places), size=NUM_PLAYERS)]
    return around + rng.normal(0.0, _PLAYERS_SPREAD, (NUM_PLAYERS, 2))


def _is_out(position: np.ndarray, pitch: PitchDimensions) -> np.ndarray:
    """Whether a ball ``(T, 3)`` is with its whole beyond a line, ``(T,)``."""
    half = np.array([pitch.length, pitch.width]) / 2 + BALL_RADIUS
    return (np.abs(position[:, :2]) > half).any(1)
