"""Classification losses."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.registry import MODELS


@MODELS.register_module()
class LabelSmoothSoftmaxLoss(nn.Module):
    """Softmax cross-entropy with label smoothing (Szegedy et al., CVPR 2016, section 7).

    The target distribution is ``1 - label_smoothing`` on the label plus ``label_smoothing`` spread
    evenly over all classes, the label's own included.

    Args:
        label_smoothing: Share of the target distribution that is spread; 0 is plain cross-entropy.
        loss_weight: Factor on the result.
    """

    def __init__(self, label_smoothing: float = 0.1, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean loss over the samples.

        Args:
            pred: Scores before the softmax, shape (N, num_classes).
            target: Labels, shape (N,); those of masked samples may be any valid class.
            weight: Weight of each sample, shape (N,); zero masks it.

        Returns:
            Scalar.
        """
        losses = F.cross_entropy(
            full_precision(pred), target, reduction="none", label_smoothing=self.label_smoothing
        )
        return self.loss_weight * weighted_mean(losses, weight)
