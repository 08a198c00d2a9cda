"""How a person moves a camera: reaction, springs of limited speed, dead zone, hurry and shake.

Nothing here looks ahead in time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from footmm.simulation.camera_rigs import Range

#: Shares of half the image: the aim keeps the ball inside the first; beyond the second the
#: operator hurries, beyond the third zooms out.
_KEPT, _HURRIED, _LOST = 0.6, 0.45, 0.75
_HURRY = 5.0
#: Natural logarithm of the focal length per second.
_MAX_ZOOM_SPEED = 0.8
#: Frequencies in Hz that a hand and a fluid head leave in the picture.
_SHAKE_BAND: Range = (0.3, 4.0)
_SHAKE_WAVES = 8


@dataclass(frozen=True)
class OperatorStyle:
    """How a person works a camera.

    Attributes:
        ball_share: Weight of the ball against the players around it.
        reaction: Seconds by which the eye is late.
        lead: Seconds by which the aim is ahead of play.
        follow_frequency: Of the spring that pans and tilts, radians a second.
        zoom_frequency: Of the spring that zooms, radians a second.
        dead_zone: Share of half the image in which play may drift without a reaction.
        shake: Standard deviation of the shake, pixels of an image 960 wide.
        max_pan_speed: Radians a second, without the shake.
        max_tilt_speed: Radians a second, without the shake.
    """

    ball_share: float
    reaction: float
    lead: float
    follow_frequency: float
    zoom_frequency: float
    dead_zone: float
    shake: float
    max_pan_speed: float
    max_tilt_speed: float


_STYLES: dict[str, Range] = {
    "ball_share": (0.55, 0.8),
    "reaction": (0.12, 0.3),
    "lead": (0.3, 0.6),
    "follow_frequency": (2.5, 4.5),
    "zoom_frequency": (0.8, 1.5),
    "dead_zone": (0.03, 0.1),
    "shake": (0.15, 0.6),
    "max_pan_speed": (math.radians(40), math.radians(60)),
    "max_tilt_speed": (math.radians(15), math.radians(30)),
}
"""Ranges of :class:`OperatorStyle`. Reaction times are those of visual tracking tasks; the rest is
set so that films look like broadcasts and keep the ball in the picture."""


def sample_operator_style(rng: np.random.Generator) -> OperatorStyle:
    """Draw how a person works a camera."""
    return OperatorStyle(**{key: float(rng.uniform(*limits)) for key, limits in _STYLES.items()})


def follow(
    wanted: np.ndarray,
    ball: np.ndarray,
    style: OperatorStyle,
    half_image: tuple[float, float],
    focal_length: Range,
    seconds: float,
) -> np.ndarray:
    """Move a camera after what is wanted of it.

    Args:
        wanted: Pan, tilt and natural logarithm of the focal length, ``(T, 3)``.
        ball: Pan and tilt of the ball, ``(T, 2)``.
        style: How the person works it.
        half_image: Half the width and height of the image, pixels.
        focal_length: Shortest and longest, pixels.
        seconds: Between two frames.

    Returns:
        As ``wanted``.
    """
    limits = (style.max_pan_speed, style.max_tilt_speed)
    axes = [
        Axis(Spring(float(wanted[0, axis]), limits[axis]), half_image[axis], style)
        for axis in (0, 1)
    ]
    zoom = Spring(float(wanted[0, 2]), _MAX_ZOOM_SPEED)
    shortest = math.log(focal_length[0])
    moves = []
    for (*aim, log_focal), ball_angles in zip(wanted.tolist(), ball.tolist(), strict=True):
        focal = math.exp(zoom.position)
        for axis, target, ball_angle in zip(axes, aim, ball_angles, strict=True):
            log_focal = min(log_focal, axis.step(target, ball_angle, focal, seconds))
        hurry = 1.0 + max(0.0, zoom.position - log_focal) * _HURRY
        zoom.step(max(log_focal, shortest), style.zoom_frequency * hurry, seconds)
        moves.append((axes[0].spring.position, axes[1].spring.position, zoom.position))
    return np.array(moves)


@dataclass
class Spring:
    """A critically damped spring: the fastest way to a target that does not overshoot."""

    position: float
    max_speed: float
    velocity: float = 0.0

    def step(self, target: float, frequency: float, seconds: float) -> None:
        """Move on for a while; exact for a still target, so stable for any step."""
        error = self.position - target
        slope = self.velocity + frequency * error
        decay = math.exp(-frequency * seconds)
        move = (error + slope * seconds) * decay - error
        reach = self.max_speed * seconds
        self.position += min(max(move, -reach), reach)
        velocity = (self.velocity - frequency * slope * seconds) * decay
        self.velocity = min(max(velocity, -self.max_speed), self.max_speed)


@dataclass
class Axis:
    """Pan or tilt, with its share of the image."""

    spring: Spring
    half_image: float
    style: OperatorStyle

    def __post_init__(self) -> None:
        self.aim = self.spring.position

    def step(self, target: float, ball: float, focal_length: float, seconds: float) -> float:
        """Move on for one frame.

        Args:
            target: Angle to look at.
            ball: Angle of the ball.
            focal_length: Pixels.
            seconds: Length of the frame.

        Returns:
            Logarithm of the longest focal length that keeps the ball in the picture.
        """
        half_view = math.atan(self.half_image / focal_length)
        self.aim = _near(self.aim, target, self.style.dead_zone * half_view)
        self.aim = _near(self.aim, ball, _KEPT * half_view)
        off_center = abs(ball - self.spring.position) / half_view
        hurry = 1.0 + _HURRY * max(0.0, off_center - _HURRIED)
        self.spring.step(self.aim, self.style.follow_frequency * hurry, seconds)
        off_center = min(abs(ball - self.spring.position), 1.5)
        return math.log(_LOST * self.half_image / max(math.tan(off_center), 1e-6))


def _near(value: float, center: float, reach: float) -> float:
    return min(max(value, center - reach), center + reach)


def shake(seed: int, deviation: float, count: int, rate: float) -> np.ndarray:
    """Return how a hand shakes pan and tilt.

    Args:
        seed: Two films of one seed shake alike, whatever their length and rate.
        deviation: Standard deviation of each axis.
        count: Number of frames.
        rate: Frames a second.

    Returns:
        ``(count, 2)``, in the unit of the deviation.
    """
    rng = np.random.default_rng(seed)
    low, high = np.log(_SHAKE_BAND)
    frequency = np.exp(rng.uniform(low, high, (2, _SHAKE_WAVES, 1)))
    phase = rng.uniform(0, 2 * math.pi, (2, _SHAKE_WAVES, 1))
    # Slow waves are larger: a hand has little power at high frequencies.
    weight = 1 / np.sqrt(frequency)
    weight *= deviation * math.sqrt(2) / np.linalg.norm(weight, axis=1, keepdims=True)
    time = np.arange(count) / rate
    return (weight * np.sin(2 * math.pi * frequency * time + phase)).sum(1).T


def smoothed(values: np.ndarray, memory: float) -> np.ndarray:
    """Smooth along time by an exponential memory of so many frames, without looking ahead.

    Args:
        values: ``(T, ...)``.
        memory: Frames.

    Returns:
        ``(T, ...)``.
    """
    keep = math.exp(-1.0 / memory)
    start = np.expand_dims(values[0], 0) * keep
    return lfilter([1 - keep], [1, -keep], values, axis=0, zi=start)[0]


def delayed(values: np.ndarray, frames: float) -> np.ndarray:
    """Return values ``(T, C)`` so many frames late; the first stands still before the start."""
    times = np.maximum(np.arange(len(values)) - frames, 0.0)
    before = times.astype(int)
    after = np.minimum(before + 1, len(values) - 1)
    share = (times - before)[:, None]
    return values[before] * (1 - share) + values[after] * share
