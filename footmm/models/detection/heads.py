"""mmdet's heads of detection transformers, with the loss as one part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mmdet.models
import torch
from mmengine.structures import InstanceData
from torch import Tensor

from footmm.models.losses.hungarian_matching import MatchedLosses
from footmm.models.losses.reduction import full_precision
from footmm.registry import MODELS


class _MatchingHead:
    """Takes the losses of queries from one module; mixed in before a head of mmdet.

    mmdet's heads write into the dicts they are given, and build an assigner and three losses each.
    Here ``matching_loss`` has them all; what a head computes besides, such as the losses of DINO's
    denoising queries, it computes with the same.

    Args:
        matching_loss: Config of :class:`footmm.models.losses.HungarianMatchingLoss`.
        train_cfg: mmdet's detectors give it to their heads; not used.
        **kwargs: Arguments of mmdet's head other than its losses.
    """

    def __init__(self, *, matching_loss: dict, train_cfg: Any = None, **kwargs: Any) -> None:
        loss = MODELS.build(matching_loss)
        # The layers depend on whether there is a class for the background.
        stand_in = dict(type="mmdet.CrossEntropyLoss", use_sigmoid=loss.loss_cls.use_sigmoid)
        super().__init__(
            num_classes=loss.num_classes,
            loss_cls=stand_in,
            loss_bbox=dict(type="mmdet.L1Loss"),
            loss_iou=dict(type="mmdet.GIoULoss"),
            train_cfg=None,
            **kwargs,
        )
        self.matching_loss = loss
        self.sync_cls_avg_factor = loss.sync_background
        self.loss_cls, self.loss_bbox, self.loss_iou = loss.loss_cls, loss.loss_bbox, loss.loss_iou

    def forward(self, hidden_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Logits and boxes of all decoder layers, in single precision.

        In half precision a share of the image is no more exact than a few pixels.
        """
        with torch.autocast(hidden_states.device.type, enabled=False):
            return super().forward(full_precision(hidden_states), *args, **kwargs)

    def loss_by_feat_single(
        self,
        cls_scores: Tensor,
        bbox_preds: Tensor,
        batch_gt_instances: Sequence[InstanceData],
        batch_img_metas: Sequence[dict],
    ) -> MatchedLosses:
        """Losses of one decoder layer; called by mmdet's head.

        Args:
            cls_scores: Logits, ``(N, Q, C)``.
            bbox_preds: Centre, width and height as shares of the image, ``(N, Q, 4)``.
            batch_gt_instances: The objects of N images.
            batch_img_metas: Meta information of N images.
        """
        for instances, meta in zip(batch_gt_instances, batch_img_metas, strict=True):
            instances.set_metainfo(dict(img_shape=tuple(meta["img_shape"])))
        return self.matching_loss((cls_scores, bbox_preds), batch_gt_instances)


@MODELS.register_module()
class DETRHead(_MatchingHead, mmdet.models.DETRHead):
    """mmdet's DETR head with :class:`footmm.models.losses.HungarianMatchingLoss`."""


@MODELS.register_module()
class ConditionalDETRHead(_MatchingHead, mmdet.models.ConditionalDETRHead):
    """mmdet's Conditional DETR head with the same loss."""


@MODELS.register_module()
class DINOHead(_MatchingHead, mmdet.models.DINOHead):
    """mmdet's DINO head with the same loss, for matched and for denoising queries."""
