"""What is behind a person: mown grass with a soft shadow, pitch markings, boards, the crowd."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from footmm.simulation.appearance import Backdrop, Scene

_TILE = 768
_SHADOW_STRENGTH = 60
_SHADOW_REDUCTION = 4
_BOARD_HEIGHT_M = 0.9
_MOWN_BAND_M = 2.5
_LINE_WIDTH_M = 0.12


@lru_cache(maxsize=1)
def _grass_tile() -> np.ndarray:
    """Brightness of grass around 128, rough in two sizes."""
    rng = np.random.default_rng(1)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (_TILE, _TILE)), (0, 0), 0.8)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (_TILE, _TILE)), (0, 0), 6)
    return np.clip(128 + 7 * fine / fine.std() + 5 * coarse / coarse.std(), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _crowd_tile() -> np.ndarray:
    """Brightness and colour of blurred spectators around 128."""
    rng = np.random.default_rng(2)
    seats = rng.normal(128, 55, (_TILE // 8, _TILE // 6, 3)).clip(0, 255).astype(np.uint8)
    return cv2.blur(cv2.resize(seats, (_TILE, _TILE), interpolation=cv2.INTER_LINEAR), (3, 3))


def _window(rng: np.random.Generator, tile: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut a random window of ``size`` (rows, columns) out of a tile, repeated where too small."""
    rows, columns = size
    if rows >= _TILE or columns >= _TILE:
        repeats = (rows // _TILE + 2, columns // _TILE + 2, *(1,) * (tile.ndim - 2))
        tile = np.tile(tile, repeats)
    top = int(rng.integers(tile.shape[0] - rows))
    left = int(rng.integers(tile.shape[1] - columns))
    return tile[top : top + rows, left : left + columns].copy()


def _tint(grey: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Colour an image of brightness around 128."""
    levels = np.arange(256)[:, None] / 128.0 * np.asarray(color)
    table = np.clip(levels, 0, 255).astype(np.uint8)[None]
    return cv2.LUT(cv2.merge([grey] * 3) if grey.ndim == 2 else grey, table)


def _mow(grey: np.ndarray, rng: np.random.Generator, contrast: float, scale: float) -> None:
    """Darken every other band of the grass."""
    rows, columns = grey.shape
    angle = float(rng.uniform(-0.35, 0.35))
    width = _MOWN_BAND_M * scale * float(rng.uniform(0.25, 1.0))
    first = float(rng.uniform(-width, width))
    rise = columns * math.tan(angle)
    for top in np.arange(first - abs(rise), rows + abs(rise), 2 * width):
        corners = [(0, top), (columns, top + rise), (columns, top + rise + width), (0, top + width)]
        mask = np.zeros_like(grey)
        cv2.fillConvexPoly(mask, np.array(corners, np.int32), int(contrast))
        cv2.subtract(grey, mask, dst=grey)


def _cast_shadow(grey: np.ndarray, feet: tuple[float, float], scale: float, scene: Scene) -> None:
    """Darken the grass around the feet, drawn out away from the light."""
    rows, columns = grey.shape
    mask = np.zeros((rows // _SHADOW_REDUCTION + 1, columns // _SHADOW_REDUCTION + 1), np.uint8)
    unit = scale / _SHADOW_REDUCTION
    length = (0.3 + 0.5 * scene.light_contrast) * unit
    center = (
        round(feet[0] / _SHADOW_REDUCTION - scene.light_side * 0.7 * length),
        round(feet[1] / _SHADOW_REDUCTION),
    )
    axes = (max(1, round(length)), max(1, round(length * (0.15 + 0.3 * math.sin(scene.elevation)))))
    strength = _SHADOW_STRENGTH * (0.5 + 0.5 * scene.light_contrast)
    cv2.ellipse(mask, center, axes, 0, 0, 360, strength, -1, cv2.LINE_AA)
    mask = cv2.blur(mask, (5, 3))
    cv2.subtract(grey, cv2.resize(mask, (columns, rows)), dst=grey)


def _draw_marking(image: np.ndarray, rng: np.random.Generator, scale: float) -> None:
    rows, columns = image.shape[:2]
    start = (0, int(rng.integers(rows // 2, rows)))
    end = (columns, int(rng.integers(rows // 3, rows)))
    thickness = max(1, round(_LINE_WIDTH_M * scale * float(rng.uniform(0.4, 1))))
    cv2.line(image, start, end, (225, 235, 230), thickness, cv2.LINE_AA)


def _draw_board(
    image: np.ndarray, rng: np.random.Generator, scene: Scene, bottom: int, height: int
) -> None:
    """An advertising board with a row of letter-like blocks."""
    top, columns = bottom - height, image.shape[1]
    cv2.rectangle(image, (0, top), (columns, bottom), scene.backdrop_color, -1)
    ink = (240, 240, 240) if sum(scene.backdrop_color) < 380 else (40, 30, 30)
    left = int(rng.integers(-height, height))
    while left < columns:
        width = int(height * rng.uniform(0.15, 0.5)) + 1
        inset = max(1, height // 4)
        cv2.rectangle(image, (left, top + inset), (left + width, bottom - inset), ink, -1)
        left += width + max(2, height // 6)


def _draw_stand(
    image: np.ndarray, rng: np.random.Generator, scene: Scene, scale: float, feet_row: float
) -> None:
    """Everything above the edge of the grass; the flatter the view, the lower that edge."""
    distance = float(rng.uniform(3, 14))
    edge = int(feet_row - scale * (0.15 + distance * math.sin(scene.elevation)))
    if edge <= 0:
        return
    if scene.backdrop is Backdrop.CROWD:
        window = _window(rng, _crowd_tile(), (min(edge, image.shape[0]), image.shape[1]))
        image[: window.shape[0]] = _tint(window, scene.backdrop_color)
    else:
        image[:edge] = [channel // 4 for channel in scene.backdrop_color]
    if scene.backdrop is Backdrop.BOARD:
        _draw_board(image, rng, scene, edge, max(4, round(_BOARD_HEIGHT_M * scale)))


def draw_background(
    scene: Scene,
    rng: np.random.Generator,
    size: tuple[int, int],
    feet: list[tuple[float, float]],
    scale: float,
    line: bool,
) -> np.ndarray:
    """Draw the background of a crop.

    Args:
        scene: Grass, light and backdrop.
        rng: Source of all randomness.
        size: Rows and columns.
        feet: Where persons stand, in pixels (column, row); the first is the crop's person.
        scale: Pixels per metre.
        line: Whether a pitch marking runs through it.

    Returns:
        Image (rows, columns, 3), uint8, BGR, in neutral light.
    """
    grey = _window(rng, _grass_tile(), size)
    if scene.mowing >= 1:
        _mow(grey, rng, scene.mowing, scale)
    for place in feet:
        _cast_shadow(grey, place, scale, scene)
    image = _tint(grey, scene.grass)
    if line:
        _draw_marking(image, rng, scale)
    if scene.backdrop is not Backdrop.GRASS:
        _draw_stand(image, rng, scene, scale, feet[0][1])
    return image
