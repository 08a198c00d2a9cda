"""The heads of a re-identification model: what is learnt from an embedding, and read off it.

A head has ``loss(features, data_samples)``, which returns a dict of losses named ``loss_*``, and
``predict(features)``, which returns a dict of batches, one entry per sample, named ``pred_*``.
A sample without a head's label does not enter that head's losses.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import TrainingError
from footmm.models.common.gather import gather_batch
from footmm.models.losses.reduction import full_precision, weighted_mean
from footmm.models.losses.softmax import LabelSmoothSoftmaxLoss
from footmm.models.reid.neck import NeckFeatures
from footmm.registry import MODELS

AVERAGE_BODY_SHAPE = (1.82, 1.0)
"""Height in metres and build of an average footballer: where the estimates start."""


@MODELS.register_module()
class AppearanceHead(BaseModule):
    """Who is it: identity classification and metric losses; predicts the embedding itself.

    The softmax loss acts on the embedding after the neck's batch norm, through a linear layer
    without bias, the metric losses on the embedding before it ("Bag of Tricks", Luo et al., CVPRW
    2019). With several processes the metric losses see the samples of all of them.

    Args:
        num_classes: Number of identities in the training set.
        in_channels: Length of the embedding.
        loss_softmax: Config of the loss on class scores.
        loss_triplet: Config of a loss on embeddings, or None; so the others.
        loss_center: Like ``loss_triplet``; ``num_classes`` and ``feat_dim`` are filled in.
        loss_contrastive: Like ``loss_triplet``.
        init_cfg: MMEngine's.
    """

    metric_losses = ("loss_triplet", "loss_center", "loss_contrastive")

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_softmax: dict,
        loss_triplet: dict | None = None,
        loss_center: dict | None = None,
        loss_contrastive: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.classifier = nn.Linear(in_channels, num_classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)
        self.loss_softmax = MODELS.build(loss_softmax)
        self.loss_triplet = MODELS.build(loss_triplet) if loss_triplet else None
        sizes = {"num_classes": num_classes, "feat_dim": in_channels}
        self.loss_center = MODELS.build(loss_center, default_args=sizes) if loss_center else None
        self.loss_contrastive = MODELS.build(loss_contrastive) if loss_contrastive else None

    def loss(
        self, features: NeckFeatures, data_samples: Sequence[BaseDataElement]
    ) -> dict[str, Tensor]:
        """Losses of the samples that have a ``gt_label``.

        Args:
            features: Embeddings of N samples.
            data_samples: The N data samples.

        Returns:
            ``loss_softmax`` and the configured ones of ``metric_losses``, scalars.

        Raises:
            TrainingError: A label is not below ``num_classes``.
        """
        labels, present = self._identities(data_samples, features.after_bn.device)
        scores = self.classifier(features.after_bn)
        losses = {"loss_softmax": self.loss_softmax(scores, labels, present)}
        names = [name for name in self.metric_losses if getattr(self, name) is not None]
        if not names:
            return losses
        batch = gather_batch(full_precision(features.before_bn), labels, present)
        return losses | {name: getattr(self, name)(*batch) for name in names}

    def _identities(
        self, data_samples: Sequence[BaseDataElement], device: torch.device
    ) -> tuple[Tensor, Tensor]:
        given = [
            sample.gt_label.label[0] if "gt_label" in sample else None for sample in data_samples
        ]
        labels, present = _stack_labels(given, torch.zeros((), dtype=torch.long, device=device))
        largest = int(labels.max())
        if largest >= self.num_classes:
            wanted = max(sample.get("num_identities", largest + 1) for sample in data_samples)
            raise TrainingError(
                f"the model is made for {self.num_classes} identities, but the training data has "
                f"{wanted}: set model.appearance_head.num_classes={wanted} (in the shipped "
                f"configs: --cfg-options num_identities={wanted})"
            )
        return labels, present

    def predict(self, features: NeckFeatures) -> dict[str, Tensor]:
        """The embedding after the batch norm, not normalised, as ``pred_feature`` (N, C)."""
        return {"pred_feature": full_precision(features.after_bn)}


@MODELS.register_module()
class JerseyNumberHead(BaseModule):
    """Which number: 0 to 99, or 100 for a number that cannot be seen.

    Args:
        in_channels: Length of the embedding.
        num_classes: Number of classes.
        loss_weight: Factor on the loss.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int = 101,
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.classifier = nn.Linear(in_channels, num_classes)
        self.loss_jersey = LabelSmoothSoftmaxLoss(label_smoothing=0.0, loss_weight=loss_weight)

    def loss(
        self, features: NeckFeatures, data_samples: Sequence[BaseDataElement]
    ) -> dict[str, Tensor]:
        """Cross-entropy ``loss_jersey``, scalar, over the samples that have a ``gt_jersey``."""
        scores = self.classifier(features.after_bn)
        blank = torch.zeros((), dtype=torch.long, device=scores.device)
        labels, present = _stack_labels([s.get("gt_jersey") for s in data_samples], blank)
        return {"loss_jersey": self.loss_jersey(scores, labels, present)}

    def predict(self, features: NeckFeatures) -> dict[str, Tensor]:
        """Probabilities of the classes as ``pred_jersey`` (N, num_classes)."""
        scores = self.classifier(features.after_bn)
        return {"pred_jersey": full_precision(scores).softmax(1)}


@MODELS.register_module()
class BodyShapeHead(BaseModule):
    """How tall, how heavy: height in metres and build (body-mass index over 22).

    Args:
        in_channels: Length of the embedding.
        loss_weight: Factor on the loss.
        beta: Error at which the smooth L1 loss turns from quadratic to linear, in the labels'
            units; players differ by less than 0.1 in both.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        in_channels: int,
        loss_weight: float = 1.0,
        beta: float = 0.05,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.loss_weight = loss_weight
        self.beta = beta
        self.regressor = nn.Linear(in_channels, len(AVERAGE_BODY_SHAPE))
        nn.init.normal_(self.regressor.weight, std=0.001)
        self.regressor.bias.data.copy_(torch.tensor(AVERAGE_BODY_SHAPE))

    def loss(
        self, features: NeckFeatures, data_samples: Sequence[BaseDataElement]
    ) -> dict[str, Tensor]:
        """Smooth L1 ``loss_body_shape``, scalar, of the samples that have a ``gt_body_shape``."""
        estimates = full_precision(self.regressor(features.after_bn))
        blank = torch.zeros_like(estimates[0]).detach()
        labels, present = _stack_labels([s.get("gt_body_shape") for s in data_samples], blank)
        errors = F.smooth_l1_loss(estimates, labels, reduction="none", beta=self.beta).mean(1)
        return {"loss_body_shape": self.loss_weight * weighted_mean(errors, present)}

    def predict(self, features: NeckFeatures) -> dict[str, Tensor]:
        """Height in metres and build as ``pred_body_shape`` (N, 2)."""
        return {"pred_body_shape": full_precision(self.regressor(features.after_bn))}


def _stack_labels(labels: Sequence[Tensor | None], blank: Tensor) -> tuple[Tensor, Tensor]:
    """Stack the labels of a batch, some of which are absent.

    Args:
        labels: Label of each of N samples, shape S, or None.
        blank: Stands in for an absent one and gives shape S, dtype and device.

    Returns:
        Labels (N, *S), and a weight (N,) that is 1 where there is a label and 0 where there is not.
    """
    stacked = torch.stack([blank if label is None else label.to(blank) for label in labels])
    present = torch.tensor([float(label is not None) for label in labels], device=blank.device)
    return stacked, present
