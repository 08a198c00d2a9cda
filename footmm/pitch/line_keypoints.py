"""Finds the keypoints of the pitch on the annotated lines of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from footmm.errors import DataFormatError, did_you_mean
from footmm.pitch.conics import (
    Conic,
    Line,
    coefficient_covariance,
    cross_lines,
    fit_ellipse,
    fit_line,
    turn,
)
from footmm.pitch.dimensions import LINE_CLASSES, PitchDimensions, Segment
from footmm.pitch.homography import apply_homography, fit_homography_robust
from footmm.pitch.keypoints import (
    CONSTRUCTIONS,
    ON_LINE,
    Construction,
    KeypointSet,
    LineConic,
    LineLine,
    Tangent,
    ViaHomography,
    world_point,
)

#: How many annotated points of a line, nearest to a crossing, decide where the crossing is: this
#: many, or this share of them if that is more.
_NUM_LOCAL_POINTS = 3
_LOCAL_SHARE = 0.25


PRECISE = 2.75
"""Pixels of uncertainty up to which keypoints can be trusted: of those on 294 frames of SoccerNet's
2022 test annotations 91 % are within 5 pixels of PnLCalib's cameras; of those up to 6 pixels, which
are more than twice as many, 78 %."""


class KeypointSource(IntEnum):
    """How a keypoint of an image was found."""

    NONE = 0
    LINE_LINE = 1
    LINE_CONIC = 2
    TANGENT = 3
    HOMOGRAPHY = 4


_SOURCES = {
    LineLine: KeypointSource.LINE_LINE,
    LineConic: KeypointSource.LINE_CONIC,
    Tangent: KeypointSource.TANGENT,
    ViaHomography: KeypointSource.HOMOGRAPHY,
}


@dataclass(frozen=True, eq=False)
class LineKeypoints:
    """The keypoints of an image, from its annotated lines.

    Attributes:
        xy: ``(K, 2)``, pixels; NaN where the keypoint was not found.
        source: ``(K,)`` int8, :class:`KeypointSource` of each keypoint.
        visible: ``(K,)`` bool, whether it was found, in either way, and lies within the image.
        uncertainty: ``(K,)``, pixels; the standard deviation to expect where the annotated points
            have one of 1 pixel; NaN where the keypoint was not found.
        homography: ``(3, 3)`` from ground (x, y, 1) to image, that the completed keypoints come
            from; None where there was none.
    """

    xy: np.ndarray
    source: np.ndarray
    visible: np.ndarray
    uncertainty: np.ndarray
    homography: np.ndarray | None

    @property
    def constructed(self) -> np.ndarray:
        """``(K,)`` bool: found on the annotated lines."""
        return (self.source != KeypointSource.NONE) & ~self.completed

    @property
    def completed(self) -> np.ndarray:
        """``(K,)`` bool: placed by the homography of the constructed ones."""
        return self.source == KeypointSource.HOMOGRAPHY


def keypoints_from_lines(
    lines: Mapping[str, np.ndarray],
    image_size: tuple[int, int],
    keypoint_set: KeypointSet,
    *,
    dimensions: PitchDimensions | None = None,
    complete: bool = False,
    margin: float = 0.0,
    max_residual: float = 0.01,
    max_uncertainty: float = 6.0,
) -> LineKeypoints:
    """Turn annotated lines into keypoints.

    Straight lines are fitted by total least squares, circles by direct least squares. A keypoint is
    constructed where its lines are annotated with enough points and determine it well enough. Which
    of two crossings or tangent points is which follows from their sense of rotation, which every
    camera above the ground keeps; a crossing of the halfway line and the centre circle also needs
    anything annotated whose side of the halfway line is known.

    A lens bends long lines: a crossing of two lines is therefore taken between the parts next to
    it, the nearest three annotated points of each line, or a quarter of them if that is more.
    Circles are short and taken as they are. Where lines bend by more than ``max_residual``,
    undistort the points first.

    Args:
        lines: Points ``(N, 2)`` in pixels, in any order, per line class (clean names of
            :data:`LINE_CLASSES`). Points that are not finite count as not annotated.
        image_size: Width and height in pixels.
        keypoint_set: The keypoints to find.
        dimensions: The pitch; 105 x 68 m without it.
        complete: Also place all other keypoints of the ground by the homography of the constructed
            ones, where at least four determine it. It ignores the distortion of the lens.
        margin: Pixels outside the image that still count as in the image.
        max_residual: Share of the image's width by which an annotated point may miss its line or
            ellipse; further ones are taken as wrong and left out, at most a third of the points.
        max_uncertainty: Keypoints with a larger :attr:`LineKeypoints.uncertainty` are not found:
            crossings of almost parallel lines, or far from the annotated parts.

    Raises:
        DataFormatError: A name is no line class, or points are not ``(N, 2)``.
    """
    dimensions = dimensions or PitchDimensions()
    points = {name: _checked_points(name, value) for name, value in lines.items()}
    max_error = max_residual * image_size[0]
    builder = _Builder(points, dimensions, max_error, max_uncertainty)
    num_points = len(keypoint_set)
    xy, uncertainty = np.full((num_points, 2), np.nan), np.full(num_points, np.nan)
    source = np.full(num_points, KeypointSource.NONE, dtype=np.int8)
    for i, name in enumerate(keypoint_set.names):
        found = builder.find(name)
        if found is not None:
            xy[i], uncertainty[i] = found.xy, found.uncertainty
            source[i] = _SOURCES[type(keypoint_set.construction[i])]
    world, homography = keypoint_set.world(dimensions), None
    placed = _place_by_homography(world, xy, uncertainty, max_error) if complete else None
    if placed is not None:
        homography, all_xy, all_uncertainty = placed
        new = (source == KeypointSource.NONE) & _is_on_ground(world)
        new &= all_uncertainty <= max_uncertainty
        xy[new], uncertainty[new] = all_xy[new], all_uncertainty[new]
        source[new] = KeypointSource.HOMOGRAPHY
    low, high = -0.5 - margin, np.array(image_size) - 0.5 + margin
    visible = ((xy >= low) & (xy <= high)).all(axis=1)
    return LineKeypoints(xy, source, visible, uncertainty, homography)


def _checked_points(name: str, points: np.ndarray) -> np.ndarray:
    if name not in LINE_CLASSES:
        raise DataFormatError(
            f"lines[{name!r}]: no line class has this name{did_you_mean(name, LINE_CLASSES)}"
        )
    points = np.asarray(points, dtype=np.float64)
    if points.size == 0:
        return np.empty((0, 2))
    if points.ndim != 2 or points.shape[1] != 2:
        raise DataFormatError(f"lines[{name!r}]: shape {points.shape}, expected (N, 2) pixels")
    return points[np.isfinite(points).all(axis=1)]


@dataclass(frozen=True, eq=False)
class _Found:
    xy: np.ndarray
    uncertainty: float


class _Builder:
    """Constructs keypoints of one image; see :func:`keypoints_from_lines` for the arguments."""

    def __init__(
        self,
        points: dict[str, np.ndarray],
        dimensions: PitchDimensions,
        max_residual: float,
        max_uncertainty: float,
    ) -> None:
        self._points = points
        self._dimensions = dimensions
        self._max_residual = max_residual
        self._max_uncertainty = max_uncertainty
        self._curves: dict[str, Line | Conic | None] = {}
        self._found: dict[str, _Found | None] = {}

    def find(self, name: str) -> _Found | None:
        """Construct a keypoint of kp57; None where the lines do not determine it."""
        if name not in self._found:
            found = self._construct(CONSTRUCTIONS[name])
            is_good = found is not None and found.uncertainty <= self._max_uncertainty
            self._found[name] = found if is_good else None
        return self._found[name]

    def _construct(self, construction: Construction) -> _Found | None:
        if isinstance(construction, LineLine):
            return self._cross_lines(construction)
        if isinstance(construction, LineConic):
            return self._cross_conic(construction)
        if isinstance(construction, Tangent):
            return self._touch(construction)
        return None

    def _curve(self, name: str) -> Line | Conic | None:
        if name not in self._curves:
            points = self._points.get(name, np.empty((0, 2)))
            if isinstance(self._dimensions.markings[name], Segment):
                self._curves[name] = fit_line(points, self._max_residual)
            else:
                # No thinner than the errors it allows: thinner ones are as good as any.
                error = self._max_residual
                self._curves[name] = fit_ellipse(points, error, min_semi_axis=error)
        return self._curves[name]

    def _near(self, line: Line, place: np.ndarray) -> Line:
        """The line through those of its points that are nearest to a place."""
        order = np.linalg.norm(line.points - place, axis=1).argsort(kind="stable")
        count = max(_NUM_LOCAL_POINTS, round(_LOCAL_SHARE * len(order)))
        return fit_line(line.points[order[:count]]) or line

    def _cross_lines(self, construction: LineLine) -> _Found | None:
        first, second = self._curve(construction.first), self._curve(construction.second)
        if first is None or second is None:
            return None
        place = cross_lines(first.coefficients, second.coefficients)
        if place is None:
            return None
        first, second = self._near(first, place), self._near(second, place)
        place = cross_lines(first.coefficients, second.coefficients)
        if place is None:
            return None
        sine = abs(first.direction @ second.coefficients[:2])
        errors = (curve.error_growth(place[None])[0] for curve in (first, second))
        return _Found(place, float(np.hypot(*errors) / sine))

    def _cross_conic(self, construction: LineConic) -> _Found | None:
        line, conic = self._curve(construction.line), self._curve(construction.conic)
        if line is None or conic is None:
            return None
        places = conic.cross(line.coefficients)
        if places is None:
            return None
        order = self._sense_of(construction, places)
        if order == 0:
            return None
        place = places[0 if construction.first == (order > 0) else 1]
        sine = abs(line.direction @ conic.normal(place))
        errors = (curve.error_growth(place[None])[0] for curve in (line, conic))
        return _Found(place, float(np.hypot(*errors) / sine))

    def _touch(self, construction: Tangent) -> _Found | None:
        outside, conic = self.find(construction.point), self._curve(construction.conic)
        if outside is None or conic is None:
            return None
        places = conic.tangent_points(outside.xy)
        if places is None:
            return None
        # The image's v axis points down, so what turns left in the world turns right here.
        left, right = places
        place = left if construction.hand == "left" else right
        return _Found(place, conic.tangent_error(place, outside.xy, outside.uncertainty))

    def _sense_of(self, construction: LineConic, places: np.ndarray) -> int:
        """Whether two crossings are in the order of the line's start and end.

        Everything annotated that is on one side of the line in the world is asked, and the tangent
        points of the conic, which are known by themselves.

        Returns:
            Positive if so, negative if in the other order, 0 if that is unknown.
        """
        votes = 0
        for name, side in _sides_of_line(self._dimensions, construction.line).items():
            seen = np.sign(turn(places[0], places[1], self._points.get(name, np.empty((0, 2)))))
            votes -= side * seen.sum()
        for name, side in _tangents_beside_line(self._dimensions, construction).items():
            found = self.find(name)
            if found is not None:
                votes -= side * np.sign(turn(places[0], places[1], found.xy))
        return int(np.sign(votes))


@lru_cache(maxsize=64)
def _sides_of_line(dimensions: PitchDimensions, line: str) -> dict[str, int]:
    """Ground markings wholly on one side of a line, with the sign of their turn from it."""
    start, end = dimensions.markings[line].ends[:, :2]
    sides = {}
    for name, marking in dimensions.markings.items():
        points = marking.sample(1.0)
        turns = turn(start, end, points[:, :2])
        signs = {int(sign) for sign in np.sign(turns[np.abs(turns) > ON_LINE])}
        if len(signs) == 1 and _is_on_ground(points).all():
            sides[name] = signs.pop()
    return sides


@lru_cache(maxsize=64)
def _tangents_beside_line(dimensions: PitchDimensions, crossing: LineConic) -> dict[str, int]:
    """Tangent keypoints of the conic, with the sign of their turn from the line."""
    start, end = dimensions.markings[crossing.line].ends[:, :2]
    return {
        name: int(np.sign(turn(start, end, world_point(other, dimensions)[:2])))
        for name, other in CONSTRUCTIONS.items()
        if isinstance(other, Tangent) and other.conic == crossing.conic
    }


def _is_on_ground(world: np.ndarray) -> np.ndarray:
    return world[..., 2] < ON_LINE


def _place_by_homography(
    world: np.ndarray, xy: np.ndarray, uncertainty: np.ndarray, max_residual: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Fit a homography to the keypoints that were found on the ground and apply it to all.

    Returns:
        The homography ``(3, 3)``, the pixels ``(K, 2)``, NaN for keypoints behind the camera, and
        their uncertainties ``(K,)``; None where no camera above the ground gives a homography.
    """
    known = np.isfinite(uncertainty) & _is_on_ground(world)
    fit = fit_homography_robust(world[known, :2], xy[known], threshold=max_residual)
    if not fit.valid:
        return None
    homography, used = fit.homography.numpy(), np.flatnonzero(known)[fit.inliers.numpy()]
    # Seen from above, the world's right-handed ground axes become left-handed image axes.
    if np.linalg.det(homography) >= 0:
        return None
    placed = apply_homography(homography, world[:, :2]).numpy()
    ground = np.concatenate([world[:, :2], np.ones((len(world), 1))], axis=1)
    errors = _homography_errors(ground, homography, used, uncertainty[used])
    return homography, placed, errors


def _homography_errors(
    ground: np.ndarray, homography: np.ndarray, used: np.ndarray, errors: np.ndarray
) -> np.ndarray:
    """Propagate the errors ``(N,)`` in pixels of the points used for a homography to all points.

    Args:
        ground: ``(K, 3)``, homogeneous.
        homography: ``(3, 3)``, ground to image.
        used: ``(N,)``, indices of the points that it was fitted to.
        errors: Their standard deviations.

    Returns:
        ``(K,)``, root of the sum of both variances of a point; huge where the homography is not
        determined.
    """
    # Metres and pixels in units that make all coefficients of order one condition the equations.
    metres, pixels = 50.0, 1000.0
    local = ground / (metres, metres, 1)
    coefficients = homography / np.outer((pixels, pixels, 1), (1 / metres, 1 / metres, 1))
    coefficients /= np.linalg.norm(coefficients)
    projected = local @ coefficients.T
    u, v, depth = projected.T[..., None]
    zero = np.zeros_like(local)
    rows_u = np.concatenate([local, zero, -u / depth * local], axis=1) / depth
    rows_v = np.concatenate([zero, local, -v / depth * local], axis=1) / depth
    weights = np.sqrt(2) * pixels / errors[:, None]
    terms = np.concatenate([rows_u[used] * weights, rows_v[used] * weights])
    covariance = coefficient_covariance(terms, coefficients.ravel())
    variance = sum(np.einsum("ki,ij,kj->k", rows, covariance, rows) for rows in (rows_u, rows_v))
    return pixels * np.sqrt(variance)
