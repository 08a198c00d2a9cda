"""Backward ops of the extension by differentiating the forward ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def to_computable(tensor: Tensor) -> Tensor:
    """The tensor in float32 where it has a 16-bit type, unchanged otherwise."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def gradients(
    function: Callable[..., Tensor], inputs: Sequence[Tensor], grad_output: Tensor
) -> tuple[Tensor, ...]:
    """Gradients of ``(function(*inputs) * grad_output).sum()`` with respect to all inputs.

    The compiled backward ops get the inputs of the forward pass, not its graph, so the forward
    pass is run once more. 16-bit inputs give float32 gradients.
    """
    leaves = [to_computable(tensor.detach()).requires_grad_() for tensor in inputs]
    with torch.enable_grad():
        output = function(*leaves)
    return torch.autograd.grad(output, leaves, to_computable(grad_output))
