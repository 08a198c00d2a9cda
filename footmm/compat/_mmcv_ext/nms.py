"""``nms``, ``nms_match`` and ``softnms`` as compiled mmcv computes them on the CPU.

Compiled mmcv works in float32 throughout, threshold included. The order of the float32 operations
below is its order, so that boxes whose overlap lies right at the threshold are decided alike.
"""

from __future__ import annotations

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor

_NAIVE, _LINEAR, _GAUSSIAN = range(3)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Indices of the boxes that no better box overlaps by more than a threshold.

    Args:
        boxes: (N, 4) corners x1, y1, x2, y2.
        scores: (N,).
        iou_threshold: A box is dropped when its IoU with a kept one is strictly larger.
        offset: 1 where the right and bottom pixels belong to a box (width x2 - x1 + 1), 0 where
            not. torchvision has 0 only; 1, which no current model uses, runs on the CPU.

    Returns:
        (K,) int64, best first; ties in their order of input.
    """
    boxes, scores = boxes.float(), scores.float()
    if offset == 0:
        return torchvision.ops.nms(boxes, scores, float(np.float32(iou_threshold)))
    groups = _overlap_groups(boxes, scores, iou_threshold, offset, at_threshold=False)
    return torch.tensor([group[0] for group in groups], dtype=torch.long, device=boxes.device)


def nms_match(dets: Tensor, iou_threshold: float) -> list[list[int]]:
    """Group each box that NMS keeps with those it suppresses.

    Args:
        dets: (N, 5) corners and score.
        iou_threshold: A box is suppressed when its IoU with a kept one is at least this (plain
            ``nms`` asks for more than its threshold; compiled mmcv has the same difference).

    Returns:
        One list of indices per kept box, itself first, the others by falling score.
    """
    dets = dets.float()
    return _overlap_groups(dets[:, :4], dets[:, 4], iou_threshold, offset=0, at_threshold=True)


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft-NMS (Bodla et al., ICCV 2017): overlapping boxes lose score instead of being dropped.

    Args:
        boxes: (N, 4) corners x1, y1, x2, y2.
        scores: (N,).
        dets: (N, 5) output, filled in place: the first K rows hold box and decayed score.
        iou_threshold: The naive and linear methods touch boxes whose IoU is at least this.
        sigma: Width of the Gaussian method.
        min_score: A box whose decayed score is below is dropped.
        method: 0 naive, 1 linear, 2 Gaussian.
        offset: See :func:`nms`.

    Returns:
        (K,) int64 indices of the rows of ``dets``.
    """
    corners = boxes.detach().float().cpu().numpy().T.copy()
    decayed = scores.detach().float().cpu().numpy().copy()
    areas = _areas(corners, offset)
    # Ties go to the box that comes first in this list, in which a dropped box is replaced by the
    # last one: the arrays that compiled mmcv permutes in place.
    indices = np.arange(len(decayed))
    selected = 0
    while selected < len(indices):
        best = selected + int(np.argmax(decayed[indices[selected:]]))
        indices[[selected, best]] = indices[[best, selected]]
        chosen, rest = indices[selected], indices[selected + 1 :]
        overlaps = _overlaps(corners, areas, chosen, rest, offset)
        decayed[rest] *= _decay(overlaps, iou_threshold, sigma, method)
        alive = ~(decayed[rest] < np.float32(min_score))
        indices = np.concatenate([indices[: selected + 1], _fill_from_end(rest, alive)])
        selected += 1
    rows = np.concatenate([corners[:, indices], decayed[None, indices]]).T.copy()
    dets[: len(indices)] = torch.from_numpy(rows).to(dets)
    return torch.from_numpy(indices).to(boxes.device)


def _overlap_groups(
    boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int, *, at_threshold: bool
) -> list[list[int]]:
    corners = boxes.detach().cpu().numpy().T.copy()
    areas = _areas(corners, offset)
    threshold = np.float32(iou_threshold)
    remaining = scores.detach().cpu().sort(descending=True, stable=True).indices.numpy()
    groups = []
    while len(remaining):
        kept, rest = remaining[0], remaining[1:]
        overlaps = _overlaps(corners, areas, kept, rest, offset)
        suppressed = overlaps >= threshold if at_threshold else overlaps > threshold
        groups.append([int(kept), *rest[suppressed].tolist()])
        remaining = rest[~suppressed]
    return groups


def _areas(corners: NDArray[np.float32], offset: int) -> NDArray[np.float32]:
    x1, y1, x2, y2 = corners
    return (x2 - x1 + offset) * (y2 - y1 + offset)


def _overlaps(
    corners: NDArray[np.float32],
    areas: NDArray[np.float32],
    one: int,
    others: NDArray[np.int64],
    offset: int,
) -> NDArray[np.float32]:
    left, top = np.maximum(corners[:2, one, None], corners[:2, others])
    right, bottom = np.minimum(corners[2:, one, None], corners[2:, others])
    width = np.maximum(right - left + offset, 0)
    height = np.maximum(bottom - top + offset, 0)
    intersection = width * height
    # Two empty boxes give 0 / 0; the comparison with NaN that follows keeps both.
    with np.errstate(invalid="ignore", divide="ignore"):
        return intersection / (areas[one] + areas[others] - intersection)


def _decay(
    overlaps: NDArray[np.float32], iou_threshold: float, sigma: float, method: int
) -> NDArray[np.float32]:
    if method == _GAUSSIAN:
        return np.exp(-(overlaps * overlaps) / np.float32(sigma))
    touched = overlaps >= np.float32(iou_threshold)
    weights = 1 - overlaps if method == _LINEAR else np.zeros_like(overlaps)
    return np.where(touched, weights, np.float32(1))


def _fill_from_end(items: NDArray[np.int64], alive: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Drop the dead items; each gap is filled with the last living item behind it."""
    count = int(alive.sum())
    filled = items[:count].copy()
    filled[~alive[:count]] = items[count:][alive[count:]][::-1]
    return filled
