"""How far homographies and keypoints are off: in metres on the ground and in pixels.

Homographies are oriented, ground (metres, world frame) to image (pixels), see
:mod:`footmm.pitch.homography`. Every distance of a point is cut off at the length of the pitch, or
at the diagonal of the image: a point that a wrong homography puts near or beyond the horizon is at
an arbitrary distance, or at none, and counts as that much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.homography import apply_homography, homography_quality

GRID_SPACING = 2.0
"""Largest distance in metres between neighbouring pitch points of the reprojection error."""


class PointErrors(NamedTuple):
    """Distances between what two homographies make of N points.

    Attributes:
        metres: ``(N,)`` on the ground, at most the length of the pitch.
        pixels: ``(N,)`` in the image, at most its diagonal.
    """

    metres: np.ndarray
    pixels: np.ndarray


def visible_pitch_points(
    homography: np.ndarray,
    image_size: tuple[int, int],
    dimensions: PitchDimensions | None = None,
    spacing: float = GRID_SPACING,
) -> tuple[np.ndarray, np.ndarray]:
    """The points of an even grid over the pitch, its border included, that an image shows.

    Args:
        homography: ``(3, 3)``.
        image_size: Width and height in pixels.
        dimensions: The pitch; None for 105 x 68.
        spacing: Largest distance of neighbours along x and y, metres.

    Returns:
        Ground points ``(N, 2)``, metres, and where they are seen ``(N, 2)``, pixels within
        [0, W - 1] x [0, H - 1]. N is 0 where the image shows nothing of the pitch.
    """
    dimensions = dimensions or PitchDimensions()
    sides = (dimensions.length, dimensions.width)
    ground = dimensions.ground_grid(*(math.ceil(side / spacing) + 1 for side in sides))
    pixels = apply_homography(homography, ground).numpy()
    # Points behind the camera are nan, for which both comparisons are False.
    shown = ((pixels >= 0) & (pixels <= np.subtract(image_size, 1))).all(-1)
    return ground[shown], pixels[shown]


def point_errors(
    homography: np.ndarray,
    ground: np.ndarray,
    pixels: np.ndarray,
    image_size: tuple[int, int],
    dimensions: PitchDimensions | None = None,
) -> PointErrors:
    """Errors of a homography on points whose ground and image positions are known.

    Args:
        homography: ``(3, 3)``, finite.
        ground: ``(N, 2)`` metres.
        pixels: ``(N, 2)``.
        image_size: Width and height in pixels.
        dimensions: The pitch whose length cuts off the metres; None for 105 x 68.

    Returns:
        The errors; the upper limit in metres for a pixel above the homography's horizon, and in
        pixels for a ground point behind its camera.
    """
    quality = homography_quality(homography, ground, pixels)
    longest = (dimensions or PitchDimensions()).length
    return PointErrors(
        quality.error_m.clamp(max=longest).numpy(),
        quality.error_px.clamp(max=math.hypot(*image_size)).numpy(),
    )


def reprojection_errors(
    predicted: np.ndarray,
    true: np.ndarray,
    image_size: tuple[int, int],
    dimensions: PitchDimensions | None = None,
) -> PointErrors:
    """Errors of a homography on the pitch points that the true view shows.

    The points are those of :func:`visible_pitch_points` for the true homography, so every square
    metre of pitch in view counts alike. Pixels: from where the prediction sees the point to where
    it is. Metres: from the point to where the prediction takes the pixel that shows it.

    Args:
        predicted: ``(3, 3)``, finite.
        true: ``(3, 3)``, for the same image size.
        image_size: Width and height in pixels.
        dimensions: The pitch; None for 105 x 68.

    Returns:
        The errors of N points; N is 0 where the true view shows nothing of the pitch.
    """
    ground, pixels = visible_pitch_points(true, image_size, dimensions)
    if not len(ground):
        return PointErrors(np.zeros(0), np.zeros(0))
    return point_errors(predicted, ground, pixels, image_size, dimensions)


def correct_keypoints(
    predicted: np.ndarray,
    true: np.ndarray,
    visible: np.ndarray,
    thresholds: Sequence[float],
) -> np.ndarray:
    """Count visible keypoints that are predicted near enough: the numerator of PCK.

    Yang and Ramanan, Articulated Human Detection with Flexible Mixtures of Parts, 2013, with
    thresholds in pixels. A keypoint that is not visible does not count, wherever it is predicted;
    the score of a prediction does not matter. A predicted position that is nan is wrong.

    Args:
        predicted: ``(K, 2)`` pixels.
        true: ``(K, 2)`` pixels.
        visible: ``(K,)`` bool.
        thresholds: T distances in pixels that are still correct.

    Returns:
        ``(T,)`` int.
    """
    errors = np.subtract(predicted[visible], true[visible], dtype=np.float64)
    return (np.linalg.norm(errors, axis=-1)[:, None] <= np.asarray(thresholds)).sum(0)
