"""How far the ball is from where it is said to be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOUCHES_GROUND = 0.03
"""Metres above its own radius up to which the ball's centre counts as on the ground."""


class PositionErrors(NamedTuple):
    """Errors of N positions, metres.

    Attributes:
        distance: ``(N,)``, length of the error.
        along: ``(N,)``, its part along the viewing ray, positive if said to be too far away.
        across: ``(N,)``, length of its part across the ray.
    """

    distance: np.ndarray
    along: np.ndarray
    across: np.ndarray


def position_errors(predicted: np.ndarray, true: np.ndarray, origins: np.ndarray) -> PositionErrors:
    """Split errors at the ray from the camera's centre to the true position.

    Args:
        predicted: ``(N, 3)``, metres, world frame.
        true: ``(N, 3)``, metres.
        origins: ``(N, 3)``, metres, the cameras' centres.
    """
    error = predicted - true
    way = true - origins
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    ray = np.divide(way, length, out=np.zeros_like(way), where=length > 0)
    along = (error * ray).sum(-1)
    across = np.linalg.norm(error - along[..., None] * ray, axis=-1)
    return PositionErrors(np.linalg.norm(error, axis=-1), along, across)


def first_landing(path: np.ndarray, ground: float) -> np.ndarray | None:
    """Return where a flying ball first touches the ground, ``(2,)``, metres.

    Args:
        path: ``(T, 3)``, metres: the ball's centre, straight between frames.
        ground: Height of the centre of a ball on the ground.

    Returns:
        None where it does not land, or begins on the ground.
    """
    height = path[:, 2] - ground - TOUCHES_GROUND
    # The frame in which a ball bounces is not its lowest: between two frames it turns in the air.
    turns = (height[1:-1] < height[:-2]) & (height[1:-1] < height[2:]) & (height[1:-1] < _TURN)
    low = np.flatnonzero((height[1:] <= 0) | np.append(turns, False)) + 1
    if height[0] <= 0 or not len(low):
        return None
    return _touch(path, int(low[0]), ground)


_TURN = 1.0
"""Metres above the ground up to which a fall that turns is a bounce."""


def _touch(path: np.ndarray, frame: int, ground: float) -> np.ndarray:
    """The place ``(2,)`` where the ball is on the ground shortly before or after a frame.

    The frame itself may be before or after the bounce, the two before it are not: their fall goes
    on at the same pace until it reaches the ground.
    """
    last = path[frame - 1]
    step = last - path[frame - 2] if frame >= 2 else path[frame] - last
    if step[2] >= 0:
        return path[frame, :2]
    return last[:2] + np.clip((ground - last[2]) / step[2], 0.0, 2.0) * step[:2]


def peak_height(path: np.ndarray) -> float:
    """Height of the highest place of a path ``(T, 3)``, metres."""
    return float(path[:, 2].max())


def is_calibrated_within(errors: np.ndarray, deviations: np.ndarray, factor: float) -> np.ndarray:
    """Whether errors ``(N,)`` are within a factor of their stated deviations ``(N,)``."""
    return np.abs(errors) <= factor * deviations
