"""Deformable convolution, v1 and v2 (modulated), by torchvision.

Offsets have 2 * deformable_group * kH * kW channels, (y, x) pairs, in both libraries. Kernel size
and groups follow from the shapes of the tensors; these arguments and the buffers of the compiled
kernels (``columns``, ``ones``, ``im2col_step``) are accepted and not used.
"""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d

from footmm.compat._mmcv_ext.differentiation import gradients, to_computable


class _Geometry(TypedDict):
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    **geometry: int,
) -> None:
    """Deformable convolution (Dai et al., ICCV 2017) of (N, C, H, W) into ``output``, in place."""
    tensors = [to_computable(tensor) for tensor in (input, offset, weight)]
    output.copy_(deform_conv2d(*tensors, **_geometry(geometry)))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_input: Tensor,
    grad_offset: Tensor,
    weight: Tensor,
    columns: Tensor,
    **geometry: int,
) -> None:
    """Add to ``grad_input`` and set ``grad_offset``, in place."""
    weight, arguments = to_computable(weight), _geometry(geometry)

    def convolve(features: Tensor, shifts: Tensor) -> Tensor:
        return deform_conv2d(features, shifts, weight, **arguments)

    by_input, by_offset = gradients(convolve, [input, offset], grad_output)
    grad_input.add_(by_input)
    grad_offset.copy_(by_offset)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    grad_output: Tensor,
    grad_weight: Tensor,
    columns: Tensor,
    ones: Tensor,
    scale: float,
    **geometry: int,
) -> None:
    """Add ``scale`` times the gradient of the weight to ``grad_weight``, in place."""
    input, offset, arguments = to_computable(input), to_computable(offset), _geometry(geometry)

    def convolve(weight: Tensor) -> Tensor:
        return deform_conv2d(input, offset, weight, **arguments)

    # The convolution is linear in its weight: its gradient is the same at every weight, so at zero.
    (by_weight,) = gradients(convolve, [torch.zeros_like(grad_weight)], grad_output)
    grad_weight.add_(by_weight, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    *,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Modulated deformable convolution (Zhu et al., CVPR 2019) into ``output``, in place."""
    tensors = [to_computable(tensor) for tensor in (input, offset, weight, mask, bias)]
    output.copy_(_modulated(*tensors, with_bias=with_bias, arguments=_geometry(geometry)))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    *,
    with_bias: bool,
    **geometry: int,
) -> None:
    """Add to the gradients of input, weight and bias, set those of offset and mask, in place."""
    arguments = _geometry(geometry)

    def convolve(*tensors: Tensor) -> Tensor:
        parameters = tensors if with_bias else (*tensors, bias)
        return _modulated(*parameters, with_bias=with_bias, arguments=arguments)

    inputs = [input, offset, weight, mask, *([bias] if with_bias else [])]
    by_input, by_offset, by_weight, by_mask, *by_bias = gradients(convolve, inputs, grad_output)
    grad_input.add_(by_input)
    grad_offset.copy_(by_offset)
    grad_weight.add_(by_weight)
    grad_mask.copy_(by_mask)
    if with_bias:
        grad_bias.add_(*by_bias)


def _modulated(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor,
    bias: Tensor,
    *,
    with_bias: bool,
    arguments: _Geometry,
) -> Tensor:
    return deform_conv2d(input, offset, weight, bias if with_bias else None, mask=mask, **arguments)


def _geometry(arguments: dict[str, int]) -> _Geometry:
    """Torchvision's arguments from mmcv's, which has one set of names per version of the op."""
    if "dH" in arguments:
        names = ("dH", "dW"), ("padH", "padW"), ("dilationH", "dilationW")
    else:
        names = ("stride_h", "stride_w"), ("pad_h", "pad_w"), ("dilation_h", "dilation_w")
    stride, padding, dilation = ((arguments[y], arguments[x]) for y, x in names)
    return {"stride": stride, "padding": padding, "dilation": dilation}
