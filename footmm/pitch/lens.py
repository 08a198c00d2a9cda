"""Lenses: how they move points of the normalised image plane.

A point of the normalised plane is ``(x, y)`` at depth 1 in the camera frame, before the lens
(undistorted) or after it (distorted). All tensors are batched: the lens over ``B...``, points over
``(B..., N, 2)``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

LensType = TypeVar("LensType", bound="Lens")

#: The same guard against 0 / 0 on the optical axis as in ``sskit.camera``.
_AXIS_EPS = 1e-12
_NEWTON_STEPS = 30

#: Where between the axis and a point a lens is asked whether it still goes outwards.
_RADII_CHECKED = 16

#: Newton's last step, which carries the gradient, squares an error of this size away.
_NEWTON_TOLERANCE = 1e-8


def as_tensor(values: Any) -> Tensor:
    """Return tensors of any shape as they are, and all else as a float64 tensor."""
    return values if isinstance(values, Tensor) else torch.as_tensor(np.asarray(values, float))


@dataclass(frozen=True, eq=False)
class Lens:
    """Base of all lenses; its fields are tensors ``(B..., number of coefficients)``."""

    def __post_init__(self) -> None:
        for item in fields(self):
            object.__setattr__(self, item.name, as_tensor(getattr(self, item.name)))

    def _map(self: LensType, function: Any) -> LensType:
        return type(self)(*(function(getattr(self, item.name)) for item in fields(self)))

    def __getitem__(self: LensType, index: Any) -> LensType:
        return self._map(lambda coefficients: coefficients[index])

    def to(self: LensType, *args: Any, **kwargs: Any) -> LensType:
        """Return the lens with its tensors converted as by ``Tensor.to``."""
        return self._map(lambda coefficients: coefficients.to(*args, **kwargs))

    def distort(self, points: Tensor) -> Tensor:
        """Return where the lens puts undistorted points ``(B..., N, 2)``."""
        raise NotImplementedError

    def undistort(self, points: Tensor) -> Tensor:
        """Return the undistorted points of distorted points ``(B..., N, 2)``."""
        raise NotImplementedError

    def is_valid(self, points: Tensor) -> Tensor:
        """Tell where the lens model holds.

        Every polynomial turns back somewhere outside the field of view it was fitted to, and then
        throws far-off points into the image.

        Args:
            points: Undistorted points ``(B..., N, 2)``.

        Returns:
            Booleans ``(B..., N)``: whether the lens maps the point and back again.
        """
        back = self.undistort(self.distort(points))
        tolerance = 1e-2 * (1 + points.norm(dim=-1))
        return (back - points).norm(dim=-1) <= tolerance


@dataclass(frozen=True, eq=False)
class BrownConradyLens(Lens):
    """Radial, tangential and thin-prism distortion as OpenCV and SoccerNet define it.

    Source: OpenCV's ``calib3d`` documentation; ``SoccerNet.Evaluation.utils_calibration.Camera``.

    Attributes:
        radial: k1..k3 of the numerator and k4..k6 of the denominator, ``(B..., 6)``.
        tangential: p1, p2, ``(B..., 2)``.
        thin_prism: s1..s4, ``(B..., 4)``.
    """

    radial: Tensor
    tangential: Tensor
    thin_prism: Tensor

    @classmethod
    def from_radial(cls, *coefficients: float | Tensor) -> BrownConradyLens:
        """Return the lens with only the given k1, k2, ..., each ``(B...,)``."""
        columns = [as_tensor(value) for value in coefficients]
        zero = torch.zeros_like(columns[0])
        radial = torch.stack(columns + [zero] * (6 - len(columns)), dim=-1)
        return cls(radial, torch.stack([zero] * 2, dim=-1), torch.stack([zero] * 4, dim=-1))

    def _radial_factor(self, r2: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factor on the radius and its derivative by the squared radius."""
        k = self.radial.unsqueeze(-2).unbind(-1)
        numerator = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[2]))
        denominator = 1 + r2 * (k[3] + r2 * (k[4] + r2 * k[5]))
        slope = k[0] + r2 * (2 * k[1] + r2 * 3 * k[2])
        slope_below = k[3] + r2 * (2 * k[4] + r2 * 3 * k[5])
        factor = numerator / denominator
        return factor, (slope - factor * slope_below) / denominator

    def distort(self, points: Tensor) -> Tensor:
        """See :meth:`Lens.distort`."""
        x, y = points.unbind(-1)
        p1, p2 = self.tangential.unsqueeze(-2).unbind(-1)
        s1, s2, s3, s4 = self.thin_prism.unsqueeze(-2).unbind(-1)
        r2 = x * x + y * y
        factor, _ = self._radial_factor(r2)
        u = x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2)
        v = y * factor + 2 * p2 * x * y + p1 * (r2 + 2 * y * y) + r2 * (s3 + r2 * s4)
        return torch.stack([u, v], dim=-1)

    def is_valid(self, points: Tensor) -> Tensor:
        """See :meth:`Lens.is_valid`: the radius on the image grows all the way to the point.

        Only the radial part is looked at; tangential and thin-prism distortion are small.
        """
        shares = torch.linspace(0, 1, _RADII_CHECKED + 1)[1:].to(points)
        squared = points.square().sum(-1, keepdim=True) * shares.square()
        factor, slope = self._radial_factor(squared.flatten(-2))
        growth = (factor + 2 * squared.flatten(-2) * slope).unflatten(-1, squared.shape[-2:])
        return (growth > 0).all(-1)

    def _newton_step(self, points: Tensor, residual: Tensor) -> Tensor:
        """Return the inverse Jacobian of :meth:`distort` at ``points``, applied to ``residual``."""
        x, y = points.unbind(-1)
        p1, p2 = self.tangential.unsqueeze(-2).unbind(-1)
        s1, s2, s3, s4 = self.thin_prism.unsqueeze(-2).unbind(-1)
        r2 = x * x + y * y
        factor, slope = self._radial_factor(r2)
        prism_u, prism_v = 2 * (s1 + 2 * s2 * r2), 2 * (s3 + 2 * s4 * r2)
        cross = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        u_x = factor + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x + prism_u * x
        u_y = cross + prism_u * y
        v_x = cross + prism_v * x
        v_y = factor + 2 * y * y * slope + 2 * p2 * x + 6 * p1 * y + prism_v * y
        a, b = residual.unbind(-1)
        determinant = u_x * v_y - u_y * v_x
        return torch.stack([v_y * a - u_y * b, u_x * b - v_x * a], -1) / determinant[..., None]

    def undistort(self, points: Tensor) -> Tensor:
        """See :meth:`Lens.undistort`; by Newton's method, differentiable.

        The gradient is that of one more Newton step from the solution, which is the implicit
        function theorem's.
        """
        with torch.no_grad():
            solution = target = points.detach()
            for _ in range(_NEWTON_STEPS):
                step = self._newton_step(solution, self.distort(solution) - target)
                solution = solution - step
                if not bool((step.abs() > _NEWTON_TOLERANCE).any()):
                    break
            solution = solution.detach()
        return solution - self._newton_step(solution, self.distort(solution) - points)


@dataclass(frozen=True, eq=False)
class PolynomialLens(Lens):
    """SynLoc's lens: a polynomial of the angle to the optical axis.

    ``r' = poly(arctan r)`` and back ``r = tan(poly(r'))``; both polynomials are given, highest
    power first as for ``numpy.polyval``. In SynLoc's files they are two separate fits, not exact
    inverses.
    Source: ``sskit.camera.distort`` and ``undistort``.

    Attributes:
        distortion: ``(B..., D)``.
        undistortion: ``(B..., D)``.
    """

    distortion: Tensor
    undistortion: Tensor

    def distort(self, points: Tensor) -> Tensor:
        """See :meth:`Lens.distort`."""
        radius = _radius(points)
        return points * (_polyval(self.distortion, torch.arctan(radius)) / radius)

    def undistort(self, points: Tensor) -> Tensor:
        """See :meth:`Lens.undistort`."""
        radius = _radius(points)
        return points * (torch.tan(_polyval(self.undistortion, radius)) / radius)


def _radius(points: Tensor) -> Tensor:
    # Clamped before the root, whose slope at 0 is infinite.
    return points.square().sum(-1, keepdim=True).clamp_min(_AXIS_EPS**2).sqrt()


def _polyval(coefficients: Tensor, values: Tensor) -> Tensor:
    """Evaluate polynomials ``(B..., D)`` at values ``(B..., N, 1)``."""
    columns = coefficients[..., None, None, :].unbind(-1)
    result = columns[0]
    for column in columns[1:]:
        result = result * values + column
    return result
