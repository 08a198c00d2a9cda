"""Weighted means of sample losses."""

import torch

from footmm.models.losses.reduction import full_precision, weighted_mean


def test_weights_scale_and_mask_samples():
    losses = torch.tensor([1.0, 5.0, 100.0])
    assert weighted_mean(losses).item() == torch.tensor(106.0 / 3).item()
    assert weighted_mean(losses, torch.tensor([3.0, 1.0, 0.0])).item() == 2.0


def test_weights_that_sum_to_less_than_one_are_normalised():
    assert weighted_mean(torch.tensor([4.0, 8.0]), torch.tensor([0.25, 0.25])).item() == 6.0


def test_all_masked_is_zero_with_graph():
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    mean = weighted_mean(losses, torch.zeros(2))
    mean.backward()
    assert mean.item() == 0.0
    assert losses.grad.tolist() == [0.0, 0.0]


def test_full_precision_lifts_half_and_keeps_double():
    assert full_precision(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert full_precision(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
