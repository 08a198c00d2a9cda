"""The heatmap loss against plain loops, and what predictions it leads to."""

import math

import numpy as np
import pytest
import torch

from footmm.codecs import PitchHeatmap
from footmm.models.losses import KeypointHeatmapLoss
from footmm.registry import MODELS

CODEC = PitchHeatmap(input_size=(96, 64), heatmap_size=(24, 16), sigma=1.5, with_lines=True)


def target_maps(*points):
    """One map for each point in pixels of the heatmap, ``(1, K, 16, 24)``."""
    keypoints = np.array([points]) * CODEC.scale_factor
    return torch.from_numpy(CODEC.encode(keypoints, lines={})["heatmaps"])[None].double()


def random_logits(shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def loss_loop(pred, target, weight, peaks, mse_weight, focal_weight):
    """Equation 1 of CornerNet and the squared error, pixel by pixel; peaks (n, k, y, x)."""
    total = 0.0
    for index in np.ndindex(*pred.shape):
        height, true = 1 / (1 + math.exp(-pred[index].item())), target[index].item()
        if index in peaks:
            focal = -((1 - height) ** 2) * math.log(height)
        else:
            focal = -((1 - true) ** 4) * height**2 * math.log(1 - height)
        pixel = mse_weight * (height - true) ** 2 + focal_weight * focal
        total += weight[index[:2]].item() * pixel
    return total / max(1.0, sum(weight[peak[:2]].item() for peak in peaks))


@pytest.mark.parametrize(("mse_weight", "focal_weight"), [(1.0, 0.0), (0.0, 1.0), (2.0, 0.5)])
def test_equals_the_equations(mse_weight, focal_weight):
    target = target_maps((5.3, 4.2), (0.0, 15.3), (11.6, 7.9))
    target = torch.cat([target, torch.zeros_like(target)])
    target[1, 2] = torch.maximum(target[0, 0], target[0, 2])  # the two ends of a line
    weight = torch.tensor([[1.0, 0.5, 0.0], [1.0, 0.0, 2.0]])
    peaks = {(0, 0, 4, 5), (0, 1, 15, 0), (0, 2, 8, 12), (1, 2, 4, 5), (1, 2, 8, 12)}
    pred = random_logits(target.shape)
    loss = KeypointHeatmapLoss(mse_weight, focal_weight, loss_weight=3.0)
    expected = 3.0 * loss_loop(pred, target, weight, peaks, mse_weight, focal_weight)
    assert loss(pred, target, weight).item() == pytest.approx(expected, rel=1e-9)


def test_no_weight_weighs_all_alike():
    target = target_maps((5.3, 4.2), (11.6, 7.9))
    pred = random_logits(target.shape)
    loss = KeypointHeatmapLoss()
    assert loss(pred, target) == loss(pred, target, torch.ones(1, 2))


def test_gradient():
    target = target_maps((2.3, 1.2))[..., :4, :5].clone()
    pred = random_logits(target.shape).requires_grad_()
    assert torch.autograd.gradcheck(KeypointHeatmapLoss(), (pred, target))


def test_masked_maps_have_no_gradient():
    target = target_maps((5.3, 4.2), (11.6, 7.9))
    pred = random_logits(target.shape).requires_grad_()
    KeypointHeatmapLoss()(pred, target, torch.tensor([[0.0, 1.0]])).backward()
    assert not pred.grad[0, 0].any()
    assert pred.grad[0, 1].all()


def test_batch_without_any_weight():
    target = target_maps((5.3, 4.2))
    pred = random_logits(target.shape).requires_grad_()
    loss = KeypointHeatmapLoss()(pred, target, torch.zeros(1, 1))
    loss.backward()
    assert loss.item() == 0.0
    assert not pred.grad.any()


def test_false_peak_in_an_empty_map_is_punished():
    target = torch.zeros(1, 1, 16, 24)
    pred = torch.full_like(target, -5.0)
    pred[0, 0, 3, 4] = 5.0
    pred.requires_grad_()
    KeypointHeatmapLoss()(pred, target, torch.ones(1, 1)).backward()
    assert pred.grad.flatten().argmax() == 3 * 24 + 4
    assert pred.grad.max() > 1.0


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_extreme_logits(logit):
    target = target_maps((5.3, 4.2)).float()
    pred = torch.full_like(target, logit, requires_grad=True)
    loss = KeypointHeatmapLoss()(pred, target)
    loss.backward()
    assert loss.isfinite()
    assert pred.grad.isfinite().all()


def test_half_precision_is_computed_in_single():
    target = target_maps((5.3, 4.2)).float()
    pred = random_logits(target.shape).bfloat16()
    loss = KeypointHeatmapLoss()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = loss(pred, target)
    assert result.dtype == torch.float32
    assert result == loss(pred.float(), target)


def error_after_training(loss, points):
    """Largest error in pixels of the heatmap when maps have been fitted to the target."""
    target = target_maps(*points).float()
    pred = torch.full_like(target, -4.6, requires_grad=True)
    optimizer = torch.optim.Adam([pred], lr=0.2)
    for _ in range(400):
        optimizer.zero_grad()
        loss(pred, target).backward()
        optimizer.step()
    keypoints, _ = CODEC.decode(pred[0].sigmoid().detach().numpy())
    return np.abs(keypoints[0] / CODEC.scale_factor - points).max()


def test_what_it_teaches_decodes_to_the_keypoints():
    points = [(5.3, 4.2), (11.5, 7.5), (20.8, 12.1), (0.0, 8.3)]
    assert error_after_training(KeypointHeatmapLoss(), points) < 0.05
    assert error_after_training(KeypointHeatmapLoss(mse_weight=0.0), points) > 0.2


def test_is_registered():
    assert isinstance(MODELS.build(dict(type="KeypointHeatmapLoss")), KeypointHeatmapLoss)
