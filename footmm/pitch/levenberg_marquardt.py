"""Levenberg-Marquardt for a batch at once: every item has its own damping and stops by itself.

The cost of an item is ``sum_i w_i rho(d_i^2)`` over its observations, with d_i the distance and
rho the robust kernel. Jacobians come from forward-mode automatic differentiation
(``torch.func``) at the present estimate, where the parameters are a small update that is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from footmm.errors import did_you_mean
from footmm.pitch.observations import Observations, View, residuals

Kernel = Literal["none", "huber", "cauchy"]

_FIRST_DAMPING = 1e-3
_DAMPING_STEP = 10.0
_MIN_DAMPING = 1e-12

_MAX_DAMPING = 1e10
"""An item that finds no better place with this damping has nowhere to go."""

_MAX_TRUSTED_DAMPING = 1e-2
"""Above it a short step tells of the damping, not of the nearness of the minimum."""

_MIN_EIGENVALUE = 1e-13
"""Of the normal matrix scaled to ones on the diagonal; below it some parameter is left open."""


@dataclass(frozen=True)
class RefinementSettings:
    """How to refine.

    Attributes:
        kernel: ``"none"`` is least squares; ``"huber"`` and ``"cauchy"`` let far observations count
            less.
        kernel_scale: Distance in pixels from which on the kernel departs from least squares.
        max_iterations: Steps tried at most.
        tolerance: An item is done once a step moves its observations by less than this, in pixels
            (root mean square).

    Raises:
        ValueError: For an unknown kernel or numbers that are not positive.
    """

    kernel: Kernel = "none"
    kernel_scale: float = 3.0
    max_iterations: int = 50
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if self.kernel not in _KERNELS:
            known = ", ".join(map(repr, _KERNELS))
            raise ValueError(
                f"kernel {self.kernel!r} is none of {known}{did_you_mean(self.kernel, _KERNELS)}"
            )
        for name in ("kernel_scale", "max_iterations", "tolerance"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


def _no_kernel(squared: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    return squared, torch.ones_like(squared)


def _huber(squared: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    distance = squared.clamp_min(scale**2).sqrt()
    return torch.minimum(squared, 2 * scale * distance - scale**2), scale / distance


def _cauchy(squared: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    ratio = squared / scale**2
    return scale**2 * torch.log1p(ratio), 1 / (1 + ratio)


_KERNELS: dict[str, Callable[[Tensor, float], tuple[Tensor, Tensor]]] = {
    "none": _no_kernel,
    "huber": _huber,
    "cauchy": _cauchy,
}
"""rho and its derivative at squared distances."""


class _Model(Protocol):
    """What Levenberg-Marquardt needs to know. A state is a tuple of tensors ``(B, ...)``."""

    num_parameters: int

    def retract(self, state: tuple[Tensor, ...], update: Tensor) -> tuple[Tensor, ...]:
        """The state after an update ``(B, P)``."""

    def view(self, state: tuple[Tensor, ...]) -> View:
        """The state, seen from the observations."""


class Solution(NamedTuple):
    """Where Levenberg-Marquardt ended; fields as in :class:`HomographyRefinement`."""

    state: tuple[Tensor, ...]
    valid: Tensor
    converged: Tensor
    rms_px: Tensor
    iterations: Tensor


def _costs(
    residual: Tensor, seen: Observations, settings: RefinementSettings
) -> tuple[Tensor, Tensor]:
    """Cost ``(B,)`` of residuals ``(B, R)``, and the weights ``(B, R)`` of their squares."""
    count = seen.points.shape[1]
    squared = residual.square()
    distances = torch.cat(
        [squared[:, :count] + squared[:, count : 2 * count], squared[:, 2 * count :]], -1
    )
    value, slope = _KERNELS[settings.kernel](distances, settings.kernel_scale)
    weights = seen.weights * slope
    return (seen.weights * value).sum(-1), torch.cat([weights[:, :count], weights], -1)


def _linearised(
    model: _Model, state: tuple[Tensor, ...], seen: Observations
) -> tuple[Tensor, Tensor]:
    """Residuals ``(B, R)`` and their Jacobian ``(B, R, P)``."""

    def updated(update: Tensor) -> tuple[Tensor, Tensor]:
        # One update for all items: they are independent, so each gets its own Jacobian.
        everywhere = update.expand(len(seen.weights), -1)
        residual, _ = residuals(model.view(model.retract(state, everywhere)), seen)
        return residual, residual

    zero = seen.weights.new_zeros(model.num_parameters)
    jacobian, residual = torch.func.jacfwd(updated, has_aux=True)(zero)
    return residual, jacobian


def levenberg_marquardt(
    model: _Model,
    state: tuple[Tensor, ...],
    seen: Observations,
    settings: RefinementSettings,
) -> Solution:
    """Minimise the cost of every item (Marquardt's scaling, damping by factors of ten)."""
    residual, in_front = residuals(model.view(state), seen)
    cost, _ = _costs(residual, seen, settings)
    usable = seen.sound & in_front & cost.isfinite()
    active, converged = usable.clone(), torch.zeros_like(usable)
    damping = torch.full_like(cost, _FIRST_DAMPING)
    iterations = torch.zeros_like(cost, dtype=torch.int64)
    total_weight = seen.weights.sum(-1)
    for _ in range(settings.max_iterations):
        if not active.any():
            break
        residual, jacobian = _linearised(model, state, seen)
        cost, weights = _costs(residual, seen, settings)
        step, moved = _step(residual, jacobian, weights, damping)
        candidate = model.retract(state, step)
        candidate_residual, in_front = residuals(model.view(candidate), seen)
        candidate_cost, _ = _costs(candidate_residual, seen, settings)

        better = active & in_front & (candidate_cost <= cost)
        state = tuple(
            where_items(better, new, old) for new, old in zip(candidate, state, strict=True)
        )
        is_near = moved < settings.tolerance**2 * total_weight
        converged |= active & is_near & (damping <= _MAX_TRUSTED_DAMPING)
        iterations += active
        damping = torch.where(better, damping / _DAMPING_STEP, damping * _DAMPING_STEP)
        damping = damping.clamp_min(_MIN_DAMPING)
        active &= ~converged & (damping < _MAX_DAMPING)
    return _solution(model, state, seen, usable, converged, iterations)


def _step(
    residual: Tensor, jacobian: Tensor, weights: Tensor, damping: Tensor
) -> tuple[Tensor, Tensor]:
    """The damped step ``(B, P)``, and the weighted sum of squared pixels it moves by ``(B,)``."""
    normal, scale = _normal_matrix(jacobian, weights)
    gradient = ((weights * residual)[:, None] @ jacobian)[:, 0] / scale
    damped = normal + torch.diag_embed(damping[:, None].expand_as(scale))
    factor, _ = torch.linalg.cholesky_ex(damped)
    step = -torch.cholesky_solve(gradient[..., None], factor)
    moved = (step.mT @ normal @ step)[:, 0, 0]
    return step[..., 0] / scale, moved


def _normal_matrix(jacobian: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """J^T W J scaled to ones on the diagonal ``(B, P, P)``, and the roots of its diagonal."""
    normal = (jacobian * weights[..., None]).mT @ jacobian
    scale = normal.diagonal(dim1=-2, dim2=-1).clamp_min(1e-300).sqrt()
    return normal / (scale[:, None] * scale[..., None]), scale


def _solution(
    model: _Model,
    state: tuple[Tensor, ...],
    seen: Observations,
    usable: Tensor,
    converged: Tensor,
    iterations: Tensor,
) -> Solution:
    """Tell which items the observations determine, and how far they are from them."""
    residual, jacobian = _linearised(model, state, seen)
    # Without a kernel: an observation the kernel fades out still is one.
    squared, weights = _costs(residual, seen, RefinementSettings())
    normal, _ = _normal_matrix(jacobian, weights)
    normal = torch.where(usable[:, None, None], normal, 0.0)
    valid = usable & (torch.linalg.eigvalsh(normal)[:, 0] > _MIN_EIGENVALUE)
    rms = (squared / seen.weights.sum(-1)).sqrt()
    return Solution(
        state, valid, converged & valid, torch.where(valid, rms, float("nan")), iterations
    )


def where_items(chosen: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """First where ``chosen (B,)``, second elsewhere, for tensors ``(B, ...)``."""
    return torch.where(chosen.reshape(-1, *[1] * (first.ndim - 1)), first, second)
