"""Crops around detections of a ball, painted without the stadium."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from footmm.simulation.ball import paint_ball
from footmm.simulation.viewpoint import Viewpoint

_GRASS = ((60, 95), (95, 150), (40, 70))
"""Ranges of red, green and blue of turf."""

_STAND_SHARE, _LINE_SHARE, _LEG_SHARE = 0.12, 0.25, 0.25
"""How often a crop shows a stand instead of turf, a line, and a leg."""

_WHITE_THING_SHARE = 0.7
"""How often a crop without a ball shows a spot that a detector may take for one."""

_WHITE = (205, 240)
_NOISE = 4.0
"""Standard deviation of a pixel's brightness."""


@dataclass(frozen=True)
class BallInView:
    """A ball and its camera.

    Attributes:
        view: The camera of the frame.
        position: ``(3,)``, metres, world frame: the ball's centre.
        velocity: ``(3,)``, metres a second.
        shutter_s: Time of exposure, seconds.
    """

    view: Viewpoint
    position: np.ndarray
    velocity: np.ndarray
    shutter_s: float


def paint_ball_crop(
    ball: BallInView | None, corner: tuple[int, int], size: int, rng: np.random.Generator
) -> np.ndarray:
    """Paint a crop of an image.

    Args:
        ball: What is in it, if it is within the crop; None for a crop with something white that
            is no ball.
        corner: Column and row of the image where the crop begins.
        size: Side of the crop, pixels.
        rng: Source of randomness.

    Returns:
        ``(size, size, 3)`` RGB, uint8.
    """
    crop = _background(size, rng)
    # Lines and legs are as frequent beside a ball as without one: they must not tell.
    if rng.random() < _LINE_SHARE:
        _draw_line(crop, rng)
    if rng.random() < _LEG_SHARE:
        _draw_leg(crop, rng, white_boot=rng.random() < 0.5)
    if ball is not None:
        _lay_ball(crop, ball, corner)
    elif rng.random() < _WHITE_THING_SHARE:
        _draw_white_thing(crop, rng)
    crop += rng.normal(0.0, _NOISE, crop.shape[:2])[..., None]
    return np.clip(cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.4, 0.9)), 0, 255).astype(np.uint8)


def _background(size: int, rng: np.random.Generator) -> np.ndarray:
    """Turf with a mowing stripe, or a coarse pattern like that of a stand, float32."""
    if rng.random() < _STAND_SHARE:
        seats = rng.uniform(30, 200, (size // 4, size // 4, 3)).astype(np.float32)
        return cv2.resize(seats, (size, size), interpolation=cv2.INTER_LINEAR)
    color = np.array([rng.uniform(*limits) for limits in _GRASS], np.float32)
    rough = rng.normal(1.0, 0.05, (size // 2, size // 2)).astype(np.float32)
    crop = color * cv2.resize(rough, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
    angle = rng.uniform(0.0, np.pi)
    row, column = np.mgrid[:size, :size] - rng.uniform(0.0, size)
    lighter = row * np.sin(angle) + column * np.cos(angle) > 0
    return crop * np.where(lighter, rng.uniform(1.0, 1.15), 1.0)[..., None].astype(np.float32)


def _draw_line(crop: np.ndarray, rng: np.random.Generator) -> None:
    size = len(crop)
    start, end = rng.uniform(-0.3 * size, 1.3 * size, (2, 2)).round().astype(int).tolist()
    shade = (float(rng.uniform(*_WHITE)),) * 3
    cv2.line(crop, start, end, shade, int(rng.integers(1, 7)), cv2.LINE_AA)


def _draw_leg(crop: np.ndarray, rng: np.random.Generator, white_boot: bool) -> None:
    """A shin in a sock that comes down from above, and a boot."""
    size = len(crop)
    foot = size * rng.uniform(0.1, 0.9, 2)
    knee = foot + size * np.array([rng.uniform(-0.3, 0.3), -rng.uniform(0.4, 0.7)])
    sock = tuple(rng.uniform(20, 255, 3).tolist())
    boot = (float(rng.uniform(*_WHITE)),) * 3 if white_boot else sock
    width = int(rng.integers(3, 10))
    points = (tuple(point.round().astype(int).tolist()) for point in (knee, foot))
    cv2.line(crop, *points, sock, width, cv2.LINE_AA)
    _draw_spot(crop, foot, (max(2, width), max(2, width // 2 + 1)), boot, rng)


def _draw_white_thing(crop: np.ndarray, rng: np.random.Generator) -> None:
    """A penalty spot, a glove, some paper: white, near the middle, and flatter than a ball."""
    place = len(crop) * (0.5 + rng.uniform(-0.1, 0.1, 2))
    length = int(rng.integers(2, 10))
    shade = (float(rng.uniform(*_WHITE)),) * 3
    _draw_spot(crop, place, (length, max(1, round(length * rng.uniform(0.2, 0.7)))), shade, rng)


def _draw_spot(
    crop: np.ndarray,
    place: np.ndarray,
    axes: tuple[int, int],
    color: tuple[float, float, float],
    rng: np.random.Generator,
) -> None:
    center = tuple(place.round().astype(int).tolist())
    cv2.ellipse(crop, center, axes, rng.uniform(-30, 30), 0, 360, color, -1, cv2.LINE_AA)


def _lay_ball(crop: np.ndarray, ball: BallInView, corner: tuple[int, int]) -> None:
    image = paint_ball(ball.view, ball.position, ball.velocity, ball.shutter_s)
    if image is None:
        return
    size = len(crop)
    left, top = image.left - corner[0], image.top - corner[1]
    rows, columns = image.paint.shape[:2]
    first = max(0, -top), max(0, -left)
    last = min(rows, size - top), min(columns, size - left)
    if first[0] >= last[0] or first[1] >= last[1]:
        return
    paint = image.paint[first[0] : last[0], first[1] : last[1]].astype(np.float32)
    region = crop[top + first[0] : top + last[0], left + first[1] : left + last[1]]
    region *= 1.0 - paint[..., 3:] / 255.0
    region += paint[..., :3]
