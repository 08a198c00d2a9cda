"""Objects as points of a map: heatmaps of their centres, and the pixels that tell their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.utils import reduce_mean
from torch import Tensor, nn
from torch.nn import functional as F

_PRIOR_SIZE = 2.0
"""Of a box whose logarithms of sizes are zero, pixels of the map."""

_MIN_SIZE = 1e-3

_SIGMA_SHARE = 0.15
"""Of the square root of a box's area: the centre of a large object need not be hit as exactly."""


def draw_centers(boxes: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Draw a Gaussian around the centre of each box.

    Args:
        boxes: ``(G, 4)``, left, top, right, bottom, pixels of the map.
        size: Height and width of the map.
        sigma: Of the Gaussians, pixels of the map; more for large boxes.

    Returns:
        ``(h, w)``, from 0 to 1; where Gaussians overlap the highest counts.
    """
    height, width = size
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=_MIN_SIZE)
    sigmas = (_SIGMA_SHARE * sides.prod(dim=1).sqrt()).clamp(min=sigma)
    x = torch.arange(width, device=boxes.device) - centers[:, :1]
    y = torch.arange(height, device=boxes.device) - centers[:, 1:]
    distances = x.square()[:, None, :] + y.square()[:, :, None]
    gaussians = torch.exp(-distances / (2 * sigmas.square()[:, None, None]))
    return torch.cat([gaussians, gaussians.new_zeros(1, height, width)]).amax(dim=0)


def best_peaks(logits: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find the highest pixels that are no lower than their eight neighbours.

    Args:
        logits: ``(N, C, h, w)``.
        count: How many of each image; on smaller maps there are fewer.

    Returns:
        Their heights, ``sigmoid(logits)``, falling, zero where there are not as many peaks; their
        channels; and their numbers in the flattened map; ``(N, count)`` each.
    """
    heights = logits.sigmoid()
    is_peak = heights == F.max_pool2d(heights, 3, stride=1, padding=1)
    peaks = (heights * is_peak).flatten(1)
    scores, numbers = peaks.topk(min(count, peaks.shape[1]))
    area = logits.shape[2] * logits.shape[3]
    return scores, numbers // area, numbers % area


def decode_boxes(pred: Tensor, channels: Tensor, numbers: Tensor) -> Tensor:
    """Make boxes of what pixels say.

    Args:
        pred: ``(N, C, 4, h, w)``: from the pixel's centre to the box's, x and y, pixels of the map,
            and the logarithms of width and height by twice a pixel.
        channels: Which of C to ask, ``(N, Q)``.
        numbers: Of pixels in the flattened map, ``(N, Q)``.

    Returns:
        ``(N, Q, 4)``, left, top, right, bottom, pixels of the map.
    """
    height, width = pred.shape[-2:]
    index = (channels * (height * width) + numbers)[:, None].expand(-1, 4, -1)
    chosen = pred.transpose(1, 2).flatten(2).gather(2, index).mT
    pixels = torch.stack([numbers % width, numbers // width], dim=-1)
    centers, half = pixels + 0.5 + chosen[..., :2], _PRIOR_SIZE / 2 * chosen[..., 2:].exp()
    return torch.cat([centers - half, centers + half], dim=-1)


def loss_around_centers(loss: nn.Module, pred: Tensor, boxes: Sequence[Tensor]) -> Tensor:
    """Loss of what the nine pixels around each centre say of the box.

    All nine learn, because the peak that is found may be off by one.

    Args:
        loss: Of mmdet, e.g. ``L1Loss``.
        pred: ``(N, 4, h, w)``, of one channel of :func:`decode_boxes`.
        boxes: Of N images, ``(G, 4)`` each, left, top, right, bottom, pixels of the map.

    Returns:
        Scalar, for each pixel; with several processes their numbers are averaged.
    """
    image = torch.cat([b.new_full((len(b),), i).long() for i, b in enumerate(boxes)])
    boxes = torch.cat(list(boxes))
    pixels, is_known = pixels_around_centers(boxes, tuple(pred.shape[-2:]))
    target = _encode_boxes(boxes[:, None], pixels)
    found = pred[image[:, None], :, pixels[..., 1], pixels[..., 0]]
    weight = is_known[..., None].to(found).expand_as(found)
    count = reduce_mean(weight.sum() / 4).clamp(min=1)
    return loss(found, target, weight, avg_factor=count)


def pixels_around_centers(boxes: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the nine pixels around the centre of each box.

    Args:
        boxes: ``(G, 4)``, left, top, right, bottom, pixels of the map.
        size: Height and width of the map.

    Returns:
        Column and row of the pixels, ``(G, 9, 2)``, and whether they are on the map, ``(G, 9)``;
        those beside it are moved to its border.
    """
    steps = torch.arange(-1, 2, device=boxes.device)
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    pixels = centers.floor().long()[:, None] + torch.cartesian_prod(steps, steps)
    limits = pixels.new_tensor(size[::-1]) - 1
    on_map = torch.minimum(pixels.clamp(min=0), limits)
    return on_map, (on_map == pixels).all(dim=-1)


def _encode_boxes(boxes: Tensor, pixels: Tensor) -> Tensor:
    """The inverse of :func:`decode_boxes`, for boxes ``(..., 4)`` and pixels ``(..., 2)``."""
    offsets = (boxes[..., :2] + boxes[..., 2:]) / 2 - pixels - 0.5
    sizes = (boxes[..., 2:] - boxes[..., :2]).clamp(min=_MIN_SIZE) / _PRIOR_SIZE
    return torch.cat([offsets, sizes.log().expand_as(offsets)], dim=-1)
