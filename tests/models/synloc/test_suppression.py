from __future__ import annotations

import pytest
import torch
from mmpose.evaluation.functional import nms_torch
from torchvision.ops import nms

from footmm.models.synloc import box_nms, ground_nms, suppression


def greedy(positions, scores, radius):
    """Greedy suppression, one detection after the other."""
    kept = []
    for number in scores.argsort(descending=True, stable=True).tolist():
        distances = [(positions[number] - positions[other]).norm() for other in kept]
        if not any(distance < radius for distance in distances):
            kept.append(number)
    return kept


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("radius", [0.1, 1.0, 5.0])
def test_is_greedy_suppression(seed, radius):
    generator = torch.Generator().manual_seed(seed)
    positions = 20 * torch.rand(200, 2, generator=generator, dtype=torch.float64)
    scores = (torch.rand(200, generator=generator) * 50).round() / 50
    positions[::17] = torch.nan
    assert ground_nms(positions, scores, radius).tolist() == greedy(positions, scores, radius)


def test_a_dropped_detection_drops_no_other():
    """The second is near the first and drops out; the third is near the second only."""
    positions = torch.tensor([[0.0, 0.0], [0.8, 0.0], [1.6, 0.0]])
    assert ground_nms(positions, torch.tensor([0.9, 0.8, 0.7]), 1.0).tolist() == [0, 2]


def test_no_detections():
    assert ground_nms(torch.zeros(0, 2), torch.zeros(0), 1.0).tolist() == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.65, 0.95])
@pytest.mark.parametrize("count", [1, 40, 600])
def test_box_nms_is_that_of_mmpose_and_torchvision(monkeypatch, seed, threshold, count):
    monkeypatch.setattr(suppression, "_MANY", 10)
    generator = torch.Generator().manual_seed(seed)
    middles = 60 * torch.rand(count, 2, generator=generator)
    sides = 2 + 30 * torch.rand(count, 2, generator=generator)
    boxes = torch.cat([middles - sides / 2, middles + sides / 2], dim=1)
    boxes[1::5] = boxes[::5][: len(boxes[1::5])] + 0.3
    # In double precision no overlap lies at the threshold to the last bit.
    boxes, scores = boxes.double(), torch.rand(count, generator=generator).double()
    kept = box_nms(boxes, scores, threshold)
    assert torch.equal(kept, nms_torch(boxes, scores, threshold))
    assert torch.equal(kept, nms(boxes, scores, threshold))


def test_box_nms_of_degenerate_boxes(monkeypatch):
    monkeypatch.setattr(suppression, "_MANY", 0)
    boxes = torch.tensor([[5.0, 5, 5, 5], [5, 5, 5, 5], [0, 0, torch.inf, torch.inf], [1, 1, 3, 3]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    assert box_nms(boxes, scores, 0.5).tolist() == [0, 1, 2, 3]
    assert box_nms(torch.zeros(0, 4), torch.zeros(0), 0.5).tolist() == []
