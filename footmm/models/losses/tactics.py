"""Loss of what teams play: four tasks, each with labels for some only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import ConfigError, did_you_mean
from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.registry import MODELS
from footmm.structures.agent_tracks import BALL

TASKS = ("formation", "role", "strategy", "trajectory")
"""What is learned."""


class TacticsTargets(NamedTuple):
    """Labels of ``B`` windows, and where they are known.

    Attributes:
        formation: ``(B, 2)`` int64.
        has_formation: ``(B, 2)`` bool.
        role: ``(B, A)`` int64.
        has_role: ``(B, A)`` bool.
        strategy: ``(B, T, 2)`` int64.
        has_strategy: ``(B, T, 2)`` bool.
        positions: ``(B, N, A, 2)``, metres, world frame.
        has_positions: ``(B, N, A)`` bool.
    """

    formation: Tensor
    has_formation: Tensor
    role: Tensor
    has_role: Tensor
    strategy: Tensor
    has_strategy: Tensor
    positions: Tensor
    has_positions: Tensor

    @classmethod
    def of_samples(cls, samples: Sequence[BaseDataElement]) -> TacticsTargets:
        """Read the labels of data samples.

        A role counts where its player was seen, a position where its player was seen in the last
        observed frame, and is no ball.
        """
        labels = {
            name: torch.stack([sample.get(name) for sample in samples]) for name in cls._fields[:6]
        }
        present = torch.stack([sample.present for sample in samples])
        frames = torch.stack([sample.graph_frames for sample in samples])
        team = torch.stack([sample.team for sample in samples])
        positions = torch.stack([sample.positions for sample in samples])
        observed = samples[0].num_observed
        batch = torch.arange(len(samples), device=frames.device)[:, None]
        labels["has_role"] = labels["has_role"] & present[batch, frames].any(1)
        scored = present[:, observed - 1] & (team != BALL)
        return cls(
            **labels,
            positions=positions[:, observed:],
            has_positions=present[:, observed:] & scored[:, None],
        )


class _Outputs(Protocol):
    """What :class:`footmm.models.tactics.gnn.TacticsOutputs` has."""

    formation: Tensor
    role: Tensor
    strategy: Tensor
    positions: Tensor


@MODELS.register_module()
class TacticsLoss(nn.Module):
    """Cross-entropies of formation, role and strategy, and a smooth distance of next positions.

    Args:
        weights: Factors of the tasks, by name (:data:`TASKS`); those not named have 1.
        uncertainty: Whether the factors are learned: each task's loss is multiplied by
            ``exp(-s)`` and ``s / 2`` is added, where ``s`` is learned (Kendall et al.,
            arXiv:1705.07115, for classification).
        label_smoothing: Of the cross-entropies.
        distance_scale: Metres at which the loss of a position turns from quadratic to linear.

    Raises:
        ConfigError: There is no such task.
    """

    def __init__(
        self,
        weights: Mapping[str, float] | None = None,
        uncertainty: bool = False,
        label_smoothing: float = 0.0,
        distance_scale: float = 1.0,
    ) -> None:
        super().__init__()
        for name in weights or {}:
            if name not in TASKS:
                raise ConfigError(
                    f"TacticsLoss(weights=...) names '{name}'{did_you_mean(name, TASKS)}; there "
                    f"are {', '.join(TASKS)}"
                )
        self.weights = dict.fromkeys(TASKS, 1.0) | dict(weights or {})
        self.label_smoothing = label_smoothing
        self.distance_scale = distance_scale
        self.log_variances = nn.Parameter(torch.zeros(len(TASKS))) if uncertainty else None

    def forward(
        self, pred: _Outputs, target: TacticsTargets, weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the four losses by name, scalars.

        Args:
            pred: Logits and positions.
            target: Labels and masks.
            weight: ``(B,)``, of the windows; None weighs all alike.
        """
        losses = {
            name: self._classification(
                getattr(pred, name), getattr(target, name), getattr(target, f"has_{name}"), weight
            )
            for name in TASKS[:3]
        }
        # Where a position is not known, its place may hold anything.
        positions = torch.where(target.has_positions[..., None], target.positions, 0.0)
        distance = F.smooth_l1_loss(
            full_precision(pred.positions), positions, reduction="none", beta=self.distance_scale
        ).sum(-1)
        known = _weighted(target.has_positions, weight)
        losses["trajectory"] = weighted_mean(distance.flatten(), known.flatten())
        labelled = [getattr(target, f"has_{name}").any() for name in TASKS[:3]]
        labelled.append(target.has_positions.any())
        return {
            f"loss_{name}": self._balanced(number, self.weights[name] * losses[name], is_labelled)
            for number, (name, is_labelled) in enumerate(zip(TASKS, labelled, strict=True))
        }

    def _classification(
        self, logits: Tensor, labels: Tensor, known: Tensor, weight: Tensor | None
    ) -> Tensor:
        entropy = F.cross_entropy(
            full_precision(logits).flatten(0, -2),
            torch.where(known, labels, 0).flatten(),
            reduction="none",
            label_smoothing=self.label_smoothing,
        )
        return weighted_mean(entropy, _weighted(known, weight).flatten())

    def _balanced(self, number: int, loss: Tensor, is_labelled: Tensor) -> Tensor:
        if self.log_variances is None:
            return loss
        # Of a task that teaches nothing the factor would grow without limit.
        counts = is_labelled & bool(self.weights[TASKS[number]])
        log_variance = self.log_variances[number]
        return (torch.exp(-log_variance) * loss + log_variance / 2) * counts


def _weighted(known: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return known.float()
    return known * weight.view(-1, *(1,) * (known.ndim - 1))
