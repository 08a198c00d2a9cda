"""The re-identification model: backbone, neck and heads put together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel, BaseTTAModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.common.pretrained import PretrainedMixin
from footmm.models.reid.neck import NeckFeatures
from footmm.registry import MODELS


@MODELS.register_module()
class ReIDModel(PretrainedMixin, BaseModel):
    """Embeds the image of a person and reads identity, jersey number and body shape off it.

    Args:
        backbone: Config of a module that returns a tuple, whose last entry is a map (N, C, H, W) or
            a vector (N, C).
        neck: Config of a module that makes :class:`~footmm.models.reid.neck.NeckFeatures` of it.
        appearance_head: Config of the head that owns the embedding.
        jersey_head: Config of a head for the jersey number, or None.
        body_shape_head: Config of a head for height and build, or None.
        data_preprocessor: Config; MMEngine's ``ImgDataPreprocessor``, for images of equal size.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict,
        appearance_head: dict,
        jersey_head: dict | None = None,
        body_shape_head: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MODELS.build(backbone)
        self.neck = MODELS.build(neck)
        self.appearance_head = MODELS.build(appearance_head)
        self.jersey_head = MODELS.build(jersey_head) if jersey_head else None
        self.body_shape_head = MODELS.build(body_shape_head) if body_shape_head else None

    @property
    def heads(self) -> list[nn.Module]:
        """The heads that this model has."""
        heads = (self.appearance_head, self.jersey_head, self.body_shape_head)
        return [head for head in heads if head is not None]

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[BaseDataElement] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[BaseDataElement]:
        """Run the model in one of MMEngine's three modes.

        Args:
            inputs: Normalised RGB images, shape (N, 3, H, W).
            data_samples: N data samples with the labels that there are; ``tensor`` needs none.
            mode: ``tensor``, ``loss`` or ``predict``.

        Returns:
            ``tensor``: the embeddings after the neck's batch norm, (N, C). ``loss``: losses by
            name. ``predict``: the data samples with ``pred_feature`` (C,) and what the other heads
            predict.

        Raises:
            ValueError: ``mode`` is none of the three.
        """
        if mode not in ("tensor", "loss", "predict"):
            raise ValueError(f"mode='{mode}' has to be 'tensor', 'loss' or 'predict'")
        features = self.extract_features(inputs)
        if mode == "tensor":
            return features.after_bn
        if mode == "loss":
            return self._loss(features, data_samples)
        return self._predict(features, data_samples)

    def extract_features(self, inputs: Tensor) -> NeckFeatures:
        """Embeddings of normalised RGB images (N, 3, H, W), before and after the batch norm."""
        return self.neck(self.backbone(inputs)[-1])

    def _loss(
        self, features: NeckFeatures, data_samples: Sequence[BaseDataElement]
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        for head in self.heads:
            losses.update(head.loss(features, data_samples))
        return losses

    def _predict(
        self, features: NeckFeatures, data_samples: Sequence[BaseDataElement]
    ) -> list[BaseDataElement]:
        for head in self.heads:
            for name, batch in head.predict(features).items():
                for sample, prediction in zip(data_samples, batch, strict=True):
                    # A mere view would bring the whole batch along wherever it is pickled.
                    sample.set_field(prediction.clone(), name)
        return list(data_samples)


@MODELS.register_module()
class ReIDTTAModel(BaseTTAModel):
    """Test-time augmentation: one prediction out of several views of a person."""

    def merge_preds(
        self, data_samples_list: Sequence[Sequence[BaseDataElement]]
    ) -> list[BaseDataElement]:
        """Merge the views of each person.

        Args:
            data_samples_list: For each person the predicted data samples of all views.

        Returns:
            The first view of each person. Its ``pred_feature`` is the mean of the views'
            L2-normalised features, every other ``pred_*`` the plain mean.
        """
        return [self._merge_views(views) for views in data_samples_list]

    @staticmethod
    def _merge_views(views: Sequence[BaseDataElement]) -> BaseDataElement:
        merged = views[0].clone()
        for name in [key for key in merged.keys() if key.startswith("pred_")]:  # noqa: SIM118
            batch = torch.stack([view.get(name) for view in views])
            if name == "pred_feature":
                batch = F.normalize(batch, dim=1)
            merged.set_field(batch.mean(0), name)
        return merged
