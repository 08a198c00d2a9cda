"""Loss on heatmaps of keypoints."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.losses.reduction import full_precision
from footmm.registry import MODELS

_LOWEST_PEAK = 0.5
"""Height from which on a local maximum of the target is a keypoint.

The nearest pixel of one between pixels is ``exp(-1 / (4 sigma^2))`` high or higher: 0.78 at a sigma
of one pixel, 0.94 at two.
"""


@MODELS.register_module()
class KeypointHeatmapLoss(nn.Module):
    """Squared error plus penalty-reduced focal loss of heatmaps.

    Both terms judge the same heights, ``sigmoid(pred)``: predictions are logits, and what decodes
    them has to apply the sigmoid first. The squared error gives peaks their shape, which sub-pixel
    decoding needs; the focal loss (Law and Deng, CornerNet, ECCV 2018, eq. 1, alpha 2, beta 4)
    raises peaks that are missed, and lowers false ones, where the squared error saturates.

    The errors of all pixels are summed, not averaged, and the sum is divided by the number of peaks
    in the target: nearly all pixels are background, so a mean over them has next to no gradient. At
    a uniform height near zero, a keypoint costs about ``pi sigma^2`` by the first term and
    ``-log(height)`` by the second. Give the last layer of the head a bias of about -4.6 (a height
    of 0.01): from a height of one half the background would drown all keypoints.

    The pixels that shall be one in the focal loss are the local maxima of the target: keypoints
    seldom lie on a pixel, so few targets reach one, and a map may hold several peaks (the ends of a
    line). Where two pixels are equally near to a keypoint, both count.

    Args:
        mse_weight: Factor on the squared error.
        focal_weight: Factor on the focal loss.
        loss_weight: Factor on the result.
    """

    def __init__(
        self, mse_weight: float = 1.0, focal_weight: float = 1.0, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.mse_weight = mse_weight
        self.focal_weight = focal_weight
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Loss for each peak of the batch.

        With several processes their numbers of peaks are averaged, as in
        :func:`footmm.models.losses.reduction.weighted_mean`.

        Args:
            pred: Logits, shape (N, K, h, w).
            target: Heights from 0 to 1, shape (N, K, h, w).
            weight: Weight of each map, shape (N, K); zero masks it.

        Returns:
            Scalar; the sum itself where no peak of positive weight is in the batch, hence a zero
            with graph where all weights are zero.
        """
        pred, target = full_precision(pred), full_precision(target)
        weight = pred.new_ones(pred.shape[:2]) if weight is None else weight.to(pred.dtype)
        peaks = _peaks(target)
        losses = self.mse_weight * (pred.sigmoid() - target).square()
        losses = losses + self.focal_weight * _focal_losses(pred, target, peaks)
        count = (weight * peaks.sum((2, 3))).sum()
        all_reduce(count, op="mean")
        return self.loss_weight * (weight * losses.sum((2, 3))).sum() / count.clamp(min=1.0)


def _peaks(target: Tensor) -> Tensor:
    """Which pixels of ``target (N, K, h, w)`` are high, and no lower than their four neighbours."""
    peaks = target >= _LOWEST_PEAK
    for axis in (-2, -1):
        steps = target.shape[axis] - 1
        before, after = (target.narrow(axis, start, steps) for start in (0, 1))
        peaks.narrow(axis, 0, steps).logical_and_(before >= after)
        peaks.narrow(axis, 1, steps).logical_and_(after >= before)
    return peaks


def _focal_losses(logits: Tensor, target: Tensor, peaks: Tensor) -> Tensor:
    """Penalty-reduced focal loss of each pixel."""
    # Logits of the right answer: that a peak is one, that anything else is none.
    right = torch.where(peaks, logits, -logits)
    penalty = torch.where(peaks, 1.0, (1 - target).square().square())
    return -penalty * torch.sigmoid(-right).square() * F.logsigmoid(right)
