"""Non-linear refinement of homographies and cameras on points, lines and circles.

The cost is that of :mod:`footmm.pitch.levenberg_marquardt`, on the residuals of
:mod:`footmm.pitch.observations`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from footmm.errors import did_you_mean
from footmm.pitch.camera import Camera
from footmm.pitch.homography import as_homography
from footmm.pitch.lens import BrownConradyLens
from footmm.pitch.levenberg_marquardt import (
    RefinementSettings,
    Solution,
    State,
    levenberg_marquardt,
)
from footmm.pitch.observations import (
    GROUND_COLUMNS,
    NUM_VIEW_PARAMETERS,
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
class CameraPrior:
    """Weak beliefs about cameras, each a mean and a standard deviation; None for none.

    They decide what the observations leave open: a few points of a flat pitch hardly tell zoom from
    distance, or the lens from the tilt.

    Attributes:
        x: Of the position, metres.
        y: Likewise.
        height: Likewise.
        roll: Radians.
        log_focal_length: Logarithm of the focal length in widths of the image.
        bend: k1 of the lens in units in which the focal length is one width of the image: the share
            by which the lens moves a point that is one width away from the centre.
        noise_px: What one standard deviation costs, in pixels: that of one observation.

    Raises:
        ValueError: For a deviation or noise that is not positive.
    """

    x: tuple[float, float] | None = None
    y: tuple[float, float] | None = None
    height: tuple[float, float] | None = None
    roll: tuple[float, float] | None = None
    log_focal_length: tuple[float, float] | None = None
    bend: tuple[float, float] | None = None
    noise_px: float = 1.0

    def __post_init__(self) -> None:
        for name in _BELIEFS:
            belief = getattr(self, name)
            if belief is not None and not belief[1] > 0:
                raise ValueError(f"{name} needs a positive standard deviation, got {belief[1]}")
        if not self.noise_px > 0:
            raise ValueError(f"noise_px must be positive, got {self.noise_px}")


@dataclass(frozen=True)
class _HomographyModel:
    """State: the normalised homography as unit vectors ``(B, 9)``.

    Attributes:
        to_ground: ``(B, 3, 3)`` normalisation of the ground.
        scale: ``(B, 2, 2)`` pixels by normalised image coordinates.
        centre: ``(B, 2)`` pixels, origin of the normalised image.
    """

    to_ground: np.ndarray
    scale: np.ndarray
    centre: np.ndarray

    @staticmethod
    def _tangents(vector: np.ndarray) -> np.ndarray:
        """Eight orthonormal directions ``(B, 9, 8)`` of the sphere at unit vectors ``(B, 9)``."""
        # The reflection of the first axis to the vector takes the other axes to the tangent plane.
        sign = np.where(vector[:, :1] < 0, -1.0, 1.0)
        normal = np.concatenate([vector[:, :1] + sign, vector[:, 1:]], -1)
        factor = 2 / (normal * normal).sum(-1)[:, None, None]
        return np.eye(9)[:, 1:] - factor * normal[..., None] * normal[:, None, 1:]

    def retract(self, state: State, update: np.ndarray) -> State:
        """Move in the tangent plane of the unit sphere, then back to the sphere."""
        (vector,) = state
        moved = vector + (self._tangents(vector) @ update[..., None])[..., 0]
        return (moved / np.linalg.norm(moved, axis=-1, keepdims=True),)

    def view(self, state: State) -> View:
        """A homography does not know heights: their column is zero."""
        matrix = state[0].reshape(-1, 3, 3) @ self.to_ground
        projection = np.zeros((len(matrix), 3, 4))
        projection[..., GROUND_COLUMNS] = matrix
        return View(projection, self.scale, self.centre, np.zeros(len(matrix)))

    def directions(self, state: State, view: View) -> np.ndarray:
        """See :class:`~footmm.pitch.levenberg_marquardt.Model`."""
        tangents = self._tangents(state[0]).transpose(0, 2, 1).reshape(-1, 8, 3, 3)
        directions = np.zeros((len(tangents), 8, NUM_VIEW_PARAMETERS))
        by_projection = directions[..., :12].reshape(-1, 8, 3, 4)
        by_projection[..., GROUND_COLUMNS] = tangents @ self.to_ground[:, None]
        directions[..., :12] = by_projection.reshape(-1, 8, 12)
        return directions.transpose(0, 2, 1)

    def penalties(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """None: residuals ``(B, 0)`` and derivatives ``(B, 0, 8)`` of B states ``(B, ...)``."""
        return np.zeros((len(state[0]), 0)), np.zeros((len(state[0]), 0, 8))


@dataclass(frozen=True)
class CameraModel:
    """State: rotation ``(B, 3, 3)``, log zoom ``(B,)``, position ``(B, 3)``, k1 ``(B,)``.

    Attributes:
        parameters: Which of :data:`CAMERA_PARAMETERS` an update holds, in this order.
        scale: ``(B, 2, 2)`` focal lengths of the first estimate.
        centre: ``(B, 2)`` principal point.
        image_width: Pixels.
        prior: Beliefs that are part of the cost.
    """

    parameters: tuple[str, ...]
    scale: np.ndarray
    centre: np.ndarray
    image_width: int
    prior: CameraPrior | None = None

    def _update(self, update: np.ndarray) -> np.ndarray:
        """An update of some parameters as one of all ``(B, 8)``."""
        if len(self._columns) == _NUM_CAMERA_PARAMETERS:
            return update
        every = np.zeros((len(update), _NUM_CAMERA_PARAMETERS))
        every[:, self._columns] = update
        return every

    @cached_property
    def _columns(self) -> list[int]:
        return [i for name in self.parameters for i in range(8)[_CAMERA_COLUMNS[name]]]

    def retract(self, state: State, update: np.ndarray) -> State:
        """Turn by a rotation vector in the camera frame and add the rest.

        Args:
            state: As in :meth:`view`.
            update: ``(B, P)``.

        Returns:
            As in :meth:`view`.
        """
        rotation, zoom, position, radial = state
        update = self._update(update)
        return (
            _rotation_from_vector(update[:, :3]) @ rotation,
            np.clip(zoom + update[:, 3], -_MAX_LOG_ZOOM, _MAX_LOG_ZOOM),
            position + update[:, 4:7],
            radial + update[:, 7],
        )

    def view(self, state: State) -> View:
        """Project to the normalised plane of the camera.

        Args:
            state: Rotations ``(B, 3, 3)``, logarithms of the zoom ``(B,)``, positions ``(B, 3)``,
                metres, and radial distortions of B cameras.
        """
        rotation, zoom, position, radial = state
        shift = -(rotation @ position[..., None])
        projection = np.concatenate([rotation, shift], axis=-1)
        return View(projection, self.scale * np.exp(zoom)[:, None, None], self.centre, radial)

    def directions(self, state: State, view: View) -> np.ndarray:
        """See :class:`~footmm.pitch.levenberg_marquardt.Model`."""
        directions = np.zeros((len(view.projection), 3, 4, _NUM_CAMERA_PARAMETERS))
        turned = (_CROSS @ view.projection).reshape(-1, 3, 3, 4)
        directions[..., :3] = turned.transpose(0, 2, 3, 1)
        directions[:, :, 3, 4:7] = -state[0]
        flat = np.zeros((len(directions), NUM_VIEW_PARAMETERS, _NUM_CAMERA_PARAMETERS))
        flat[:, :12] = directions.reshape(-1, 12, _NUM_CAMERA_PARAMETERS)
        flat[:, 12, 3] = flat[:, 13, 7] = 1.0
        return flat[..., self._columns]

    def penalties(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """The prior's.

        Args:
            state: As in :meth:`view`.

        Returns:
            Residuals ``(B, Q)``, pixels, and derivatives ``(B, Q, P)``.
        """
        rotation, zoom, position, radial = state
        if self.prior is None:
            return np.zeros((len(zoom), 0)), np.zeros((len(zoom), 0, len(self._columns)))
        right, down, ahead = rotation[..., 2].T
        focal_length = np.log(self.scale[:, 0, 0] / self.image_width) + zoom
        per_width = np.exp(-2 * focal_length)
        values = np.empty((len(zoom), len(_BELIEFS)))
        values[:, :3] = position
        values[:, _ROLL] = np.arctan2(-right, -down)
        values[:, _ROLL + 1] = focal_length
        values[:, _BEND] = radial * per_width
        jacobian = np.repeat(_BELIEF_DIRECTIONS[None], len(zoom), axis=0)
        across = right**2 + down**2
        jacobian[:, _ROLL, 0] = ahead * right / across
        jacobian[:, _ROLL, 1] = ahead * down / across
        jacobian[:, _BEND, 3] = -2 * values[:, _BEND]
        jacobian[:, _BEND, 7] = per_width
        mean, weight = self._believed
        return weight * (values - mean), weight[:, None] * jacobian[..., self._columns]

    @cached_property
    def _believed(self) -> tuple[np.ndarray, np.ndarray]:
        """Means and weights ``(6,)`` of what the prior tells; weight zero where nothing."""
        beliefs = [getattr(self.prior, name) or (0.0, np.inf) for name in _BELIEFS]
        mean, deviation = np.array(beliefs).T
        return mean, self.prior.noise_px / deviation


_MAX_LOG_ZOOM = 20.0
"""Beyond it lies no camera, and soon no number: a step may try anything."""

_NUM_CAMERA_PARAMETERS = sum(CAMERA_PARAMETERS.values())

_CAMERA_COLUMNS = {
    "rotation": slice(0, 3),
    "focal_length": slice(3, 4),
    "position": slice(4, 7),
    "radial": slice(7, 8),
}
"""Where the parameters are in an update of all of them."""

_BELIEFS = ("x", "y", "height", "roll", "log_focal_length", "bend")
"""What a prior tells."""

_ROLL, _BEND = 3, 5

_BELIEF_DIRECTIONS = np.zeros((6, _NUM_CAMERA_PARAMETERS))
_BELIEF_DIRECTIONS[[0, 1, 2, _ROLL, _ROLL + 1], [4, 5, 6, 2, 3]] = [1.0, 1.0, 1.0, -1.0, 1.0]
"""Their derivatives by the parameters, as far as those are constant."""

_CROSS = np.array([[[0, 0, 0], [0, 0, -1], [0, 1, 0]],
                   [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
                   [[0, -1, 0], [1, 0, 0], [0, 0, 0]]], dtype=float).reshape(9, 3)  # fmt: skip
"""The matrices of the cross products with the three axes, below each other."""


def _rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula ``(B, 3)`` -> ``(B, 3, 3)``."""
    squared = (vector * vector).sum(-1)
    small = squared < 1e-12
    angle = np.sqrt(np.where(small, 1.0, squared))
    sine = np.where(small, 1 - squared / 6, np.sin(angle) / angle)[:, None, None]
    cosine = np.where(small, 0.5 - squared / 24, (1 - np.cos(angle)) / angle**2)[:, None, None]
    cross = (vector @ _CROSS.reshape(3, 9)).reshape(-1, 3, 3)
    return np.eye(3) + sine * cross + cosine * (cross @ cross)


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
    start = as_homography(homography).detach()
    groups = group_observations(points, lines, circles, (2,))
    batch, seen = collect_observations(start.shape[:-2], groups)
    matrix = np.broadcast_to(start.cpu().numpy(), (*batch, 3, 3)).reshape(-1, 3, 3)
    usable = np.isfinite(matrix).all((-1, -2))
    matrix = np.where(usable[:, None, None], matrix, np.eye(3))
    seen = seen._replace(sound=seen.sound & usable)

    solution, refined = refine_homography_on(matrix, seen, settings or RefinementSettings())
    refined = torch.from_numpy(refined.reshape(*batch, 3, 3)).to(start.device)
    return HomographyRefinement(refined, *_diagnosis(solution, batch, start.device))


def refine_homography_on(
    homography: np.ndarray, seen: Observations, settings: RefinementSettings
) -> tuple[Solution, np.ndarray]:
    """The work of :func:`refine_homography` on observations that are collected already.

    Args:
        homography: ``(B, 3, 3)`` first estimates, finite, of any sign.
        seen: Observations of the ground.
        settings: Kernel and stopping rule.

    Returns:
        How it went, and the homographies ``(B, 3, 3)``, oriented, Frobenius norm one, nan where
        invalid.
    """
    with np.errstate(all="ignore"):
        model, vector = _homography_problem(homography, seen)
    solution = levenberg_marquardt(model, (vector,), seen, settings)
    refined = _affine(model.scale, model.centre) @ solution.state[0].reshape(-1, 3, 3)
    refined = refined @ model.to_ground
    refined = refined / np.linalg.norm(refined, axis=(-1, -2), keepdims=True)
    return solution, np.where(solution.valid[:, None, None], refined, np.nan)


def _diagnosis(solution: Solution, batch: tuple[int, ...], device: torch.device) -> list[Tensor]:
    """``valid``, ``converged``, ``rms_px`` and ``iterations`` of a refinement."""
    parts = (solution.valid, solution.converged, solution.rms_px, solution.iterations)
    return [torch.from_numpy(part.reshape(batch)).to(device) for part in parts]


def _homography_problem(
    matrix: np.ndarray, seen: Observations
) -> tuple[_HomographyModel, np.ndarray]:
    """Normalisations and the oriented, normalised first estimate ``(B, 9)``."""
    pixels = np.concatenate([seen.points_image, seen.curves_image], 1)
    centre, spread = _centre_and_spread(pixels, seen.weights)
    regular = np.linalg.det(matrix) != 0
    inverse = np.linalg.inv(np.where(regular[:, None, None], matrix, np.eye(3)))
    mapped = np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1) @ inverse.transpose(
        0, 2, 1
    )
    depth = mapped[..., 2]
    sign = np.where((np.sign(depth) * seen.weights).sum(-1) < 0, -1.0, 1.0)
    ground = mapped[..., :2] / depth[..., None]
    ground = np.where(np.isfinite(ground), ground, 0.0)
    ground_centre, ground_spread = _centre_and_spread(ground, seen.weights)

    to_ground = _affine(np.eye(2) / ground_spread, -ground_centre / ground_spread[:, 0])
    from_ground = _affine(np.eye(2) * ground_spread, ground_centre)
    to_image = _affine(np.eye(2) / spread, -centre / spread[:, 0])
    start = (to_image @ matrix @ from_ground).reshape(-1, 9) * sign[:, None]
    model = _HomographyModel(to_ground, np.eye(2) * spread, centre)
    return model, start / np.linalg.norm(start, axis=-1, keepdims=True)


def _centre_and_spread(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre ``(B, 2)`` and root mean square distance ``(B, 1, 1)`` of points with weight."""
    used = weights > 0
    share = used[..., None] / np.maximum(used.sum(-1), 1)[:, None, None]
    centre = (share * points).sum(1)
    spread = np.sqrt((share * (points - centre[:, None]) ** 2).sum((1, 2)))[:, None, None]
    return centre, np.where(spread > 0, spread, 1.0)


def _affine(linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """``(B, 3, 3)`` from ``(B, 2, 2)`` and ``(B, 2)``."""
    matrix = np.zeros((len(shift), 3, 3))
    matrix[:, :2, :2], matrix[:, :2, 2], matrix[:, 2, 2] = linear, shift, 1.0
    return matrix


def refine_camera(
    camera: Camera,
    points: PointObservations | None = None,
    lines: LineObservations | None = None,
    circles: CircleObservations | None = None,
    parameters: Sequence[str] = ("rotation", "focal_length", "position"),
    settings: RefinementSettings | None = None,
    prior: CameraPrior | None = None,
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
        prior: Beliefs about the parameters that change.

    Returns:
        The refined cameras; with a lens if the first estimate has one or ``"radial"`` was changed.

    Raises:
        ValueError: For wrong shapes, an unknown parameter, none at all, or another lens.
    """
    parameters = _checked_parameters(parameters)
    radial = _radial_coefficient(camera)
    groups = group_observations(points, lines, circles, (2, 3))
    batch, seen = collect_observations(camera.batch_shape, groups)

    def flat(tensor: Tensor, *size: int) -> np.ndarray:
        array = tensor.detach().to("cpu", torch.float64).numpy()
        return np.broadcast_to(array, (*batch, *size)).reshape(math.prod(batch), *size)

    intrinsics, rotation = flat(camera.intrinsics, 3, 3), flat(camera.rotation, 3, 3)
    position, radial = flat(camera.position, 3), flat(radial)
    usable = np.isfinite(np.concatenate([intrinsics, rotation], -1)).all((-1, -2))
    usable &= np.isfinite(position).all(-1) & np.isfinite(radial)
    intrinsics = np.where(usable[:, None, None], intrinsics, np.eye(3))
    seen = seen._replace(sound=seen.sound & usable)

    scale, centre = intrinsics[:, :2, :2], intrinsics[:, :2, 2]
    model = CameraModel(parameters, scale, centre, camera.image_size[0], prior)
    state = (rotation, np.zeros_like(radial), position, radial)
    solution = levenberg_marquardt(model, state, seen, settings or RefinementSettings())
    has_lens = camera.lens is not None or "radial" in parameters
    refined = _refined_camera(camera, model, solution, batch, has_lens)
    return CameraRefinement(refined, *_diagnosis(solution, batch, camera.device))


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
    """k1 of a camera ``(B...)``, zero without a lens."""
    if camera.lens is None:
        return torch.zeros_like(camera.position[..., 0])
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
    return lens.radial[..., 0]


def _refined_camera(
    camera: Camera,
    model: CameraModel,
    solution: Solution,
    batch: tuple[int, ...],
    has_lens: bool,
) -> Camera:
    """The solution as cameras ``(B...)``, nan where invalid."""
    view = model.view(solution.state)
    rotation, _, position, radial = solution.state

    def found(part: np.ndarray) -> Tensor:
        valid = solution.valid.reshape(-1, *[1] * (part.ndim - 1))
        part = np.where(valid, part, np.nan).reshape((*batch, *part.shape[1:]))
        return torch.from_numpy(part).to(camera.device)

    intrinsics = found(_affine(view.scale, view.centre))
    lens = BrownConradyLens.from_radial(found(radial)) if has_lens else None
    return Camera(intrinsics, found(rotation), found(position), camera.image_size, lens)
