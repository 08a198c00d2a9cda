"""Short windows of many matches: training data for models of trajectories and tactics."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.blocks import Blocks, shuffled_blocks
from footmm.simulation.match import MatchSettings, simulate_matches
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.tracks import LABELS, MatchTracks


@dataclass(frozen=True)
class TrajectoryWindowSettings:
    """What the windows are cut from.

    Attributes:
        num_frames: Frames of a window.
        rate: Frames a second.
        match_duration_s: Seconds of a match.
        pitch: The pitch.
        matches_per_block: Matches that are simulated together; more are faster and need more
            memory.
        cached_blocks: Blocks of matches that are kept in memory.

    Raises:
        ConfigError: A value is impossible.
    """

    num_frames: int = 50
    rate: float = 10.0
    match_duration_s: float = 120.0
    pitch: PitchDimensions = field(default_factory=PitchDimensions)
    matches_per_block: int = 64
    cached_blocks: int = 2

    def __post_init__(self) -> None:
        limits = {"num_frames": 2, "matches_per_block": 1, "cached_blocks": 1}
        for name, least in limits.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name}={getattr(self, name)}: give at least {least}")
        if self.frames_per_match < self.num_frames:
            raise ConfigError(
                f"match_duration_s={self.match_duration_s} at rate={self.rate} has fewer than "
                f"num_frames={self.num_frames} frames: make the matches longer"
            )

    @property
    def frames_per_match(self) -> int:
        """Frames of a match."""
        return max(round(self.match_duration_s * self.rate), 1)

    @property
    def stride(self) -> int:
        """Frames from the beginning of a window to that of the next: half a window or more."""
        return (self.num_frames + 1) // 2

    @property
    def windows_per_match(self) -> int:
        """Windows that are cut out of a match."""
        return (self.frames_per_match - self.num_frames) // self.stride + 1

    @property
    def windows_per_block(self) -> int:
        """Windows of the matches that are simulated together."""
        return self.windows_per_match * self.matches_per_block


@dataclass(frozen=True)
class TrajectoryWindow:
    """A window of ``T`` frames; agents are the 22 players, then the ball.

    Attributes:
        positions: ``(T, 23, 2)`` float32, metres, world frame.
        velocities: ``(T, 23, 2)`` float32, metres a second.
        ball_height: ``(T,)`` float32, metres.
        ball_mode: ``(T,)`` int8 of :class:`footmm.simulation.tracks.BallMode`.
        possessor: ``(T,)`` int8, meaningless where ``has_possessor`` is not set.
        has_possessor: ``(T,)`` bool.
        team_in_possession: ``(T,)`` int8.
        formation: ``(T, 2)`` int8 into :data:`footmm.simulation.formations.FORMATIONS`.
        role: ``(T, 22)`` int8 into :data:`footmm.simulation.formations.ROLES`.
        strategy: ``(T, 2)`` int8 into :data:`footmm.simulation.tracks.STRATEGIES`.
        phase: ``(T,)`` int8 of :class:`footmm.simulation.tracks.Phase`.
        attacks_right: ``(T, 2)`` bool.
    """

    positions: np.ndarray
    velocities: np.ndarray
    ball_height: np.ndarray
    ball_mode: np.ndarray
    possessor: np.ndarray
    has_possessor: np.ndarray
    team_in_possession: np.ndarray
    formation: np.ndarray
    role: np.ndarray
    strategy: np.ndarray
    phase: np.ndarray
    attacks_right: np.ndarray


_SLICED = tuple(name for name in LABELS if name != "score")


class TrajectoryWindows:
    """An endless sequence of windows, number ``i`` decided by ``(seed, i)`` alone.

    Window ``i`` is cut out of match ``i // windows_per_match``; two windows of a match share half
    of their frames at the most. Matches are simulated a block at a time, so neighbouring windows
    come fast, and windows in wholly random order do not: see :meth:`shuffled`.

    Args:
        settings: What the windows are cut from.
        seed: Seed of all matches.
    """

    def __init__(self, settings: TrajectoryWindowSettings, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self._matches = Blocks(self._simulate, settings.matches_per_block, settings.cached_blocks)

    def __getitem__(self, index: int) -> TrajectoryWindow:
        """Cut one window.

        Args:
            index: 0 or more.

        Raises:
            IndexError: The index is negative.
        """
        if index < 0:
            raise IndexError(f"window {index}: windows are numbered from 0 and have no end")
        number, place = divmod(index, self.settings.windows_per_match)
        match = self._matches[number]
        first = place * self.settings.stride
        rows = slice(first, first + self.settings.num_frames)
        ball = match.ball_position[rows]
        return TrajectoryWindow(
            positions=np.concatenate((match.positions[rows, :NUM_PLAYERS], ball[:, None, :2]), 1),
            velocities=np.concatenate(
                (match.velocities[rows, :NUM_PLAYERS], match.ball_velocity[rows, None, :2]), 1
            ),
            ball_height=ball[:, 2],
            **{name: getattr(match, name)[rows] for name in _SLICED},
        )

    def shuffled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """The first windows in a random order that still simulates every block once.

        Args:
            count: Number of windows.
            rng: Decides the order.

        Returns:
            ``(count,)``, every number below ``count`` once: blocks in random order, and windows in
            random order within their blocks.
        """
        return shuffled_blocks(count, self.settings.windows_per_block, rng)

    def _simulate(self, block: int) -> list[MatchTracks]:
        size = self.settings.matches_per_block
        numbers = range(block * size, (block + 1) * size)
        match = MatchSettings(
            duration_s=self.settings.match_duration_s,
            rate=self.settings.rate,
            pitch=self.settings.pitch,
        )
        seeds = [np.random.SeedSequence(self.seed, spawn_key=(number,)) for number in numbers]
        return simulate_matches(match, seeds)
