"""mmpose's YOLOX-Pose head, fit for mixed precision, frames without athletes and fast tests."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.structures import InstanceData
from mmpose.models.heads.hybrid_heads import yoloxpose_head as mmpose_head
from mmpose.structures import PoseDataSample
from torch import Tensor

from footmm.models.synloc.suppression import box_nms
from footmm.registry import MODELS


class HeadOutputs(NamedTuple):
    """What the head gives for every cell, one map ``(B, C, H, W)`` a level."""

    classes: list[Tensor]
    objectness: list[Tensor]
    boxes: list[Tensor]
    offsets: list[Tensor]
    visibilities: list[Tensor]


class Positives(NamedTuple):
    """The P cells of a batch that are to find an athlete, and what they are to find."""

    mask: Tensor
    """``(B * N,)`` bool, which cells they are."""
    bboxes: Tensor
    """``(P, 4)``, pixels of the input."""
    keypoints: Tensor
    """``(P, K, 2)``, pixels of the input."""
    visibilities: Tensor
    """``(P, K)``."""
    priors: Tensor
    """``(P, 4)``, points of the cells and their strides, pixels."""


class YOLOXPoseHeadModule(mmpose_head.YOLOXPoseHeadModule):
    """mmpose's layers, of which the last ones always compute in full precision.

    In bfloat16 an offset of two strides has steps of an eighth of a pixel, which is decimetres on
    the pitch.
    """

    def forward(self, x: Sequence[Tensor]) -> HeadOutputs:
        """Return the maps of all levels, float32.

        Args:
            x: Feature maps ``(B, C, H, W)``, one a level.
        """
        towers = [
            (
                self.conv_cls[level](features),
                self.conv_reg[level](features),
                self.conv_pose[level](features),
            )
            for level, features in enumerate(x)
        ]
        with torch.autocast(x[0].device.type, enabled=False):
            levels = [
                self._outputs(level, *map(Tensor.float, tower))
                for level, tower in enumerate(towers)
            ]
        return HeadOutputs(*map(list, zip(*levels, strict=True)))

    def _outputs(
        self, level: int, classes: Tensor, boxes: Tensor, pose: Tensor
    ) -> tuple[Tensor, ...]:
        return (
            self.out_cls[level](classes),
            self.out_obj[level](boxes),
            self.out_bbox[level](boxes),
            self.out_kpt[level](pose),
            self.out_kpt_vis[level](pose),
        )


@MODELS.register_module()
class YOLOXPoseHead(mmpose_head.YOLOXPoseHead):
    """mmpose's ``YOLOXPoseHead`` with vectorised post-processing.

    Differences from mmpose: boxes are suppressed without a loop in Python, and only candidates are
    decoded; mixed precision does not reach the last layers and the decoding; a batch without
    athletes can be trained on, and has gradients for all layers, so that the processes of a
    distributed run agree; configs are not written into; the predictions are tensors.

    Source: mmpose ``YOLOXPoseHead``; YOLO-Pose, Maji et al. 2022 (https://arxiv.org/abs/2204.06806).

    Args:
        num_keypoints: K.
        head_module_cfg: Arguments of :attr:`module_class`.
        loss_bbox_aux: Config of a loss of the boxes as the layers give them (offset of the middle
            in strides, logarithm of the sides), mean over the cells, or None.
        loss_kpt_aux: Config of a loss of the keypoints' offsets in strides, weighted by their
            visibility, or None.
        **kwargs: Further arguments of mmpose's head but ``use_aux_loss``.
    """

    module_class = YOLOXPoseHeadModule

    def __init__(
        self,
        num_keypoints: int,
        head_module_cfg: dict,
        loss_bbox_aux: dict | None = None,
        loss_kpt_aux: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_keypoints, **copy.deepcopy(kwargs))
        self.head_module = self.module_class(
            num_keypoints=num_keypoints,
            featmap_strides=self.featmap_strides,
            **copy.deepcopy(head_module_cfg),
        )
        self.loss_bbox_aux = loss_bbox_aux and MODELS.build(loss_bbox_aux)
        self.loss_kpt_aux = loss_kpt_aux and MODELS.build(loss_kpt_aux)
        self._positives: Positives | None = None

    def forward(self, feats: Sequence[Tensor] | HeadOutputs) -> HeadOutputs:
        """Return the maps of all levels; those that are given them already as they are.

        Args:
            feats: Feature maps ``(B, C, h, w)``, one a level.
        """
        return feats if isinstance(feats, HeadOutputs) else self.head_module(feats)

    def loss(
        self,
        feats: Sequence[Tensor] | HeadOutputs,
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: dict | None = None,
    ) -> dict[str, Tensor]:
        """Return mmpose's losses and the auxiliary ones, scalars; without athletes they are zero.

        Args:
            feats: Feature maps ``(B, C, h, w)``, one a level.
            batch_data_samples: With ``gt_instance_labels``.
            train_cfg: Not used.
        """
        outputs = self.forward(feats)
        losses = super().loss(outputs, batch_data_samples, train_cfg)
        positives, self._positives = self._positives, None
        if not positives.mask.any():
            return losses | {
                "loss_kpt": sum(0.0 * level.sum() for maps in outputs for level in maps)
            }
        return losses | self.auxiliary_losses(outputs, positives)

    def auxiliary_losses(self, outputs: HeadOutputs, positives: Positives) -> dict[str, Tensor]:
        """Compare what the layers give with what they should, before it is decoded; scalars."""
        losses = {}
        strides = positives.priors[:, 2:]
        if self.loss_bbox_aux is not None:
            left_top, right_bottom = positives.bboxes.split(2, dim=1)
            middles = ((left_top + right_bottom) / 2 - positives.priors[:, :2]) / strides
            sides = ((right_bottom - left_top) / strides).clamp(min=1e-8).log()
            predicted = self.of_positives(outputs.boxes, positives)
            losses["loss_bbox_aux"] = self.loss_bbox_aux(predicted, torch.cat([middles, sides], 1))
        if self.loss_kpt_aux is not None:
            predicted = self.of_positives(outputs.offsets, positives)
            losses["loss_kpt_aux"] = self.loss_kpt_aux(
                predicted.unflatten(-1, (self.num_keypoints, 2)),
                keypoint_offsets(positives),
                positives.visibilities,
            )
        return losses

    def of_positives(self, maps: Sequence[Tensor], positives: Positives) -> Tensor:
        """Return the values ``(P, C)`` of maps at the positive cells."""
        return self._flatten_predictions(maps).flatten(0, 1)[positives.mask]

    def _get_targets(self, *args: Any) -> tuple:
        # mmpose's loss keeps the assignment to itself.
        targets = super()._get_targets(*args)
        self._positives = Positives(*(targets[number] for number in (0, 4, 6, 8, 11)))
        return targets

    def predict(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[PoseDataSample],
        test_cfg: dict | None = None,
    ) -> list[InstanceData]:
        """Find the athletes of each image, in pixels of the input.

        Args:
            feats: Feature maps ``(B, C, h, w)``, one a level.
            batch_data_samples: With ``input_size`` (width, height) in their metainfo.
            test_cfg: ``score_thr`` (0.01), ``nms_pre`` (candidates an image; all), ``nms_thr``
                (IoU; 1 is no suppression), ``max_per_img`` (all).

        Returns:
            For each image, best first: ``bboxes`` ``(D, 4)`` inside the input, ``bbox_scores``
            ``(D,)``, ``keypoints`` ``(D, K, 2)``, ``keypoint_scores`` ``(D, K)``, ``labels``.
        """
        test_cfg = test_cfg or {}
        outputs = self.forward(feats)
        flat = HeadOutputs(*map(self._flatten_predictions, outputs))
        # Of most cells nothing but the score is ever looked at.
        scores, labels = (flat.classes.sigmoid() * flat.objectness.sigmoid()).max(dim=2)
        image, cell = _candidates(scores, test_cfg.get("score_thr", 0.01))
        found = self._decode(
            HeadOutputs(*(values[image, cell][None] for values in flat)), cell, outputs
        )
        found |= {"bbox_scores": scores[image, cell], "labels": labels[image, cell]}
        counts = image.bincount(minlength=len(scores)).tolist()
        parts = {name: values.split(counts) for name, values in found.items()}
        return [
            _suppress(
                {name: part[number] for name, part in parts.items()},
                sample.metainfo["input_size"],
                test_cfg,
            )
            for number, sample in enumerate(batch_data_samples)
        ]

    def decode_all(self, feats: Sequence[Tensor] | HeadOutputs) -> dict[str, Tensor]:
        """Decode all N cells of B images, whatever their scores, in pixels of the input.

        Args:
            feats: Feature maps ``(B, C, h, w)``, one a level.

        Returns:
            ``bbox_scores`` and ``labels`` ``(B, N)``, ``bboxes`` ``(B, N, 4)``, not clipped,
            ``keypoints`` ``(B, N, K, 2)`` and ``keypoint_scores`` ``(B, N, K)``.
        """
        outputs = self.forward(feats)
        flat = HeadOutputs(*map(self._flatten_predictions, outputs))
        scores, labels = (flat.classes.sigmoid() * flat.objectness.sigmoid()).max(dim=2)
        priors, strides = self._priors(outputs.classes)
        return {
            "bbox_scores": scores,
            "labels": labels,
            "bboxes": self.decode_bbox(flat.boxes, priors, strides),
            "keypoints": self.decode_kpt_reg(flat.offsets, priors, strides),
            "keypoint_scores": flat.visibilities.sigmoid(),
        }

    def _priors(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the points ``(N, 2)``, pixels, and strides ``(N,)`` of all cells of all levels."""
        levels = self.prior_generator.grid_priors(
            [level.shape[2:] for level in maps],
            dtype=maps[0].dtype,
            device=maps[0].device,
            with_stride=True,
        )
        priors = torch.cat(levels)
        return priors[:, :2], priors[:, 2]

    def _decode(
        self, cells: HeadOutputs, numbers: Tensor, outputs: HeadOutputs
    ) -> dict[str, Tensor]:
        """Return what D cells ``(1, D, C)`` of some numbers give, in pixels of the input."""
        priors, strides = (part[numbers] for part in self._priors(outputs.classes))
        return {
            "bboxes": self.decode_bbox(cells.boxes, priors, strides)[0],
            "keypoints": self.decode_kpt_reg(cells.offsets, priors, strides)[0],
            "keypoint_scores": cells.visibilities[0].sigmoid(),
        }


def _candidates(scores: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Return images and cells whose score ``(B, N)`` is high enough, each image's best first."""
    image, cell = torch.nonzero(scores > threshold, as_tuple=True)
    order = scores[image, cell].argsort(descending=True, stable=True)
    order = order[image[order].argsort(stable=True)]
    return image[order], cell[order]


def _suppress(found: dict[str, Tensor], size: tuple[int, int], test_cfg: dict) -> InstanceData:
    """Keep the best of the boxes that overlap, and clip them to the input."""
    found = {name: values[: test_cfg.get("nms_pre")] for name, values in found.items()}
    threshold = test_cfg.get("nms_thr", 1.0)
    if threshold < 1.0:
        kept = box_nms(found["bboxes"], found["bbox_scores"], threshold)
        found = {name: values[kept] for name, values in found.items()}
    limit = test_cfg.get("max_per_img")
    found = {name: values[:limit] for name, values in found.items()}
    last = found["bboxes"].new_tensor(size * 2)
    return InstanceData(**found | {"bboxes": found["bboxes"].clamp(min=0).minimum(last)})


def keypoint_offsets(positives: Positives) -> Tensor:
    """Return where keypoints lie as seen from their cells, ``(P, K, 2)``, strides."""
    priors = positives.priors[:, None]
    return (positives.keypoints - priors[..., :2]) / priors[..., 2:]
