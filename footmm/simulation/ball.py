"""The ball: a shaded sphere with dark patches, blurred along its way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from footmm.simulation.tracks import BALL_RADIUS
from footmm.simulation.viewpoint import Viewpoint

_SAMPLES = 4
_PATCH_COSINE = math.cos(math.radians(17))
_MAX_STREAK_PX = 40.0
_MAX_RADIUS_PX = 120.0


def _patch_centers() -> np.ndarray:
    """Return the twelve corners of an icosahedron, unit vectors."""
    golden = 0.5 * (1 + math.sqrt(5))
    corners = [(0.0, s, t * golden) for s in (-1, 1) for t in (-1, 1)]
    corners = np.array([np.roll(corner, turn) for corner in corners for turn in range(3)])
    return corners / math.hypot(1, golden)


_PATCHES = _patch_centers()


@dataclass(frozen=True)
class BallImage:
    """The ball as it is painted.

    Attributes:
        left: Column of the image where the patch begins.
        top: Row where it begins.
        paint: ``(rows, columns, 4)``, uint8: colours times coverage, and coverage.
        disc: ``(rows, columns)``: which pixels the ball covers in the middle of the exposure.
        center: ``(2,)``, pixels.
        radius: Pixels.
    """

    left: int
    top: int
    paint: np.ndarray
    disc: np.ndarray
    center: np.ndarray
    radius: float


def _rotation(position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Return how far the ball has rolled ``(3, 3)``: as far as its place along its way says."""
    speed = float(np.hypot(*velocity[:2]))
    if speed < 1e-3:
        return np.eye(3)
    forward = velocity[:2] / speed
    axis = np.array([-forward[1], forward[0], 0.0])
    angle = float(position[:2] @ forward) / BALL_RADIUS
    return cv2.Rodrigues(axis * math.remainder(angle, 2 * math.pi))[0]


def _sphere(size: int, center: np.ndarray, radius: float, turn: np.ndarray) -> np.ndarray:
    """Paint a sphere, ``(size, size, 4)``, float32, colours times coverage; in camera axes."""
    row, column = np.mgrid[:size, :size].astype(np.float32)
    x, y = (column - center[0]) / radius, (row - center[1]) / radius
    inside = x * x + y * y <= 1
    z = -np.sqrt(np.clip(1 - x * x - y * y, 0, None))
    normals = np.stack([x, y, z], axis=-1)
    is_patch = ((normals @ turn) @ _PATCHES.T).max(axis=-1) > _PATCH_COSINE
    shade = np.clip(0.85 - 0.3 * y - 0.12 * z, 0.5, 1.0)
    level = np.where(is_patch, 90, 250) * shade * inside
    return np.dstack([level, level, level, 255.0 * inside]).astype(np.float32)


def _streak(paint: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Smear a patch along a motion in its pixels."""
    length = float(np.hypot(*motion))
    if length < 1:
        return paint
    size = 2 * math.ceil(0.5 * length) + 3
    kernel = np.zeros((size, size), np.float32)
    start, end = size // 2 - 0.5 * motion, size // 2 + 0.5 * motion
    points = (tuple(np.rint(16 * point).astype(int).tolist()) for point in (start, end))
    cv2.line(kernel, *points, 1.0, 1, cv2.LINE_8, 4)
    return cv2.filter2D(paint, -1, kernel / kernel.sum(), borderType=cv2.BORDER_CONSTANT)


def paint_ball(
    view: Viewpoint, position: np.ndarray, velocity: np.ndarray, shutter_s: float
) -> BallImage | None:
    """Paint the ball on a patch of its own.

    Args:
        view: The camera.
        position: ``(3,)``, metres, world frame: its centre.
        velocity: ``(3,)``, metres a second.
        shutter_s: Time of exposure in seconds.

    Returns:
        The patch; None if the ball is behind the camera or closer than it can be painted.
    """
    way = 0.5 * shutter_s * velocity
    side = BALL_RADIUS * view.rotation[0]
    points = np.stack([position, position - way, position + way, position - side, position + side])
    if not view.may_see(points).all():
        return None
    center, start, end, edge, other = view.project(points)
    radius = 0.5 * float(np.linalg.norm(other - edge))
    motion = end - start
    motion *= min(1.0, _MAX_STREAK_PX / max(float(np.hypot(*motion)), 1e-9))
    if radius > _MAX_RADIUS_PX:
        return None
    reach = math.ceil(radius + 0.5 * float(np.abs(motion).max())) + 2
    left, top = np.floor(center).astype(int) - reach
    size = 2 * reach + 2
    fine = (center - (left, top) + 0.5) * _SAMPLES - 0.5
    turn = view.rotation @ _rotation(position, velocity)
    sharp = _sphere(size * _SAMPLES, fine, radius * _SAMPLES, turn)
    smeared = _streak(sharp, motion * _SAMPLES)
    paint, disc = (
        cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        for picture in (smeared, np.ascontiguousarray(sharp[..., 3]))
    )
    covered = disc > 127
    # Where it is smaller than a pixel, the pixel it is in counts.
    covered[tuple((np.rint(center).astype(int) - (left, top))[::-1])] = True
    return BallImage(int(left), int(top), np.rint(paint).astype(np.uint8), covered, center, radius)
