"""From the losses of samples to the loss of a batch."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from torch import Tensor


def weighted_mean(losses: Tensor, weight: Tensor | None = None) -> Tensor:
    """Weighted mean of the samples' losses.

    With several processes the sum of the weights is averaged over them. The mean of the processes'
    results, which is what ``DistributedDataParallel`` makes of their gradients, then equals the
    weighted mean over the whole batch, however unevenly the weights are spread. Hence, where
    ``weight`` is given, all processes have to make the call.

    Args:
        losses: Loss of each sample, finite, shape (N,).
        weight: Weight of each sample, shape (N,); zero masks it. None weighs all alike.

    Returns:
        Scalar; where all weights are zero, a zero that keeps the graph of ``losses``.
    """
    if weight is None:
        return losses.mean()
    weight = weight.to(losses.dtype)
    total = weight.sum().detach().clone()
    all_reduce(total, op="mean")
    return (losses * weight).sum() / torch.where(total > 0, total, torch.ones_like(total))


def full_precision(tensor: Tensor) -> Tensor:
    """A tensor of any shape in at least single precision: half is too coarse for losses."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
