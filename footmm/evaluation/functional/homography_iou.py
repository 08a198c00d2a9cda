"""Intersection over union of what two homographies see, and the projection error.

The measures of the WorldCup-2014 and TS-WorldCup benchmarks: Jiang et al., Optimizing Through
Learned Errors for Accurate Sports Field Registration, 2020 (IoU part and whole); Chu et al.,
Sports Field Registration via Keypoints-aware Label Condition, 2022, whose evaluation code (KpSFR)
the later ones (No Bells Just Whistles, PnLCalib) share.

Homographies are oriented, ground (metres, world frame) to image (pixels), finite, and of one image
size, see :mod:`footmm.pitch.homography`. The image is the rectangle of its pixel centres,
[0, W - 1] x [0, H - 1]. The functions named ``published_*`` give the figures that the evaluation
code prints; the others say what these stand for without its approximations.
"""

from __future__ import annotations

import random

import cv2
import numpy as np

from footmm.evaluation.functional.homography_errors import point_errors
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.homography import apply_homography

PUBLISHED_IMAGE_SIZE = (1280, 720)
"""Width and height of the benchmarks' images."""

#: Columns and rows of the pixels at which the projection error is taken.
_PIXEL_GRID = (64, 36)

_YARDS = 1.09361
METRES_TO_TEMPLATE = np.array(
    [[_YARDS, 0, _YARDS * 52.5], [0, -_YARDS, _YARDS * 34.0], [0, 0, 1]], dtype=np.float64
)
"""Ground (metres, world frame) to the published template: yards, origin in the far left corner."""

_TEMPLATE_SIZE = (115, 74)

# Of a pitch of 114.83 x 74.37 yards; the published code has both.
_TEMPLATE_GRID = np.stack(
    np.meshgrid(np.linspace(0, 114.83, 13), np.linspace(0, 74.37, 7), indexing="ij"), -1
).reshape(-1, 2)
_SQUEEZED_SIZE = (100, 60)
_YARD = 0.9144
_NUM_SAMPLES = 2501


def iou_part(
    predicted: np.ndarray,
    true: np.ndarray,
    image_size: tuple[int, int],
    dimensions: PitchDimensions | None = None,
) -> float:
    """IoU, on the ground, of the parts of the pitch that two homographies show in the image.

    Both are convex polygons, cut out of the pitch by the four borders of the image, so their areas
    are exact, and ground behind the camera is never among them.

    Args:
        predicted: ``(3, 3)``.
        true: ``(3, 3)``.
        image_size: Width and height in pixels.
        dimensions: The pitch; None for 105 x 68.

    Returns:
        0 to 1; nan where the true view shows nothing of the pitch.
    """
    dimensions = dimensions or PitchDimensions()
    pitch = _rectangle(-dimensions.length / 2, -dimensions.width / 2, *_half_size(dimensions))
    borders = _image_borders(image_size)
    seen = _clip(pitch, borders @ true)
    area = _area(seen)
    if area == 0:
        return float("nan")
    claimed = _clip(pitch, borders @ predicted)
    intersection = _area(_clip(claimed, borders @ true))
    return intersection / (area + _area(claimed) - intersection)


def iou_whole(predicted: np.ndarray, true: np.ndarray, image_size: tuple[int, int]) -> float:
    """IoU, in the image, of the image itself and of where the prediction sees the same ground.

    The plane of the ground is taken as unbounded, whatever of it is pitch. Equal to the published
    code's where the prediction sees all of that ground in front of it. Where its horizon cuts
    through, what it sees is unbounded and shares nothing with the image: 0. The published code
    joins the corners on both sides of the horizon there, and counts the polygon if it does
    not happen to cross itself: up to 0.25 for 27 of the 320 homographies that it was compared on,
    all of them plain least squares fits.

    Args:
        predicted: ``(3, 3)``.
        true: ``(3, 3)``.
        image_size: Width and height in pixels.

    Returns:
        0 to 1.
    """
    image = _rectangle(0, 0, *np.subtract(image_size, 1.0))
    corners = apply_homography(predicted @ np.linalg.inv(true), image).numpy()
    if np.isnan(corners).any():
        return 0.0
    intersection = _area(_clip(corners, _image_borders(image_size)))
    return intersection / (_area(image) + _area(corners) - intersection)


def projection_error(
    predicted: np.ndarray,
    true: np.ndarray,
    image_size: tuple[int, int],
    dimensions: PitchDimensions | None = None,
) -> float:
    """Mean distance in metres between where two homographies take the same pixels.

    Taken at an even grid of 64 x 36 pixels over the image, of which those count that show the
    pitch: every part of the image counts alike, near ground more than far. A distance is at
    most the length of the pitch, which is also that of a pixel above the predicted horizon; points
    that are predicted off the pitch count (the published code leaves them out).

    Args:
        predicted: ``(3, 3)``.
        true: ``(3, 3)``.
        image_size: Width and height in pixels.
        dimensions: The pitch; None for 105 x 68.

    Returns:
        Metres; nan where none of the pixels shows the pitch.
    """
    dimensions = dimensions or PitchDimensions()
    axes = (
        np.linspace(0, size - 1, count) for size, count in zip(image_size, _PIXEL_GRID, strict=True)
    )
    pixels = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    ground = apply_homography(np.linalg.inv(true), pixels).numpy()
    on_pitch = dimensions.contains(ground)
    if not on_pitch.any():
        return float("nan")
    errors = point_errors(predicted, ground[on_pitch], pixels[on_pitch], image_size, dimensions)
    return float(errors.metres.mean())


def published_iou_part(predicted: np.ndarray, true: np.ndarray) -> float:
    """IoU part as the published code prints it: on a raster of one point per yard.

    A point of the 115 x 74 template counts as seen where OpenCV, warping a white image of 1280 x
    720, makes it anything but black. Ground behind the camera may count. For the robustly
    estimated ones of 320 homographies it is within 0.01 of :func:`iou_part`.

    Args:
        predicted: ``(3, 3)`` ground to image of 1280 x 720.
        true: ``(3, 3)`` ground to image of 1280 x 720.

    Returns:
        0 to 1; 0 also where neither shows a point.
    """
    width, height = PUBLISHED_IMAGE_SIZE
    white = np.full((height, width), 255, dtype=np.uint8)
    claimed, seen = (
        cv2.warpPerspective(white, _to_template(homography), _TEMPLATE_SIZE) > 0
        for homography in (predicted, true)
    )
    union = np.count_nonzero(claimed | seen)
    return np.count_nonzero(claimed & seen) / union if union else 0.0


def published_reprojection_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """Reprojection error as the published code prints it, as a share of the image's height.

    The mean over those of 13 x 7 even points of the pitch that both homographies show in the image,
    so the worst are left out; points behind the camera may count.

    Args:
        predicted: ``(3, 3)`` ground to image of 1280 x 720.
        true: ``(3, 3)`` ground to image of 1280 x 720.

    Returns:
        Pixels / 720; nan where there is no such point.
    """
    pixels = [
        _map_unsigned(np.linalg.inv(_to_template(homography)), _TEMPLATE_GRID)
        for homography in (predicted, true)
    ]
    return _mean_distance_inside(*pixels, PUBLISHED_IMAGE_SIZE) / PUBLISHED_IMAGE_SIZE[1]


def published_projection_error(predicted: np.ndarray, true: np.ndarray, seed: int = 0) -> float:
    """Projection error as the published code prints it, which is no true metres.

    The mean over 2501 random pixels that show the pitch, of those that both homographies take
    onto it. The code squeezes its template from 115 x 74 yards to 100 x 60 and converts from yards
    nevertheless, which makes the error 13 % (along the pitch) to 19 % (across) too small.

    Args:
        predicted: ``(3, 3)`` ground to image of 1280 x 720.
        true: ``(3, 3)`` ground to image of 1280 x 720.
        seed: Of Python's generator; the published code uses none.

    Returns:
        "Metres"; nan where there is no such pixel.
    """
    pixels = _random_pitch_pixels(true, random.Random(seed))
    if not len(pixels):
        return float("nan")
    squeeze = np.diag([*np.divide(_SQUEEZED_SIZE, _TEMPLATE_SIZE), 1.0])
    squeezed = [
        _map_unsigned(squeeze @ _to_template(homography), pixels)
        for homography in (predicted, true)
    ]
    return _mean_distance_inside(*squeezed, _SQUEEZED_SIZE) * _YARD


def _rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)


def _half_size(dimensions: PitchDimensions) -> tuple[float, float]:
    return dimensions.length / 2, dimensions.width / 2


def _image_borders(image_size: tuple[int, int]) -> np.ndarray:
    """Half planes ``(4, 3)`` whose product with homogeneous image points is >= 0 inside.

    Multiplied by an oriented homography they are the half planes of the ground in view: what is
    right of the left and left of the right border is in front of the camera.
    """
    width, height = image_size
    return np.array([[1, 0, 0], [-1, 0, width - 1], [0, 1, 0], [0, -1, height - 1]], np.float64)


def _clip(polygon: np.ndarray, half_planes: np.ndarray) -> np.ndarray:
    """The part of a convex polygon ``(N, 2)`` inside half planes ``(M, 3)``.

    Sutherland and Hodgman, Reentrant Polygon Clipping, 1974.
    """
    for plane in half_planes:
        side = polygon @ plane[:2] + plane[2]
        end, end_side = np.roll(polygon, -1, axis=0), np.roll(side, -1)
        inside = side >= 0
        crosses = inside != (end_side >= 0)
        share = side / np.where(crosses, side - end_side, 1.0)
        crossing = polygon + share[:, None] * (end - polygon)
        corners = np.stack([polygon, crossing], axis=1)
        polygon = corners[np.stack([inside, crosses], axis=1)]
    return polygon


def _area(polygon: np.ndarray) -> float:
    """Area of a simple polygon ``(N, 2)``; 0 without corners."""
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def _to_template(homography: np.ndarray) -> np.ndarray:
    """Image to the published template: yards, x to the right, y towards the camera."""
    matrix = METRES_TO_TEMPLATE @ np.linalg.inv(homography)
    return matrix / matrix[2, 2]


def _map_unsigned(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points ``(N, 2)``, those behind the camera too."""
    return cv2.perspectiveTransform(points[:, None].astype(np.float64), matrix)[:, 0]


def _mean_distance_inside(first: np.ndarray, second: np.ndarray, size: tuple[int, int]) -> float:
    """Mean distance of the pairs ``(N, 2)`` of which both are in the rectangle from the origin."""
    both = np.concatenate([first, second], axis=-1)
    inside = ((both >= 0) & (both < [*size, *size])).all(axis=-1)
    if not inside.any():
        return float("nan")
    return float(np.linalg.norm(first[inside] - second[inside], axis=-1).mean())


def _random_pitch_pixels(homography: np.ndarray, generator: random.Random) -> np.ndarray:
    """The published code's sample ``(2501, 2)``; ``(0, 2)`` where the pitch is not in view."""
    width, height = PUBLISHED_IMAGE_SIZE
    white = np.full(_TEMPLATE_SIZE[::-1], 255, dtype=np.uint8)
    shown = cv2.warpPerspective(white, np.linalg.inv(_to_template(homography)), (width, height))
    contours, _ = cv2.findContours(shown, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    interior = np.zeros_like(shown)
    cv2.drawContours(interior, contours[:1], -1, 1, cv2.FILLED)
    # The pixels of the contour itself are not within it.
    cv2.drawContours(interior, contours[:1], -1, 0, 1)
    if not interior.any():
        return np.zeros((0, 2))
    pixels: list[tuple[int, int]] = []
    while len(pixels) < _NUM_SAMPLES:
        x, y = generator.randrange(width), generator.randrange(height)
        if interior[y, x]:
            pixels.append((x, y))
    return np.array(pixels)
