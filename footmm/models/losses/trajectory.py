"""Loss of predicted paths."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.registry import MODELS


@MODELS.register_module()
class TrajectoryLoss(nn.Module):
    """Average and final displacement, and the likelihood of the truth under a Gaussian.

    ``ade_weight * ADE + fde_weight * FDE + nll_weight * NLL``: ADE is the mean distance in metres
    over the frames where the truth is known, FDE the distance in the last of them, NLL the mean
    negative log-likelihood of a frame under a Gaussian with independent x and y, in nats.

    Args:
        ade_weight: Factor on the average displacement.
        fde_weight: Factor on the final displacement.
        nll_weight: Factor on the negative log-likelihood.
        loss_weight: Factor on the sum.
    """

    def __init__(
        self,
        ade_weight: float = 1.0,
        fde_weight: float = 0.5,
        nll_weight: float = 0.1,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.ade_weight = ade_weight
        self.fde_weight = fde_weight
        self.nll_weight = nll_weight
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss over the paths that have a known frame.

        Args:
            pred: Shape (N, F, 4): mean x, mean y, metres, and the logarithms of the standard
                deviations along x and y.
            target: Shape (N, F, 2), metres.
            weight: Weight of each frame, shape (N, F); zero masks it. A path weighs as much as its
                frames together.

        Returns:
            Scalar; a zero with graph where no frame is known.
        """
        pred, target = full_precision(pred), full_precision(target)
        weight = torch.ones_like(target[..., 0]) if weight is None else weight.to(target.dtype)
        mean, log_scale = pred.split(2, dim=-1)
        distance = safe_norm(mean - target)
        nll = gaussian_nll(mean, log_scale, target)
        final = distance.gather(1, _last_known(weight)[:, None]).squeeze(1)
        loss = weighted_mean(self.ade_weight * distance + self.nll_weight * nll, weight)
        loss = loss + self.fde_weight * weighted_mean(final, weight.sum(1))
        return self.loss_weight * loss


def safe_norm(vectors: Tensor) -> Tensor:
    """Lengths of vectors ``(..., 2)``, with gradient zero where a vector is zero."""
    return (vectors.square().sum(-1) + 1e-6).sqrt()


def gaussian_nll(mean: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood, nats, under Gaussians with independent coordinates.

    Args:
        mean: ``(..., 2)``.
        log_scale: ``(..., 2)``, logarithms of the standard deviations.
        target: ``(..., 2)``.

    Returns:
        ``(...)``.
    """
    error = (target - mean) * torch.exp(-log_scale)
    return (0.5 * error.square() + log_scale).sum(-1) + math.log(2 * math.pi)


def _last_known(weight: Tensor) -> Tensor:
    """Index of the last frame of positive weight, ``(N,)``; 0 where there is none."""
    frames = torch.arange(1, weight.shape[1] + 1, device=weight.device)
    return ((weight > 0) * frames).argmax(1)
