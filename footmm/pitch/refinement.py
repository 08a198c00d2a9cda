"""Non-linear refinement of homographies and cameras on points, lines and circles.

The cost is that of :mod:`footmm.pitch.levenberg_marquardt`, on the residuals of
:mod:`footmm.pitch.observations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from footmm.errors import did_you_mean
from footmm.pitch.camera import Camera, to_homogeneous
from footmm.pitch.homography import as_homography
from footmm.pitch.lens import BrownConradyLens
from footmm.pitch.levenberg_marquardt import (
    RefinementSettings,
    Solution,
    levenberg_marquardt,
    where_items,
)
from footmm.pitch.observations import (
    Array,
    CircleObservations,
    LineObservations,
    Observations,
    PointObservations,
    View,
    collect_observations,
    group_observations,
)

CAMERA_PARAMETERS = {"rotation": 3, "focal_length": 1, "position": 3, "radial": 1}
"""What :func:`refine_camera` can change, and the number of parameters of each."""


class HomographyRefinement(NamedTuple):
    """Refined homographies.

    Attributes:
        homography: ``(..., 3, 3)`` oriented, Frobenius norm one; nan where invalid.
        valid: ``(...)`` bool: the start was usable and the observations determine the homography.
        converged: ``(...)`` bool: valid, and the last step was below the tolerance.
        rms_px: ``(...)`` root of the weighted mean squared distance; nan where invalid.
        iterations: ``(...)`` int, steps tried.
    """

    homography: Tensor
    valid: Tensor
    converged: Tensor
    rms_px: Tensor
    iterations: Tensor


class CameraRefinement(NamedTuple):
    """Refined cameras.

    Attributes:
        camera: Batched camera; nan where invalid.
        valid: ``(...)`` bool: the start was usable and the observations determine the parameters.
        converged: ``(...)`` bool: valid, and the last step was below the tolerance.
        rms_px: ``(...)`` root of the weighted mean squared distance; nan where invalid.
        iterations: ``(...)`` int, steps tried.
    """

    camera: Camera
    valid: Tensor
    converged: Tensor
    rms_px: Tensor
    iterations: Tensor


@dataclass(frozen=True)
class _HomographyModel:
    """State: the normalised homography as unit vectors ``(B, 9)``.

    Attributes:
        to_ground: ``(B, 3, 3)`` normalisation of the ground.
        scale: ``(B, 2, 2)`` pixels by normalised image coordinates.
        centre: ``(B, 2)`` pixels, origin of the normalised image.
    """

    to_ground: Tensor
    scale: Tensor
    centre: Tensor
    num_parameters = 8

    def retract(self, state: tuple[Tensor, ...], update: Tensor) -> tuple[Tensor, ...]:
        """Move in the tangent plane of the unit sphere, then back to the sphere."""
        (vector,) = state
        # The reflection of the first axis to the vector takes the other axes to the tangent plane.
        first = torch.where(vector[:, :1] < 0, -1.0, 1.0)
        normal = torch.cat([vector[:, :1] + first, vector[:, 1:]], -1)
        step = torch.cat([torch.zeros_like(first), update], -1)
        factor = 2 * (normal * step).sum(-1, keepdim=True) / normal.square().sum(-1, keepdim=True)
        return (torch.nn.functional.normalize(vector + step - factor * normal, dim=-1),)

    def view(self, state: tuple[Tensor, ...]) -> View:
        """A homography does not know heights: their column is zero."""
        matrix = state[0].unflatten(-1, (3, 3)) @ self.to_ground
        height = torch.zeros_like(matrix[..., :1])
        projection = torch.cat([matrix[..., :2], height, matrix[..., 2:]], -1)
        return View(projection, self.scale, self.centre, None)


@dataclass(frozen=True)
class _CameraModel:
    """State: rotation ``(B, 3, 3)``, log zoom ``(B, 1)``, position ``(B, 3)``, k1 ``(B, 1)``.

    Attributes:
        parameters: Which of :data:`CAMERA_PARAMETERS` an update holds, in this order.
        scale: ``(B, 2, 2)`` focal lengths of the first estimate.
        centre: ``(B, 2)`` principal point.
        has_lens: Whether k1 plays a part.
    """

    parameters: tuple[str, ...]
    scale: Tensor
    centre: Tensor
    has_lens: bool

    @property
    def num_parameters(self) -> int:
        """Length of an update."""
        return sum(CAMERA_PARAMETERS[name] for name in self.parameters)

    def retract(self, state: tuple[Tensor, ...], update: Tensor) -> tuple[Tensor, ...]:
        """Turn by a rotation vector in the camera frame and add the rest."""
        rotation, zoom, position, radial = state
        sizes = [CAMERA_PARAMETERS[name] for name in self.parameters]
        steps = dict(zip(self.parameters, update.split(sizes, -1), strict=True))
        if "rotation" in steps:
            rotation = _rotation_from_vector(steps["rotation"]) @ rotation
        zoom = zoom + steps.get("focal_length", 0.0)
        return (
            rotation,
            zoom,
            position + steps.get("position", 0.0),
            radial + steps.get("radial", 0.0),
        )

    def view(self, state: tuple[Tensor, ...]) -> View:
        """Project to the normalised plane of the camera."""
        rotation, zoom, position, radial = state
        shift = -(rotation @ position[..., None])
        return View(
            torch.cat([rotation, shift], -1),
            self.scale * zoom[..., None].exp(),
            self.centre,
            radial[:, 0] if self.has_lens else None,
        )


def _rotation_from_vector(vector: Tensor) -> Tensor:
    """Rodrigues' formula ``(B, 3)`` -> ``(B, 3, 3)``, differentiable at zero."""
    squared = vector.square().sum(-1)
    small = squared < 1e-8
    angle = torch.where(small, 1.0, squared).sqrt()
    sine = torch.where(small, 1 - squared / 6, angle.sin() / angle)[:, None, None]
    cosine = torch.where(small, 0.5 - squared / 24, (1 - angle.cos()) / angle**2)[:, None, None]
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    identity = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return identity + sine * cross + cosine * (cross @ cross)


def refine_homography(
    homography: Array,
    points: PointObservations | None = None,
    lines: LineObservations | None = None,
    circles: CircleObservations | None = None,
    settings: RefinementSettings | None = None,
) -> HomographyRefinement:
    """Minimise the pixel distances of points, lines and circles to their homographies' images.

    The homography between normalised ground and image is a unit vector of nine numbers, changed in
    the eight directions of the sphere's tangent plane (Hartley and Zisserman, Multiple View
    Geometry, section A6.9.3). The cost is that of this module.

    An item is invalid if its start is not finite or has an observed point behind the camera, if the
    observations do not determine a homography, or if one with weight is not finite, is a line
    without length or a circle without radius. No gradients pass through.

    Args:
        homography: ``(..., 3, 3)`` first estimate, of any sign.
        points: Points on the ground.
        lines: Points on ground lines.
        circles: Points on ground circles.
        settings: Kernel and stopping rule.

    Returns:
        The refined homographies.

    Raises:
        ValueError: For wrong shapes.
    """
    matrix = as_homography(homography).detach()
    with torch.no_grad():
        groups = group_observations(points, lines, circles, (2,), matrix.device)
        batch, seen = collect_observations(matrix.shape[:-2], groups)
        matrix = matrix.expand(*batch, 3, 3).reshape(-1, 3, 3)
        usable = torch.isfinite(matrix).all(-1).all(-1)
        matrix = where_items(usable, matrix, torch.eye(3).to(matrix))
        seen = seen._replace(sound=seen.sound & usable)

        model, vector = _homography_problem(matrix, seen)
        solution = levenberg_marquardt(model, (vector,), seen, settings or RefinementSettings())
        refined = solution.state[0].unflatten(-1, (3, 3)) @ model.to_ground
        pixels = torch.cat([model.scale, model.centre[..., None]], -1)
        last = pixels.new_tensor([0.0, 0.0, 1.0]).expand(len(pixels), 1, 3)
        refined = torch.cat([pixels, last], -2) @ refined
        refined = refined / torch.linalg.matrix_norm(refined, keepdim=True)
        refined = where_items(solution.valid, refined, torch.full_like(refined, float("nan")))
    return HomographyRefinement(
        refined.reshape(*batch, 3, 3), *(part.reshape(batch) for part in solution[1:])
    )


def _homography_problem(matrix: Tensor, seen: Observations) -> tuple[_HomographyModel, Tensor]:
    """Normalisations and the oriented, normalised first estimate ``(B, 9)``."""
    pixels = torch.cat([seen.points_image, seen.lines_image, seen.circles_image], 1)
    centre, spread = _centre_and_spread(pixels, seen.weights)
    inverse = torch.linalg.inv_ex(matrix).inverse
    depth = (to_homogeneous(pixels) @ inverse[:, 2, :, None])[..., 0]
    sign = torch.where((depth.sign() * seen.weights).sum(-1) < 0, -1.0, 1.0)
    ground = (to_homogeneous(pixels) @ inverse.mT)[..., :2] / depth[..., None]
    ground = torch.where(ground.isfinite(), ground, 0.0)
    ground_centre, ground_spread = _centre_and_spread(ground, seen.weights)

    identity = torch.eye(2).to(matrix)
    to_ground = _affine(identity / ground_spread, -ground_centre / ground_spread[:, 0])
    from_ground = _affine(identity * ground_spread, ground_centre)
    to_image = _affine(identity / spread, -centre / spread[:, 0])
    start = (to_image @ matrix @ from_ground).flatten(1) * sign[:, None]
    model = _HomographyModel(to_ground, identity * spread, centre)
    return model, torch.nn.functional.normalize(start, dim=-1)


def _centre_and_spread(points: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Centre ``(B, 2)`` and root mean square distance ``(B, 1, 1)`` of points with weight."""
    used = (weights > 0)[..., None] / (weights > 0).sum(-1).clamp_min(1)[:, None, None]
    centre = (used * points).sum(1)
    spread = (used * (points - centre[:, None]) ** 2).sum((1, 2)).sqrt()[:, None, None]
    return centre, torch.where(spread > 0, spread, 1.0)


def _affine(linear: Tensor, shift: Tensor) -> Tensor:
    """``(B, 3, 3)`` from ``(B, 2, 2)`` and ``(B, 2)``."""
    last = linear.new_tensor([0.0, 0.0, 1.0]).expand(len(shift), 1, 3)
    return torch.cat([torch.cat([linear.expand(len(shift), 2, 2), shift[..., None]], -1), last], 1)


def refine_camera(
    camera: Camera,
    points: PointObservations | None = None,
    lines: LineObservations | None = None,
    circles: CircleObservations | None = None,
    parameters: Sequence[str] = ("rotation", "focal_length", "position"),
    settings: RefinementSettings | None = None,
) -> CameraRefinement:
    """Minimise the pixel distances of points, lines and circles to their cameras' images.

    Chosen parameters change: the rotation by a rotation vector in the camera frame (R <- exp([w]x)
    R), both focal lengths by one factor (its logarithm), the position in metres, the first radial
    coefficient k1 of a :class:`~footmm.pitch.lens.BrownConradyLens`. The principal point stays.
    The cost is that of this module. Points and lines may be anywhere in the world, so goal posts
    and crossbars help.

    An item is invalid for the same reasons as in :func:`refine_homography`. No gradients pass
    through.

    Args:
        camera: First estimate; without a lens, or with one that has nothing but k1.
        points: Points of the world.
        lines: Points on lines of the world.
        circles: Points on ground circles.
        parameters: Which of :data:`CAMERA_PARAMETERS` to change.
        settings: Kernel and stopping rule.

    Returns:
        The refined cameras; with a lens if the first estimate has one or ``"radial"`` was changed.

    Raises:
        ValueError: For wrong shapes, an unknown parameter, none at all, or another lens.
    """
    parameters = _checked_parameters(parameters)
    radial = _radial_coefficient(camera)
    with torch.no_grad():
        parts = (camera.intrinsics, camera.rotation, camera.position, radial)
        intrinsics, rotation, position, radial = (part.detach().to(torch.float64) for part in parts)
        groups = group_observations(points, lines, circles, (2, 3), camera.device)
        batch, seen = collect_observations(camera.batch_shape, groups)
        intrinsics = intrinsics.expand(*batch, 3, 3).reshape(-1, 3, 3)
        rotation = rotation.expand(*batch, 3, 3).reshape(-1, 3, 3)
        position = position.expand(*batch, 3).reshape(-1, 3)
        radial = radial.expand(*batch, 1).reshape(-1, 1)
        usable = torch.isfinite(torch.cat([intrinsics, rotation], -1)).all(-1).all(-1)
        usable &= torch.isfinite(torch.cat([position, radial], -1)).all(-1)
        intrinsics = where_items(usable, intrinsics, torch.eye(3).to(intrinsics))
        seen = seen._replace(sound=seen.sound & usable)

        has_lens = camera.lens is not None or "radial" in parameters
        model = _CameraModel(parameters, intrinsics[:, :2, :2], intrinsics[:, :2, 2], has_lens)
        state = (rotation, torch.zeros_like(radial), position, radial)
        solution = levenberg_marquardt(model, state, seen, settings or RefinementSettings())
        refined = _refined_camera(camera, model, solution, batch)
    return CameraRefinement(refined, *(part.reshape(batch) for part in solution[1:]))


def _checked_parameters(parameters: Sequence[str]) -> tuple[str, ...]:
    """The chosen parameters in the order of :data:`CAMERA_PARAMETERS`."""
    for name in parameters:
        if name not in CAMERA_PARAMETERS:
            known = ", ".join(map(repr, CAMERA_PARAMETERS))
            raise ValueError(
                f"parameter {name!r} is none of {known}{did_you_mean(name, CAMERA_PARAMETERS)}"
            )
    if not parameters:
        raise ValueError("parameters is empty: nothing to refine")
    return tuple(name for name in CAMERA_PARAMETERS if name in parameters)


def _radial_coefficient(camera: Camera) -> Tensor:
    """k1 of a camera ``(B..., 1)``, zero without a lens."""
    if camera.lens is None:
        return torch.zeros_like(camera.position[..., :1])
    lens = camera.lens
    is_simple = isinstance(lens, BrownConradyLens) and not any(
        bool(part.nan_to_num().any())
        for part in (lens.radial[..., 1:], lens.tangential, lens.thin_prism)
    )
    if not is_simple:
        raise ValueError(
            "refine_camera knows the lens coefficient k1 only: undistort the observations first, "
            "and give the camera without its lens"
        )
    return lens.radial[..., :1]


def _refined_camera(
    camera: Camera, model: _CameraModel, solution: Solution, batch: torch.Size
) -> Camera:
    """The solution as cameras ``(B...)``, nan where invalid."""
    view = model.view(solution.state)
    intrinsics = _affine(view.scale, view.centre)
    nan = intrinsics.new_tensor(float("nan"))
    intrinsics, rotation, position, radial = (
        where_items(solution.valid, part, nan.expand_as(part)).reshape(*batch, *part.shape[1:])
        for part in (intrinsics, *(solution.state[index] for index in (0, 2, 3)))
    )
    lens = BrownConradyLens.from_radial(radial[..., 0]) if model.has_lens else None
    return Camera(intrinsics, rotation, position, camera.image_size, lens)
