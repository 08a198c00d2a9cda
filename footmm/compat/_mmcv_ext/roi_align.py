"""RoIAlign by torchvision, whose kernels have the same origin (Detectron) as mmcv's."""

from __future__ import annotations

import torch
import torchvision
from torch import Tensor

from footmm.compat._mmcv_ext.differentiation import gradients, to_computable
from footmm.compat.mmcv_ops import MmcvOpUnavailableError

_MAX_POOLING = 0


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Average-pool regions of a feature map.

    Args:
        input: (N, C, H, W) features.
        rois: (K, 5) index into N, then x1, y1, x2, y2 in input pixels over ``spatial_scale``.
        output: (K, C, aligned_height, aligned_width), filled in place.
        argmax_y: Used by max pooling only.
        argmax_x: Used by max pooling only.
        aligned_height: Rows of the output.
        aligned_width: Columns of the output.
        spatial_scale: Feature pixels per unit of ``rois``.
        sampling_ratio: Sampling points per bin and axis; 0 or less adapts to the region.
        pool_mode: 0 max, 1 average.
        aligned: Shift by half a pixel, so that pixel centres lie at integers.

    Raises:
        MmcvOpUnavailableError: For max pooling, which torchvision does not have.
    """
    _refuse_max_pooling(pool_mode)
    pooled = torchvision.ops.roi_align(
        to_computable(input),
        to_computable(rois),
        (aligned_height, aligned_width),
        spatial_scale,
        sampling_ratio,
        aligned,
    )
    output.copy_(pooled)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient of :func:`roi_align_forward` to ``grad_input`` (N, C, H, W), in place."""
    _refuse_max_pooling(pool_mode)
    rois = to_computable(rois)

    def pool(features: Tensor) -> Tensor:
        size = (aligned_height, aligned_width)
        return torchvision.ops.roi_align(
            features, rois, size, spatial_scale, sampling_ratio, aligned
        )

    # Average pooling is linear: its gradient is the same at every input, so also at zero.
    grad_input.add_(*gradients(pool, [torch.zeros_like(grad_input)], grad_output))


def _refuse_max_pooling(pool_mode: int) -> None:
    if pool_mode == _MAX_POOLING:
        raise MmcvOpUnavailableError("roi_align with pool_mode='max'")
