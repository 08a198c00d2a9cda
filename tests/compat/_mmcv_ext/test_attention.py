"""The attention ops that mmcv calls for CUDA tensors, here on the CPU."""

from __future__ import annotations

import pytest
import torch
from mmcv.ops.multi_scale_deform_attn import (
    MultiScaleDeformableAttnFunction,
    multi_scale_deformable_attn_pytorch,
)

SHAPES = torch.tensor([[3, 4], [2, 2]])
STARTS = torch.tensor([0, 12])
BATCH, HEADS, CHANNELS, QUERIES, POINTS = 2, 2, 3, 5, 2


@pytest.fixture
def inputs() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)

    def random(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.double)

    value = random(BATCH, 16, HEADS, CHANNELS)
    locations = random(BATCH, QUERIES, HEADS, 2, POINTS, 2) * 1.4 - 0.2  # some outside
    weights = random(BATCH, QUERIES, HEADS, 2, POINTS)
    return [tensor.requires_grad_() for tensor in (value, locations, weights)]


def attend(value, locations, weights):
    return MultiScaleDeformableAttnFunction.apply(value, SHAPES, STARTS, locations, weights, 64)


def loop(value, locations, weights):
    """The definition: bilinear samples at pixel centres, zero outside, weighted by attention."""
    output = torch.zeros(BATCH, QUERIES, HEADS, CHANNELS, dtype=torch.double)
    for b, q, h, level, p in torch.cartesian_prod(
        *(torch.arange(n) for n in (BATCH, QUERIES, HEADS, 2, POINTS))
    ).tolist():
        height, width = SHAPES[level].tolist()
        x, y = (locations[b, q, h, level, p] * torch.tensor([width, height]) - 0.5).tolist()
        for row in range(height):
            for column in range(width):
                share = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
                key = int(STARTS[level]) + row * width + column
                output[b, q, h] += share * weights[b, q, h, level, p] * value[b, key, h]
    return output.flatten(2)


def test_forward_equals_the_definition(inputs):
    with torch.no_grad():
        torch.testing.assert_close(attend(*inputs), loop(*inputs))


def test_gradients_equal_those_of_mmcvs_plain_version(inputs):
    value, locations, weights = inputs
    plain = multi_scale_deformable_attn_pytorch(value, SHAPES, locations, weights)
    slope = torch.arange(plain.numel(), dtype=torch.double).reshape(plain.shape).cos()
    expected = torch.autograd.grad((plain * slope).sum(), inputs)
    actual = torch.autograd.grad((attend(*inputs) * slope).sum(), inputs)
    torch.testing.assert_close(actual, expected)


def test_half_precision_keeps_its_type(inputs):
    value = inputs[0].detach().to(torch.bfloat16).requires_grad_()
    output = attend(value, *inputs[1:])
    assert output.dtype == torch.bfloat16
    output.float().sum().backward()
    assert value.grad.dtype == torch.bfloat16
