"""What an image tells about a camera: points, and points on lines and circles, and their residuals.

All residuals are distances in pixels of the observed image points:

* points: the two components of projected minus observed point;
* lines: the distance to the image of the world line, with a lens to first order (Sampson's);
* circles on the ground: the distance to the image of the circle, to first order.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from footmm.pitch.camera import to_homogeneous
from footmm.pitch.homography import broadcast_pairs

Array = ArrayLike | Tensor

_NEWTON_STEPS = 8
"""Enough for the undistortion of any image a lens with k1 alone describes."""


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

    Attributes:
        points: ``(B, N, 4)`` homogeneous world.
        points_image: ``(B, N, 2)``.
        start: ``(B, L, 4)``.
        end: ``(B, L, 4)``.
        lines_image: ``(B, L, 2)``.
        center: ``(B, C, 2)``.
        radius: ``(B, C)``.
        circles_image: ``(B, C, 2)``.
        weights: ``(B, N + L + C)``.
        sound: ``(B,)`` bool, whether all that has weight is finite.
    """

    points: Tensor
    points_image: Tensor
    start: Tensor
    end: Tensor
    lines_image: Tensor
    center: Tensor
    radius: Tensor
    circles_image: Tensor
    weights: Tensor
    sound: Tensor


class View(NamedTuple):
    """An estimate as the observations see it: a projection to a plane, then a lens and pixels.

    Attributes:
        projection: ``(B, 3, 4)`` world to the plane.
        scale: ``(B, 2, 2)`` pixels by plane coordinates.
        centre: ``(B, 2)`` pixels, where the plane's origin is seen.
        radial: ``(B,)`` radial distortion k1 on the plane, or None.
    """

    projection: Tensor
    scale: Tensor
    centre: Tensor
    radial: Tensor | None

    def to_pixels(self, plane: Tensor) -> Tensor:
        """Where points ``(B, M, 2)`` of the plane are seen, ``(B, M, 2)`` pixels."""
        if self.radial is not None:
            squared = plane.square().sum(-1, keepdim=True)
            plane = plane * (1 + self.radial[:, None, None] * squared)
        return plane @ self.scale.mT + self.centre[:, None]

    def to_plane(self, pixels: Tensor) -> Tensor:
        """The points ``(B, M, 2)`` of the plane that are seen at pixels ``(B, M, 2)``."""
        seen = (pixels - self.centre[:, None]) @ torch.linalg.inv(self.scale).mT
        if self.radial is None:
            return seen
        return seen * _undistortion_factor(self.radial[:, None] * seen.square().sum(-1))[..., None]

    def pixel_gradient(self, plane: Tensor, gradient: Tensor) -> Tensor:
        """Turn gradients ``(B, M, 2)`` at points of the plane into gradients by pixels."""
        if self.radial is not None:
            # The lens's Jacobian is a I + b q q^T, symmetric, inverted by Sherman and Morrison.
            radial = self.radial[:, None, None]
            squared = plane.square().sum(-1, keepdim=True)
            along = (plane * gradient).sum(-1, keepdim=True)
            diagonal, outer = 1 + radial * squared, 2 * radial
            gradient = gradient - plane * (outer * along / (diagonal + outer * squared))
            gradient = gradient / diagonal
        return gradient @ torch.linalg.inv(self.scale)


def _undistortion_factor(distortion: Tensor) -> Tensor:
    """The s with s (1 + distortion s^2) = 1, by Newton's method; differentiated implicitly."""

    def newton(factor: Tensor, by: Tensor) -> Tensor:
        excess = factor * (1 + by * factor**2) - 1
        return factor - excess / (1 + 3 * by * factor**2)

    fixed = distortion.detach()
    factor = torch.ones_like(fixed)
    for _ in range(_NEWTON_STEPS):
        factor = newton(factor, fixed)
    return newton(factor.detach(), distortion)


def residuals(view: View, seen: Observations) -> tuple[Tensor, Tensor]:
    """Signed pixel distances ``(B, 2 N + L + C)``, and whether all points are in front ``(B,)``."""
    projected = seen.points @ view.projection.mT
    depth = projected[..., 2]
    in_front = depth > 0
    plane = projected[..., :2] / torch.where(in_front, depth, 1.0)[..., None]
    points = view.to_pixels(plane) - seen.points_image
    has_weight = seen.weights[:, : depth.shape[1]] > 0
    residual = torch.cat(
        [
            points[..., 0],
            points[..., 1],
            _line_distances(view, seen),
            _circle_distances(view, seen),
        ],
        dim=-1,
    )
    return residual, (in_front | ~has_weight).all(-1)


def _line_distances(view: View, seen: Observations) -> Tensor:
    """Signed distances ``(B, L)`` in pixels of image points from their lines."""
    lines = torch.linalg.cross(seen.start @ view.projection.mT, seen.end @ view.projection.mT)
    plane = view.to_plane(seen.lines_image)
    value = (lines * to_homogeneous(plane)).sum(-1)
    return _sampson(value, view.pixel_gradient(plane, lines[..., :2]))


def _circle_distances(view: View, seen: Observations) -> Tensor:
    """Signed distances ``(B, C)`` in pixels, to first order, of image points from their circles.

    Of |X - c| - r on the ground rather than of the conic's quadratic form: both are the same
    distance at the circle, but this one has no pole in the middle of it, where the points of
    a flat ellipse easily are at the start.
    """
    first, second, third = view.projection[..., [0, 1, 3]].unbind(-1)
    # The adjugate is the inverse up to a factor, whose size the distance does not see.
    rows = [
        torch.linalg.cross(*pair) for pair in ((second, third), (third, first), (first, second))
    ]
    sign = torch.where((first * rows[0]).sum(-1) < 0, -1.0, 1.0)[:, None, None]
    to_ground = sign * torch.stack(rows, dim=-2)
    plane = view.to_plane(seen.circles_image)
    x = to_homogeneous(plane) @ to_ground.mT
    offset = x[..., :2] - seen.center * x[..., 2:]
    squared = offset.square().sum(-1, keepdim=True)
    distance = torch.where(squared > 0, squared, 1.0).sqrt()
    outward = offset / distance
    by_depth = -(outward * seen.center).sum(-1, keepdim=True) - seen.radius[..., None]
    gradient = (torch.cat([outward, by_depth], -1) @ to_ground)[..., :2]
    value = (outward * offset).sum(-1) - seen.radius * x[..., 2]
    return _sampson(value, view.pixel_gradient(plane, gradient))


def _sampson(value: Tensor, gradient: Tensor) -> Tensor:
    """First-order distance to value = 0; zero without a gradient, as observations left out are."""
    squared = gradient.square().sum(-1)
    known = squared > 0
    return torch.where(known, value / torch.where(known, squared, 1.0).sqrt(), 0.0)


class _Group(NamedTuple):
    """Observations of one kind: world coordinates, pixels and weights, without nan.

    Attributes:
        world: Tensors ``(B..., M, D)``.
        image: ``(B..., M, 2)``.
        weights: ``(B..., M)``.
        sound: ``(B..., M)`` bool, whether an observation is finite or has no weight.
    """

    world: tuple[Tensor, ...]
    image: Tensor
    weights: Tensor
    sound: Tensor


def _group(
    world: dict[str, Array], image: Array, weights: Array | None, sizes: tuple[int, ...]
) -> _Group:
    """Bring the arrays of one kind of observation to one shape and take out what has no weight."""
    triples = [
        broadcast_pairs(part, image, weights, (name, "image"), sizes)
        for name, part in world.items()
    ]
    batch = torch.broadcast_shapes(*(triple[2].shape for triple in triples))
    image, weights = triples[0][1].expand(*batch, 2), triples[0][2].expand(batch)
    parts = [triple[0].expand(*batch, -1) for triple in triples]
    used = weights != 0
    finite = torch.isfinite(torch.cat([*parts, image], -1)).all(-1)
    sound = ((weights > 0) & torch.isfinite(weights) & finite) | ~used
    keep = (used & sound)[..., None]
    return _Group(
        tuple(torch.where(keep, part, 0.0) for part in parts),
        torch.where(keep, image, 0.0),
        torch.where(keep[..., 0], weights, 0.0),
        sound,
    )


def group_observations(
    points: PointObservations | None,
    lines: LineObservations | None,
    circles: CircleObservations | None,
    sizes: tuple[int, ...],
    device: torch.device,
) -> tuple[_Group, _Group, _Group]:
    """Points, lines and circles; without any observation where None."""
    none = torch.zeros(0, 2, dtype=torch.float64, device=device)
    points = points or PointObservations(none, none)
    lines = lines or LineObservations(none, none, none)
    circles = circles or CircleObservations(none, 1.0, none)
    ends = {"start": lines.start, "end": lines.end}
    shapes = {"center": circles.center, "radius": _column(circles.radius, device)}
    return (
        _group({"world": points.world}, points.image, points.weights, sizes),
        _group(ends, lines.image, lines.weights, sizes),
        _group(shapes, circles.image, circles.weights, (1, 2)),
    )


def collect_observations(
    batch: torch.Size, groups: tuple[_Group, _Group, _Group]
) -> tuple[torch.Size, Observations]:
    """The batch shape of estimates and observations together, and all observations, flat."""
    batch = torch.broadcast_shapes(batch, *(group.weights.shape[:-1] for group in groups))

    def flat(tensor: Tensor, dims: int) -> Tensor:
        size = tensor.shape[tensor.ndim - dims :]
        return tensor.expand(*batch, *size).reshape(batch.numel(), *size)

    (world,), (start, end), (center, radius) = (group.world for group in groups)
    has_length = (start != end).any(-1) | (groups[1].weights == 0)
    has_radius = (radius[..., 0] > 0) | (groups[2].weights == 0)
    sound = torch.cat([flat(group.sound, 1) for group in groups], -1).all(-1)
    return batch, Observations(
        flat(_world_homogeneous(world), 2),
        flat(groups[0].image, 2),
        flat(_world_homogeneous(start), 2),
        flat(_world_homogeneous(end), 2),
        flat(groups[1].image, 2),
        flat(center, 2),
        flat(radius[..., 0], 1),
        flat(groups[2].image, 2),
        torch.cat([flat(group.weights, 1) for group in groups], -1),
        sound & flat(has_length, 1).all(-1) & flat(has_radius, 1).all(-1),
    )


def _column(radius: Array, device: torch.device) -> Tensor:
    """Radii ``(..., M)`` or one number as ``(..., M, 1)``."""
    tensor = torch.as_tensor(radius, dtype=torch.float64).to(device)
    return tensor.reshape(1, 1) if tensor.ndim == 0 else tensor[..., None]


def _world_homogeneous(points: Tensor) -> Tensor:
    """Ground or world points ``(..., 2 | 3)`` -> ``(..., 4)``."""
    return torch.nn.functional.pad(
        torch.nn.functional.pad(points, (0, 3 - points.shape[-1])), (0, 1), value=1.0
    )
