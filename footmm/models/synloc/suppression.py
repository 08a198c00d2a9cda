"""Greedy suppression of detections: by the overlap of boxes, and by metres on the pitch."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import nms

_MANY = 1000
"""Boxes from which on it pays to look for neighbours first."""

_EPSILON = 1e-6
"""Smallest union of two boxes, square pixels; mmpose's."""


def box_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Keep of boxes that overlap the best, as mmpose's ``nms_torch`` and torchvision's ``nms`` do.

    These compare each box kept with all others. Here, where there are many, a box is compared with
    its neighbours only: two boxes overlap by more than t only if their middles are nearer in x than
    (1 - t) times the larger width, and in y than (1 - t) times the larger height.

    Args:
        boxes: ``(D, 4)``, left, top, right, bottom.
        scores: ``(D,)``.
        threshold: Boxes that overlap a better one that is kept by more (IoU) are dropped.

    Returns:
        Numbers of those kept, best first, ``(D',)`` int64.
    """
    if len(boxes) < _MANY:
        return nms(boxes, scores, threshold)
    order = scores.argsort(descending=True, stable=True)
    ranked = boxes[order]
    first, second = _neighbours(ranked, 1 - threshold)
    overlaps = _iou(ranked[first], ranked[second]) > threshold
    first, second = first[overlaps], second[overlaps]
    kept = _greedy(torch.minimum(first, second), torch.maximum(first, second), len(order))
    return order[kept]


def ground_nms(positions: Tensor, scores: Tensor, radius: float) -> Tensor:
    """Keep of detections that stand for one athlete the best, as greedy NMS does with boxes.

    Two players who run one behind the other overlap in the image, but not on the pitch; the two
    boxes that a detector gives one player far away may hardly overlap, but stand on one spot.

    Args:
        positions: ``(D, 2)``, metres. Positions that are nan are near to none.
        scores: ``(D,)``.
        radius: Detections nearer than this to a better one that is kept are dropped, metres.

    Returns:
        Numbers of those kept, best first, ``(D',)`` int64.
    """
    order = scores.argsort(descending=True, stable=True)
    ranked = positions[order]
    is_near = (ranked[:, None] - ranked).norm(dim=-1) < radius
    better, worse = is_near.triu(diagonal=1).nonzero(as_tuple=True)
    return order[_greedy(better, worse, len(order))]


def _neighbours(boxes: Tensor, reach: float) -> tuple[Tensor, Tensor]:
    """Return pairs of boxes whose middles are near, each from the wider box's side at least.

    Args:
        boxes: ``(D, 4)``.
        reach: How far a box reaches from its middle, as a share of its sides.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    reaches = reach * (boxes[:, 2:] - boxes[:, :2])
    by_x = middles[:, 0].argsort()
    sorted_x = middles[by_x, 0].contiguous()
    first = torch.searchsorted(sorted_x, middles[:, 0] - reaches[:, 0])
    counts = torch.searchsorted(sorted_x, middles[:, 0] + reaches[:, 0], right=True) - first
    ends = counts.cumsum(0)
    box = torch.repeat_interleave(counts)
    other = by_x[torch.arange(len(box), device=box.device) + (first - ends + counts)[box]]
    distances = (middles[box, 1] - middles[other, 1]).abs()
    near = distances <= torch.maximum(reaches[box, 1], reaches[other, 1])
    near &= box != other
    return box[near], other[near]


def _iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the IoU of pairs of boxes ``(P, 4)``."""
    low = torch.maximum(boxes[:, :2], others[:, :2])
    high = torch.minimum(boxes[:, 2:], others[:, 2:])
    common = (high - low).clamp(min=0).prod(dim=1)
    areas = [(part[:, 2:] - part[:, :2]).prod(dim=1) for part in (boxes, others)]
    return common / (areas[0] + areas[1] - common).clamp(min=_EPSILON)


def _greedy(better: Tensor, worse: Tensor, count: int) -> Tensor:
    """Tell which of ranked detections are kept, ``(count,)`` bool.

    A detection is kept unless a better one that is kept excludes it. That depends on better ones
    only, so repeating the rule settles at least one more each time; chains are short.

    Args:
        better: ``(P,)``, ranks of detections that exclude others.
        worse: ``(P,)``, ranks of those that they exclude.
        count: Number of detections.
    """
    kept = torch.ones(count, dtype=torch.bool, device=better.device)
    while True:
        updated = torch.ones_like(kept)
        updated[worse[kept[better]]] = False
        if torch.equal(updated, kept):
            return kept
        kept = updated
