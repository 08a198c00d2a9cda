"""Loss of set prediction: every object is matched with one query, all others are background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy, bbox_xyxy_to_cxcywh
from mmdet.utils import reduce_mean
from mmengine.structures import InstanceData
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.models.losses.reduction import full_precision
from footmm.registry import MODELS, TASK_UTILS

CLASS_LOSSES = ("softmax", "focal")


class MatchedLosses(NamedTuple):
    """The terms of :class:`HungarianMatchingLoss`, weighted scalars."""

    cls: Tensor
    bbox: Tensor
    iou: Tensor


@MODELS.register_module()
class HungarianMatchingLoss(nn.Module):
    """Class, L1 and GIoU losses of the cheapest assignment of objects to queries.

    Made of mmdet's assigner, costs and losses, and equal to what its ``DETRHead`` and the heads
    derived from it compute with the same weights (Carion et al., End-to-End Object Detection with
    Transformers, ECCV 2020, eq. 1 and 2; with ``focal`` Zhu et al., Deformable DETR, ICLR 2021).
    The terms that decide the assignment have the weights of the losses.

    Args:
        num_classes: Classes without the background.
        class_loss: ``softmax`` over the classes and the background, or ``focal``, the sigmoid focal
            loss of each class.
        class_weight: Factor on the class loss.
        class_cost: Factor on the class in the assignment; None takes ``class_weight``.
        background_weight: How much a query without an object counts in ``softmax``.
        l1_weight: Factor on the L1 distance of the boxes, as shares of the image.
        giou_weight: Factor on one minus the generalised IoU.
        sync_background: Whether the number by which the class loss is divided is the mean over all
            processes, as it always is for the boxes.

    Raises:
        ConfigError: There is no such class loss.
    """

    def __init__(
        self,
        num_classes: int,
        class_loss: str = "softmax",
        class_weight: float = 1.0,
        class_cost: float | None = None,
        background_weight: float = 0.1,
        l1_weight: float = 5.0,
        giou_weight: float = 2.0,
        sync_background: bool = False,
    ) -> None:
        super().__init__()
        if class_loss not in CLASS_LOSSES:
            raise ConfigError(
                f"HungarianMatchingLoss: class_loss='{class_loss}' is unknown; choose from "
                f"{', '.join(CLASS_LOSSES)}"
            )
        self.num_classes = num_classes
        self.sync_background = sync_background
        is_softmax = class_loss == "softmax"
        self.background_weight = background_weight if is_softmax else 0.0
        self.loss_cls = MODELS.build(
            _softmax(num_classes, class_weight, background_weight)
            if is_softmax
            else dict(type="mmdet.FocalLoss", use_sigmoid=True, loss_weight=class_weight)
        )
        self.loss_bbox = MODELS.build(dict(type="mmdet.L1Loss", loss_weight=l1_weight))
        self.loss_iou = MODELS.build(dict(type="mmdet.GIoULoss", loss_weight=giou_weight))
        cost = "mmdet.ClassificationCost" if is_softmax else "mmdet.FocalLossCost"
        costs = [
            dict(type=cost, weight=class_weight if class_cost is None else class_cost),
            dict(type="mmdet.BBoxL1Cost", weight=l1_weight, box_format="xywh"),
            dict(type="mmdet.IoUCost", iou_mode="giou", weight=giou_weight),
        ]
        self.assigner = TASK_UTILS.build(dict(type="mmdet.HungarianAssigner", match_costs=costs))

    def forward(
        self,
        pred: tuple[Tensor, Tensor],
        target: Sequence[InstanceData],
        weight: Tensor | None = None,
    ) -> MatchedLosses:
        """Losses of one decoder layer.

        Args:
            pred: Logits ``(N, Q, C)``, with the background last for ``softmax``, and boxes
                ``(N, Q, 4)``, centre, width and height as shares of the image.
            target: The objects of N images: ``bboxes`` ``(G, 4)``, left, top, right, bottom,
                pixels, and ``labels`` ``(G,)``; and the images' sizes by which they are divided,
                ``img_shape`` (height, width), in the meta information.
            weight: Weight of each query, ``(N, Q)``; zero masks it, in the assignment too. None
                weighs all alike.

        Returns:
            The losses, each divided by the objects of the batch, the class loss of ``softmax`` by
            the weighted queries.
        """
        logits, boxes = (full_precision(tensor) for tensor in pred)
        weight = logits.new_ones(logits.shape[:2]) if weight is None else weight
        sizes = logits.new_tensor([instances.img_shape[::-1] * 2 for instances in target])
        labels = torch.full(logits.shape[:2], self.num_classes, device=logits.device)
        matched = torch.zeros_like(boxes)
        for i, objects in enumerate(target):
            queries, chosen = self._assign(
                logits[i], boxes[i] * sizes[i], torch.nonzero(weight[i]).squeeze(1), objects
            )
            labels[i, queries] = objects.labels[chosen]
            matched[i, queries] = bbox_xyxy_to_cxcywh(objects.bboxes[chosen] / sizes[i])
        positive = (labels < self.num_classes).to(weight) * weight
        num_positive = positive.sum()
        num_cls = num_positive + self.background_weight * (weight.sum() - num_positive)
        if self.sync_background:
            num_cls = reduce_mean(num_cls)
        num_objects = reduce_mean(num_positive).clamp(min=1)
        box_weight = positive.flatten()[:, None].expand(-1, 4)
        pairs = [(values * sizes[:, None]).flatten(0, 1) for values in (boxes, matched)]
        return MatchedLosses(
            self.loss_cls(
                logits.flatten(0, 1),
                labels.flatten(),
                weight.flatten(),
                avg_factor=num_cls.clamp(min=1),
            ),
            self.loss_bbox(
                boxes.flatten(0, 1), matched.flatten(0, 1), box_weight, avg_factor=num_objects
            ),
            self.loss_iou(
                *(bbox_cxcywh_to_xyxy(values) for values in pairs),
                box_weight,
                avg_factor=num_objects,
            ),
        )

    def _assign(
        self, logits: Tensor, boxes: Tensor, candidates: Tensor, objects: InstanceData
    ) -> tuple[Tensor, Tensor]:
        """Return which of the candidates are matched, and the objects they are matched with."""
        found = InstanceData(
            scores=logits.detach()[candidates],
            bboxes=bbox_cxcywh_to_xyxy(boxes.detach()[candidates]),
        )
        meta = dict(img_shape=objects.img_shape)
        assigned = self.assigner.assign(found, objects, meta).gt_inds
        matched = torch.nonzero(assigned > 0).squeeze(1)
        return candidates[matched], assigned[matched] - 1


def _softmax(num_classes: int, weight: float, background_weight: float) -> dict[str, Any]:
    return dict(
        type="mmdet.CrossEntropyLoss",
        use_sigmoid=False,
        class_weight=[1.0] * num_classes + [background_weight],
        loss_weight=weight,
    )
