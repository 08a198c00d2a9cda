"""The focal loss that mmdet calls for CUDA tensors, here on the CPU, against its plain version."""

from __future__ import annotations

import mmcv.ops
import pytest
import torch
from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss, sigmoid_focal_loss
from torch.nn import functional as F

CLASSES = 3
TARGET = torch.tensor([0, 2, 3, 1, 3, 0])
"""3 is the background."""


@pytest.fixture
def logits() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    values = 4 * torch.randn(len(TARGET), CLASSES, generator=generator, dtype=torch.double)
    return values.requires_grad_()


def plain(logits, weight=None, **kwargs):
    is_class = F.one_hot(TARGET, CLASSES + 1)[:, :CLASSES]
    return py_sigmoid_focal_loss(logits, is_class, weight, **kwargs)


def assert_same(actual, expected, logits, **tolerance):
    """Values and gradients, with another factor on each loss."""
    slope = torch.arange(1.0, actual.numel() + 1).reshape(actual.shape).cos().to(actual)
    torch.testing.assert_close(actual, expected, **tolerance)
    by_logits = [torch.autograd.grad((v * slope).sum(), logits)[0] for v in (actual, expected)]
    torch.testing.assert_close(*by_logits, **tolerance)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (0.0, 0.5), (1.5, 0.75)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_equals_mmdets_plain_version(logits, gamma, alpha, reduction):
    actual = mmcv.ops.sigmoid_focal_loss(logits, TARGET, gamma, alpha, None, reduction)
    expected = plain(logits, gamma=gamma, alpha=alpha, reduction="none")
    # mmcv's mean is over the samples, not over samples and classes.
    expected = dict(none=expected, sum=expected.sum(), mean=expected.sum() / len(TARGET))[reduction]
    assert_same(actual, expected, logits)


def test_equals_the_definition():
    losses = mmcv.ops.sigmoid_focal_loss(
        torch.zeros(2, 2), torch.tensor([1, 2]), 2.0, 0.25, None, "none"
    )
    right, wrong = (share * 0.5**2 * 0.6931472 for share in (0.25, 0.75))
    torch.testing.assert_close(losses, torch.tensor([[wrong, right], [wrong, wrong]]))


def test_classes_have_weights_and_the_background_counts_one(logits):
    weight = torch.tensor([2.0, 0.0, 0.5], dtype=torch.double)
    actual = mmcv.ops.sigmoid_focal_loss(logits, TARGET, 2.0, 0.25, weight, "none")
    of_sample = torch.tensor([2.0, 0.5, 1.0, 0.0, 1.0, 2.0], dtype=torch.double)
    assert_same(actual, plain(logits, of_sample, reduction="none"), logits)


def test_mmdets_call_for_cuda_tensors(logits):
    weight = torch.tensor([1.0, 0.0, 1.0, 2.0, 0.5, 1.0], dtype=torch.double)
    arguments = dict(weight=weight, gamma=2.0, alpha=0.25, avg_factor=3.0)
    expected = plain(logits, **arguments)
    assert_same(sigmoid_focal_loss(logits, TARGET, **arguments), expected, logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single_and_keeps_its_type(logits, dtype):
    half = logits.detach().to(dtype).requires_grad_()
    single = half.detach().float().requires_grad_()
    losses, expected = (
        mmcv.ops.sigmoid_focal_loss(values, TARGET, 2.0, 0.25, None, "none")
        for values in (half, single)
    )
    assert losses.dtype == dtype
    assert torch.equal(losses, expected.to(dtype))
    losses.sum().backward()
    expected.sum().backward()
    assert torch.equal(half.grad, single.grad.to(dtype))


def test_large_logits_have_finite_losses_and_gradients():
    logits = torch.tensor([[100.0, -100.0], [-100.0, 100.0]], requires_grad=True)
    losses = mmcv.ops.sigmoid_focal_loss(logits, torch.tensor([0, 0]), 2.0, 0.25, None, "none")
    torch.testing.assert_close(losses, torch.tensor([[0.0, 0.0], [25.0, 75.0]]))
    losses.sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[0.0, 0.0], [-0.25, 0.75]]))


def test_no_samples(logits):
    none = mmcv.ops.sigmoid_focal_loss(logits[:0], TARGET[:0], 2.0, 0.25, None, "sum")
    none.backward()
    assert none == 0
    assert not logits.grad.any()
