"""Losses of the ball's place, motion and size."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.registry import MODELS


@MODELS.register_module()
class BallPositionLoss(nn.Module):
    """Distance to the ball, and the likelihood of its place under the stated deviations.

    ``distance_weight * D + nll_weight * NLL``: D is the distance in metres, quadratic below
    ``beta``. NLL is the negative log-likelihood in nats under a Laplace distribution along the
    viewing ray and a two-dimensional one with a density falling exponentially across it: their
    tails forgive the few balls that nobody could have found.

    Args:
        distance_weight: Factor on the distance.
        nll_weight: Factor on the negative log-likelihood.
        beta: Metres up to which the distance is quadratic.
        loss_weight: Factor on the sum.
    """

    def __init__(
        self,
        distance_weight: float = 1.0,
        nll_weight: float = 0.1,
        beta: float = 0.2,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.distance_weight = distance_weight
        self.nll_weight = nll_weight
        self.beta = beta
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Mean loss over the frames.

        Args:
            pred: Shape (..., 5): the place along the viewing ray and in two directions across it,
                metres, and the logarithms of the standard deviations along and across.
            target: Shape (..., 3), the true place in the same coordinates.
            weight: Weight of each frame, shape (...); zero masks it.

        Returns:
            Scalar; a zero with graph where all weights are zero.
        """
        pred, target = full_precision(pred), full_precision(target)
        place, log_along, log_across = pred.split((3, 1, 1), -1)
        errors = torch.where(weight[..., None] > 0, place - target, 0.0)
        losses = self.distance_weight * smooth_length(errors, self.beta)
        losses = losses + self.nll_weight * _nll(errors, log_along[..., 0], log_across[..., 0])
        return self.loss_weight * weighted_mean(losses.flatten(), weight.flatten())


@MODELS.register_module()
class BallReprojectionLoss(nn.Module):
    """Pixels between where the ball is said to be and where it is seen.

    Quadratic below ``beta_px``, then linear, and constant from ``max_px`` on: what is so far off is
    a false detection, which nobody should follow.

    Args:
        beta_px: Pixels.
        max_px: Pixels.
        loss_weight: Factor on the result.
    """

    def __init__(
        self, beta_px: float = 2.0, max_px: float = 50.0, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.beta_px = beta_px
        self.max_px = max_px
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Mean loss over the frames.

        Args:
            pred: Shape (..., 2), pixels.
            target: Shape (..., 2), pixels.
            weight: Weight of each frame, shape (...); zero masks it.

        Returns:
            Scalar; a zero with graph where all weights are zero.
        """
        errors = full_precision(pred) - full_precision(target)
        errors = torch.where(weight[..., None] > 0, errors, 0.0)
        losses = smooth_length(errors, self.beta_px).clamp(max=self.max_px)
        return self.loss_weight * weighted_mean(losses.flatten(), weight.flatten())


@MODELS.register_module()
class BallMotionLoss(nn.Module):
    """Length of the difference of vectors, quadratic below ``beta``: velocities, flights.

    Args:
        beta: In the unit of the vectors.
        loss_weight: Factor on the result.
    """

    def __init__(self, beta: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.beta = beta
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Mean loss over the frames.

        Args:
            pred: Shape (..., 3).
            target: Shape (..., 3).
            weight: Weight of each frame, shape (...); zero masks it.

        Returns:
            Scalar; a zero with graph where all weights are zero.
        """
        errors = full_precision(pred) - full_precision(target)
        errors = torch.where(weight[..., None] > 0, errors, 0.0)
        losses = smooth_length(errors, self.beta)
        return self.loss_weight * weighted_mean(losses.flatten(), weight.flatten())


@MODELS.register_module()
class BallSizeLoss(nn.Module):
    """Error of the apparent diameter, weighed by its geometric leverage.

    The distance to the ball is its radius over the sine of half the angle it is seen under. A
    diameter that is wrong by a small share moves the ball by that share of the distance: the same
    share counts twice as much twice as far away. The loss is in metres of distance, linear above
    ``beta``.

    Args:
        beta: Metres.
        loss_weight: Factor on the result.
    """

    def __init__(self, beta: float = 0.5, loss_weight: float = 0.1) -> None:
        super().__init__()
        self.beta = beta
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor, leverage: Tensor) -> Tensor:
        """Mean loss over the detections.

        Args:
            pred: Logarithms of the diameters, shape (...).
            target: Logarithms of the true diameters, shape (...).
            weight: Weight of each detection, shape (...); zero masks it.
            leverage: Metres from the camera to the ball, shape (...).

        Returns:
            Scalar; a zero with graph where all weights are zero.
        """
        shares = torch.where(weight > 0, full_precision(pred) - full_precision(target), 0.0)
        metres = leverage * shares
        losses = F.smooth_l1_loss(
            metres, torch.zeros_like(metres), reduction="none", beta=self.beta
        )
        return self.loss_weight * weighted_mean(losses.flatten(), weight.flatten())


def smooth_length(vectors: Tensor, beta: float) -> Tensor:
    """Huber's function of the lengths of vectors ``(..., D)``, with slope 1 far out."""
    square = vectors.square().sum(-1)
    length = square.clamp(min=0.25 * beta**2).sqrt()
    return torch.where(length < beta, 0.5 * square / beta, length - 0.5 * beta)


def _nll(errors: Tensor, log_along: Tensor, log_across: Tensor) -> Tensor:
    """Negative log-likelihood of errors ``(..., 3)``, nats, ``(...)``.

    A Laplace distribution of deviation s has the scale s / sqrt(2). The density across the ray,
    ``exp(-r / b) / (2 pi b²)``, has the deviation ``b sqrt(3)`` in each direction.
    """
    scale_along = log_along.exp() / math.sqrt(2.0)
    scale_across = log_across.exp() / math.sqrt(3.0)
    along = errors[..., 0].abs() / scale_along + (2.0 * scale_along).log()
    radius = (errors[..., 1:].square().sum(-1) + 1e-8).sqrt()
    across = radius / scale_across + (2.0 * math.pi * scale_across.square()).log()
    return along + across
