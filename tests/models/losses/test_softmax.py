"""Label smoothing against the definition, sample by sample."""

import math

import pytest
import torch

from footmm.models import LabelSmoothSoftmaxLoss


def plain_loop(scores, labels, weights, smoothing):
    total = 0.0
    for row, label, weight in zip(scores.tolist(), labels.tolist(), weights.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(s) for s in row))
        for k, score in enumerate(row):
            share = smoothing / len(row) + (1 - smoothing if k == label else 0.0)
            total -= weight * share * (score - log_sum)
    return total / sum(weights.tolist())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_plain_loop(smoothing):
    torch.manual_seed(0)
    scores, labels = torch.randn(6, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 0])
    weights = torch.tensor([1.0, 0.0, 2.0, 1.0, 0.5, 1.0], dtype=torch.float64)
    loss = LabelSmoothSoftmaxLoss(smoothing, loss_weight=2.0)(scores, labels, weights)
    assert loss.item() == pytest.approx(2 * plain_loop(scores, labels, weights, smoothing), 1e-12)


def test_gradient():
    torch.manual_seed(0)
    scores = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    labels, weights = torch.tensor([0, 1, 2, 0]), torch.tensor([1.0, 0.0, 2.0, 1.0])
    loss = LabelSmoothSoftmaxLoss(0.1)
    assert torch.autograd.gradcheck(lambda s: loss(s, labels, weights), scores)


def test_all_masked_is_zero_with_graph():
    scores = torch.randn(2, 3, requires_grad=True)
    loss = LabelSmoothSoftmaxLoss()(scores, torch.zeros(2, dtype=torch.long), torch.zeros(2))
    loss.backward()
    assert loss.item() == 0.0
    assert not scores.grad.any()


def test_half_precision_scores_give_a_full_precision_loss():
    loss = LabelSmoothSoftmaxLoss()(torch.randn(2, 3).bfloat16(), torch.tensor([0, 1]))
    assert loss.dtype == torch.float32
