"""Multi-scale deformable attention (Zhu et al., ICLR 2021) by mmcv's own plain-PyTorch version.

mmcv calls the extension for CUDA tensors and its plain version for CPU tensors; with the fallback
both take the same way.
"""

from __future__ import annotations

from torch import Tensor

from footmm.compat._mmcv_ext.differentiation import gradients, to_computable


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int,
) -> Tensor:
    """Sample values of all levels around each query and add them up by attention.

    Args:
        value: (N, keys, heads, channels), levels one after the other.
        value_spatial_shapes: (levels, 2) height and width of each level.
        value_level_start_index: (levels,) first key of each level; follows from the shapes.
        sampling_locations: (N, queries, heads, levels, points, 2) x and y in [0, 1].
        attention_weights: (N, queries, heads, levels, points).
        im2col_step: Batch items per launch of the compiled kernel; not used.

    Returns:
        (N, queries, heads * channels).
    """
    attended = _attend(
        to_computable(value),
        value_spatial_shapes,
        to_computable(sampling_locations),
        to_computable(attention_weights),
    )
    return attended.to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int,
) -> None:
    """Set the gradients of value, sampling locations and attention weights, in place."""

    def attend(values: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
        return _attend(values, value_spatial_shapes, locations, weights)

    inputs = [value, sampling_locations, attention_weights]
    outputs = [grad_value, grad_sampling_loc, grad_attn_weight]
    for output, gradient in zip(outputs, gradients(attend, inputs, grad_output), strict=True):
        output.copy_(gradient)


def _attend(value: Tensor, shapes: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    # Imported late, because that module looks this op up while it is being imported itself.
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

    return multi_scale_deformable_attn_pytorch(value, shapes, locations, weights)
