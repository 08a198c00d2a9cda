"""Frames of reference: the one that footmm uses, and how to get there from the others.

World (footmm)
    Metres; origin at the centre spot; x along the length to the right, y along the width away from
    the main camera, z up. Right-handed. kloppy's metric, centred frames are the same.
Image
    Pixels; u to the right, v down; pixel centres at integers, so an image of width W spans -0.5 to
    W - 0.5.
Camera
    x to the right, y down, z forward.
SoccerNet (calibration, game state)
    Metres; origin at the centre spot; x as in footmm, y TOWARDS the main camera, z DOWN.
SynLoc (Spiideo scenes)
    Metres; origin at the centre spot; x ACROSS the width, away from the main camera, y ALONG the
    length to the left, z up.

The converters of world points take arrays or tensors ``(..., 2)`` (ground points) or ``(..., 3)``
and return the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch

Points = TypeVar("Points", np.ndarray, torch.Tensor)


def pixel_scaling(old_size: Sequence[float], new_size: Sequence[float]) -> np.ndarray:
    """The map between the pixels of a picture at two sizes; the image's corner, at -0.5, stays.

    Args:
        old_size: Width and height in pixels; only the ratios to the new ones count.
        new_size: Width and height in pixels.

    Returns:
        ``(3, 3)``; multiplied by a homography to the old size, the one to the new size.
    """
    x, y = (new / old for new, old in zip(new_size, old_size, strict=True))
    return np.array([[x, 0.0, 0.5 * (x - 1)], [0.0, y, 0.5 * (y - 1)], [0.0, 0.0, 1.0]])


def azimuth(vectors: np.ndarray) -> np.ndarray:
    """Return the angles ``(...)``, radians from x towards y, of vectors ``(..., 2 or more)``.

    The same vectors have the same angles to the last bit wherever they lie in memory. NumPy's own
    functions of views with gaps (``arctan2``, ``exp``, ``log``, ``tan``, powers) have not: where
    the processor has AVX-512, the array that happens to lie next in memory decides whether they
    take the vector code, which rounds differently.
    """
    x, y = np.ascontiguousarray(np.moveaxis(vectors[..., :2], -1, 0))
    return np.arctan2(y, x)


def soccernet_to_world(points: Points) -> Points:
    """Convert points of SoccerNet's frame, half a turn about the x axis."""
    turned = -points
    turned[..., 0] = points[..., 0]
    return turned


def world_to_soccernet(points: Points) -> Points:
    """Convert world points to SoccerNet's frame; half a turn is its own inverse."""
    return soccernet_to_world(points)


def synloc_to_world(points: Points) -> Points:
    """Convert points of SynLoc's frame, a quarter turn about the z axis."""
    turned = points[..., [1, 0, *range(2, points.shape[-1])]]
    turned[..., 0] *= -1
    return turned


def world_to_synloc(points: Points) -> Points:
    """Convert world points to SynLoc's frame."""
    turned = points[..., [1, 0, *range(2, points.shape[-1])]]
    turned[..., 1] *= -1
    return turned
