"""PyTorch functions that ONNX has no operator for, in terms of those it has.

Upstream limitation: ONNX has no operator for matrix inverses, linear systems, running extremes and
a few element-wise functions, and PyTorch's tracing exporter does not write them out; of a few
others it writes what only works for the traced batch size, or what onnxruntime warns about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.onnx import (
    register_custom_op_symbolic,
    symbolic_helper,
    unregister_custom_op_symbolic,
)
from torch.overrides import TorchFunctionMode

OPSET = 18
"""Of the ONNX operators: the first whose scattering finds maxima."""


def identity(
    size: int, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """The identity matrix ``(size, size)``; onnxruntime has none of booleans."""
    places = torch.arange(size, device=device)
    return (places[:, None] == places).to(dtype or torch.get_default_dtype())


def inverse(matrix: Tensor) -> Tensor:
    """Invert matrices by Gauss-Jordan elimination without a search for pivots.

    That is exact enough for symmetric positive definite matrices, and footmm's models invert
    (and solve) no others.

    Args:
        matrix: ``(..., n, n)``.

    Returns:
        Like ``matrix``.
    """
    size = matrix.shape[-1]
    eye = identity(int(size), dtype=matrix.dtype, device=matrix.device)
    rows = torch.cat((matrix, eye.expand_as(matrix)), -1)
    for pivot in range(int(size)):
        # Each row loses its part of the pivot's; the pivot's own row keeps 1 of itself.
        chosen = rows[..., pivot : pivot + 1, :] / rows[..., pivot : pivot + 1, pivot : pivot + 1]
        factors = rows[..., :, pivot : pivot + 1] - eye[:, pivot : pivot + 1]
        rows = rows - factors * chosen
    return rows[..., size:]


def solve(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve linear systems ``(..., n, n)`` for ``(..., n, m)``; see :func:`inverse`."""
    return inverse(matrix) @ right


def running_maximum(values: Tensor, dim: int) -> torch.return_types.cummax:
    """Largest value so far, along the last dimension, of integers.

    Args:
        values: ``(..., T)``.
        dim: -1.

    Returns:
        The values; places are not asked for.
    """
    count = values.shape[dim]
    later = torch.ones(count, count, dtype=torch.bool, device=values.device).triu(1)
    least = torch.iinfo(values.dtype).min
    largest = values[..., None, :].masked_fill(later, least).amax(-1)
    return torch.return_types.cummax((largest, largest))


def running_minimum(values: Tensor, dim: int) -> torch.return_types.cummin:
    """Least value so far; see :func:`running_maximum`."""
    least = -running_maximum(-values, dim).values
    return torch.return_types.cummin((least, least))


def inverse_hyperbolic_sine(values: Tensor) -> Tensor:
    """``asinh`` in any shape; symmetric, as the plain formula is wrong far below zero."""
    size = values.abs()
    return values.sign() * torch.log(size + torch.sqrt(size * size + 1.0))


def exponential_minus_one(values: Tensor) -> Tensor:
    """``expm1`` in any shape, without its exactness near zero."""
    return values.exp() - 1.0


def hypotenuse(first: Tensor, second: Tensor) -> Tensor:
    """Length of vectors given by their coordinates ``(...)`` and ``(...)``."""
    return torch.sqrt(first * first + second * second)


def transposed(matrix: Tensor, *_: Any) -> Tensor:
    """Matrices ``(..., n, m)`` with rows and columns exchanged, ``matrix.mT``."""
    return matrix.transpose(-1, -2)


def differences(values: Tensor, dim: int) -> Tensor:
    """Differences of neighbours along a dimension of any shape, which gets one shorter."""
    count = values.shape[dim] - 1
    return values.narrow(dim, 1, count) - values.narrow(dim, 0, count)


def diagonal(matrix: Tensor, dim1: int, dim2: int) -> Tensor:
    """Diagonals of square matrices ``(..., n, n)``, whose dimensions are the last two."""
    places = range(int(matrix.shape[dim1]))
    return torch.stack([matrix[..., place, place] for place in places], -1)


def unflattened(values: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split a dimension of any shape; PyTorch's exporter fixes the other ones."""
    dim = dim % values.ndim
    return values.reshape(*values.shape[:dim], *sizes, *values.shape[dim + 1 :])


_SUBSTITUTES: Mapping[Callable[..., Any], Callable[..., Any]] = {
    torch.eye: identity,
    torch.linalg.inv: inverse,
    torch.linalg.solve: solve,
    Tensor.cummax: running_maximum,
    Tensor.cummin: running_minimum,
    Tensor.asinh: inverse_hyperbolic_sine,
    Tensor.expm1: exponential_minus_one,
    torch.hypot: hypotenuse,
    Tensor.mT.__get__: transposed,
    Tensor.diff: differences,
    Tensor.diagonal: diagonal,
    Tensor.unflatten: unflattened,
}


class _FunctionMode(TorchFunctionMode, ABC):
    """A context that is asked about every function of PyTorch that is called."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call what :meth:`before` returns."""
        return self.before(func, args, kwargs or {})(*args, **(kwargs or {}))

    @abstractmethod
    def before(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """Return what is called: the function itself, or another one."""


class _Substitution(_FunctionMode):
    """A context in which functions without an operator are computed by those that have one."""

    def before(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Callable[..., Any]:
        return _SUBSTITUTES.get(func, func)


@contextmanager
def exportable_functions() -> Iterator[None]:
    """A context in which models only call functions that can be exported."""
    register_custom_op_symbolic("aten::scatter_reduce", _scatter_maximum, OPSET)
    try:
        with _Substitution():
            yield
    finally:
        unregister_custom_op_symbolic("aten::scatter_reduce", OPSET)


@symbolic_helper.parse_args("v", "i", "v", "v", "s", "b")
def _scatter_maximum(
    graph: Any, target: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool
) -> Any:
    """The node for ``scatter_reduce`` of maxima, the one kind that graph attention needs.

    PyTorch's own puts branches for scalars around it, whose shapes onnxruntime misunderstands.
    """
    if reduce != "amax" or not include_self:
        raise NotImplementedError(f"scatter_reduce of kind '{reduce}'")
    return graph.op("ScatterElements", target, index, source, axis_i=dim, reduction_s="max")


class RankingMargin(_FunctionMode):
    """A context that notes by how much ``topk`` decides.

    Attributes:
        margin: Least difference of two neighbours among the values that were ever chosen and the
            first one that was not, as a share of the highest; infinite where nothing was ranked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.margin = float("inf")

    def before(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Callable[..., Any]:
        """Look at the values if the function is ``topk``."""
        if func in (torch.topk, Tensor.topk):
            self._note(*args, **kwargs)
        return func

    def _note(self, values: Tensor, k: int, dim: int = -1) -> None:
        ranked = values.topk(min(k + 1, values.shape[dim]), dim).values
        steps = -ranked.diff(dim=dim)
        if steps.numel():
            share = steps.min() / ranked.abs().max().clamp(min=torch.finfo(ranked.dtype).tiny)
            self.margin = min(self.margin, float(share))
