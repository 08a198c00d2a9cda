"""mmdet's detection transformers for football: published weights, and a branch for the ball."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import mmdet.models
import torch
from mmdet.structures import DetDataSample
from mmengine.logging import print_log
from mmengine.model import initialize
from mmengine.structures import InstanceData
from torch import Tensor

from footmm.errors import ConfigError
from footmm.models.common.pretrained import PretrainedMixin
from footmm.registry import MODELS
from footmm.structures.detected_objects import BALL

_OF_CLASSES = (
    "bbox_head.fc_cls.",
    "bbox_head.cls_branches.",
    "dn_query_generator.label_embedding.",
)
"""How the names of parameters begin that have a row for each class."""

_QUERIES = "query_embedding.weight"


class _FootballDetector(PretrainedMixin):
    """What footmm adds to a detection transformer of mmdet; mixed in before it.

    * Published weights, ``init_cfg=dict(type='Pretrained', ...)`` of the detector, may be those of
      another number of classes or of more queries: what has a row for each class starts anew, of
      the queries the first are taken, both with a warning. Weights that cannot be fetched are left
      out with a warning. (mmdet's own detectors draw new weights for encoder and decoder after
      those of ``init_cfg`` were loaded.)
    * With ``center_neck`` and ``center_head`` a branch looks for the ball on a finer map than the
      transformer, and its balls are merged with the transformer's, see :func:`merge_balls`.

    Args:
        center_neck: Makes one fine map of all maps of the backbone; None: no branch.
        center_head: Finds the ball, or more, on it: :class:`CenterHeatmapHead`.
        transformer_maps: How many of the backbone's maps, the coarsest ones, go to ``neck``; None:
            all.
        **kwargs: Arguments of mmdet's detector.

    Raises:
        ConfigError: Of ``center_neck`` and ``center_head`` only one is given.
    """

    def __init__(
        self,
        *,
        center_neck: dict | None = None,
        center_head: dict | None = None,
        transformer_maps: int | None = None,
        **kwargs: Any,
    ) -> None:
        if (center_neck is None) != (center_head is None):
            raise ConfigError(
                f"{type(self).__name__}: a branch for the ball needs both center_neck and "
                "center_head"
            )
        # mmdet writes into the dicts it is given.
        super().__init__(**copy.deepcopy(kwargs))
        self.transformer_maps = transformer_maps
        self.center_neck = None if center_neck is None else MODELS.build(center_neck)
        self.center_head = None if center_head is None else MODELS.build(center_head)

    def init_weights(self) -> None:
        """Initialise the layers, then load what ``init_cfg`` names."""
        self.drop_unusable()
        published, self.init_cfg = self.init_cfg, None
        super(PretrainedMixin, self).init_weights()
        self.init_cfg = published
        if self.init_cfg:
            initialize(self, self.init_cfg)

    def extract_feat(
        self, batch_inputs: Tensor
    ) -> tuple[Sequence[Tensor], tuple[Tensor, Tensor] | None]:
        """Maps of normalised images.

        Args:
            batch_inputs: Shape ``(N, 3, H, W)``.

        Returns:
            The transformer's maps ``(N, C, h, w)``, and what ``center_head`` says, None without it.
        """
        maps = self.backbone(batch_inputs)
        coarsest = maps if self.transformer_maps is None else maps[-self.transformer_maps :]
        if self.center_head is None:
            return self.neck(coarsest), None
        return self.neck(coarsest), self.center_head(self.center_neck(maps)[0])

    def decode(
        self,
        maps: Sequence[Tensor],
        centers: tuple[Tensor, Tensor] | None,
        data_samples: Sequence[DetDataSample],
    ) -> dict[str, Any]:
        """Run the transformer.

        Args:
            maps: Its maps, see :meth:`extract_feat`.
            centers: What ``center_head`` says; a plain transformer does not listen.
            data_samples: N samples.

        Returns:
            What the head takes.
        """
        return self.forward_transformer(maps, data_samples)

    def loss(
        self, batch_inputs: Tensor, batch_data_samples: Sequence[DetDataSample]
    ) -> dict[str, Tensor]:
        """Losses of the transformer and of the branch for the ball.

        Args:
            batch_inputs: Normalised images, ``(N, 3, H, W)``.
            batch_data_samples: N samples with ``gt_instances``, pixels of the input.
        """
        maps, centers = self.extract_feat(batch_inputs)
        decoded = self.decode(maps, centers, batch_data_samples)
        losses = self.bbox_head.loss(**decoded, batch_data_samples=batch_data_samples)
        if centers is None:
            return losses
        return losses | self.center_head.loss(centers, batch_data_samples)

    def predict(
        self,
        batch_inputs: Tensor,
        batch_data_samples: Sequence[DetDataSample],
        rescale: bool = True,
    ) -> Sequence[DetDataSample]:
        """Find the objects of each image.

        Args:
            batch_inputs: Normalised images, ``(N, 3, H, W)``.
            batch_data_samples: N samples.
            rescale: Whether boxes are in pixels of the image file, not of the model's input.

        Returns:
            The samples with ``pred_instances``: ``bboxes`` ``(D, 4)``, left, top, right, bottom,
            ``scores`` and ``labels`` ``(D,)``.
        """
        maps, centers = self.extract_feat(batch_inputs)
        decoded = self.decode(maps, centers, batch_data_samples)
        found = self.bbox_head.predict(
            **decoded, batch_data_samples=batch_data_samples, rescale=rescale
        )
        if centers is not None and BALL in self.center_head.labels:
            balls = self.center_head.predict(centers, label=BALL)
            for i, sample in enumerate(batch_data_samples):
                found[i] = merge_balls(found[i], _on_image(balls[i], sample, rescale))
        return self.add_pred_to_datasample(batch_data_samples, found)

    def _forward(
        self, batch_inputs: Tensor, batch_data_samples: Sequence[DetDataSample] | None = None
    ) -> tuple[Any, ...]:
        """Outputs of the heads without any decoding, to count operations."""
        if batch_data_samples is None:
            # Images that fill the batch: one sample stands for all.
            size = tuple(map(int, batch_inputs.shape[-2:]))
            whole = DetDataSample(metainfo=dict(img_shape=size, batch_input_shape=size))
            batch_data_samples = [whole]
        maps, centers = self.extract_feat(batch_inputs)
        return *self.bbox_head(**self.decode(maps, centers, batch_data_samples)), centers

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        self._adapt(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _adapt(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Make weights of other classes and queries fit, and say so."""
        anew = []
        for name, parameter in self.named_parameters():
            found = state_dict.get(prefix + name)
            if found is None or found.shape == parameter.shape:
                continue
            if name == _QUERIES and len(found) > len(parameter):
                state_dict[prefix + name] = found[: len(parameter)]
                _warn(
                    f"the weights have {len(found)} queries, of which the first {len(parameter)} "
                    "are taken"
                )
            elif name.startswith(_OF_CLASSES):
                state_dict[prefix + name] = parameter.detach()
                anew.append(name)
        if anew:
            _warn(
                f"the weights are of other classes: {', '.join(anew)} start anew, for the classes "
                "of this model"
            )


@MODELS.register_module()
class DETR(_FootballDetector, mmdet.models.DETR):
    """DETR (Carion et al., ECCV 2020)."""


@MODELS.register_module()
class ConditionalDETR(_FootballDetector, mmdet.models.ConditionalDETR):
    """Conditional DETR (Meng et al., ICCV 2021)."""


@MODELS.register_module()
class DINO(_FootballDetector, mmdet.models.DINO):
    """DINO (Zhang et al., ICLR 2023)."""


def merge_balls(found: InstanceData, balls: InstanceData) -> InstanceData:
    """Put the balls of two sources together.

    Args:
        found: Objects with ``bboxes`` ``(D, 4)``, left, top, right, bottom, ``scores`` and
            ``labels``, some of them perhaps balls.
        balls: More balls.

    Returns:
        All of them, the best first, but of balls whose centres are nearer to each other than the
        better one is wide or high only that.
    """
    merged = InstanceData.cat([found, balls])
    merged = merged[merged.scores.argsort(descending=True, stable=True)]
    numbers = torch.nonzero(merged.labels == BALL).squeeze(1)
    boxes = merged.bboxes[numbers]
    centers, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    is_near = ((centers[:, None] - centers).abs() < sizes[:, None]).all(dim=-1).tolist()
    kept: list[int] = []
    for i in range(len(numbers)):
        if not any(is_near[j][i] for j in kept):
            kept.append(i)
    keep = merged.labels != BALL
    keep[numbers[kept]] = True
    return merged[keep]


def _on_image(balls: InstanceData, sample: DetDataSample, rescale: bool) -> InstanceData:
    """Bring balls from the model's input to the image, and leave out those beside it."""
    height, width = sample.img_shape
    scale = balls.bboxes.new_tensor(sample.scale_factor if rescale else (1.0, 1.0)).repeat(2)
    limits = balls.bboxes.new_tensor((width, height)).repeat(2)
    balls.bboxes = torch.minimum(balls.bboxes.clamp(min=0), limits) / scale
    inside = (balls.bboxes[:, 2:] > balls.bboxes[:, :2]).all(dim=1)
    return balls[inside]


def _warn(text: str) -> None:
    print_log(text, logger="current", level=logging.WARNING)
