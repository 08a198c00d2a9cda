"""Shadows on the ground, cast by polylines of some thickness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from footmm.simulation.figure import Figure, Point
from footmm.simulation.stadium import Lighting, Stadium
from footmm.simulation.viewpoint import Viewpoint

_TEXEL_M = 0.06
_MARGIN_M = 0.45
_MAX_REACH_M = 9.0
_CONTACT_RADIUS_M = 0.3
_CONTACT_SHARE = 0.9
_BLUR = {Lighting.SUN: 3, Lighting.FLOODLIGHT: 5, Lighting.OVERCAST: 11}
_SUBPIXEL_BITS = 4


class Limb(NamedTuple):
    """Something long that casts a shadow.

    Attributes:
        points: ``(K, 3)``, metres, world frame.
        radius: Metres.
    """

    points: np.ndarray
    radius: float


_CHAINS = (
    (("pelvis", "neck"), 0.155),
    (("neck", "head"), 0.085),
    (("l_hip", "l_knee", "l_ankle", "l_toe"), 0.07),
    (("r_hip", "r_knee", "r_ankle", "r_toe"), 0.07),
    (("l_shoulder", "l_elbow", "l_wrist"), 0.045),
    (("r_shoulder", "r_elbow", "r_wrist"), 0.045),
    (("l_shoulder", "r_shoulder"), 0.09),
)


def figure_limbs(figure: Figure, position: np.ndarray, heading: float) -> list[Limb]:
    """Return what of a figure casts a shadow.

    Args:
        figure: The figure.
        position: ``(2,)``, metres, world frame: below the pelvis.
        heading: Where it faces, radians, 0 along x, counter-clockwise.

    Returns:
        Its limbs.
    """
    sin, cos = math.sin(heading), math.cos(heading)

    def world(point: Point) -> tuple[float, float, float]:
        right, forward, up = point
        return (
            position[0] + right * sin + forward * cos,
            position[1] - right * cos + forward * sin,
            up,
        )

    return [
        Limb(np.array([world(figure.joints[name]) for name in names]), radius)
        for names, radius in _CHAINS
    ]


class Shadow(NamedTuple):
    """All shadows of one body.

    Attributes:
        mask: ``(rows, columns)``, uint8: darkness on a grid on the ground; rows along y.
        corner: ``(2,)``, metres, world frame: where the grid begins.
    """

    mask: np.ndarray
    corner: np.ndarray


class ShadowCaster:
    """Darkens the ground below persons and ball.

    Args:
        stadium: Its light.
    """

    def __init__(self, stadium: Stadium) -> None:
        self._stadium = stadium
        self._lights = stadium.light_positions
        self._darkness = 255 * stadium.illumination.shadow / len(self._lights)
        self._blur = _BLUR[stadium.illumination.lighting]

    def cast(self, limbs: Sequence[Limb], position: np.ndarray, has_contact: bool) -> Shadow:
        """Cast the shadows of one body.

        Args:
            limbs: The body.
            position: ``(2,)``, metres, world frame: where it stands.
            has_contact: Whether it keeps the light of the sky off the ground below it.

        Returns:
            Its shadows, cut off far away from it.
        """
        sunlit = 1 - float(self._stadium.in_shade(position))
        cast = self._cast(limbs)
        points = np.concatenate([position[None], *(p for light in cast for p in light)])
        low = np.maximum(points.min(axis=0) - _MARGIN_M, position - _MAX_REACH_M)
        high = np.minimum(points.max(axis=0) + _MARGIN_M, position + _MAX_REACH_M)
        columns, rows = np.ceil((high - low) / _TEXEL_M).astype(int).tolist()
        mask = np.zeros((max(rows, 1), max(columns, 1)), np.uint8)
        for light in cast:
            layer = np.zeros_like(mask) if len(cast) > 1 else mask
            for limb, outline in zip(limbs, light, strict=True):
                self._draw(layer, (outline - low) / _TEXEL_M - 0.5, limb.radius, sunlit)
            if layer is not mask:
                cv2.add(mask, layer, dst=mask)
        if has_contact:
            self._add_contact(mask, (position - low) / _TEXEL_M - 0.5)
        return Shadow(cv2.GaussianBlur(mask, (self._blur, self._blur), 0), low)

    def _add_contact(self, mask: np.ndarray, texel: np.ndarray) -> None:
        blob = np.zeros_like(mask)
        darkness = 255 * _CONTACT_SHARE * self._stadium.illumination.shadow
        unit = 1 << _SUBPIXEL_BITS
        center, radius = (
            np.rint(unit * texel).astype(int),
            round(unit * _CONTACT_RADIUS_M / _TEXEL_M),
        )
        cv2.circle(blob, center.tolist(), radius, darkness, -1, cv2.LINE_8, _SUBPIXEL_BITS)
        cv2.max(mask, cv2.blur(blob, (7, 7)), dst=mask)

    def _cast(self, limbs: Sequence[Limb]) -> list[list[np.ndarray]]:
        """Return, per light and limb, the points ``(K, 2)`` where its shadow falls."""
        return [
            [
                limb.points[:, :2]
                + (limb.points[:, :2] - light[:2])
                * (limb.points[:, 2:] / (light[2] - limb.points[:, 2:]))
                for limb in limbs
            ]
            for light in self._lights
        ]

    def _draw(self, layer: np.ndarray, points: np.ndarray, radius: float, sunlit: float) -> None:
        thickness = max(1, round(2 * radius / _TEXEL_M))
        fixed = np.rint(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        color = self._darkness * sunlit
        cv2.polylines(layer, [fixed], False, color, thickness, cv2.LINE_8, _SUBPIXEL_BITS)


def paint_shadows(image: np.ndarray, view: Viewpoint, shadows: Sequence[Shadow]) -> None:
    """Darken the ground where shadows fall.

    Args:
        image: ``(height, width, 3)``, uint8, changed in place.
        view: The camera.
        shadows: The shadows.
    """
    if not shadows:
        return
    sizes = np.array([shadow.mask.shape[::-1] for shadow in shadows])
    starts = np.stack([shadow.corner for shadow in shadows])
    corners = np.zeros((len(shadows), 4, 3))
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    texels = sizes[:, None] * square
    corners[..., :2] = starts[:, None] + _TEXEL_M * texels
    seen = view.may_see(corners.reshape(-1, 3)).reshape(-1, 4).all(axis=1)
    pixels = view.project(corners)
    for index in np.flatnonzero(seen).tolist():
        _darken(image, view, shadows[index].mask, texels[index] - 0.5, pixels[index])


def _darken(
    image: np.ndarray, view: Viewpoint, mask: np.ndarray, texels: np.ndarray, pixels: np.ndarray
) -> None:
    """Lay a mask on the image so that its corners, texels ``(4, 2)``, come to pixels ``(4, 2)``."""
    block = view.block_around(pixels)
    if block is None:
        return
    left, top, right, bottom = block
    transform = cv2.getPerspectiveTransform(
        texels.astype(np.float32), (pixels - (left, top)).astype(np.float32)
    )
    dark = cv2.warpPerspective(mask, transform, (right - left, bottom - top))
    region = image[top:bottom, left:right]
    light = cv2.merge([255 - dark] * 3)
    region[:] = cv2.multiply(np.ascontiguousarray(region), light, scale=1 / 255)
