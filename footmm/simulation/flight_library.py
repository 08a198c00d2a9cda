"""Ball flights to choose from: the ball's physics, solved once for every kick there is.

The physics do not depend on where a kick is taken nor in which direction, so a match turns and
moves flights of this library instead of solving the equations of motion at every kick.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from footmm.pitch.ballistics import BallPhysics, BallState, rolling_spin, simulate
from footmm.simulation.tracks import BALL_RADIUS

STEP = 0.02
"""Seconds between two samples of a flight."""

DURATION = 8.0
"""Seconds that a flight lasts in the library; afterwards the ball stays where it is."""

THROW_HEIGHT = 2.1
"""Height of the ball in the hands of who takes a throw-in, metres."""

_GRID = 81
_BACKSPIN = 18.0
_SIDESPIN = 25.0


@dataclass(frozen=True)
class Family:
    """Kicks of one kind: every speed with every elevation.

    Attributes:
        speeds: ``(S,)``, metres a second.
        elevations: ``(E,)``, degrees above the ground.
        height: Where the ball starts, metres.
        backspin: Radians a second.
        sidespin: Radians a second, positive bends the flight to the left.
        rolls: Whether the ball rolls from the start, so that it neither slides nor jumps.
    """

    speeds: np.ndarray
    elevations: np.ndarray
    height: float = BALL_RADIUS
    backspin: float = 0.0
    sidespin: float = 0.0
    rolls: bool = False


FAMILIES = {
    "ground": Family(np.arange(2.0, 31.0, 0.5), np.array([0.0]), rolls=True),
    "lofted": Family(np.arange(7.0, 33.0), np.array([16.0, 26.0, 38.0]), backspin=_BACKSPIN),
    "shot": Family(np.arange(16.0, 35.0, 2.0), np.arange(2.5, 18.0, 1.5)),
    "curled": Family(
        np.arange(16.0, 29.0, 2.0), np.array([4.0, 8.0, 12.0, 16.0]), sidespin=_SIDESPIN
    ),
    "throw": Family(np.arange(4.0, 16.0), np.array([0.0, 20.0, 38.0]), height=THROW_HEIGHT),
}


@dataclass(frozen=True)
class FlightLibrary:
    """``F`` flights along the x axis, ``S`` samples each.

    Attributes:
        position: ``(F, S, 3)`` float64, metres: forward, to the left and up.
        velocity: ``(F, S, 3)`` float64, metres a second.
        rolling: ``(F, S)`` bool, whether the ball is on the ground and stays there.
        carry: ``(F,)``, metres to the first bounce.
        speed_at: ``(F, 81)``, speed along the ground 0, 1, ... 80 m away, metres a second; 0
            where the ball never gets there.
        height_at: ``(F, 81)``, height there, metres; 0 where it never gets there.
        families: The flights of every family.
    """

    position: np.ndarray
    velocity: np.ndarray
    rolling: np.ndarray
    carry: np.ndarray
    speed_at: np.ndarray
    height_at: np.ndarray
    families: dict[str, slice]

    def ground(self, distance: float, arrival_speed: float) -> int:
        """The flat pass that is about as fast as wanted after a distance in metres."""
        first = self.families["ground"]
        speeds = self.speed_at[first, _cell(distance)]
        return first.start + int(np.abs(speeds - arrival_speed).argmin())

    def landing(self, family: str, distance: float, elevation: int) -> int:
        """The flight that first bounces at about a distance.

        Args:
            family: ``"lofted"`` or ``"throw"``.
            distance: Metres.
            elevation: Which of the family's elevations, by number.
        """
        first, step = self.families[family].start, len(FAMILIES[family].elevations)
        carries = self.carry[self.families[family]][elevation::step]
        return first + elevation + step * int(np.abs(carries - distance).argmin())

    def shot(self, family: str, speed: float, distance: float, height: float) -> int:
        """The shot of about a speed that is at about a height when it has gone a distance.

        Args:
            family: ``"shot"`` or ``"curled"``.
            speed: Metres a second at the foot.
            distance: Metres.
            height: Metres.
        """
        kind = FAMILIES[family]
        row = int(np.abs(kind.speeds - speed).argmin())
        first = self.families[family].start + row * len(kind.elevations)
        heights = self.height_at[first : first + len(kind.elevations), _cell(distance)]
        return first + int(np.abs(heights - height).argmin())

    def rising(self, height: float, speed: float) -> int:
        """The steep flight of at least a speed that rises to at least a height.

        Args:
            height: Metres.
            speed: Metres a second at the ground.
        """
        step = len(FAMILIES["lofted"].elevations)
        first = self.families["lofted"].start + step - 1
        last = self.families["lofted"].stop
        speeds = FAMILIES["lofted"].speeds
        high = self.position[first:last:step, :, 2].max(1) > height + 0.02
        fits = high & (speeds >= speed)
        return first + step * int(fits.argmax() if fits.any() else len(speeds) - 1)

    def entry(self, flight: int, height: float) -> float:
        """Seconds after which a flight is at a height for the first time.

        A header is a flight that is entered on its way: it starts exactly where the head is.

        Args:
            flight: Index of the flight.
            height: Metres.

        Returns:
            The time; that of the highest point where the flight does not get as high.
        """
        heights = self.position[flight, :, 2]
        after = int((heights >= height).argmax())
        if heights[after] < height:
            return float(heights.argmax() * STEP)
        if after == 0:
            return 0.0
        below = heights[after - 1]
        return float((after - 1 + (height - below) / (heights[after] - below)) * STEP)

    def sample(
        self, flight: np.ndarray, seconds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where flights are.

        Args:
            flight: ``(N,)``, indices of flights.
            seconds: ``(N,)`` or ``(N, K)`` since the starts.

        Returns:
            Positions and velocities, ``(N, 3)`` or ``(N, K, 3)``, straight between samples, and
            whether the ball rolls, ``(N,)`` or ``(N, K)``.
        """
        if seconds.ndim == 2:
            flight = flight[:, None]
        at = np.clip(seconds / STEP, 0.0, self.position.shape[1] - 1.001)
        index = at.astype(np.int64)
        share = (at - index)[..., None]
        position = self.position[flight, index]
        velocity = self.velocity[flight, index]
        return (
            position + share * (self.position[flight, index + 1] - position),
            velocity + share * (self.velocity[flight, index + 1] - velocity),
            self.rolling[flight, index],
        )


@lru_cache(maxsize=1)
def flight_library() -> FlightLibrary:
    """The library of all families, solved on first use."""
    starts = [_starts(family) for family in FAMILIES.values()]
    counts = np.cumsum([0, *(len(position) for position, _, _ in starts)])
    physics = BallPhysics()
    kicked = (np.concatenate(part) for part in zip(*starts, strict=True))
    with torch.no_grad():
        solved = simulate(BallState.of(*kicked, physics), DURATION, 1 / STEP, physics)
    position, velocity = (
        np.ascontiguousarray(values.permute(1, 0, 2).numpy())
        for values in (solved.positions, solved.velocities)
    )
    speed_at, height_at = _distance_tables(position, velocity)
    # A bounce takes no time, so no sample shows the ball on the ground.
    bounced = (velocity[:, :-1, 2] < 0) & (velocity[:, 1:, 2] >= 0)
    bounce = np.where(bounced.any(1), bounced.argmax(1), bounced.shape[1])
    return FlightLibrary(
        position=position,
        velocity=velocity,
        rolling=np.ascontiguousarray(solved.rolling.T.numpy()),
        carry=position[np.arange(len(position)), bounce, 0],
        speed_at=speed_at,
        height_at=height_at,
        families={
            name: slice(int(start), int(stop))
            for name, start, stop in zip(FAMILIES, counts[:-1], counts[1:], strict=True)
        },
    )


def _cell(distance: float) -> int:
    return min(max(round(distance), 0), _GRID - 1)


def _starts(family: Family) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, velocities and spins, each ``(S * E, 3)``."""
    speed, elevation = np.meshgrid(family.speeds, np.radians(family.elevations), indexing="ij")
    speed, elevation = speed.ravel(), elevation.ravel()
    none = np.zeros_like(speed)
    position = np.stack((none, none, none + family.height), -1)
    velocity = np.stack((speed * np.cos(elevation), none, speed * np.sin(elevation)), -1)
    if family.rolls:
        return position, velocity, rolling_spin(velocity).numpy()
    # Right-handed: backspin of a ball that flies along x turns about -y.
    spin = np.stack((none, none - family.backspin, none + family.sidespin), -1)
    return position, velocity, spin


def _distance_tables(position: np.ndarray, velocity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grid = np.arange(_GRID)
    speed, height = np.zeros((len(position), _GRID)), np.zeros((len(position), _GRID))
    for flight, (places, velocities) in enumerate(zip(position, velocity, strict=True)):
        away = np.maximum.accumulate(places[:, 0])
        near = grid <= away[-1]
        index = np.searchsorted(away, grid[near])
        speed[flight, near] = np.linalg.norm(velocities[index, :2], axis=-1)
        height[flight, near] = places[index, 2]
    return speed, height
