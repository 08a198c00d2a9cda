"""DINO whose queries start at the peaks of heatmaps: it learns from few images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import bbox_xyxy_to_cxcywh
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import ConfigError
from footmm.models.detection.detectors import DINO
from footmm.models.losses.reduction import full_precision
from footmm.registry import MODELS

_CENTER_STEP = 0.05


@MODELS.register_module()
class CenterDINO(DINO):
    """DINO's decoder on a fine map, with queries from :class:`CenterHeatmapHead`.

    DINO chooses its queries among the pixels of its maps by a classifier that learns from one pixel
    for each object, and which one the assignment decides: from scratch that takes long. Here the
    peaks of heatmaps are the first guess, as in TransFusion (Bai et al., CVPR 2022): they give each
    query its box, and with its class and the feature there its content. The heatmaps also teach the
    map that the decoder attends to, which takes the encoder's place. Decoder, denoising and losses
    are DINO's, so the result is a set that needs no suppression.

    Args:
        **kwargs: Arguments of :class:`DINO`; ``num_feature_levels`` is 1, ``neck`` makes the
            decoder's map of that of ``center_neck``, and ``encoder`` is not used.

    Raises:
        ConfigError: There are more maps, or no ``center_head`` for all classes.
    """

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("num_feature_levels", 4) != 1 or kwargs.get("center_head") is None:
            raise ConfigError(
                "CenterDINO attends to one map and asks a center_head where to look: set "
                "num_feature_levels=1, center_neck and center_head"
            )
        super().__init__(**kwargs)
        if len(self.center_head.labels) < self.bbox_head.num_classes:
            raise ConfigError(
                "CenterDINO asks its center_head for objects of all classes: set its labels to "
                f"{tuple(range(self.bbox_head.num_classes))}, not {self.center_head.labels}"
            )
        # What nothing would train: the encoder, and the branches of DINO's own proposals.
        self.encoder = nn.Identity()
        for branches in (self.bbox_head.cls_branches, self.bbox_head.reg_branches):
            del branches[-1]
        for branch in self.bbox_head.reg_branches:
            branch[-1] = _FineLinear(branch[-1].in_features)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Sequence[Tensor], tuple[Tensor, Tensor]]:
        """Maps of normalised images.

        Args:
            batch_inputs: Shape ``(N, 3, H, W)``.

        Returns:
            The decoder's map ``(N, C, h, w)``, and what ``center_head`` says.
        """
        fine = self.center_neck(self.backbone(batch_inputs))[0]
        return (self.neck(fine),), self.center_head(fine)

    def decode(
        self,
        maps: Sequence[Tensor],
        centers: tuple[Tensor, Tensor],
        data_samples: Sequence[DetDataSample],
    ) -> dict[str, Any]:
        """Run the decoder with queries at the best peaks.

        Args:
            maps: The decoder's map, ``(N, C, h, w)``.
            centers: What ``center_head`` says: logits ``(N, labels, h, w)`` and boxes
                ``(N, labels, 4, h, w)``, of the finer map.
            data_samples: N samples; in training with ``gt_instances``, for the denoising queries.

        Returns:
            What the head takes.
        """
        encoder_inputs, decoder_inputs = self.pre_transformer(maps, data_samples)
        memory = encoder_inputs["feat"] + encoder_inputs["feat_pos"]
        boxes, labels = self._guess(centers, data_samples)
        shares = boxes * _extent_on_map(data_samples, boxes)
        features = _sample(memory.mT.unflatten(2, maps[0].shape[-2:]), shares[..., :2])
        query = (
            self.query_embedding.weight[: boxes.shape[1]]
            + self.dn_query_generator.label_embedding(labels)
            + self.memory_trans_norm(self.memory_trans_fc(features))
        )
        mask, head_inputs = None, {}
        if self.training:
            noisy, noisy_boxes, mask, meta = self.dn_query_generator(data_samples)
            query = torch.cat([noisy, query], dim=1)
            boxes = torch.cat([noisy_boxes.sigmoid(), boxes], dim=1)
            head_inputs = dict(enc_outputs_class=None, enc_outputs_coord=None, dn_meta=meta)
        decoded = self.forward_decoder(
            query=query, memory=memory, reference_points=boxes, dn_mask=mask, **decoder_inputs
        )
        return head_inputs | decoded

    def _guess(
        self, centers: tuple[Tensor, Tensor], data_samples: Sequence[DetDataSample]
    ) -> tuple[Tensor, Tensor]:
        """Return boxes ``(N, Q, 4)``, centre and size as shares of the image, and labels."""
        boxes, _, labels = self.center_head.candidates(
            tuple(output.detach() for output in centers), count=self.num_queries
        )
        sizes = boxes.new_tensor([sample.img_shape[::-1] * 2 for sample in data_samples])
        return bbox_xyxy_to_cxcywh(boxes / sizes[:, None]).clamp(0, 1), labels


class _FineLinear(nn.Linear):
    """The last layer of what moves boxes, with smaller steps in x and y than in size.

    The outputs are added to logits of shares of the image. There, a tenth of a player's height is
    0.1, whatever his size, but a tenth of his width is 0.01 or less.
    """

    def __init__(self, in_features: int) -> None:
        super().__init__(in_features, 4)
        steps = torch.tensor([_CENTER_STEP, _CENTER_STEP, 1.0, 1.0])
        self.register_buffer("steps", steps, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return changes of centre x, y, width and height, ``(..., 4)``."""
        outputs = super().forward(x)
        return outputs * self.steps.to(outputs)


def _extent_on_map(data_samples: Sequence[DetDataSample], like: Tensor) -> Tensor:
    """Return the shares of the padded batch that images are wide and high, ``(N, 1, 4)``."""
    extents = [
        [sample.img_shape[i] / sample.batch_input_shape[i] for i in (1, 0)]
        for sample in data_samples
    ]
    return like.new_tensor(extents).repeat(1, 2)[:, None]


def _sample(features: Tensor, points: Tensor) -> Tensor:
    """Take maps ``(N, C, h, w)`` at points ``(N, Q, 2)``, shares of them; ``(N, Q, C)``."""
    grid = (2 * points - 1)[:, None]
    return F.grid_sample(full_precision(features), grid, align_corners=False)[:, :, 0].mT
