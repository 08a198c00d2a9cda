"""Small objects as peaks of fine heatmaps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmdet.structures import DetDataSample
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.models.detection.centers import (
    best_peaks,
    decode_boxes,
    draw_centers,
    loss_around_centers,
)
from footmm.models.losses.reduction import full_precision
from footmm.registry import MODELS
from footmm.structures.detected_objects import BALL, CLASSES

_PRIOR_HEIGHT = 0.01


@MODELS.register_module()
class CenterHeatmapHead(BaseModule):
    """Finds objects on a map of high resolution: heatmaps of their centres, and their boxes.

    A ball is a few pixels wide, less than a pixel of the maps that a detection transformer attends
    to. As in CenterNet (Zhou et al., Objects as Points, 2019) the peaks of a heatmap are objects,
    and the pixel of a peak says how far away the centre is and how large the box.

    Args:
        in_channels: Channels of the map.
        labels: The classes to find, each on a heatmap of its own.
        feat_channels: Channels of the layer in between.
        stride: Pixels of the model's input to a pixel of the map.
        sigma: Of the Gaussians in the target heatmaps, pixels of the map.
        max_per_img: Candidates of an image.
        loss_heatmap: Config of the loss of the heatmaps' logits.
        loss_box: Config of the loss of centres and logarithms of sizes.
        init_cfg: MMEngine's.

    Raises:
        ConfigError: There are no labels, one twice, or no such class.
    """

    def __init__(
        self,
        in_channels: int,
        labels: Sequence[int] = (BALL,),
        feat_channels: int = 64,
        stride: int = 4,
        sigma: float = 1.0,
        max_per_img: int = 5,
        loss_heatmap: dict | None = None,
        loss_box: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if (
            not labels
            or len(set(labels)) < len(labels)
            or not set(labels) <= {*range(len(CLASSES))}
        ):
            raise ConfigError(
                f"CenterHeatmapHead: labels={labels}; give some of 0 to {len(CLASSES) - 1} "
                f"({', '.join(CLASSES)}), each once"
            )
        self.labels = tuple(labels)
        self.stride = stride
        self.sigma = sigma
        self.max_per_img = max_per_img
        self.features = ConvModule(
            in_channels, feat_channels, 3, padding=1, norm_cfg=dict(type="BN"), bias=False
        )
        self.heatmap = nn.Conv2d(feat_channels, len(labels), 1)
        self.box = nn.Conv2d(feat_channels, 4 * len(labels), 1)
        self.loss_heatmap = MODELS.build(loss_heatmap or dict(type="KeypointHeatmapLoss"))
        self.loss_box = MODELS.build(loss_box or dict(type="mmdet.L1Loss"))

    def init_weights(self) -> None:
        """Start from empty heatmaps and boxes of a common size."""
        super().init_weights()
        nn.init.constant_(self.heatmap.bias, torch.logit(torch.tensor(_PRIOR_HEIGHT)).item())
        nn.init.zeros_(self.box.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and boxes of each pixel.

        Args:
            x: The map, ``(N, C, h, w)``.

        Returns:
            Logits of the heatmaps, ``(N, labels, h, w)``, and boxes, ``(N, labels, 4, h, w)``, see
            :func:`footmm.models.detection.centers.decode_boxes`.
        """
        x = self.features(x)
        boxes = self.box(x).unflatten(1, (len(self.labels), 4))
        return full_precision(self.heatmap(x)), full_precision(boxes)

    def loss(
        self, outputs: tuple[Tensor, Tensor], data_samples: Sequence[DetDataSample]
    ) -> dict[str, Tensor]:
        """Losses of heatmaps and boxes.

        Args:
            outputs: Of :meth:`forward`.
            data_samples: N samples with ``gt_instances``, pixels of the input. Where one of the
                ``ignored_instances`` is of a class, its heatmap of that image counts for nothing.

        Returns:
            ``loss_center_heatmap``, for each peak, and ``loss_center_box``, for each pixel that
            tells a box; scalars, added up over the classes.
        """
        logits, boxes = outputs
        parts = [
            self._losses_of(label, logits[:, [channel]], boxes[:, channel], data_samples)
            for channel, label in enumerate(self.labels)
        ]
        heatmap, box = (torch.stack(losses).sum() for losses in zip(*parts, strict=True))
        return {"loss_center_heatmap": heatmap, "loss_center_box": box}

    def _losses_of(
        self,
        label: int,
        logits: Tensor,
        boxes: Tensor,
        data_samples: Sequence[DetDataSample],
    ) -> tuple[Tensor, Tensor]:
        """Losses of a class, so that one ball counts as much as twenty players."""
        size = tuple(logits.shape[-2:])
        objects = [_of_class(s.gt_instances, label) / self.stride for s in data_samples]
        heatmaps = torch.stack([draw_centers(o, size, self.sigma) for o in objects])
        known = [not len(_of_class(s.ignored_instances, label)) for s in data_samples]
        weight = logits.new_tensor(known)[:, None]
        return (
            self.loss_heatmap(logits, heatmaps[:, None], weight),
            loss_around_centers(self.loss_box, boxes, objects),
        )

    def predict(
        self,
        outputs: tuple[Tensor, Tensor],
        count: int | None = None,
        label: int | None = None,
    ) -> list[InstanceData]:
        """Find the objects of N images.

        Args:
            outputs: Of :meth:`forward`.
            count: Candidates of an image, over all classes; None for ``max_per_img``.
            label: The only class to look for; None for all of the head's.

        Returns:
            For each image the best candidates: ``bboxes`` ``(D, 4)``, left, top, right, bottom,
            pixels of the input, ``scores``, falling, and ``labels``.
        """
        return [
            InstanceData(bboxes=box, scores=score, labels=kinds)
            for box, score, kinds in zip(*self.candidates(outputs, count, label), strict=True)
        ]

    def candidates(
        self,
        outputs: tuple[Tensor, Tensor],
        count: int | None = None,
        label: int | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What :meth:`predict` finds, as tensors of N images.

        Args:
            outputs: Of :meth:`forward`.
            count: Candidates of an image, D, over all classes; None for ``max_per_img``.
            label: The only class to look for; None for all of the head's.

        Returns:
            Boxes ``(N, D, 4)``, scores ``(N, D)``, falling, and labels ``(N, D)``.
        """
        labels = self.labels if label is None else (label,)
        wanted = [self.labels.index(label) for label in labels]
        logits, boxes = (output[:, wanted] for output in outputs)
        scores, channels, numbers = best_peaks(logits, count or self.max_per_img)
        corners = decode_boxes(boxes, channels, numbers) * self.stride
        return corners, scores, channels.new_tensor(labels)[channels]


def _of_class(instances: InstanceData, label: int) -> Tensor:
    return instances.bboxes[instances.labels == label]
