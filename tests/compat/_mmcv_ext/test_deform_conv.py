"""Deformable convolution: plain convolution as a special case, and torchvision's gradients."""

from __future__ import annotations

import mmcv.ops
import pytest
import torch
from torchvision.ops import deform_conv2d

# Different along y and x everywhere, so that a swap of axes shows.
GEOMETRY = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
HEIGHT, WIDTH, GROUPS, OFFSET_GROUPS = 4, 7, 2, 2


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        values = torch.rand(*shape, generator=generator, dtype=torch.double)
        return (values * 2 - 1).requires_grad_()

    return {
        "input": random(2, 4, 7, 7),
        "offset": random(2, OFFSET_GROUPS * 2 * 9, HEIGHT, WIDTH),
        "weight": random(6, 4 // GROUPS, 3, 3),
        "mask": random(2, OFFSET_GROUPS * 9, HEIGHT, WIDTH),
        "bias": random(6),
    }


def gradients_of(output, tensors):
    weights = torch.arange(output.numel(), dtype=torch.double).reshape(output.shape).sin()
    return torch.autograd.grad((output * weights).sum(), tensors)


def test_v1_and_all_its_gradients_equal_torchvision(tensors):
    x, offset, weight = (tensors[name] for name in ("input", "offset", "weight"))
    ours = mmcv.ops.deform_conv2d(x, offset, weight, *GEOMETRY.values(), GROUPS, OFFSET_GROUPS)
    theirs = deform_conv2d(x, offset, weight, **GEOMETRY)
    torch.testing.assert_close(ours, theirs)
    inputs = [x, offset, weight]
    torch.testing.assert_close(gradients_of(ours, inputs), gradients_of(theirs, inputs))


@pytest.mark.parametrize("with_bias", [True, False])
def test_v2_and_all_its_gradients_equal_torchvision(tensors, with_bias):
    x, offset, weight, mask, bias = tensors.values()
    bias = bias if with_bias else None
    arguments = *GEOMETRY.values(), GROUPS, OFFSET_GROUPS
    ours = mmcv.ops.modulated_deform_conv2d(x, offset, mask, weight, bias, *arguments)
    theirs = deform_conv2d(x, offset, weight, bias, mask=mask, **GEOMETRY)
    torch.testing.assert_close(ours, theirs)
    inputs = [x, offset, weight, mask, *([bias] if with_bias else [])]
    torch.testing.assert_close(gradients_of(ours, inputs), gradients_of(theirs, inputs))


def test_zero_offsets_give_a_plain_convolution(tensors):
    x, offset, weight, mask, bias = tensors.values()
    plain = torch.nn.functional.conv2d(x, weight, None, *GEOMETRY.values(), GROUPS)
    arguments = *GEOMETRY.values(), GROUPS, OFFSET_GROUPS
    still, open_mask = torch.zeros_like(offset), torch.ones_like(mask)
    torch.testing.assert_close(mmcv.ops.deform_conv2d(x, still, weight, *arguments), plain)
    v2 = mmcv.ops.modulated_deform_conv2d(x, still, open_mask, weight, bias, *arguments)
    torch.testing.assert_close(v2, plain + bias[:, None, None])


@pytest.mark.parametrize("kind", [mmcv.ops.DeformConv2dPack, mmcv.ops.ModulatedDeformConv2dPack])
def test_layers_train_under_bfloat16_autocast(kind):
    layer = kind(2, 3, 3, padding=1)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(torch.ones(1, 2, 4, 4))
    output.float().sum().backward()
    assert output.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad[0, 0, 1, 1] > 0
