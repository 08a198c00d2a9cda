"""What an image tells about a camera: points, and points on lines and circles, and their residuals.

All residuals are distances in pixels of the observed image points:

* points: the two components of projected minus observed point;
* lines: the distance to the image of the world line, with a lens to first order (Sampson's);
* circles on the ground: the distance to the image of the circle, to first order.

Everything below the observations themselves is numpy with exact derivatives: with some ten to
hundred observations the time goes into the number of operations, not into their size.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from footmm.pitch.homography import broadcast_pairs

Array = ArrayLike | Tensor

NUM_VIEW_PARAMETERS = 14
"""Columns of the derivatives of residuals by a view: twelve of the projection, log zoom, k1."""

_ZOOM, _RADIAL = 12, 13
_LOG_ZOOM, _K1 = np.eye(2)

_BEHIND = 1e6
"""Residual, in pixels, of points that are behind the camera."""

_NEWTON_STEPS = 20
"""Enough for the undistortion of any image a lens with k1 alone describes."""

_NEWTON_TOLERANCE = 1e-6
"""The step after one of this size is its square, which is nothing."""

GROUND_COLUMNS = [0, 1, 3]
"""Columns of a projection that ground points see."""


class PointObservations(NamedTuple):
    """World points seen in the image.

    Attributes:
        world: ``(..., N, 2)`` on the ground or, for cameras only, ``(..., N, 3)``; metres.
        image: ``(..., N, 2)`` pixels.
        weights: ``(..., N)`` of the squared distances; zero for missing ones. None for ones.
    """

    world: Array
    image: Array
    weights: Array | None = None


class LineObservations(NamedTuple):
    """Image points that lie somewhere on straight world lines, one line for each.

    Attributes:
        start: ``(..., M, 2)`` a point of the line on the ground or, for cameras only,
            ``(..., M, 3)``; metres.
        end: As ``start``, another point of the line. The line goes on beyond both.
        image: ``(..., M, 2)`` pixels.
        weights: ``(..., M)`` of the squared distances; zero for missing ones. None for ones.
    """

    start: Array
    end: Array
    image: Array
    weights: Array | None = None


class CircleObservations(NamedTuple):
    """Image points that lie somewhere on circles on the ground, one circle for each.

    Their distance is one to first order: a start that is off by more than the smaller half axis of
    a circle's image may not find the way. Refine on points and lines first then.

    Attributes:
        center: ``(..., M, 2)`` metres.
        radius: ``(..., M)`` metres, or one number.
        image: ``(..., M, 2)`` pixels.
        weights: ``(..., M)`` of the squared distances; zero for missing ones. None for ones.
    """

    center: Array
    radius: Array
    image: Array
    weights: Array | None = None


class Observations(NamedTuple):
    """All observations of a flat batch B, without nan; N points, L lines, C circles.

    Where all items share an array its batch dimension may be one.

    Attributes:
        points: ``(B, N, 4)`` homogeneous world.
        points_image: ``(B, N, 2)``.
        start: ``(B, L, 4)``.
        end: ``(B, L, 4)``.
        center: ``(B, C, 2)``.
        radius: ``(B, C)``.
        curves_image: ``(B, L + C, 2)``, of the lines, then of the circles.
        weights: ``(B, N + L + C)``.
        sound: ``(B,)`` bool, whether all that has weight is finite.
    """

    points: np.ndarray
    points_image: np.ndarray
    start: np.ndarray
    end: np.ndarray
    center: np.ndarray
    radius: np.ndarray
    curves_image: np.ndarray
    weights: np.ndarray
    sound: np.ndarray

    def distances(self, residual: np.ndarray) -> np.ndarray:
        """Squared distances ``(B, N + L + C)`` of residuals ``(B, 2 N + L + C)``."""
        squared = residual * residual
        coordinates = 2 * self.points.shape[1]
        points = squared[:, 0:coordinates:2] + squared[:, 1:coordinates:2]
        return np.concatenate([points, squared[:, coordinates:]], axis=1)

    def by_residual(self, values: np.ndarray) -> np.ndarray:
        """Repeat values ``(B, N + L + C)`` for both coordinates of a point."""
        count = self.points.shape[1]
        return np.concatenate([np.repeat(values[:, :count], 2, axis=1), values[:, count:]], axis=1)


class View(NamedTuple):
    """An estimate as the observations see it: a projection to a plane, then a lens and pixels.

    Attributes:
        projection: ``(B, 3, 4)`` world to the plane.
        scale: ``(B, 2, 2)`` pixels by plane coordinates.
        centre: ``(B, 2)`` pixels, where the plane's origin is seen.
        radial: ``(B,)`` radial distortion k1 on the plane.
    """

    projection: np.ndarray
    scale: np.ndarray
    centre: np.ndarray
    radial: np.ndarray

    def to_plane(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Project homogeneous world points ``(B, N, 4)``.

        Returns:
            Points of the plane ``(B, N, 2)``, inverse depths ``(B, N, 1)``, and ``(B, N)`` bool,
            which points are in front; the numbers of others mean nothing.
        """
        projected = points @ self.projection.transpose(0, 2, 1)
        ahead = projected[..., 2] > 0
        by_depth = 1 / np.where(ahead, projected[..., 2], 1.0)[..., None]
        return projected[..., :2] * by_depth, by_depth, ahead


class Linearisation(NamedTuple):
    """Residuals and how they change with a view.

    Attributes:
        residual: ``(B, 2 N + L + C)`` pixels; both coordinates of a point are neighbours.
        jacobian: ``(B, 2 N + L + C, 14)``, by the rows of the projection, the logarithm of a factor
            on the scale, and k1.
        in_front: ``(B,)`` bool, whether all points that have weight are in front.
    """

    residual: np.ndarray
    jacobian: np.ndarray
    in_front: np.ndarray


def linearise(view: View, seen: Observations) -> Linearisation:
    """Residuals of all observations, with exact derivatives."""
    batch, num_points = len(view.projection), seen.points.shape[1]
    num_curves = seen.curves_image.shape[1]
    residual = np.empty((batch, 2 * num_points + num_curves))
    jacobian = np.zeros((batch, 2 * num_points + num_curves, NUM_VIEW_PARAMETERS))
    in_front = np.ones(batch, dtype=bool)
    points, curves = slice(0, 2 * num_points), slice(2 * num_points, None)
    if num_points:
        residual[:, points], jacobian[:, points], in_front = _points(view, seen)
    if num_curves:
        residual[:, curves], jacobian[:, curves] = _curves(view, seen)
    return Linearisation(residual, jacobian, in_front)


def _points(view: View, seen: Observations) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals ``(B, 2 N)`` of points, their derivatives, and whether they are in front."""
    plane, by_depth, ahead = view.to_plane(seen.points)
    batch, count = ahead.shape
    has_weight = seen.weights[:, :count] > 0
    squared = (plane * plane).sum(-1)[..., None]
    radial = view.radial[:, None, None]
    growth = 1 + radial * squared
    scaled = plane @ view.scale.transpose(0, 2, 1)
    seen_at = scaled * growth
    residual = seen_at + view.centre[:, None] - seen.points_image
    residual = np.where(ahead[..., None], residual, _BEHIND)

    by_plane = growth[..., None] * view.scale[:, None]
    by_plane = by_plane + (2 * radial * scaled)[..., None] * plane[..., None, :]
    by_point = np.empty((batch, count, 2, 3))
    by_point[..., :2] = by_plane
    by_point[..., 2] = -(by_plane @ plane[..., None])[..., 0]
    by_point *= by_depth[..., None]
    jacobian = np.empty((batch, count, 2, NUM_VIEW_PARAMETERS))
    by_projection = by_point[..., None] * seen.points[:, :, None, None]
    jacobian[..., :_ZOOM] = by_projection.reshape(batch, count, 2, _ZOOM)
    jacobian[..., _ZOOM] = seen_at
    jacobian[..., _RADIAL] = scaled * squared
    flat = jacobian.reshape(batch, 2 * count, NUM_VIEW_PARAMETERS)
    return residual.reshape(batch, -1), flat, (ahead | ~has_weight).all(axis=1)


def _curves(view: View, seen: Observations) -> tuple[np.ndarray, np.ndarray]:
    """Residuals ``(B, L + C)`` of points on lines and circles, and their derivatives.

    A circle is replaced by its tangent where it is nearest to the observed point, which moves with
    the point; else it is as with a line.
    """
    inverse = np.linalg.inv(view.scale)
    plane, squared = _to_plane(view, inverse, seen.curves_image)
    homogeneous = np.concatenate([plane, np.ones_like(squared)], axis=-1)
    num_lines = seen.start.shape[1]
    first, second = (ends @ view.projection.transpose(0, 2, 1) for ends in (seen.start, seen.end))
    tangents = _cross(first, second)
    circles = None
    if seen.center.shape[1]:
        circles = _Circles.of(view, seen, homogeneous[:, num_lines:])
        tangents = np.concatenate([tangents, circles.tangent], axis=1)
    outwards = _radial_motion(view.radial, squared)
    residual, by_tangent, along_axis = _tangent_distances(
        view, inverse, plane, squared, outwards, tangents
    )

    batch = len(residual)
    jacobian = np.zeros((batch, residual.shape[1], NUM_VIEW_PARAMETERS))
    by_projection = jacobian[..., :_ZOOM].reshape(batch, -1, 3, 4)
    on_lines = by_tangent[:, :num_lines]
    by_projection[:, :num_lines] = (
        _cross(second, on_lines)[..., None] * seen.start[:, :, None]
        + _cross(on_lines, first)[..., None] * seen.end[:, :, None]
    )
    if circles is not None:
        by_ground, by_plane = circles.derivatives(by_tangent[:, num_lines:])
        by_projection[:, num_lines:, :, GROUND_COLUMNS] = by_ground
        along = (by_plane[..., :2] * plane[:, num_lines:]).sum(-1, keepdims=True)
        along_axis[:, num_lines:] += along * outwards[:, num_lines:]
    jacobian[..., :_ZOOM] = by_projection.reshape(batch, -1, _ZOOM)
    jacobian[..., _ZOOM:] = along_axis
    return residual, jacobian


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cross products ``(..., 3)``: ``np.cross`` takes several times as long for few of them."""
    a, b, c = first[..., 0], first[..., 1], first[..., 2]
    x, y, z = second[..., 0], second[..., 1], second[..., 2]
    product = np.empty_like(first)
    product[..., 0] = b * z - c * y
    product[..., 1] = c * x - a * z
    product[..., 2] = a * y - b * x
    return product


def _to_plane(view: View, inverse: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Plane points ``(B, M, 2)`` that are seen at pixels, and their squared radii ``(B, M, 1)``."""
    distorted = (pixels - view.centre[:, None]) @ inverse.transpose(0, 2, 1)
    squared = (distorted * distorted).sum(-1, keepdims=True)
    if not view.radial.any():
        return distorted, squared
    factor = _undistortion_factor(view.radial[:, None, None] * squared)
    return distorted * factor, squared * factor**2


def _undistortion_factor(distortion: np.ndarray) -> np.ndarray:
    """The s with s (1 + distortion s^2) = 1, by Newton's method."""
    factor = np.ones_like(distortion)
    for _ in range(_NEWTON_STEPS):
        bend = distortion * factor * factor
        step = (factor * (1 + bend) - 1) / (1 + 3 * bend)
        factor = factor - step
        if np.abs(step).max() < _NEWTON_TOLERANCE:
            break
    return factor


def _radial_motion(radial: np.ndarray, squared: np.ndarray) -> np.ndarray:
    """How plane points, as a share of their radius, move with log zoom and k1, ``(B, M, 2)``."""
    bend = radial[:, None, None] * squared
    return np.concatenate([-(1 + bend), -squared], axis=-1) / (1 + 3 * bend)


def _tangent_distances(
    view: View,
    inverse: np.ndarray,
    plane: np.ndarray,
    squared: np.ndarray,
    outwards: np.ndarray,
    tangents: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances in pixels of plane points from lines of the plane, to first order.

    The distance is l . q / n with n the length of the gradient of l . q by pixels, that is of
    S^-T J^-1 l, where J = a I + 2 k q q^T is the lens's Jacobian (inverted by Sherman and
    Morrison) and S the scale.

    Args:
        view: The estimate.
        inverse: Of S, ``(B, 2, 2)``.
        plane: Points q ``(B, M, 2)``.
        squared: Their squared radii ``(B, M, 1)``.
        outwards: Their :func:`_radial_motion`.
        tangents: Lines l ``(B, M, 3)``.

    Returns:
        The distances ``(B, M)``, zero where a line is none, their derivatives by the lines
        ``(B, M, 3)``, and by log zoom and k1 at fixed lines ``(B, M, 2)``.
    """
    radial = view.radial[:, None, None]
    growth, slope = 1 + radial * squared, 1 + 3 * radial * squared
    outer = 2 * radial / slope

    def through_lens(vectors: np.ndarray) -> np.ndarray:
        along = (plane * vectors).sum(-1, keepdims=True)
        return (vectors - plane * (outer * along)) / growth

    normal = tangents[..., :2]
    along = (plane * normal).sum(-1, keepdims=True)
    gradient = through_lens(normal) @ inverse
    length = np.sqrt((gradient * gradient).sum(-1, keepdims=True))
    # Observations that are left out have a line without a normal.
    length = np.where(length > 0, length, 1.0)
    distance = (along + tangents[..., 2:]) / length

    by_tangent = np.empty_like(tangents)
    turned = through_lens(gradient @ inverse.transpose(0, 2, 1))
    by_tangent[..., :2] = (plane - distance / length * turned) / length
    by_tangent[..., 2:] = 1 / length

    bend_by = _K1 + 2 * radial * outwards
    growth_by = squared * bend_by
    slope_by = (bend_by - 3 * radial * growth_by / slope) / slope
    towards = (gradient * (plane @ inverse)).sum(-1, keepdims=True) / length
    length_by = -(2 * towards * along * slope_by + length * growth_by) / growth - length * _LOG_ZOOM
    return distance[..., 0], by_tangent, (along * outwards - distance * length_by) / length


class _Circles(NamedTuple):
    """Points on circles, with the lines of the plane that touch the circles next to them.

    Of |X - c| - r on the ground rather than of the conic's quadratic form: both are the same
    distance at the circle, but this one has no pole in the middle of it, where the points of
    a flat ellipse easily are at the start.

    Attributes:
        tangent: ``(B, C, 3)``.
        to_ground: ``(B, 3, 3)``, plane to ground.
        ground: ``(B, C, 3)``, homogeneous ground points of the observations.
        center: ``(B, C, 2)`` of the circles.
        outward: ``(B, C, 2)`` unit vectors from the centres to the points.
        distance: ``(B, C, 1)`` of the points from the centres, in units of ``ground``.
    """

    tangent: np.ndarray
    to_ground: np.ndarray
    ground: np.ndarray
    center: np.ndarray
    outward: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, view: View, seen: Observations, plane: np.ndarray) -> _Circles:
        """Find the tangents for homogeneous plane points ``(B, C, 3)``."""
        to_plane = view.projection[..., GROUND_COLUMNS]
        regular = np.linalg.det(to_plane) != 0
        to_ground = np.linalg.inv(np.where(regular[:, None, None], to_plane, np.eye(3)))
        ground = plane @ to_ground.transpose(0, 2, 1)
        offset = ground[..., :2] - seen.center * ground[..., 2:]
        distance = np.sqrt((offset * offset).sum(-1, keepdims=True))
        distance = np.where(distance > 0, distance, 1.0)
        outward = offset / distance
        by_depth = -(outward * seen.center).sum(-1, keepdims=True) - seen.radius[..., None]
        tangent = np.concatenate([outward, by_depth], axis=-1) @ to_ground
        return cls(tangent, to_ground, ground, seen.center, outward, distance)

    def derivatives(self, by_tangent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Carry derivatives by the tangents ``(B, C, 3)`` on.

        Returns:
            Derivatives by the ground's columns of the projection ``(B, C, 3, 3)``, and by the
            homogeneous plane points, as far as they turn the tangents, ``(B, C, 3)``.
        """
        on_ground = by_tangent @ self.to_ground.transpose(0, 2, 1)
        turn = on_ground[..., :2] - self.center * on_ground[..., 2:]
        turn = turn - self.outward * (turn * self.outward).sum(-1, keepdims=True)
        turn = turn / self.distance
        by_depth = -(turn * self.center).sum(-1, keepdims=True)
        by_plane = np.concatenate([turn, by_depth], axis=-1) @ self.to_ground
        by_projection = (
            self.tangent[..., None] * on_ground[..., None, :]
            + by_plane[..., None] * self.ground[..., None, :]
        )
        return -by_projection, by_plane


class _Group(NamedTuple):
    """Observations of one kind: world coordinates, pixels and weights, without nan.

    Attributes:
        world: Arrays ``(B..., M, D)``.
        image: ``(B..., M, 2)``.
        weights: ``(B..., M)``.
        sound: ``(B..., M)`` bool, whether an observation is finite or has no weight.
    """

    world: tuple[np.ndarray, ...]
    image: np.ndarray
    weights: np.ndarray
    sound: np.ndarray


def _group(
    world: dict[str, Array], image: Array, weights: Array | None, sizes: tuple[int, ...]
) -> _Group:
    """Bring the arrays of one kind of observation to one shape and take out what has no weight."""
    triples = [
        tuple(
            tensor.detach().cpu().numpy()
            for tensor in broadcast_pairs(part, image, weights, (name, "image"), sizes)
        )
        for name, part in world.items()
    ]
    batch = np.broadcast_shapes(*(triple[2].shape for triple in triples))
    pixels = np.broadcast_to(triples[0][1], (*batch, 2))
    counted = np.broadcast_to(triples[0][2], batch)
    parts = [np.broadcast_to(part, (*batch, part.shape[-1])) for part, *_ in triples]
    used = counted != 0
    finite = np.isfinite(np.concatenate([*parts, pixels], -1)).all(-1)
    sound = ((counted > 0) & np.isfinite(counted) & finite) | ~used
    keep = (used & sound)[..., None]
    return _Group(
        tuple(np.where(keep, part, 0.0) for part in parts),
        np.where(keep, pixels, 0.0),
        np.where(keep[..., 0], counted, 0.0),
        sound,
    )


def group_observations(
    points: PointObservations | None,
    lines: LineObservations | None,
    circles: CircleObservations | None,
    sizes: tuple[int, ...],
) -> tuple[_Group, _Group, _Group]:
    """Points, lines and circles; without any observation where None."""
    none = np.zeros((0, 2))
    points = points or PointObservations(none, none)
    lines = lines or LineObservations(none, none, none)
    circles = circles or CircleObservations(none, 1.0, none)
    ends = {"start": lines.start, "end": lines.end}
    shapes = {"center": circles.center, "radius": _column(circles.radius)}
    return (
        _group({"world": points.world}, points.image, points.weights, sizes),
        _group(ends, lines.image, lines.weights, sizes),
        _group(shapes, circles.image, circles.weights, (1, 2)),
    )


def collect_observations(
    batch: tuple[int, ...], groups: tuple[_Group, _Group, _Group]
) -> tuple[tuple[int, ...], Observations]:
    """The batch shape of estimates and observations together, and all observations, flat."""
    batch = np.broadcast_shapes(batch, *(group.weights.shape[:-1] for group in groups))

    def flat(array: np.ndarray, dims: int) -> np.ndarray:
        size = array.shape[array.ndim - dims :]
        return np.broadcast_to(array, (*batch, *size)).reshape(math.prod(batch), *size)

    (world,), (start, end), (center, radius) = (group.world for group in groups)
    has_length = (start != end).any(-1) | (groups[1].weights == 0)
    has_radius = (radius[..., 0] > 0) | (groups[2].weights == 0)
    sound = np.concatenate([flat(group.sound, 1) for group in groups], -1).all(-1)
    return batch, Observations(
        flat(world_homogeneous(world), 2),
        flat(groups[0].image, 2),
        flat(world_homogeneous(start), 2),
        flat(world_homogeneous(end), 2),
        flat(center, 2),
        flat(radius[..., 0], 1),
        np.concatenate([flat(group.image, 2) for group in groups[1:]], 1),
        np.concatenate([flat(group.weights, 1) for group in groups], -1),
        sound & flat(has_length, 1).all(-1) & flat(has_radius, 1).all(-1),
    )


def _column(radius: Array) -> Tensor:
    """Radii ``(..., M)`` or one number as ``(..., M, 1)``."""
    tensor = torch.as_tensor(radius, dtype=torch.float64)
    return tensor.reshape(1, 1) if tensor.ndim == 0 else tensor[..., None]


def world_homogeneous(points: np.ndarray) -> np.ndarray:
    """Ground or world points ``(..., 2 | 3)`` -> ``(..., 4)``."""
    homogeneous = np.zeros((*points.shape[:-1], 4))
    homogeneous[..., : points.shape[-1]] = points
    homogeneous[..., 3] = 1.0
    return homogeneous
