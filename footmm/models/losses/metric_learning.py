"""Losses on the distances between embeddings.

All take embeddings that are not normalised, and labels that say which of them belong together. A
sample of weight zero takes no part at all: it is neither anchor nor anybody's positive or negative.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.registry import MODELS


@MODELS.register_module()
class TripletLoss(nn.Module):
    """Batch-hard triplet loss on Euclidean distances (Hermans et al., arXiv:1703.07737, eq. 5).

    Each sample is the anchor of one triplet: with its farthest positive, at distance ``p``, and its
    nearest negative, at distance ``n``. The loss is ``max(0, margin + p - n)``, or, as soft margin,
    ``log(1 + exp(p - n))``. An anchor without a positive or without a negative is left out of the
    mean. Where two embeddings coincide, their distance has gradient zero.

    Args:
        margin: The distance by which negatives shall be farther than positives; None is the soft
            margin.
        loss_weight: Factor on the result.
    """

    def __init__(self, margin: float | None = 0.3, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.margin = margin
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss over the anchors that have a positive and a negative.

        Args:
            pred: Embeddings, shape (N, C).
            target: Labels, shape (N,).
            weight: Weight of each sample, shape (N,); zero masks it.

        Returns:
            Scalar; a zero with graph where there is no such anchor.
        """
        pred = full_precision(pred)
        weight = torch.ones_like(pred[:, 0]) if weight is None else weight
        positive, negative = _pair_masks(target, weight)
        anchor = positive.any(1) & negative.any(1)
        # Distances by a matrix product are faster but lose the small ones to cancellation.
        distances = torch.cdist(pred, pred, compute_mode="donot_use_mm_for_euclid_dist")
        farthest_positive = distances.masked_fill(~positive, 0.0).amax(1)
        nearest_negative = distances.masked_fill(~negative, torch.inf).amin(1)
        # Anchors without a negative would bring infinity, which weight zero does not cancel.
        gap = farthest_positive - nearest_negative.masked_fill(~anchor, 0.0)
        losses = F.softplus(gap) if self.margin is None else F.relu(gap + self.margin)
        return self.loss_weight * weighted_mean(losses, weight * anchor)


@MODELS.register_module()
class CenterLoss(nn.Module):
    """Half the mean squared distance to the centre of the own class (Wen et al., ECCV 2016, eq. 2).

    The centres are a parameter and move by the optimiser. In place of the paper's rate ``alpha``,
    give them a learning rate of their own::

        optim_wrapper = dict(
            paramwise_cfg=dict(custom_keys={"loss_center": dict(lr_mult=10.0, decay_mult=0.0)})
        )

    ``loss_weight`` scales the centres' gradient as well: plain SGD needs a rate higher by its
    inverse, Adam does not care.

    Args:
        num_classes: Number of classes.
        feat_dim: Length of an embedding.
        loss_weight: Factor on the result.
    """

    def __init__(self, num_classes: int, feat_dim: int, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.centers = nn.Parameter(torch.randn(num_classes, feat_dim))

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss over the samples.

        Args:
            pred: Embeddings, shape (N, feat_dim).
            target: Labels, shape (N,); those of masked samples may be any valid class.
            weight: Weight of each sample, shape (N,); zero masks it.

        Returns:
            Scalar.
        """
        offsets = full_precision(pred) - self.centers[target]
        return self.loss_weight * weighted_mean(0.5 * offsets.square().sum(1), weight)


@MODELS.register_module()
class ContrastiveLoss(nn.Module):
    """Supervised contrastive loss (Khosla et al., NeurIPS 2020, eq. 2: ``L_out``).

    Embeddings are L2-normalised here. Each anchor is classified among all other samples by a
    softmax of cosine similarity over temperature, and the loss is its mean negative log-likelihood
    over the anchor's positives. With exactly two views of every instance, and instances as labels,
    this is InfoNCE (NT-Xent). An anchor without positives is left out of the mean.

    Args:
        temperature: Divides the cosine similarities.
        loss_weight: Factor on the result.
    """

    def __init__(self, temperature: float = 0.1, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss over the anchors that have a positive.

        Args:
            pred: Embeddings, shape (N, C).
            target: Labels, shape (N,).
            weight: Weight of each sample, shape (N,); zero masks it.

        Returns:
            Scalar; a zero with graph where there is no such anchor.
        """
        weight = torch.ones_like(full_precision(pred[:, 0])) if weight is None else weight
        positive, negative = _pair_masks(target, weight)
        logits = self._cosine_similarities(pred) / self.temperature
        # Not -inf: a row without any partner would have a gradient of NaN.
        others = logits.masked_fill(~(positive | negative), torch.finfo(logits.dtype).min)
        log_likelihoods = logits - others.logsumexp(1, keepdim=True)
        num_positives = positive.sum(1)
        losses = -torch.where(positive, log_likelihoods, 0.0).sum(1) / num_positives.clamp(min=1)
        return self.loss_weight * weighted_mean(losses, weight * (num_positives > 0))

    @staticmethod
    def _cosine_similarities(pred: Tensor) -> Tensor:
        # Autocast would take the product in half precision, which the temperature blows up.
        with torch.autocast(device_type=pred.device.type, enabled=False):
            unit = F.normalize(full_precision(pred), dim=1)
            return unit @ unit.T


def _pair_masks(target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs of same and of different label among the samples of positive weight, (N, N) each."""
    present = weight > 0
    pairs = present[:, None] & present[None, :]
    same = target[:, None] == target[None, :]
    itself = torch.eye(len(target), dtype=torch.bool, device=target.device)
    return pairs & same & ~itself, pairs & ~same
