"""Losses of the ball's place, motion and size."""

from __future__ import annotations

import pytest
import torch

from footmm.models.losses import (
    BallMotionLoss,
    BallPositionLoss,
    BallReprojectionLoss,
    BallSizeLoss,
)

CASES = {
    "position": (BallPositionLoss(), 5, 3),
    "reprojection": (BallReprojectionLoss(), 2, 2),
    "motion": (BallMotionLoss(), 3, 3),
}


def tensors(width: int, target_width: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    pred = torch.randn(2, 4, width, generator=generator, dtype=torch.float64)
    target = torch.randn(2, 4, target_width, generator=generator, dtype=torch.float64)
    return pred.requires_grad_(), target, torch.tensor([[1.0, 0.5, 0.0, 1.0]] * 2)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_right(name):
    loss, *widths = CASES[name]
    pred, target, weight = tensors(*widths)
    assert torch.autograd.gradcheck(lambda values: loss(values, target, weight), (pred,))


@pytest.mark.parametrize("name", CASES)
def test_masked_frames_do_not_matter_even_if_nan(name):
    loss, *widths = CASES[name]
    pred, target, weight = tensors(*widths)
    before = loss(pred, target, weight)
    target = torch.where(weight[..., None] > 0, target, torch.nan)
    after = loss(pred, target, weight)
    assert torch.equal(before, after)
    after.backward()
    assert pred.grad.isfinite().all()
    assert not pred.grad[:, 2].any()
    nothing = loss(pred, target, torch.zeros_like(weight))
    assert nothing == 0
    assert nothing.requires_grad


@pytest.mark.parametrize("name", CASES)
def test_wild_predictions_have_finite_gradients(name):
    loss, *widths = CASES[name]
    pred, target, weight = tensors(*widths)
    wild = pred.detach() * torch.tensor([1e6] * widths[1] + [1.0] * (widths[0] - widths[1]))
    wild.requires_grad_()
    loss(wild, target, weight).backward()
    assert wild.grad.isfinite().all()
    exact = torch.zeros_like(pred).requires_grad_()
    loss(exact, torch.zeros_like(target), weight).backward()
    assert exact.grad.isfinite().all()


def test_position_is_in_metres_and_likelihood_best_at_the_true_deviation():
    distance = BallPositionLoss(distance_weight=1.0, nll_weight=0.0, beta=0.2)
    pred, target = torch.tensor([[3.0, 0.0, 4.0, 0.0, 0.0]]), torch.zeros(1, 3)
    assert distance(pred, target, torch.ones(1)).item() == pytest.approx(5.0 - 0.1)
    likelihood = BallPositionLoss(distance_weight=0.0, nll_weight=1.0)
    errors = torch.distributions.Laplace(0.0, 2.0 / 2**0.5).sample((20_000,))
    place = torch.stack([errors, *torch.zeros(2, len(errors))], -1)
    values = []
    for deviation in (1.0, 2.0, 4.0):
        logs = torch.tensor([deviation, 0.1]).log().expand(len(errors), 2)
        pred = torch.cat([place, logs], -1)
        values.append(likelihood(pred, torch.zeros_like(place), torch.ones(len(errors))).item())
    assert values[1] == min(values)


def test_a_false_detection_is_not_followed():
    loss = BallReprojectionLoss(max_px=50.0)
    pred = torch.tensor([[400.0, 0.0]], requires_grad=True)
    value = loss(pred, torch.zeros(1, 2), torch.ones(1))
    value.backward()
    assert value == 50.0
    assert not pred.grad.any()


def test_size_counts_more_the_farther_the_ball():
    loss = BallSizeLoss(beta=1e-3, loss_weight=1.0)
    pred = torch.tensor([0.05], dtype=torch.float64, requires_grad=True)
    near, far = (
        loss(pred, torch.zeros(1), torch.ones(1), torch.tensor([metres])) for metres in (20.0, 80.0)
    )
    assert near.item() == pytest.approx(1.0, abs=1e-3)
    assert far.item() == pytest.approx(4.0, abs=1e-3)
    arguments = torch.zeros(1), torch.ones(1), torch.tensor([30.0])
    assert torch.autograd.gradcheck(lambda value: loss(value, *arguments), (pred,))
