"""Paints persons: crops of one player, as a detector would cut them from a broadcast frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from footmm.simulation.appearance import Identity, Scene, View
from footmm.simulation.background import draw_background
from footmm.simulation.figure import Decal, Figure, Part, Trunk, build_figure
from footmm.simulation.shirt import (
    BACK_NUMBER_CENTER,
    BACK_NUMBER_HEIGHT,
    COLUMNS,
    FRONT_NUMBER_CENTER,
    FRONT_NUMBER_HEIGHT,
    ROWS,
    unrolled_shirt,
)

_REFERENCE_HEIGHT_M = 1.8
_MIN_ASPECT = 0.4
_NEIGHBOUR_DISTANCE_M = 0.4
_CIRCLE = np.stack(
    [f(np.linspace(0, 2 * math.pi, 12, endpoint=False)) for f in (np.cos, np.sin)], axis=-1
)
_SUBPIXEL_BITS = 4
_TEXTURE_COLUMNS = 48
_LIT_RADIUS = 0.8
_NOISE_TILE = 512
_BOARD_COLOR = (60, 50, 140)

# A number can be read while it is at least this many pixels high, turned away by at most this
# angle, and while at least this share of it is not hidden.
_READABLE_HEIGHT_PX = 7.0
_READABLE_ANGLE = math.radians(55)
_READABLE_SHARE = 0.6


@dataclass(frozen=True)
class PlayerCropLabels:
    """What is known about a crop besides who it shows.

    Attributes:
        jersey_visible: Whether the number on the back or the chest can be read.
        occluded_share: Share of the person's silhouette in the crop, 0..1, hidden by others.
        height_px: Rows of the crop.
        width_px: Columns of the crop.
    """

    jersey_visible: bool
    occluded_share: float
    height_px: int
    width_px: int


@dataclass(frozen=True)
class _Placement:
    """From camera axes in metres to pixels: ``column = left + scale * right`` and so on."""

    left: float
    bottom: float
    scale: float

    def __call__(self, right: float, up: float) -> tuple[float, float]:
        return self.left + self.scale * right, self.bottom - self.scale * up

    def shifted(self, right: float, up: float) -> _Placement:
        """Return the placement of a figure that stands elsewhere."""
        left, bottom = self(right, up)
        return _Placement(left, bottom, self.scale)


def _hulls(parts: list[Part], place: _Placement, scene: Scene) -> tuple[list, list]:
    """Return for every part its outline and that of its lit inside, in subpixels."""
    counts = [len(part.balls) for part in parts]
    balls = np.array([(*c[:2], radius) for part in parts for c, radius in part.balls])
    centers = np.stack(place(balls[:, 0], balls[:, 1]), axis=-1)
    radii = place.scale * balls[:, 2:3]
    # The lit inside touches the outline where the light comes from and leaves a dark rim opposite.
    towards = np.array([[scene.light_side, -0.35]]) / math.hypot(scene.light_side, 0.35)
    toward_light = (1 - _LIT_RADIUS) * radii * towards
    outer = centers[:, None] + radii[:, None] * _CIRCLE
    inner = (centers + toward_light)[:, None] + _LIT_RADIUS * radii[:, None] * _CIRCLE
    unit = 1 << _SUBPIXEL_BITS
    ends = np.cumsum(counts)
    result = []
    for points in (outer, inner):
        fixed = np.rint(points * unit).astype(np.int32)
        result.append(
            [
                cv2.convexHull(fixed[end - count : end].reshape(-1, 2))
                for count, end in zip(counts, ends, strict=True)
            ]
        )
    return result[0], result[1]


def _shade(color: tuple[int, int, int], factor: float) -> tuple[float, float, float]:
    return color[0] * factor, color[1] * factor, color[2] * factor


def _paint_figure(
    canvas: np.ndarray,
    figure: Figure,
    identity: Identity,
    place: _Placement,
    scene: Scene,
    alpha: int,
) -> None:
    """Paint all layers onto a canvas (rows, columns, 4), whose last channel tells who is where."""
    parts = [layer for layer in figure.layers if isinstance(layer, Part)]
    outer, inner = _hulls(parts, place, scene)
    dark = 1 - 0.4 * scene.light_contrast
    index = 0
    for layer in figure.layers:
        if isinstance(layer, Trunk):
            _paint_trunk(canvas, layer, identity, place, scene, alpha)
        elif isinstance(layer, Decal):
            _paint_decal(canvas, layer, identity, place, alpha)
        else:
            color = (*_shade(layer.color, dark), alpha)
            cv2.fillConvexPoly(canvas, outer[index], color, cv2.LINE_AA, _SUBPIXEL_BITS)
            color = (*layer.color, alpha)
            cv2.fillConvexPoly(canvas, inner[index], color, cv2.LINE_AA, _SUBPIXEL_BITS)
            index += 1


def _trunk_axes(trunk: Trunk, place: _Placement) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hem, spine (hem to neck) and the unit vector across it, in pixels."""
    base, top = np.array(place(*trunk.base[:2])), np.array(place(*trunk.top[:2]))
    spine = top - base
    across = np.array([-spine[1], spine[0]]) / max(float(np.hypot(*spine)), 1e-6)
    return base, spine, across


def _visible_cloth(trunk: Trunk, identity: Identity, scene: Scene) -> np.ndarray:
    """Return the half of the shirt that faces the camera, foreshortened and shaded."""
    cloth = unrolled_shirt(identity.kit, identity.jersey_number)
    across = (np.arange(_TEXTURE_COLUMNS) + 0.5) / _TEXTURE_COLUMNS * 2 - 1
    normal = np.arcsin(across)
    columns = (math.pi - trunk.facing + normal) / (2 * math.pi) * COLUMNS
    seen = cloth[:, columns.astype(int) % COLUMNS]
    light = np.cos(normal - 0.8 * scene.light_side)
    shade = 1 - 0.5 * scene.light_contrast * np.clip(1 - light, 0, 1)
    return (seen * shade[None, :, None]).astype(np.uint8)


def _paint_trunk(
    canvas: np.ndarray,
    trunk: Trunk,
    identity: Identity,
    place: _Placement,
    scene: Scene,
    alpha: int,
) -> None:
    base, spine, across = _trunk_axes(trunk, place)
    levels = np.array(trunk.levels)
    middle = base + levels[:, :1] * spine
    reach = place.scale * levels[:, 1:] * across
    outline = np.concatenate([middle - reach, (middle + reach)[::-1]])
    low = np.floor(outline.min(axis=0)).astype(int) - 1
    high = np.ceil(outline.max(axis=0)).astype(int) + 2
    low, high = np.maximum(low, 0), np.minimum(high, canvas.shape[1::-1])
    if (high <= low).any():
        return
    width, height = (high - low).tolist()
    half = place.scale * levels[:, 1].max() * across
    corners = np.array([base + spine - half, base + spine + half, base - half]) - low
    source = np.array([(0, 0), (_TEXTURE_COLUMNS, 0), (0, ROWS)], np.float32)
    transform = cv2.getAffineTransform(source, corners.astype(np.float32))
    cloth = cv2.warpAffine(
        _visible_cloth(trunk, identity, scene),
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
    canvas: np.ndarray, decal: Decal, identity: Identity, place: _Placement, alpha: int
) -> None:
    text, font = str(identity.jersey_number), cv2.FONT_HERSHEY_SIMPLEX
    scale = decal.height * place.scale / 22
    (width, height), _ = cv2.getTextSize(text, font, scale, 1)
    column, row = place(*decal.center[:2])
    origin = (round(column - width / 2), round(row + height / 2))
    light_shorts = sum(identity.kit.shorts) > 380
    ink = (30, 30, 30, alpha) if light_shorts else (235, 235, 235, alpha)
    cv2.putText(canvas, text, origin, font, scale, ink, 1, cv2.LINE_AA)


@lru_cache(maxsize=1)
def _noise_tile() -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.standard_normal((_NOISE_TILE, _NOISE_TILE, 3)).astype(np.float32)


def _develop(image: np.ndarray, view: View, rng: np.random.Generator) -> np.ndarray:
    """Turn the clean picture into what a camera delivers: blur, colour cast, noise."""
    scene = view.scene
    streak = round(view.motion_blur * image.shape[0])
    if streak > 1:
        image = cv2.blur(image, (streak, 1))
    if scene.blur > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), scene.blur)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    image = cv2.addWeighted(image, scene.saturation, grey, 1 - scene.saturation, 0)
    tone = (np.arange(256) / 255.0)[:, None] ** scene.gamma * np.asarray(scene.gain) * 255
    image = cv2.LUT(image, np.clip(tone, 0, 255).astype(np.uint8)[None])
    rows, columns = image.shape[:2]
    top, left = (int(rng.integers(max(1, _NOISE_TILE - side))) for side in (rows, columns))
    grain = _noise_tile()[top : top + rows, left : left + columns]
    grain = cv2.resize(grain, (columns, rows)) if grain.shape[:2] != (rows, columns) else grain
    noisy = cv2.scaleAdd(grain, scene.noise, image.astype(np.float32))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _place_in_canvas(
    figure: Figure, view: View, identity: Identity, size: tuple[int, int]
) -> tuple[_Placement, tuple[int, int], float]:
    """Fit the person's jittered box into the canvas; return also the box's size and height."""
    low_u, low_v, high_u, high_v = figure.bounds
    left, top, right, bottom = (share * identity.height_m for share in view.crop_jitter)
    box_width, box_height = high_u - low_u + left + right, high_v - low_v + top + bottom
    missing = max(0.0, _MIN_ASPECT * box_height - box_width)
    left, box_width = left + missing / 2, box_width + missing
    rows, columns = size
    scale = min(rows / box_height, columns / box_width)
    place = _Placement((left - low_u) * scale, (high_v + top) * scale, scale)
    box = (min(rows, round(box_height * scale)), min(columns, round(box_width * scale)))
    return place, box, box_height


def _place_neighbour(view: View, place: _Placement) -> tuple[Figure, _Placement] | None:
    neighbour = view.neighbour
    if neighbour is None:
        return None
    elevation = view.scene.elevation
    figure = build_figure(
        neighbour.identity, neighbour.gait, neighbour.phase, 1.0, neighbour.azimuth, elevation
    )
    depth = -_NEIGHBOUR_DISTANCE_M if neighbour.in_front else _NEIGHBOUR_DISTANCE_M
    return figure, place.shifted(neighbour.offset, depth * math.sin(elevation))


def _paint_crop(
    figure: Figure,
    identity: Identity,
    view: View,
    place: _Placement,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paint background, person and whatever else is in the crop, back to front.

    Returns:
        The picture in neutral light, the person's silhouette and the visible part of it.
    """
    scene, other = view.scene, _place_neighbour(view, place)
    feet = [place(*figure.feet[:2])]
    if other is not None:
        feet.append(other[1](*other[0].feet[:2]))
    background = draw_background(scene, rng, size, feet, place.scale, view.line)
    canvas = cv2.cvtColor(background, cv2.COLOR_BGR2BGRA)
    canvas[..., 3] = 0
    if other is not None and not view.neighbour.in_front:
        _paint_figure(canvas, other[0], view.neighbour.identity, other[1], scene, alpha=0)
    _paint_figure(canvas, figure, identity, place, scene, alpha=255)
    silhouette = canvas[..., 3] > 127
    if other is not None and view.neighbour.in_front:
        _paint_figure(canvas, other[0], view.neighbour.identity, other[1], scene, alpha=0)
    if view.board > 0:
        canvas[size[0] - round(view.board * size[0]) :] = (*_BOARD_COLOR, 0)
    return np.ascontiguousarray(canvas[..., :3]), silhouette, canvas[..., 3] > 127


def _number_visible(
    identity: Identity,
    figure: Figure,
    place: _Placement,
    visible: np.ndarray,
    zoom: float,
) -> bool:
    """Whether the number on the back or on the chest can be read in the finished crop."""
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


def render_player_crop(
    identity: Identity, view: View, rng: np.random.Generator, size: tuple[int, int] = (256, 128)
) -> tuple[np.ndarray, PlayerCropLabels]:
    """Paint one person as a tight crop.

    The person is painted as large as the canvas allows and then reduced (or enlarged) to the size
    at which the view's camera sees them, so the height and the shape of the crop follow from
    identity and view.

    Args:
        identity: Who is seen.
        view: How they are seen.
        rng: Source of the randomness left open by the view: grass, background, noise.
        size: Rows and columns of the canvas: the finest detail that a crop can hold.

    Returns:
        The crop, (height, width, 3), uint8, BGR; and its labels.
    """
    figure = build_figure(
        identity, view.gait, view.phase, view.stride, view.azimuth, view.scene.elevation
    )
    place, (rows, columns), box_height = _place_in_canvas(figure, view, identity, size)
    image, silhouette, visible = _paint_crop(figure, identity, view, place, (rows, columns), rng)
    zoom = view.height_px * box_height / (_REFERENCE_HEIGHT_M * rows)
    height_px, width_px = max(1, round(zoom * rows)), max(1, round(zoom * columns))
    interpolation = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image, (width_px, height_px), interpolation=interpolation)
    labels = PlayerCropLabels(
        jersey_visible=_number_visible(identity, figure, place, visible, zoom),
        occluded_share=1 - float(visible.sum()) / max(1, int(silhouette.sum())),
        height_px=height_px,
        width_px=width_px,
    )
    return _develop(image, view, rng), labels
