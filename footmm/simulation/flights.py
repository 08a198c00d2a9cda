"""Ball flights without players: labelled trajectories to train and test ball tracking on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.ballistics import BallPhysics, BallState, BallTrajectory, rolling_spin, simulate
from footmm.pitch.dimensions import PitchDimensions

BLOCK = 4096
"""Flights that share a seed: a block is always made as a whole, so that a flight does not depend on
how many are asked for."""


class FlightKind(IntEnum):
    """What a flight looks like."""

    PARABOLIC = 0
    """Lofted: up and down, little spin."""
    GROUND = 1
    """Kicked along the ground: slides, rolls, comes to rest."""
    BOUNCING = 2
    """Comes down within the flight and bounces."""
    SPINNING = 3
    """Hit with strong spin about any axis across its way: curls, dips or floats."""


@dataclass(frozen=True)
class FlightRange:
    """What the flights of a kind start with: least and greatest values.

    Attributes:
        speed: Metres a second; the middle of the lower half is the most frequent.
        elevation: Degrees above the horizon.
        height: Metres of the ball's centre above that of a ball on the ground.
        spin: Radians a second; on the ground: shares of the spin of rolling.
    """

    speed: tuple[float, float]
    elevation: tuple[float, float]
    height: tuple[float, float]
    spin: tuple[float, float]


RANGES: dict[FlightKind, FlightRange] = {
    FlightKind.PARABOLIC: FlightRange((12.0, 32.0), (20.0, 60.0), (0.0, 1.0), (0.0, 25.0)),
    FlightKind.GROUND: FlightRange((4.0, 34.0), (0.0, 0.0), (0.0, 0.0), (0.0, 1.0)),
    FlightKind.BOUNCING: FlightRange((6.0, 28.0), (-20.0, 20.0), (0.3, 2.5), (0.0, 15.0)),
    FlightKind.SPINNING: FlightRange((16.0, 40.0), (4.0, 40.0), (0.0, 0.5), (30.0, 90.0)),
}
"""Starts of each kind, about those of real passes, crosses, clearances and shots."""


@dataclass(frozen=True)
class FlightSettings:
    """How flights are made.

    Attributes:
        num_frames: Frames of a flight, the first of which is its start.
        rate: Frames a second.
        shares: How often each :class:`FlightKind` is drawn, in their order; their sum does not
            matter.
        pitch: Flights start on it, in the direction of another place on it.
        physics: The ball.

    Raises:
        ConfigError: A value is out of range.
    """

    num_frames: int = 75
    rate: float = 25.0
    shares: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    pitch: PitchDimensions = field(default_factory=PitchDimensions)
    physics: BallPhysics = field(default_factory=BallPhysics)

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.rate <= 0:
            raise ConfigError(
                f"FlightSettings(num_frames={self.num_frames}, rate={self.rate}): there is at "
                "least one frame, and the rate is above 0"
            )
        wrong = len(self.shares) != len(FlightKind) or min(self.shares) < 0
        if wrong or sum(self.shares) == 0:
            raise ConfigError(
                f"FlightSettings(shares={self.shares}): give one number of at least 0 for each of "
                f"{', '.join(kind.name for kind in FlightKind)}, not all 0"
            )


@dataclass(frozen=True)
class Flights:
    """Flights and their labels.

    Attributes:
        rate: Frames a second.
        kind: ``(N,)`` int8, :class:`FlightKind`.
        positions: ``(N, T, 3)`` float32, metres, world frame: the ball's centre.
        velocities: ``(N, T, 3)`` float32, metres a second.
        spins: ``(N, T, 3)`` float32, radians a second, right-handed.
        rolling: ``(N, T)`` bool: the mode. The ball is on the ground to stay (slides, rolls,
            rests); False: it flies, or bounces and will fly again.
    """

    rate: float
    kind: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    spins: np.ndarray
    rolling: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)


def sample_flights(
    num: int, seed: int, settings: FlightSettings | None = None, first: int = 0
) -> Flights:
    """Draw flights; flight i depends on the seed, the settings and i alone.

    Args:
        num: Number of flights.
        seed: At least 0.
        settings: How flights are made; None: the defaults.
        first: Number of the first flight; ``sample_flights(2, s, first=5)`` are the flights 5 and 6
            of ``sample_flights(7, s)``.

    Raises:
        ConfigError: ``num``, ``seed`` or ``first`` is negative.
    """
    if min(num, seed, first) < 0:
        raise ConfigError(f"sample_flights({num=}, {seed=}, {first=}): none may be negative")
    settings = settings or FlightSettings()
    frames = settings.num_frames
    kind = np.empty(num, np.int8)
    vectors = [np.empty((num, frames, 3), np.float32) for _ in range(3)]
    rolling = np.empty((num, frames), bool)
    for block in range(first // BLOCK, -(-(first + num) // BLOCK)):
        offset = block * BLOCK
        low, high = max(first, offset), min(first + num, offset + BLOCK)
        put, take = slice(low - first, high - first), slice(low - offset, high - offset)
        kinds, path = _sample_block(seed, block, settings)
        kind[put] = kinds[take]
        for array, values in zip(
            vectors, (path.positions, path.velocities, path.spins), strict=True
        ):
            array[put] = values[:, take].transpose(0, 1).numpy()
        rolling[put] = path.rolling[:, take].T.numpy()
    return Flights(settings.rate, kind, *vectors, rolling)


def _sample_block(
    seed: int, block: int, settings: FlightSettings
) -> tuple[np.ndarray, BallTrajectory]:
    """Make the flights of a block: their kinds ``(BLOCK,)`` and ways."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
    shares = np.asarray(settings.shares) / sum(settings.shares)
    kind = rng.choice(len(FlightKind), BLOCK, p=shares)
    start = _sample_starts(kind, rng, settings)
    duration = (settings.num_frames - 1) / settings.rate
    return kind, simulate(start, duration, settings.rate, settings.physics)


def _sample_starts(
    kind: np.ndarray, rng: np.random.Generator, settings: FlightSettings
) -> BallState:
    """Draw the state right after the kick for each kind ``(N,)``."""
    speed, elevation, height, spin = _sample_ranges(kind, rng)
    half = np.array([settings.pitch.length, settings.pitch.width]) / 2
    place, aim = rng.uniform(-half, half, (2, len(kind), 2))
    forward = (aim - place) / np.linalg.norm(aim - place, axis=1, keepdims=True)
    climb = np.radians(elevation)
    velocity = speed[:, None] * np.column_stack((np.cos(climb)[:, None] * forward, np.sin(climb)))
    # Spin about an axis across the way: back or top spin, side spin and all between.
    tilt = rng.uniform(0.0, 2.0 * np.pi, len(kind))[:, None]
    across = np.column_stack((-forward[:, 1], forward[:, 0], np.zeros(len(kind))))
    axis = np.cos(tilt) * across + np.sin(tilt) * np.array([0.0, 0.0, 1.0])
    grounded = (kind == FlightKind.GROUND)[:, None]
    around = np.where(grounded, rolling_spin(velocity, settings.physics).numpy(), axis)
    center = height + float(settings.physics.radius)
    position = np.column_stack((place, center))
    return BallState.of(position, velocity, spin[:, None] * around, settings.physics)


def _sample_ranges(kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw speed, elevation, height and spin ``(4, N)`` within :data:`RANGES`."""
    table = np.array(
        [
            (row.speed, row.elevation, row.height, row.spin)
            for row in (RANGES[each] for each in FlightKind)
        ]
    )
    low, high = table[kind].transpose(2, 1, 0)
    share = rng.random((4, len(kind)))
    share[0] = rng.beta(2.0, 3.0, len(kind))
    return low + share * (high - low)
