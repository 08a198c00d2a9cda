"""Levenberg-Marquardt for a batch at once: every item has its own damping and stops by itself.

The cost of an item is ``sum_i w_i rho(d_i^2)`` over its observations, with d_i the distance and
rho the robust kernel, plus the squares of the model's penalties. Written in numpy: a problem has
about ten unknowns and a hundred observations, so that the number of operations decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np

from footmm.errors import did_you_mean
from footmm.pitch.observations import Observations, View, linearise

Kernel = Literal["none", "huber", "cauchy"]
State = tuple[np.ndarray, ...]

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


def _no_kernel(squared: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    return squared, np.ones_like(squared)


def _huber(squared: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    distance = np.sqrt(np.maximum(squared, scale**2))
    return np.minimum(squared, 2 * scale * distance - scale**2), scale / distance


def _cauchy(squared: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    ratio = squared / scale**2
    return scale**2 * np.log1p(ratio), 1 / (1 + ratio)


_KERNELS: dict[str, Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]]] = {
    "none": _no_kernel,
    "huber": _huber,
    "cauchy": _cauchy,
}
"""rho and its derivative at squared distances."""


class Model(Protocol):
    """What Levenberg-Marquardt needs to know. A state is a tuple of arrays ``(B, ...)``."""

    def retract(self, state: State, update: np.ndarray) -> State:
        """The state, whose arrays are ``(B, ...)``, after an update ``(B, P)``."""

    def view(self, state: State) -> View:
        """The state, whose arrays are ``(B, ...)``, seen from the observations."""

    def directions(self, state: State, view: View) -> np.ndarray:
        """Derivatives ``(B, 14, P)`` of the view by an update that is zero."""

    def penalties(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Further residuals ``(B, Q)`` of the cost, in pixels, and derivatives ``(B, Q, P)``."""


class Solution(NamedTuple):
    """Where Levenberg-Marquardt ended.

    Attributes:
        state: The model's parameters, arrays ``(B, ...)``.
        valid: ``(B,)`` bool: the start was usable and the problem determines the parameters.
        converged: ``(B,)`` bool: valid, and the last step was below the tolerance.
        rms_px: ``(B,)`` root of the weighted mean squared distance; nan where invalid.
        iterations: ``(B,)`` int, steps tried.
        cost: ``(B,)``, with the kernel and the penalties.
        distances: ``(B, N + L + C)`` squared distances of the observations.
    """

    state: State
    valid: np.ndarray
    converged: np.ndarray
    rms_px: np.ndarray
    iterations: np.ndarray
    cost: np.ndarray
    distances: np.ndarray


class _Problem(NamedTuple):
    """A quadratic model of the cost at some states.

    Attributes:
        cost: ``(B,)``; inf where a point is behind the camera.
        distances: ``(B, N + L + C)`` squared.
        jacobian: ``(B, R, P)`` of observations' residuals.
        gradient: ``(B, P)``, half the cost's.
        normal: ``(B, P, P)``, half of the cost's second derivative, as Gauss and Newton have it.
    """

    cost: np.ndarray
    distances: np.ndarray
    jacobian: np.ndarray
    gradient: np.ndarray
    normal: np.ndarray


def _problem(
    model: Model, state: State, seen: Observations, settings: RefinementSettings
) -> _Problem:
    view = model.view(state)
    residual, by_view, in_front = linearise(view, seen)
    jacobian = by_view @ model.directions(state, view)
    distances = seen.distances(residual)
    value, slope = _KERNELS[settings.kernel](distances, settings.kernel_scale)
    cost = (seen.weights * value).sum(-1)
    weighted = jacobian * seen.by_residual(seen.weights * slope)[..., None]
    penalty, by_state = model.penalties(state)
    weighted_t, by_state_t = weighted.transpose(0, 2, 1), by_state.transpose(0, 2, 1)
    return _Problem(
        np.where(in_front, cost + (penalty * penalty).sum(-1), np.inf),
        distances,
        jacobian,
        (weighted_t @ residual[..., None] + by_state_t @ penalty[..., None])[..., 0],
        weighted_t @ jacobian + by_state_t @ by_state,
    )


def levenberg_marquardt(
    model: Model, state: State, seen: Observations, settings: RefinementSettings
) -> Solution:
    """Minimise the cost of every item (Marquardt's scaling, damping by factors of ten).

    Args:
        model: What is fitted.
        state: Where to begin; its arrays are ``(B, ...)``, of B items.
        seen: The observations.
        settings: Kernel and stopping rule.
    """
    with np.errstate(all="ignore"):
        return _minimise(model, state, seen, settings)


def _minimise(
    model: Model, state: State, seen: Observations, settings: RefinementSettings
) -> Solution:
    here = _problem(model, state, seen, settings)
    usable = seen.sound & np.isfinite(here.cost)
    active, converged = usable.copy(), np.zeros_like(usable)
    damping = np.full_like(here.cost, _FIRST_DAMPING)
    iterations = np.zeros(here.cost.shape, dtype=np.int64)
    goal = settings.tolerance**2 * seen.weights.sum(-1)
    for _ in range(settings.max_iterations):
        if not active.any():
            break
        step, moved = _step(here, usable, damping)
        candidate = model.retract(state, step)
        there = _problem(model, candidate, seen, settings)

        better = active & (there.cost <= here.cost)
        state = _where(better, candidate, state)
        here = _Problem(*_where(better, there, here))
        converged |= active & (moved < goal) & (damping <= _MAX_TRUSTED_DAMPING)
        iterations += active
        damping = np.where(better, damping / _DAMPING_STEP, damping * _DAMPING_STEP)
        damping = np.maximum(damping, _MIN_DAMPING)
        active &= ~converged & (damping < _MAX_DAMPING)
    return _solution(model, state, seen, here, usable, converged, iterations)


def _step(
    problem: _Problem, usable: np.ndarray, damping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The damped step ``(B, P)``, and the weighted sum of squared pixels it moves by ``(B,)``."""
    scale, eigenvalues, axes = _decomposed(problem.normal, usable)
    along = (axes.transpose(0, 2, 1) @ (problem.gradient / scale)[..., None])[..., 0]
    along = -along / (eigenvalues + damping[:, None])
    moved = (eigenvalues * along * along).sum(-1)
    return (axes @ along[..., None])[..., 0] / scale, moved


def _decomposed(
    normal: np.ndarray, usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Roots of the diagonal, and eigenvalues and axes of the matrix scaled to ones there."""
    # One item that is not finite would fail them all.
    usable = usable & np.isfinite(normal).all((1, 2))
    normal = np.where(usable[:, None, None], normal, 0.0)
    diagonal = np.einsum("bii->bi", normal)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    eigenvalues, axes = np.linalg.eigh(normal / (scale[:, None] * scale[..., None]))
    return scale, np.maximum(eigenvalues, 0.0), axes


def _solution(
    model: Model,
    state: State,
    seen: Observations,
    here: _Problem,
    usable: np.ndarray,
    converged: np.ndarray,
    iterations: np.ndarray,
) -> Solution:
    """Tell which items the observations determine, and how far they are from them."""
    # Without a kernel: an observation the kernel fades out still is one.
    weighted = here.jacobian * seen.by_residual(seen.weights)[..., None]
    _, by_state = model.penalties(state)
    normal = weighted.transpose(0, 2, 1) @ here.jacobian + by_state.transpose(0, 2, 1) @ by_state
    valid = usable & (_decomposed(normal, usable)[1][:, 0] > _MIN_EIGENVALUE)
    rms = np.sqrt((seen.weights * here.distances).sum(-1) / seen.weights.sum(-1))
    return Solution(
        state,
        valid,
        converged & valid,
        np.where(valid, rms, np.nan),
        iterations,
        here.cost,
        here.distances,
    )


def _where(chosen: np.ndarray, first: State, second: State) -> State:
    """First where ``chosen (B,)``, second elsewhere, for tuples of arrays ``(B, ...)``."""
    if chosen.all():
        return first
    if not chosen.any():
        return second
    return tuple(
        np.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        for new, old in zip(first, second, strict=True)
    )
