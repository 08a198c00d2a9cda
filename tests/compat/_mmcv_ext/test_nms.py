"""NMS and Soft-NMS against plain loops that follow the definition one pair of boxes at a time."""

from __future__ import annotations

import math

import mmcv.ops
import numpy as np
import pytest
import torch

F = np.float32


def overlap(a, b, offset):
    """IoU of two boxes in float32."""
    area = [F(F(c[2] - c[0] + F(offset)) * F(c[3] - c[1] + F(offset))) for c in (a, b)]
    width = max(F(0), F(min(a[2], b[2]) - max(a[0], b[0]) + F(offset)))
    height = max(F(0), F(min(a[3], b[3]) - max(a[1], b[1]) + F(offset)))
    shared = F(width * height)
    return F(shared / F(F(area[0] + area[1]) - shared))


def loop_nms(boxes, scores, threshold, offset):
    kept = []
    for candidate in sorted(range(len(boxes)), key=lambda index: -scores[index]):
        if all(overlap(boxes[k], boxes[candidate], offset) <= F(threshold) for k in kept):
            kept.append(candidate)
    return kept


def loop_soft_nms(boxes, scores, threshold, sigma, min_score, method, offset):
    scores, alive, kept = list(scores), list(range(len(boxes))), []
    while alive:
        best = max(alive, key=lambda index: scores[index])
        alive.remove(best)
        kept.append((best, scores[best]))
        for index in list(alive):
            iou = float(overlap(boxes[best], boxes[index], offset))
            if method == "gaussian":
                scores[index] *= math.exp(-iou * iou / sigma)
            elif iou >= threshold:
                scores[index] *= 1 - iou if method == "linear" else 0
            if scores[index] < min_score:
                alive.remove(index)
    return kept


def integer_boxes(count, seed):
    """Boxes on a coarse grid: many overlaps are exactly simple fractions such as the threshold."""
    rng = np.random.default_rng(seed)
    corner, size = rng.integers(0, 12, (count, 2)), rng.integers(1, 8, (count, 2))
    boxes = np.concatenate([corner, corner + size], 1).astype(F)
    return boxes, rng.integers(0, 20, count).astype(F) / 20


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7])
def test_nms_equals_the_loop_at_exact_thresholds_and_tied_scores(offset, threshold):
    boxes, scores = integer_boxes(150, seed=offset)
    dets, keep = mmcv.ops.nms(boxes, scores, threshold, offset=offset)
    expected = loop_nms(boxes, scores, threshold, offset)
    assert 20 < len(expected) < 150
    assert keep.tolist() == expected
    assert np.array_equal(dets, np.column_stack([boxes, scores])[expected])


@pytest.mark.parametrize("offset", [0, 1])
def test_an_overlap_equal_to_the_threshold_is_kept(offset):
    # 7 of 10 pixels in common: float32(0.7) is below the real 0.7.
    boxes = torch.tensor([[0.0, 0.0, 10.0, 1.0], [0.0, 0.0, 7.0, 1.0]])
    if offset:
        boxes[:, 2:] -= 1
    _, keep = mmcv.ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.7, offset=offset)
    assert keep.tolist() == [0, 1]


@pytest.mark.parametrize("offset", [0, 1])
def test_no_boxes_and_gradients_and_half_precision(offset):
    _, keep = mmcv.ops.nms(torch.zeros(0, 4), torch.zeros(0), 0.5, offset=offset)
    assert keep.dtype == torch.long
    assert keep.shape == (0,)
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [1.0, 0.0, 9.0, 9.0]], requires_grad=True)
    scores = torch.tensor([0.5, 1.0])
    dets, keep = mmcv.ops.nms(boxes.half(), scores.half(), 0.5, offset=offset)
    assert keep.tolist() == [1]
    dets[:, :4].sum().backward()
    assert boxes.grad.tolist() == [[0.0] * 4, [1.0] * 4]


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("method", ["naive", "linear", "gaussian"])
def test_soft_nms_equals_the_loop(offset, method):
    rng = np.random.default_rng(7)
    corner, size = rng.uniform(0, 30, (80, 2)), rng.uniform(2, 20, (80, 2))
    boxes = np.concatenate([corner, corner + size], 1).astype(F)
    scores = rng.permutation(80).astype(F) / 80
    dets, keep = mmcv.ops.soft_nms(boxes, scores, 0.3, 0.4, 0.05, method, offset)
    expected = loop_soft_nms(boxes, scores, 0.3, 0.4, 0.05, method, offset)
    assert 5 < len(expected) < 80
    assert keep.tolist() == [index for index, _ in expected]
    np.testing.assert_allclose(dets[:, 4], [score for _, score in expected], rtol=1e-5)
    assert np.array_equal(dets[:, :4], boxes[keep])


def test_soft_nms_of_boxes_that_require_gradients():
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0]], requires_grad=True)
    dets, keep = mmcv.ops.soft_nms(boxes, torch.tensor([0.5, 1.0]), 0.5, method="linear")
    assert keep.tolist() == [1, 0]
    assert dets[:, 4].tolist() == [1.0, 0.25]


def test_soft_nms_breaks_ties_in_the_order_compiled_mmcv_leaves_its_arrays():
    # Boxes 1 and 2 die with box 0; the last ones take their places, the very last first, and so
    # come before the equally good box 3.
    left = torch.tensor([0.0, 0.0, 0.0, 4.0, 8.0, 12.0])
    boxes = torch.stack([left, torch.zeros(6), left + 2, torch.full((6,), 2.0)], dim=1)
    scores = torch.tensor([0.9, 0.8, 0.7, 0.5, 0.5, 0.5])
    _, keep = mmcv.ops.soft_nms(boxes, scores, 0.5, method="naive")
    assert keep.tolist() == [0, 5, 4, 3]


def test_nms_match_groups_suppressed_boxes_with_their_suppressor():
    dets = torch.tensor(
        [[0, 0, 4, 4, 0.5], [9, 9, 12, 12, 0.9], [0, 0, 4, 3, 0.8], [0, 0, 4, 2, 0.7]]
    )
    groups = mmcv.ops.nms_match(dets, 0.75)
    assert [group.tolist() for group in groups] == [[1], [2, 0], [3]]
