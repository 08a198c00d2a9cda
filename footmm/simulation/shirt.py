"""The cloth of a shirt, unrolled: pattern, collar and numbers of one person as an image."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np

from footmm.simulation.appearance import Color, Kit, KitPattern

ROWS, COLUMNS = 128, 256
"""Size of the unrolled cloth: rows from collar to hem, columns once around the body."""

BACK_NUMBER_HEIGHT = 0.42
FRONT_NUMBER_HEIGHT = 0.26
"""Height of the numbers as shares of the trunk's length."""

BACK_NUMBER_CENTER = 0.46
FRONT_NUMBER_CENTER = 0.40
"""Place of the middle of the numbers, as shares of the trunk's length below the collar."""


def column_of(angle: float) -> float:
    """Return the column of a direction.

    Args:
        angle: Direction as :class:`footmm.simulation.appearance.View` counts azimuths: 0 is the
            chest, pi / 2 the right side, pi the back.

    Returns:
        The column, in the middle for the chest; from outside, columns run from left to right.
    """
    return (math.pi - angle) / (2 * math.pi) * COLUMNS


def _paint_pattern(cloth: np.ndarray, kit: Kit) -> None:
    columns = np.arange(COLUMNS)
    if kit.pattern is KitPattern.STRIPES:
        # Eight pairs around the body; a stripe of the main colour runs down chest and back.
        cloth[:, ((columns + COLUMNS // 32) // (COLUMNS // 16)) % 2 == 1] = kit.second
    elif kit.pattern is KitPattern.HOOPS:
        cloth[(np.arange(ROWS) // (ROWS // 7)) % 2 == 1] = kit.second
    elif kit.pattern is KitPattern.HALVES:
        cloth[:, columns < COLUMNS // 2] = kit.second
    elif kit.pattern is KitPattern.SASH:
        _paint_sash(cloth, kit.second)


def _paint_sash(cloth: np.ndarray, color: Color) -> None:
    """A band from the left shoulder to the right hip in front, and back up behind."""
    shoulder, hip = round(column_of(-1.2)), round(column_of(1.2))
    path = [(shoulder, 0), (hip, ROWS), (shoulder - COLUMNS, 0)]
    for turn in (0, COLUMNS):
        points = np.array([(column + turn, row) for column, row in path], np.int32)
        cv2.polylines(cloth, [points], False, color, ROWS // 5, cv2.LINE_AA)


def _paint_number(
    cloth: np.ndarray, number: int, center: tuple[float, float], height: float, color: Color
) -> None:
    text, font, thickness = str(number), cv2.FONT_HERSHEY_DUPLEX, max(2, round(0.14 * height))
    (_, base_height), _ = cv2.getTextSize(text, font, 1.0, 1)
    scale = (height - thickness) / base_height
    (width, _), _ = cv2.getTextSize(text, font, scale, thickness)
    origin = (round(center[0] - width / 2), round(center[1] + height / 2 - thickness / 2))
    # A rim in the opposite brightness keeps the number legible on any pattern.
    rim = (25, 25, 25) if sum(color) > 380 else (240, 240, 240)
    cv2.putText(cloth, text, origin, font, scale, rim, thickness + 3, cv2.LINE_AA)
    cv2.putText(cloth, text, origin, font, scale, color, thickness, cv2.LINE_AA)


@lru_cache(maxsize=512)
def unrolled_shirt(kit: Kit, number: int | None) -> np.ndarray:
    """Paint the cloth of a shirt.

    Args:
        kit: Colours and pattern.
        number: Printed large on the back and small on the chest; None for no number.

    Returns:
        Image (ROWS, COLUMNS, 3), uint8, BGR, read-only. Columns run once around the body by the
        angle of :func:`column_of`.
    """
    cloth = np.empty((ROWS, COLUMNS, 3), np.uint8)
    cloth[:] = kit.shirt
    _paint_pattern(cloth, kit)
    if number is not None:
        front = (COLUMNS / 2, FRONT_NUMBER_CENTER * ROWS)
        _paint_number(cloth, number, front, FRONT_NUMBER_HEIGHT * ROWS, kit.number)
        # The back is split between both edges: paint it in the middle of a rolled copy.
        cloth = np.ascontiguousarray(np.roll(cloth, COLUMNS // 2, axis=1))
        back = (COLUMNS / 2, BACK_NUMBER_CENTER * ROWS)
        _paint_number(cloth, number, back, BACK_NUMBER_HEIGHT * ROWS, kit.number)
        cloth = np.ascontiguousarray(np.roll(cloth, -(COLUMNS // 2), axis=1))
    cloth[: ROWS // 22] = kit.trim
    cloth.flags.writeable = False
    return cloth
