"""Paints jointed figures onto small canvases: limbs as shaded hulls, shirts as cloth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from footmm.simulation.appearance import Identity, Kit
from footmm.simulation.figure import Decal, Figure, Part, Trunk
from footmm.simulation.shirt import (
    BACK_NUMBER_CENTER,
    BACK_NUMBER_HEIGHT,
    COLUMNS,
    FRONT_NUMBER_CENTER,
    FRONT_NUMBER_HEIGHT,
    unrolled_shirt,
)

_CIRCLE = np.stack(
    [f(np.linspace(0, 2 * math.pi, 12, endpoint=False)) for f in (np.cos, np.sin)], axis=-1
)
_SUBPIXEL_BITS = 4
_TEXTURE_COLUMNS = 48
_SMALL_ROWS = 32
_LIT_RADIUS = 0.8
_MIN_RADIUS_PX = 0.2

# A number can be read while it is at least this many pixels high, turned away by at most this
# angle, and while at least this share of it is not hidden.
_READABLE_HEIGHT_PX = 7.0
_READABLE_ANGLE = math.radians(55)
_READABLE_SHARE = 0.6


class Light(NamedTuple):
    """The light on a figure.

    Attributes:
        side: Where it comes from across the image, -1 (left) to 1 (right).
        contrast: Strength of the shading, 0 (overcast) to 1 (hard sun).
    """

    side: float
    contrast: float


@dataclass(frozen=True)
class Placement:
    """An affine map from a figure's camera axes in metres to pixels (column, row).

    Attributes:
        origin: Pixel of the figure's origin.
        right: Pixels that one metre to the right covers.
        up: Pixels that one metre up covers.
        scale: Pixels per metre, the mean of all directions.
        inset: Pixels to take off all round parts, whose painted edges are soft and therefore wide.
    """

    origin: tuple[float, float]
    right: tuple[float, float]
    up: tuple[float, float]
    scale: float
    inset: float = 0.0

    @classmethod
    def upright(cls, left: float, bottom: float, scale: float) -> Placement:
        """Return the placement without tilt or stretch whose origin is at (left, bottom)."""
        return cls((left, bottom), (scale, 0.0), (0.0, -scale), scale)

    def __call__(self, right: float, up: float) -> tuple[float, float]:
        """Return column and row of a point, or of arrays of points."""
        return (
            self.origin[0] + self.right[0] * right + self.up[0] * up,
            self.origin[1] + self.right[1] * right + self.up[1] * up,
        )

    def shifted(self, right: float, up: float) -> Placement:
        """Return the placement of a figure that stands elsewhere."""
        return replace(self, origin=self(right, up))

    def enlarged(self, left: float, top: float, factor: int, inset: float) -> Placement:
        """Return the placement on a canvas of finer pixels.

        Args:
            left: Column of the image where the canvas begins.
            top: Row of the image where the canvas begins.
            factor: Pixels of the canvas per pixel of the image.
            inset: See the class, in pixels of the canvas.
        """
        # Pixel centres are at integers, so a pixel begins half a pixel before.
        half = 0.5 * (factor - 1)
        return Placement(
            (factor * (self.origin[0] - left) + half, factor * (self.origin[1] - top) + half),
            (factor * self.right[0], factor * self.right[1]),
            (factor * self.up[0], factor * self.up[1]),
            factor * self.scale,
            inset,
        )

    def circle(self) -> np.ndarray:
        """Return what becomes of a circle of radius one pixel, ``(12, 2)``."""
        across, down = np.array(self.right) / self.scale, -np.array(self.up) / self.scale
        return _CIRCLE[:, :1] * across + _CIRCLE[:, 1:] * down


def _hulls(parts: list[Part], place: Placement, light: Light, lit: bool) -> tuple[list, list]:
    """Return for every part its outline and, if ``lit``, that of its lit inside, in subpixels."""
    counts = [len(part.balls) for part in parts]
    balls = np.array([(*c[:2], radius) for part in parts for c, radius in part.balls])
    centers = np.stack(place(balls[:, 0], balls[:, 1]), axis=-1)
    radii = np.maximum(place.scale * balls[:, 2:3] - place.inset, _MIN_RADIUS_PX)
    circle = place.circle()
    outlines = [centers[:, None] + radii[:, None] * circle]
    if lit:
        # It touches the outline where the light comes from and leaves a dark rim opposite.
        towards = np.array([[light.side, -0.35]]) / math.hypot(light.side, 0.35)
        toward_light = (1 - _LIT_RADIUS) * radii * towards
        outlines.append((centers + toward_light)[:, None] + _LIT_RADIUS * radii[:, None] * circle)
    ends = np.cumsum(counts).tolist()
    result: tuple[list, list] = ([], [])
    for points, hulls in zip(outlines, result, strict=False):
        fixed = np.rint(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for count, end in zip(counts, ends, strict=True):
            hulls.append(cv2.convexHull(fixed[end - count : end].reshape(-1, 2)))
    return result


def _shade(color: tuple[int, int, int], factor: float) -> tuple[float, float, float]:
    return color[0] * factor, color[1] * factor, color[2] * factor


def paint_figure(
    canvas: np.ndarray,
    figure: Figure,
    identity: Identity,
    place: Placement,
    light: Light,
    alpha: int,
    is_small: bool = False,
) -> None:
    """Paint a figure onto a canvas whose last channel tells who is where.

    Args:
        canvas: ``(rows, columns, 4)``, uint8: blue, green, red and the last channel.
        figure: The figure.
        identity: Whose cloth it wears.
        place: Where it stands on the canvas.
        light: The light on it.
        alpha: What to write into the last channel.
        is_small: Whether to leave out what is seen in close-ups only.
    """
    parts = [layer for layer in figure.layers if isinstance(layer, Part)]
    outer, inner = _hulls(parts, place, light, lit=not is_small)
    dark = 1 - 0.4 * light.contrast
    # Without the lit inside, the mean of both.
    rim = dark + (1 - dark) * _LIT_RADIUS**2 if is_small else dark
    index = 0
    for layer in figure.layers:
        if isinstance(layer, Trunk):
            _paint_trunk(canvas, layer, identity, place, light, alpha, is_small)
        elif isinstance(layer, Decal):
            if not is_small:
                _paint_decal(canvas, layer, identity, place, alpha)
        else:
            color = (*_shade(layer.color, rim), alpha)
            cv2.fillConvexPoly(canvas, outer[index], color, cv2.LINE_AA, _SUBPIXEL_BITS)
            if not is_small:
                color = (*layer.color, alpha)
                cv2.fillConvexPoly(canvas, inner[index], color, cv2.LINE_AA, _SUBPIXEL_BITS)
            index += 1


def _trunk_axes(trunk: Trunk, place: Placement) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hem, spine (hem to neck) and the unit vector across it, in pixels."""
    base, top = np.array(place(*trunk.base[:2])), np.array(place(*trunk.top[:2]))
    spine = top - base
    across = np.array([-spine[1], spine[0]]) / max(float(np.hypot(*spine)), 1e-6)
    return base, spine, across


@lru_cache(maxsize=512)
def _small_shirt(kit: Kit, number: int | None) -> np.ndarray:
    size = (COLUMNS, _SMALL_ROWS)
    return cv2.resize(unrolled_shirt(kit, number), size, interpolation=cv2.INTER_AREA)


def _visible_cloth(trunk: Trunk, identity: Identity, light: Light, is_small: bool) -> np.ndarray:
    """Return the half of the shirt that faces the camera, foreshortened and shaded."""
    unrolled = _small_shirt if is_small else unrolled_shirt
    cloth = unrolled(identity.kit, identity.jersey_number)
    across = (np.arange(_TEXTURE_COLUMNS) + 0.5) / _TEXTURE_COLUMNS * 2 - 1
    normal = np.arcsin(across)
    columns = (math.pi - trunk.facing + normal) / (2 * math.pi) * COLUMNS
    seen = cloth[:, columns.astype(int) % COLUMNS]
    lit = np.cos(normal - 0.8 * light.side)
    shade = 1 - 0.5 * light.contrast * np.clip(1 - lit, 0, 1)
    return (seen * shade[None, :, None]).astype(np.uint8)


def _paint_trunk(
    canvas: np.ndarray,
    trunk: Trunk,
    identity: Identity,
    place: Placement,
    light: Light,
    alpha: int,
    is_small: bool,
) -> None:
    base, spine, across = _trunk_axes(trunk, place)
    levels = np.array(trunk.levels)
    middle = base + levels[:, :1] * spine
    reach = np.maximum(place.scale * levels[:, 1:] - place.inset, _MIN_RADIUS_PX) * across
    outline = np.concatenate([middle - reach, (middle + reach)[::-1]])
    low = np.floor(outline.min(axis=0)).astype(int) - 1
    high = np.ceil(outline.max(axis=0)).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, canvas.shape[1::-1])
    if (high <= low).any():
        return
    width, height = (high - low).tolist()
    half = place.scale * levels[:, 1].max() * across
    corners = np.array([base + spine - half, base + spine + half, base - half]) - low
    cloth = _visible_cloth(trunk, identity, light, is_small)
    source = np.array([(0, 0), (_TEXTURE_COLUMNS, 0), (0, len(cloth))], np.float32)
    transform = cv2.getAffineTransform(source, corners.astype(np.float32))
    cloth = cv2.warpAffine(
        cloth,
        transform,
        (width, height),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mask = np.zeros((height, width), np.uint8)
    fixed = np.rint((outline - low) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    region = canvas[low[1] : high[1], low[0] : high[0]]
    painted = cv2.merge([*cv2.split(cloth), np.full((height, width), alpha, np.uint8)])
    weight = mask[..., None].astype(np.uint16)
    region[:] = (painted * weight + region * (255 - weight)) // 255


def _paint_decal(
    canvas: np.ndarray, decal: Decal, identity: Identity, place: Placement, alpha: int
) -> None:
    text, font = str(identity.jersey_number), cv2.FONT_HERSHEY_SIMPLEX
    scale = decal.height * place.scale / 22
    (width, height), _ = cv2.getTextSize(text, font, scale, 1)
    column, row = place(*decal.center[:2])
    origin = (round(column - width / 2), round(row + height / 2))
    light_shorts = sum(identity.kit.shorts) > 380
    ink = (30, 30, 30, alpha) if light_shorts else (235, 235, 235, alpha)
    cv2.putText(canvas, text, origin, font, scale, ink, 1, cv2.LINE_AA)


def number_visible(
    identity: Identity,
    figure: Figure,
    place: Placement,
    visible: np.ndarray,
    zoom: float,
) -> bool:
    """Tell whether the number on the back or on the chest can be read.

    Args:
        identity: Who is seen.
        figure: How they are seen.
        place: Where they stand on a canvas.
        visible: ``(rows, columns)``, booleans: where on that canvas they are not hidden.
        zoom: Pixels of the finished picture per pixel of the canvas.

    Returns:
        Whether it is turned to the camera, large enough and not hidden.
    """
    trunk = next(layer for layer in figure.layers if isinstance(layer, Trunk))
    turned = abs(math.remainder(trunk.facing, 2 * math.pi))
    if identity.jersey_number is None or _READABLE_ANGLE < turned < math.pi - _READABLE_ANGLE:
        return False
    front = turned <= _READABLE_ANGLE
    height = FRONT_NUMBER_HEIGHT if front else BACK_NUMBER_HEIGHT
    center = FRONT_NUMBER_CENTER if front else BACK_NUMBER_CENTER
    base, spine, _ = _trunk_axes(trunk, place)
    length = float(np.hypot(*spine))
    if height * length * zoom < _READABLE_HEIGHT_PX:
        return False
    column, row = base + (1 - center) * spine
    half = 0.5 * height * length
    region = visible[
        max(0, round(row - half)) : max(0, round(row + half)),
        max(0, round(column - half)) : max(0, round(column + half)),
    ]
    return region.size > 0 and float(np.mean(region)) >= _READABLE_SHARE
