"""From the backbone's output to the embedding."""

from __future__ import annotations

from typing import NamedTuple

from mmengine.model import BaseModule
from torch import Tensor, nn

from footmm.registry import MODELS


class NeckFeatures(NamedTuple):
    """The embedding on both sides of the neck's batch norm, shape (N, C) each."""

    before_bn: Tensor
    """Metric losses act here: their distances need a space free to spread."""
    after_bn: Tensor
    """Classifiers act here, and this is the embedding that is compared in the end."""


@MODELS.register_module()
class BNNeck(BaseModule):
    """Batch-norm neck of "Bag of Tricks" (Luo et al., CVPRW 2019, section 3.5).

    Args:
        in_channels: Channels of the backbone's output.
        out_channels: Length of the embedding, reached by a linear layer; None leaves the layer out
            and keeps ``in_channels``.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None = 256,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.reduction = nn.Identity()
        if out_channels is not None:
            self.reduction = nn.Linear(in_channels, out_channels, bias=False)
            nn.init.kaiming_normal_(self.reduction.weight, mode="fan_out", nonlinearity="linear")
        self.bn = nn.BatchNorm1d(out_channels or in_channels)
        # Centred at zero, the classes' directions are what a bias-free classifier separates.
        self.bn.bias.requires_grad_(False)

    def forward(self, inputs: Tensor) -> NeckFeatures:
        """Embedding of the backbone's output.

        Args:
            inputs: Map (N, in_channels, H, W), which is average-pooled, or vector (N, in_channels).

        Returns:
            Embeddings before and after the batch norm.
        """
        pooled = inputs.mean((2, 3)) if inputs.ndim == 4 else inputs
        embedding = self.reduction(pooled)
        return NeckFeatures(embedding, self.bn(embedding))
