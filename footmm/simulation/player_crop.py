"""Paints persons: crops of one player, as a detector would cut them from a broadcast frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from footmm.simulation.appearance import Identity, View
from footmm.simulation.background import draw_background
from footmm.simulation.figure import Figure, build_figure
from footmm.simulation.figure_painter import Light, Placement, number_visible, paint_figure

_REFERENCE_HEIGHT_M = 1.8
_MIN_ASPECT = 0.4
_NEIGHBOUR_DISTANCE_M = 0.4
_NOISE_TILE = 512
_BOARD_COLOR = (60, 50, 140)


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
) -> tuple[Placement, tuple[int, int], float]:
    """Fit the person's jittered box into the canvas; return also the box's size and height."""
    low_u, low_v, high_u, high_v = figure.bounds
    left, top, right, bottom = (share * identity.height_m for share in view.crop_jitter)
    box_width, box_height = high_u - low_u + left + right, high_v - low_v + top + bottom
    missing = max(0.0, _MIN_ASPECT * box_height - box_width)
    left, box_width = left + missing / 2, box_width + missing
    rows, columns = size
    scale = min(rows / box_height, columns / box_width)
    place = Placement.upright((left - low_u) * scale, (high_v + top) * scale, scale)
    box = (min(rows, round(box_height * scale)), min(columns, round(box_width * scale)))
    return place, box, box_height


def _place_neighbour(view: View, place: Placement) -> tuple[Figure, Placement] | None:
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
    place: Placement,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paint background, person and whatever else is in the crop, back to front.

    Returns:
        The picture in neutral light, the person's silhouette and the visible part of it.
    """
    scene, other = view.scene, _place_neighbour(view, place)
    light = Light(scene.light_side, scene.light_contrast)
    feet = [place(*figure.feet[:2])]
    if other is not None:
        feet.append(other[1](*other[0].feet[:2]))
    background = draw_background(scene, rng, size, feet, place.scale, view.line)
    canvas = cv2.cvtColor(background, cv2.COLOR_BGR2BGRA)
    canvas[..., 3] = 0
    if other is not None and not view.neighbour.in_front:
        paint_figure(canvas, other[0], view.neighbour.identity, other[1], light, alpha=0)
    paint_figure(canvas, figure, identity, place, light, alpha=255)
    silhouette = canvas[..., 3] > 127
    if other is not None and view.neighbour.in_front:
        paint_figure(canvas, other[0], view.neighbour.identity, other[1], light, alpha=0)
    if view.board > 0:
        canvas[size[0] - round(view.board * size[0]) :] = (*_BOARD_COLOR, 0)
    return np.ascontiguousarray(canvas[..., :3]), silhouette, canvas[..., 3] > 127


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
        jersey_visible=number_visible(identity, figure, place, visible, zoom),
        occluded_share=1 - float(visible.sum()) / max(1, int(silhouette.sum())),
        height_px=height_px,
        width_px=width_px,
    )
    return _develop(image, view, rng), labels
