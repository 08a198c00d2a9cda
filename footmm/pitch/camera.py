"""Cameras: from the world to the image and back to the ground.

All angles are radians, all tensors are batched over ``B...`` (which may be empty) and
differentiable; arrays and lists are taken as float64. The frames are those of
:mod:`footmm.pitch.frames`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from footmm.errors import DataFormatError
from footmm.pitch.frames import (
    pixel_scaling,
    soccernet_to_world,
    synloc_to_world,
    world_to_soccernet,
    world_to_synloc,
)
from footmm.pitch.lens import BrownConradyLens, Lens, PolynomialLens, as_tensor

SOCCERNET_IMAGE_SIZE = (960, 540)
"""Width and height that SoccerNet's evaluator expects cameras to be given for."""

#: Points nearer than this in front of a camera, in metres, count as behind it, as in
#: ``SoccerNet.Evaluation.utils_calibration.Camera.project_point``.
MIN_DEPTH = 1e-3

#: Pixels, metres, degrees and coefficients of every real camera are smaller.
_LARGEST_NUMBER = 1e9


@dataclass(frozen=True, eq=False)
class Camera:
    """A batch of cameras, or one where ``B...`` is empty.

    Attributes:
        intrinsics: Calibration matrix K, pixels, ``(B..., 3, 3)``.
        rotation: World to camera, ``(B..., 3, 3)``.
        position: Optical centre, metres, world frame, ``(B..., 3)``.
        image_size: Width and height in pixels.
        lens: Distortion between the normalised plane and K, or None for a pinhole camera.
    """

    intrinsics: Tensor
    rotation: Tensor
    position: Tensor
    image_size: tuple[int, int]
    lens: Lens | None = None

    def __post_init__(self) -> None:
        for name in ("intrinsics", "rotation", "position"):
            object.__setattr__(self, name, as_tensor(getattr(self, name)))

    # Construction

    @classmethod
    def from_pan_tilt_roll(
        cls,
        position: Any,
        pan: Any,
        tilt: Any,
        roll: Any,
        focal_length: Any,
        image_size: tuple[int, int],
        principal_point: Any = None,
        lens: Lens | None = None,
    ) -> Camera:
        """Build cameras from angles.

        The rotation is SoccerNet's (Z-X-Z), with the tilt counted from the horizon.

        Args:
            position: ``(B..., 3)``, metres, world frame.
            pan: 0 looks along y, away from the main camera; positive turns right, ``(B...)``.
            tilt: Angle of the view below the horizon, ``(B...)``.
            roll: Clockwise turn of the camera about its view, ``(B...)``.
            focal_length: Pixels, ``(B...)``, or ``(B..., 2)`` for one along each image axis.
            image_size: Width and height in pixels.
            principal_point: Pixels, ``(B..., 2)``; None for the middle of the image.
            lens: Distortion.

        Returns:
            The cameras.
        """
        position = as_tensor(position)
        pan, tilt, roll = (as_tensor(angle).to(position) for angle in (pan, tilt, roll))
        focal_length = as_tensor(focal_length).to(position)
        batch = position.shape[:-1]
        rotation = _rotation(*torch.broadcast_tensors(pan, tilt, roll)).expand(*batch, 3, 3)
        if principal_point is None:
            principal_point = [(side - 1) / 2 for side in image_size]
        center = as_tensor(principal_point).to(position).expand(*batch, 2)
        if focal_length.ndim == len(batch):
            focal_length = focal_length[..., None]
        focal_length = focal_length.expand(*batch, 2)
        return cls(intrinsics_matrix(focal_length, center), rotation, position, image_size, lens)

    @classmethod
    def look_at(
        cls,
        position: Any,
        target: Any,
        focal_length: Any,
        image_size: tuple[int, int],
        roll: Any = 0.0,
        lens: Lens | None = None,
    ) -> Camera:
        """Build cameras that see a target in the middle of the image.

        Args:
            position: ``(B..., 3)``, metres, world frame.
            target: ``(B..., 3)``, metres, world frame.
            focal_length: Pixels, ``(B...)``.
            image_size: Width and height in pixels.
            roll: As in :meth:`from_pan_tilt_roll`.
            lens: Distortion.

        Returns:
            The cameras.
        """
        position = as_tensor(position)
        x, y, z = (as_tensor(target).to(position) - position).unbind(-1)
        pan, tilt = torch.atan2(x, y), torch.atan2(-z, torch.hypot(x, y))
        return cls.from_pan_tilt_roll(
            position, pan, tilt, roll, focal_length, image_size, lens=lens
        )

    @classmethod
    def stack(cls, cameras: Sequence[Camera]) -> Camera:
        """Join cameras of one image size into a batch, along a new first dimension.

        Raises:
            ValueError: Image sizes differ, or one lens is of another kind than the others.
        """
        sizes = {camera.image_size for camera in cameras}
        if len(sizes) != 1:
            raise ValueError(f"cameras of one batch need one image size, these have {sizes}")
        return cls(
            torch.stack([camera.intrinsics for camera in cameras]),
            torch.stack([camera.rotation for camera in cameras]),
            torch.stack([camera.position for camera in cameras]),
            sizes.pop(),
            _stack_lenses([camera.lens for camera in cameras]),
        )

    # Plain arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], image_size: tuple[int, int]) -> Camera:
        """Build cameras from what :meth:`to_arrays` returned.

        Args:
            arrays: By name.
            image_size: Width and height in pixels.

        Raises:
            DataFormatError: An array is missing.
        """
        parts = {name: as_tensor(value) for name, value in arrays.items()}
        lens = None
        for kind in (BrownConradyLens, PolynomialLens):
            names = [field.name for field in fields(kind)]
            if names[0] in parts:
                lens = kind(*(_part(parts, name) for name in names))
        views = (_part(parts, name) for name in ("intrinsics", "rotation", "position"))
        return cls(*views, tuple(image_size), lens)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return ``intrinsics``, ``rotation``, ``position`` and the parameters of the lens.

        Their shapes are those of :class:`Camera` and of the lens.
        """
        names = ("intrinsics", "rotation", "position")
        parts = {name: getattr(self, name) for name in names}
        parts |= {} if self.lens is None else vars(self.lens)
        return {name: part.detach().cpu().numpy() for name, part in parts.items()}

    # Official formats

    @classmethod
    def from_soccernet(
        cls, parameters: dict[str, Any], image_size: tuple[int, int] = SOCCERNET_IMAGE_SIZE
    ) -> Camera:
        """Read the json of a SoccerNet camera.

        As in the official evaluator, pan, tilt and roll count, not ``rotation_matrix``.

        Args:
            parameters: The parsed ``camera_NNNNN.json``.
            image_size: Width and height for which the camera is given.

        Returns:
            The camera, ``B...`` empty.

        Raises:
            DataFormatError: A key is missing or holds something else than numbers, or a focal
                length is not positive.
        """
        angles = (f"{name}_degrees" for name in ("pan", "tilt", "roll"))
        pan, tilt, roll = (torch.deg2rad(_numbers(parameters, key, ())) for key in angles)
        focal_length = torch.stack(
            [_numbers(parameters, f"{axis}_focal_length", ()) for axis in ("x", "y")]
        )
        if not bool((focal_length > 0).all()):
            raise DataFormatError(
                f"the focal lengths of the camera are {focal_length.tolist()}, need to be positive"
            )
        lens = BrownConradyLens(
            _numbers(parameters, "radial_distortion", (6,)),
            _numbers(parameters, "tangential_distortion", (2,)),
            _numbers(parameters, "thin_prism_distortion", (4,)),
        )
        is_pinhole = not any(bool(part.any()) for part in vars(lens).values())
        return cls.from_pan_tilt_roll(
            soccernet_to_world(_numbers(parameters, "position_meters", (3,))),
            pan,
            math.pi / 2 - tilt,
            roll,
            focal_length,
            image_size,
            _numbers(parameters, "principal_point", (2,)),
            None if is_pinhole else lens,
        )

    def to_soccernet(self) -> dict[str, Any]:
        """Return the json content of a SoccerNet camera, for an image of 960 x 540.

        Pixels are scaled as the official evaluator scales annotations: width - 1 becomes 959.

        Raises:
            DataFormatError: The format has no place for the camera: a batch, skew, or a
                :class:`PolynomialLens`.
        """
        if self.batch_shape:
            raise DataFormatError("a SoccerNet json holds one camera: index the batch first")
        if isinstance(self.lens, PolynomialLens):
            raise DataFormatError("SoccerNet's camera json cannot hold SynLoc's PolynomialLens")
        if bool(self.intrinsics[0, 1] != 0):
            raise DataFormatError("SoccerNet's camera json cannot hold a calibration with skew")
        sizes = torch.tensor([SOCCERNET_IMAGE_SIZE, self.image_size], dtype=torch.float64) - 1
        scale = sizes[0] / sizes[1]
        focal_x, focal_y = (self.intrinsics.diagonal()[:2] * scale).tolist()
        pan, tilt, roll = self.pan_tilt_roll()
        lens = self.lens or BrownConradyLens.from_radial(0.0)
        return {
            "pan_degrees": math.degrees(pan),
            "tilt_degrees": math.remainder(90.0 - math.degrees(tilt), 360.0),
            "roll_degrees": math.degrees(roll),
            "x_focal_length": focal_x,
            "y_focal_length": focal_y,
            "principal_point": (self.intrinsics[:2, 2] * scale).tolist(),
            "position_meters": world_to_soccernet(self.position).tolist(),
            "rotation_matrix": world_to_soccernet(self.rotation).tolist(),
            "radial_distortion": lens.radial.tolist(),
            "tangential_distortion": lens.tangential.tolist(),
            "thin_prism_distortion": lens.thin_prism.tolist(),
        }

    @classmethod
    def from_synloc(cls, image: dict[str, Any]) -> Camera:
        """Read the camera of an image of a SynLoc annotation file.

        Args:
            image: An entry of ``images`` with ``width``, ``height``, ``camera_matrix`` (3 x 4,
                known up to a factor, also a negative one), ``dist_poly`` and ``undist_poly``.

        Returns:
            The camera, ``B...`` empty.

        Raises:
            DataFormatError: A key is missing or holds something else than numbers.
        """
        size = int(_numbers(image, "width", ())), int(_numbers(image, "height", ()))
        matrix = _numbers(image, "camera_matrix", (3, 4))
        determinant = torch.linalg.det(matrix[:, :3])
        if not bool(determinant.isfinite() & (determinant != 0)):
            raise DataFormatError(f"'camera_matrix' has the determinant {float(determinant)}")
        matrix = matrix / (determinant.sign() * determinant.abs() ** (1 / 3))
        rotation, translation = matrix[:, :3], matrix[:, 3]
        lens = PolynomialLens(_numbers(image, "dist_poly"), _numbers(image, "undist_poly"))
        return cls(
            _synloc_intrinsics(size),
            synloc_to_world(rotation),
            synloc_to_world(-torch.linalg.solve(rotation, translation)),
            size,
            lens,
        )

    def to_synloc(self) -> dict[str, Any]:
        """Return the keys of an image of a SynLoc annotation file that describe the camera.

        Raises:
            DataFormatError: The format has no place for the camera: a batch, a lens other than
                :class:`PolynomialLens`, or pixels that are not scaled by the image's width.
        """
        if self.batch_shape or not isinstance(self.lens, PolynomialLens):
            raise DataFormatError("a SynLoc image holds one camera with a PolynomialLens")
        if not torch.allclose(self.intrinsics, _synloc_intrinsics(self.image_size).to(self.device)):
            raise DataFormatError(
                "SynLoc's cameras scale the lens's plane by the width of the image and have their "
                "centre in its middle; put the focal length into the polynomials"
            )
        rotation, position = world_to_synloc(self.rotation), world_to_synloc(self.position)
        matrix = torch.cat([rotation, -(rotation @ position)[:, None]], dim=1)
        return {
            "camera_matrix": matrix.tolist(),
            "dist_poly": self.lens.distortion.tolist(),
            "undist_poly": self.lens.undistortion.tolist(),
        }

    # Batches

    @property
    def batch_shape(self) -> torch.Size:
        """``B...``."""
        return self.position.shape[:-1]

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.position.device

    def __len__(self) -> int:
        if not self.batch_shape:
            raise TypeError("this is one camera, not a batch")
        return self.batch_shape[0]

    def __getitem__(self, index: Any) -> Camera:
        return Camera(
            self.intrinsics[index],
            self.rotation[index],
            self.position[index],
            self.image_size,
            None if self.lens is None else self.lens[index],
        )

    def to(self, *args: Any, **kwargs: Any) -> Camera:
        """Return the cameras with all tensors converted as by ``Tensor.to``."""
        return Camera(
            self.intrinsics.to(*args, **kwargs),
            self.rotation.to(*args, **kwargs),
            self.position.to(*args, **kwargs),
            self.image_size,
            None if self.lens is None else self.lens.to(*args, **kwargs),
        )

    def resized(self, width: int, height: int) -> Camera:
        """Return the cameras of the same picture at another size."""
        return self.warped(pixel_scaling(self.image_size, (width, height)), (width, height))

    def warped(self, matrix: Any, image_size: tuple[int, int]) -> Camera:
        """Return the cameras of the picture after an affine map of its pixels.

        Args:
            matrix: ``(3, 3)``, from old to new pixels; the last row is (0, 0, 1).
            image_size: Width and height of the new picture, pixels.
        """
        matrix = as_tensor(matrix).to(self.intrinsics)
        return replace(self, intrinsics=matrix @ self.intrinsics, image_size=image_size)

    # Geometry

    def pan_tilt_roll(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the angles of :meth:`from_pan_tilt_roll`, each ``(B...)``.

        Of the two solutions the one with the smaller roll is taken, as camera operators do; a
        camera that looks straight down has no roll.
        """
        x, y, z = self.rotation[..., 2, :].unbind(-1)
        right_z, down_z = self.rotation[..., :2, 2].unbind(-1)
        off_axis = torch.hypot(x, y)
        # A camera that hangs upside down is one that looked up past the zenith, without the roll.
        sign = torch.where(down_z > 0, -1.0, 1.0)
        tilt = torch.atan2(-z, sign * off_axis)
        level_pan = torch.atan2(-self.rotation[..., 0, 1], self.rotation[..., 0, 0])
        is_vertical = off_axis < 1e-12
        pan = torch.where(is_vertical, level_pan, torch.atan2(sign * x, sign * y))
        roll = torch.atan2(-sign * right_z, -sign * down_z)
        return pan, tilt, torch.where(is_vertical, torch.zeros_like(roll), roll)

    def _camera_points(self, points: Any) -> Tensor:
        points = as_tensor(points).to(self.position)
        # Multiplies one camera as it does a batch; `@` rounds them differently on some processors.
        return torch.einsum(
            "...nj,...ij->...ni", points - self.position[..., None, :], self.rotation
        )

    def depth(self, points: Any) -> Tensor:
        """Return how far world points ``(B..., N, 3)`` are in front, metres, ``(B..., N)``."""
        return self._camera_points(points)[..., 2]

    def _normalised(self, points: Any) -> tuple[Tensor, Tensor]:
        """Return points on the normalised plane, before the lens, and which are in front."""
        points = self._camera_points(points)
        in_front = points[..., 2] > MIN_DEPTH
        depth = torch.where(in_front, points[..., 2], torch.ones_like(points[..., 2]))
        return points[..., :2] / depth[..., None], in_front

    def _to_pixels(self, normalised: Tensor) -> Tensor:
        distorted = normalised if self.lens is None else self.lens.distort(normalised)
        matrix = self.intrinsics[..., :2, :]
        return distorted @ matrix[..., :2].mT + matrix[..., None, :, 2]

    def project(self, points: Any) -> Tensor:
        """Project world points into the image.

        Args:
            points: ``(B..., N, 3)``, or ``(N, 3)`` for all cameras, metres, world frame.

        Returns:
            Pixels ``(B..., N, 2)``; nan for points behind the camera.
        """
        normalised, in_front = self._normalised(points)
        pixels = self._to_pixels(normalised)
        return torch.where(in_front[..., None], pixels, torch.full_like(pixels, torch.nan))

    def visible(self, points: Any, margin: float = 0.0) -> Tensor:
        """Tell which world points are seen: in front, inside the image, where the lens holds.

        Args:
            points: As in :meth:`project`.
            margin: How far outside the image still counts, pixels.

        Returns:
            Booleans ``(B..., N)``.
        """
        normalised, in_front = self._normalised(points)
        pixels = self._to_pixels(normalised)
        size = pixels.new_tensor(self.image_size)
        inside = ((pixels >= -0.5 - margin) & (pixels <= size - 0.5 + margin)).all(-1)
        seen = in_front & inside
        return seen if self.lens is None else seen & self.lens.is_valid(normalised)

    def rays(self, pixels: Any) -> Tensor:
        """Return the directions in which pixels look.

        Args:
            pixels: ``(B..., N, 2)``.

        Returns:
            Unit vectors ``(B..., N, 3)``, world frame.
        """
        pixels = as_tensor(pixels).to(self.position)
        matrix = self.intrinsics[..., :2, :]
        centered = pixels - matrix[..., None, :, 2]
        normalised = centered @ torch.linalg.inv(matrix[..., :2]).mT
        if self.lens is not None:
            normalised = self.lens.undistort(normalised)
        directions = to_homogeneous(normalised) @ torch.linalg.inv(self.rotation).mT
        return directions / directions.norm(dim=-1, keepdim=True)

    def image_to_ground(self, pixels: Any, height: float = 0.0) -> Tensor:
        """Return where pixels meet a horizontal plane.

        Args:
            pixels: ``(B..., N, 2)``.
            height: Of the plane above the ground, metres.

        Returns:
            ``(B..., N, 2)``, metres, world frame; nan where a pixel looks above the horizon.
        """
        rays, origin = self.rays(pixels), self.position[..., None, :]
        steps = (height - origin[..., 2:]) / rays[..., 2:]
        ground = origin[..., :2] + steps * rays[..., :2]
        meets = (steps > 0) & steps.isfinite()
        return torch.where(meets, ground, torch.full_like(ground, torch.nan))

    def ground_jacobian(self, pixels: Any) -> Tensor:
        """Return how ground points move with pixels.

        Args:
            pixels: ``(B..., N, 2)``.

        Returns:
            ``(B..., N, 2, 2)``, metres per pixel: rows are ground x, y; columns image u, v.
        """
        pixels = as_tensor(pixels).to(self.position)
        columns = [
            torch.func.jvp(self.image_to_ground, (pixels,), (axis.expand_as(pixels),))[1]
            for axis in torch.eye(2).to(pixels)
        ]
        return torch.stack(columns, dim=-1)

    def ray_jacobian(self, pixels: Any) -> Tensor:
        """Return how the unit vectors of :meth:`rays` turn with pixels.

        Central differences over a pixel: a tenth of the time of the exact derivative, and off by
        its third derivative, a billionth.

        Args:
            pixels: ``(B..., N, 2)``.

        Returns:
            ``(B..., N, 3, 2)``, radians per pixel: rows are world x, y, z; columns image u, v.
        """
        pixels = as_tensor(pixels).to(self.position)
        halves = 0.5 * torch.eye(2).to(pixels)
        around = pixels[..., None, :] + torch.cat((halves, -halves))
        rays = self.rays(around.flatten(-3, -2)).unflatten(-2, (-1, 4))
        return (rays[..., :2, :] - rays[..., 2:, :]).mT

    def homography(self) -> Tensor:
        """Return the map from ground ``(x, y, 1)`` to image ``(u, v, 1)``, without the lens.

        Returns:
            ``(B..., 3, 3)``, known up to a factor; the third row gives the depth in metres.
        """
        shift = -(self.rotation @ self.position[..., None])
        return self.intrinsics @ torch.cat([self.rotation[..., :2], shift], dim=-1)


def _rotation(pan: Tensor, tilt: Tensor, roll: Tensor) -> Tensor:
    """Return world to camera ``(B..., 3, 3)``, rows right, down, forward."""
    sin_p, cos_p, sin_t, cos_t = pan.sin(), pan.cos(), tilt.sin(), tilt.cos()
    zero = torch.zeros_like(pan)
    level = torch.stack([cos_p, -sin_p, zero], -1)
    down = torch.stack([-sin_p * sin_t, -cos_p * sin_t, -cos_t], -1)
    forward = torch.stack([sin_p * cos_t, cos_p * cos_t, -sin_t], -1)
    sin_r, cos_r = roll.sin()[..., None], roll.cos()[..., None]
    return torch.stack([cos_r * level + sin_r * down, cos_r * down - sin_r * level, forward], -2)


def intrinsics_matrix(focal_length: Tensor, center: Tensor) -> Tensor:
    """Return calibration matrices without skew.

    Args:
        focal_length: ``(B..., 2)``, pixels, along u and v.
        center: Principal point, ``(B..., 2)``, pixels.

    Returns:
        ``(B..., 3, 3)``.
    """
    matrix = torch.diag_embed(torch.cat([focal_length, torch.ones_like(center[..., :1])], dim=-1))
    return torch.cat([matrix[..., :2], to_homogeneous(center)[..., None]], dim=-1)


def to_homogeneous(points: Tensor) -> Tensor:
    """Append a one: ``(..., D)`` -> ``(..., D + 1)``."""
    return torch.cat([points, torch.ones_like(points[..., :1])], dim=-1)


def _synloc_intrinsics(image_size: tuple[int, int]) -> Tensor:
    width, height = image_size
    center = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    return intrinsics_matrix(torch.full_like(center, width), center)


def _stack_lenses(lenses: Sequence[Lens | None]) -> Lens | None:
    kinds = {type(lens) for lens in lenses if lens is not None}
    if not kinds:
        return None
    if len(kinds) > 1 or (kinds == {PolynomialLens} and None in lenses):
        raise ValueError(f"cameras of one batch need lenses of one kind, these have {kinds}")
    # A pinhole camera is a Brown-Conrady camera without distortion.
    known = [lens or BrownConradyLens.from_radial(0.0) for lens in lenses]
    parts = zip(*(vars(lens).values() for lens in known), strict=True)
    return kinds.pop()(*(torch.stack(part) for part in parts))


def _part(parts: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in parts:
        raise DataFormatError(f"the camera has no array '{name}'; it has {sorted(parts)}")
    return parts[name]


def _numbers(parameters: dict[str, Any], key: str, shape: tuple[int, ...] | None = None) -> Tensor:
    """Return numbers of a camera's json, of a shape; without it, a list of any length."""
    if key not in parameters:
        raise DataFormatError(f"the camera has no {key!r}; it has {sorted(parameters)}")
    try:
        values = torch.as_tensor(parameters[key], dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise DataFormatError(
            f"{key!r} of the camera is {str(parameters[key])[:80]!r}, not numbers"
        ) from error
    fits = values.ndim == 1 and len(values) if shape is None else values.shape == shape
    if not fits or not bool((values.abs() < _LARGEST_NUMBER).all()):
        count = "some" if shape is None else " x ".join(map(str, shape)) or "1"
        raise DataFormatError(
            f"{key!r} of the camera is {str(parameters[key])[:80]}, needs {count} numbers below "
            f"{_LARGEST_NUMBER:g}"
        )
    return values
