"""Where the cameras of a broadcast stand and what lenses they carry.

Three groups of numbers, each with its source:

* ``REAL_*``: the 2, 25, 50, 75 and 98 % quantiles of the 294 cameras that PnLCalib finds for the
  SoccerNet-calibration 2022 test frames (960 x 540, main cameras), in footmm's world frame. The
  quantiles leave out the estimator's outliers, such as tilts of -120 degrees.
  ``tools/analysis/camera_statistics.py`` prints them.
* ``EXAMPLE_SCENE_*``: camera and lens of SynLoc's example scene.
* All other ranges are what stadiums allow (cameras behind the goal, on the 16-metre lines, the
  tactical camera): no public set of calibrated cameras holds them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np

from footmm.errors import ConfigError, did_you_mean
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.lens import PolynomialLens

Range = tuple[float, float]
Quantiles = tuple[float, float, float, float, float]

QUANTILE_LEVELS: Quantiles = (0.02, 0.25, 0.5, 0.75, 0.98)
"""What the five numbers of :data:`Quantiles` are."""

REAL_X: Quantiles = (-6.31, -1.97, -0.13, 1.71, 7.84)
"""Metres along the pitch."""
REAL_DISTANCE: Quantiles = (45.02, 57.02, 63.40, 71.61, 93.56)
"""Metres from the camera to the pitch's long axis."""
REAL_HEIGHT: Quantiles = (9.37, 11.30, 14.80, 16.90, 24.24)
"""Metres above the ground."""
REAL_ELEVATION: Quantiles = (9.21, 11.26, 12.14, 14.46, 19.10)
"""Degrees of the camera above the horizon, seen from the long axis: height and distance
grow together, so height is drawn by this angle."""
REAL_ROLL: Quantiles = (-0.75, -0.21, 0.06, 0.30, 0.84)
"""Degrees."""
REAL_FOCAL_LENGTH: Quantiles = (1173.8, 2193.4, 2528.8, 3014.1, 4325.2)
"""Pixels of an image of :data:`REAL_IMAGE_WIDTH`."""
REAL_VIEW_WIDTH: Quantiles = (21.0, 26.4, 29.2, 32.6, 41.0)
"""Metres across the image where its centre meets the ground."""
REAL_K1: Range = (0.05, 0.36)
"""First radial coefficient of Brown and Conrady. PnLCalib sets it to 0, the annotations show it:
pan, tilt, roll, focal length, position and k1 of 143 of these cameras were refined on their own
frame's lines (robust least squares). k1 has the quartiles 0.25, 0.50, 0.85, and 0.05 to 0.74 (5 to
95 %) where it is certain to 0.15; the image's corner moves by at most 8 % (98 %). The upper end is
the k1 that moves it as much at the shortest focal length."""
REAL_IMAGE_WIDTH = 960
REAL_PITCH_LENGTH, REAL_PITCH_WIDTH = 105.0, 68.0

EXAMPLE_SCENE_LENS = (
    -0.044636843695927075,
    -2.3318445118889244,
    -0.009093617311161777,
    0.00046133422394861,
    -3.242801627556576e-05,
)
"""``dist_poly`` of the scene's ``lens.json``: minus the angle to the axis in degrees, by rising
powers of the distance on the sensor in millimetres."""
EXAMPLE_SCENE_SENSOR_WIDTH = 36.0
POLYNOMIAL_DEGREE = 8
"""Degree of the polynomials in SynLoc's files (``sskit.camera.make_camera``)."""

#: Share of the cameras beside the pitch that keep their lens's distortion.
_DISTORTED_SHARE = 0.3


class CameraKind(str, Enum):
    """The cameras of a broadcast; left and right as seen from the main camera."""

    MAIN = "main"
    TACTICAL = "tactical"
    SIXTEEN_METRES_LEFT = "sixteen_metres_left"
    SIXTEEN_METRES_RIGHT = "sixteen_metres_right"
    BEHIND_GOAL_LEFT = "behind_goal_left"
    BEHIND_GOAL_RIGHT = "behind_goal_right"
    HIGH_BEHIND_LEFT = "high_behind_left"
    HIGH_BEHIND_RIGHT = "high_behind_right"
    WIDE_FIXED = "wide_fixed"

    @classmethod
    def _missing_(cls, value: object) -> None:
        known = [kind.value for kind in cls]
        raise ConfigError(
            f"unknown camera kind {value!r}{did_you_mean(str(value), known)}; there are "
            f"{', '.join(known)}"
        )

    @property
    def side(self) -> int:
        """-1 for the left cameras, +1 for the right ones, 0 for the others."""
        return {"left": -1, "right": 1}.get(self.value.rpartition("_")[2], 0)


@dataclass(frozen=True)
class Framing:
    """What a kind of camera that follows play shows.

    Attributes:
        view_width: Metres across the image at the ball, quantiles over cameras.
        focal_length: Shortest and longest, pixels of an image of :data:`REAL_IMAGE_WIDTH`.
        depth_share: Share of play's movement to and from the camera that the tilt follows: from
            the side a picture holds most of the width of the pitch anyway.
    """

    view_width: Quantiles
    focal_length: Range
    depth_share: float


_REAL_LENS: Range = (REAL_FOCAL_LENGTH[0], REAL_FOCAL_LENGTH[-1])
_FRAMINGS: dict[str, Framing] = {
    "main": Framing(REAL_VIEW_WIDTH, _REAL_LENS, 0.45),
    # Clubs' scouting feeds: most of the width of the pitch is always in the picture.
    "tactical": Framing((36.0, 46.0, 56.0, 70.0, 88.0), (500.0, _REAL_LENS[1]), 0.1),
    "sixteen_metres": Framing((15.0, 19.0, 22.0, 26.0, 34.0), _REAL_LENS, 0.55),
    "behind_goal": Framing((14.0, 18.0, 22.0, 27.0, 36.0), (500.0, _REAL_LENS[1]), 1.0),
    "high_behind": Framing((20.0, 25.0, 30.0, 36.0, 48.0), (500.0, _REAL_LENS[1]), 0.9),
}

#: Degrees above the horizon as in :data:`REAL_ELEVATION`: tactical cameras stand high on the stand.
_TACTICAL_ELEVATION: Quantiles = (11.0, 14.0, 17.0, 20.0, 25.0)
#: Metres: the roof of a stand ends all heights.
_MAX_HEIGHT = 40.0
#: Metres along the pitch about the end of the penalty area.
_SIXTEEN_METRES_X: Range = (-1.5, 1.5)
#: Metres behind the goal line, beside the middle of the goal, and above the ground.
_BEHIND_GOAL: tuple[Range, Range, Range] = ((10.0, 20.0), (-7.0, 7.0), (2.0, 8.0))
_HIGH_BEHIND: tuple[Range, Range, Range] = ((15.0, 35.0), (-4.0, 4.0), (15.0, 25.0))


@dataclass(frozen=True)
class FollowingRig:
    """A camera on a tripod that can be panned, tilted and zoomed.

    Attributes:
        position: Metres, world frame, ``(3,)``.
        facing: Pan at which it looks straight across the pitch, radians.
        roll: Radians.
        k1: First radial coefficient of the lens; 0 is a pinhole camera.
        view_width: Metres across the image at the ball in ordinary play.
        focal_length: Shortest and longest, pixels of an image of :data:`REAL_IMAGE_WIDTH`.
        depth_share: See :class:`Framing`.
    """

    position: np.ndarray
    facing: float
    roll: float
    k1: float
    view_width: float
    focal_length: Range
    depth_share: float


def from_quantiles(rng: np.random.Generator, quantiles: Quantiles) -> float:
    """Draw from the distribution with these quantiles, cut off at the outer two."""
    low, high = QUANTILE_LEVELS[0], QUANTILE_LEVELS[-1]
    return float(np.interp(rng.uniform(low, high), QUANTILE_LEVELS, quantiles))


def sample_following_rig(
    kind: CameraKind, rng: np.random.Generator, pitch: PitchDimensions
) -> FollowingRig:
    """Draw the place and the lens of a camera that follows play.

    Args:
        kind: Any but ``WIDE_FIXED``.
        rng: Source of randomness.
        pitch: The pitch it stands at.

    Returns:
        The rig.
    """
    family = kind.value.removesuffix("_left").removesuffix("_right")
    framing = _FRAMINGS[family]
    if family == "main":
        position, facing = _beside(rng, pitch, from_quantiles(rng, REAL_X)), 0.0
    elif family == "tactical":
        x = from_quantiles(rng, REAL_X)
        limits = REAL_HEIGHT[0], _MAX_HEIGHT
        position, facing = _beside(rng, pitch, x, _TACTICAL_ELEVATION, limits), 0.0
    elif family == "sixteen_metres":
        x = kind.side * (pitch.length / 2 - pitch.penalty_area_length)
        position, facing = _beside(rng, pitch, x + rng.uniform(*_SIXTEEN_METRES_X)), 0.0
    else:
        place = _BEHIND_GOAL if family == "behind_goal" else _HIGH_BEHIND
        position, facing = _behind(rng, pitch, kind.side, place), -kind.side * math.pi / 2
    distorted = facing == 0.0 and rng.random() < _DISTORTED_SHARE
    return FollowingRig(
        position,
        facing,
        math.radians(from_quantiles(rng, REAL_ROLL)),
        float(rng.uniform(*REAL_K1)) if distorted else 0.0,
        from_quantiles(rng, framing.view_width),
        framing.focal_length,
        framing.depth_share,
    )


def _beside(
    rng: np.random.Generator,
    pitch: PitchDimensions,
    x: float,
    elevation: Quantiles = REAL_ELEVATION,
    heights: Range = (REAL_HEIGHT[0], REAL_HEIGHT[-1]),
) -> np.ndarray:
    """Draw a place on the main stand, as far from the touchline as real cameras are."""
    distance = from_quantiles(rng, REAL_DISTANCE)
    height = distance * math.tan(math.radians(from_quantiles(rng, elevation)))
    y = (REAL_PITCH_WIDTH - pitch.width) / 2 - distance
    return np.array([x, y, np.clip(height, *heights)])


def _behind(
    rng: np.random.Generator, pitch: PitchDimensions, side: int, place: tuple[Range, Range, Range]
) -> np.ndarray:
    behind, beside, height = (rng.uniform(*limits) for limits in place)
    return np.array([side * (pitch.length / 2 + behind), beside, height])


# Wide fixed cameras

#: Metres along the pitch, from the touchline, and above the ground (example: -0.3, 11.8, 8.8).
WIDE_PLACE: tuple[Range, Range, Range] = ((-3.0, 3.0), (8.0, 15.0), (8.8, 15.0))
#: Degrees by which the camera leans back from the half it films (example: 9.0).
WIDE_ROLL: Range = (0.0, 10.0)
#: How curved the lens is, as a multiple of the example scene's.
WIDE_CURVATURE: Range = (0.8, 1.2)
#: Share of the largest focal length that still holds the half.
WIDE_SLACK: Range = (0.88, 0.97)
_WIDE_SEARCH_PAN = np.radians(np.arange(20.0, 52.0, 1.0))
_WIDE_SEARCH_TILT = np.radians(np.arange(6.0, 46.0, 1.0))
#: Of the lens's own polynomial: it follows the example's lens to 0.0006 of the image's width, and
#: so few bends leave its inverse smooth enough for a polynomial of SynLoc's degree.
_SHAPE_DEGREE = 4
#: Players stand up from the far touchline.
_PLAYER_HEIGHT = 2.0


def sample_wide_camera(
    rng: np.random.Generator, pitch: PitchDimensions, image_size: tuple[int, int]
) -> Camera:
    """Draw a wide fixed camera like that of SynLoc's example scene.

    It stands near the halfway line, is turned to the left or the right half, leans, and its image
    just holds that half and the centre circle.

    Args:
        rng: Source of randomness.
        pitch: The pitch it films.
        image_size: Width and height in pixels.

    Returns:
        One camera with a :class:`~footmm.pitch.lens.PolynomialLens`.
    """
    x, beyond, height = (rng.uniform(*limits) for limits in WIDE_PLACE)
    position = np.array([x, -pitch.width / 2 - beyond, height])
    side = 1 if rng.random() < 0.5 else -1
    roll = -side * math.radians(rng.uniform(*WIDE_ROLL))
    shape = wide_lens_shape(float(rng.uniform(*WIDE_CURVATURE)))
    aspect = image_size[1] / image_size[0]
    points = _half_outline(pitch, side) - position
    pan, tilt, focal_length = _fit_view(points, side, roll, shape, aspect)
    lens = wide_lens(shape, focal_length * float(rng.uniform(*WIDE_SLACK)), aspect)
    # The polynomials carry the focal length: as in SynLoc's files one unit is the image's width.
    return Camera.from_pan_tilt_roll(
        position, pan, tilt, roll, image_size[0], image_size, lens=lens
    )


@lru_cache(maxsize=1)
def _example_lens_shape() -> np.ndarray:
    """Return the polynomial from angle to radius of the example's lens, focal length 1.

    Returns:
        ``(_SHAPE_DEGREE,)``, rising powers from the first: 1, a2, a3, ...
    """
    radius = np.linspace(0.0, 1.0, 400)[1:]
    angle = -np.polynomial.polynomial.polyval(
        radius * EXAMPLE_SCENE_SENSOR_WIDTH, (0.0, *EXAMPLE_SCENE_LENS[1:])
    )
    angle = np.radians(angle)
    inside = angle < math.pi / 2
    coefficients = _fit_through_zero(angle[inside], radius[inside], _SHAPE_DEGREE)
    return coefficients / coefficients[0]


def _fit_through_zero(x: np.ndarray, y: np.ndarray, degree: int) -> np.ndarray:
    """Fit ``y = sum a_k x^k``, k from 1 to the degree: what is on the axis stays there."""
    powers = np.arange(1, degree + 1)
    scale = x.max()
    coefficients = np.linalg.lstsq((x[:, None] / scale) ** powers, y, rcond=None)[0]
    return coefficients / scale**powers


def wide_lens_shape(curvature: float) -> np.ndarray:
    """Return the radius on the image as a polynomial of the angle to the axis, focal length 1.

    Args:
        curvature: 1 is the lens of SynLoc's example scene, 0 an equidistant fisheye.

    Returns:
        ``(_SHAPE_DEGREE,)``, rising powers from the first.
    """
    shape = _example_lens_shape().copy()
    shape[1:] *= curvature
    return shape


def wide_lens(shape: np.ndarray, focal_length: float, aspect: float) -> PolynomialLens:
    """Build a lens whose two polynomials are inverses of each other inside the image.

    Args:
        shape: See :func:`wide_lens_shape`.
        focal_length: In widths of the image.
        aspect: Height of the image over its width.

    Returns:
        The lens, polynomials of degree :data:`POLYNOMIAL_DEGREE`.
    """
    distortion = focal_length * np.pad(shape, (0, POLYNOMIAL_DEGREE - len(shape)))
    corner = 0.5 * math.hypot(1.0, aspect)
    # Dense at both ends, where a fit is worst.
    angle = math.pi / 4 * (1.0 - np.cos(np.linspace(0.0, math.pi, 2000)[1:]))
    radius = _radius_at(distortion, angle)
    seen = radius <= 1.02 * corner
    undistortion = _fit_through_zero(radius[seen], angle[seen], POLYNOMIAL_DEGREE)
    return PolynomialLens(*(np.append(poly[::-1], 0.0) for poly in (distortion, undistortion)))


def _radius_at(shape: Sequence[float] | np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.polynomial.polynomial.polyval(angle, (0.0, *shape))


def _half_outline(pitch: PitchDimensions, side: int) -> np.ndarray:
    """Return points ``(N, 3)`` about one half and the centre circle, feet and heads of players."""
    x, y = np.linspace(0.0, side * pitch.length / 2, 30), np.linspace(-1, 1, 20) * pitch.width / 2
    edges = [np.stack([x, np.full_like(x, end)], 1) for end in (y[0], y[-1])]
    edges += [np.stack([np.full_like(y, end), y], 1) for end in (x[0], x[-1])]
    edges.append(pitch.markings["Circle central"].sample(2.0)[:, :2])
    ground = np.concatenate(edges)
    return np.concatenate(
        [np.insert(ground, 2, height, axis=1) for height in (0.0, _PLAYER_HEIGHT)]
    )


def _fit_view(
    points: np.ndarray, side: int, roll: float, shape: np.ndarray, aspect: float
) -> tuple[float, float, float]:
    """Find pan, tilt and the longest focal length, in image widths, that show all points.

    Args:
        points: ``(N, 3)``, relative to the camera, world axes.
        side: -1 pans to the left, +1 to the right.
        roll: Radians.
        shape: See :func:`wide_lens_shape`.
        aspect: Height of the image over its width.
    """
    pan, tilt = (grid.ravel() for grid in np.meshgrid(side * _WIDE_SEARCH_PAN, _WIDE_SEARCH_TILT))
    cameras = Camera.from_pan_tilt_roll(np.zeros((len(pan), 3)), pan, tilt, roll, 1.0, (1, 1))
    in_camera = points @ cameras.rotation.mT.numpy()
    x, y, depth = np.ascontiguousarray(np.moveaxis(in_camera, -1, 0))
    off_axis = np.hypot(x, y)
    scale = _radius_at(shape, np.arctan2(off_axis, depth)) / off_axis
    reach = np.maximum(np.abs(x * scale).max(1), np.abs(y * scale).max(1) / aspect)
    reach[depth.min(1) <= 0] = np.inf
    best = int(np.argmin(reach))
    return float(pan[best]), float(tilt[best]), float(0.5 / reach[best])
