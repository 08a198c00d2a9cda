"""Batches that are spread over processes, put together with their gradient."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from torch import Tensor

from footmm.errors import TrainingError


def gather_batch(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Gather what belongs to the samples of a batch: features, labels, masks.

    Args:
        tensors: One row for each of the N samples of this process, shapes (N, ...).

    Returns:
        For each tensor the rows of all processes; see :func:`gather_with_gradient`.

    Raises:
        TrainingError: The processes hold batches of different sizes.
    """
    if get_world_size() > 1:
        _check_equal_rows(tensors[0])
    return tuple(gather_with_gradient(tensor) for tensor in tensors)


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all processes, in the order of their ranks.

    The backward pass SUMS over the processes what each of them asks of a row. If every process
    computes the same loss of the gathered rows, each row therefore receives ``world_size`` times
    its gradient, which the mean over processes that ``DistributedDataParallel`` takes cancels:
    parameter gradients equal those of one process that saw the whole batch.

    Args:
        tensor: Rows of this process, shape (N, ...), of which there are N in every process.

    Returns:
        Rows of all processes, shape (world_size * N, ...); ``tensor`` itself with one process.
    """
    if get_world_size() == 1:
        return tensor
    return _AllGather.apply(tensor)


def _check_equal_rows(tensor: Tensor) -> None:
    # A collective on unequal shapes hangs or mixes up rows instead of failing.
    rows = [int(n) for n in all_gather(torch.tensor(len(tensor), device=tensor.device))]
    if len(set(rows)) > 1:
        raise TrainingError(
            f"the processes hold batches of different sizes {rows}: metric losses need equal ones; "
            "set train_dataloader.drop_last=True or use a sampler that gives every process the "
            "same number of samples"
        )


class _AllGather(torch.autograd.Function):
    """``all_gather`` whose backward pass is a reduce-scatter."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        ctx.rows = len(tensor)
        return torch.cat(all_gather(tensor.contiguous()))

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Tensor:
        # Gloo has no reduce-scatter, and the tensor is small: reduce all of it, keep the own rows.
        grad = grad_output.clone(memory_format=torch.contiguous_format)
        all_reduce(grad, op="sum")
        return grad.narrow(0, get_rank() * ctx.rows, ctx.rows)
