"""OSNet, the omni-scale network for person re-identification.

Zhou et al., "Omni-Scale Feature Learning for Person Re-Identification", ICCV 2019. Parameters carry
the names of the authors' implementation (torchreid), so that the weights published there load.
"""

from __future__ import annotations

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.models.common.pretrained import PretrainedMixin
from footmm.registry import MODELS

_NORM = {"type": "BN"}


class _LightConv3x3(nn.Module):
    """Pointwise then depthwise convolution, batch norm, ReLU (paper, figure 3b)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv2(self.conv1(x))))


class _ChannelGate(nn.Module):
    """Weights a stream's channels by a small network of their means (paper, eq. 3)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(squeezed))


class _OSBlock(nn.Module):
    """Bottleneck of four streams with receptive fields 3, 5, 7, 9 (paper, figure 4)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        channels = out_channels // 4
        self.conv1 = ConvModule(in_channels, channels, 1, norm_cfg=_NORM)
        # The published names call the first stream by itself and number the layers of the others.
        self.conv2a = _LightConv3x3(channels)
        self.conv2b = nn.Sequential(*(_LightConv3x3(channels) for _ in range(2)))
        self.conv2c = nn.Sequential(*(_LightConv3x3(channels) for _ in range(3)))
        self.conv2d = nn.Sequential(*(_LightConv3x3(channels) for _ in range(4)))
        self.gate = _ChannelGate(channels)
        self.conv3 = ConvModule(channels, out_channels, 1, norm_cfg=_NORM, act_cfg=None)
        self.downsample = (
            ConvModule(in_channels, out_channels, 1, norm_cfg=_NORM, act_cfg=None)
            if in_channels != out_channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.conv1(x)
        fused = self.gate(self.conv2a(squeezed)) + self.gate(self.conv2b(squeezed))
        fused = fused + self.gate(self.conv2c(squeezed)) + self.gate(self.conv2d(squeezed))
        return torch.relu(self.conv3(fused) + self.downsample(x))


@MODELS.register_module()
class OSNet(PretrainedMixin, BaseModule):
    """OSNet backbone, (N, 3, H, W) to a vector of ``feature_dim`` or a map of stride 16.

    Parameters without torchreid's classifier, with ``feature_dim=512``: x1_0 2,169,508,
    x0_75 1,285,754, x0_5 630,034, x0_25 201,864.

    Args:
        arch: Width, one of ``OSNet.arch_channels``.
        feature_dim: Length of the vector that global average pooling and a fully connected layer
            (linear, batch norm, ReLU) make of the map; None leaves both out.
        init_cfg: MMEngine's; ``dict(type='Pretrained', checkpoint=...)`` takes torchreid's files,
            whose ``classifier`` is left out.

    Raises:
        ConfigError: ``arch`` is not a known width.
    """

    arch_channels = {
        "x1_0": (64, 256, 384, 512),
        "x0_75": (48, 192, 288, 384),
        "x0_5": (32, 128, 192, 256),
        "x0_25": (16, 64, 96, 128),
    }
    """Channels after the stem and after each of the three stages."""

    def __init__(
        self,
        arch: str = "x1_0",
        feature_dim: int | None = 512,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if arch not in self.arch_channels:
            raise ConfigError(
                f"OSNet: arch='{arch}' is unknown; choose one of {', '.join(self.arch_channels)}"
            )
        stem, *stages = self.arch_channels[arch]
        self.unused_weights = ("classifier.",) if feature_dim else ("classifier.", "fc.")
        self.conv1 = ConvModule(3, stem, 7, stride=2, padding=3, norm_cfg=_NORM)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = self._stage(stem, stages[0], halve=True)
        self.conv3 = self._stage(stages[0], stages[1], halve=True)
        self.conv4 = self._stage(stages[1], stages[2], halve=False)
        self.conv5 = ConvModule(stages[2], stages[2], 1, norm_cfg=_NORM)
        self.fc = self._fully_connected(stages[2], feature_dim) if feature_dim else None
        self._reset_parameters()

    @staticmethod
    def _stage(in_channels: int, out_channels: int, halve: bool) -> nn.Sequential:
        layers: list[nn.Module] = [
            _OSBlock(in_channels, out_channels),
            _OSBlock(out_channels, out_channels),
        ]
        if halve:
            transition = ConvModule(out_channels, out_channels, 1, norm_cfg=_NORM)
            layers.append(nn.Sequential(transition, nn.AvgPool2d(2, stride=2)))
        return nn.Sequential(*layers)

    @staticmethod
    def _fully_connected(in_channels: int, feature_dim: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(in_channels, feature_dim), nn.BatchNorm1d(feature_dim), nn.ReLU(inplace=True)
        )

    def _reset_parameters(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
            else:
                continue
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        """Features of normalised RGB images.

        Args:
            inputs: Shape (N, 3, H, W).

        Returns:
            One tensor: (N, feature_dim), or (N, C, H / 16, W / 16) where ``feature_dim`` is None.
        """
        # Depthwise convolutions run about 1.5 times faster in this memory order, on CPUs as well.
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        x = self.maxpool(self.conv1(inputs))
        x = self.conv5(self.conv4(self.conv3(self.conv2(x))))
        if self.fc is None:
            return (x,)
        return (self.fc(x.mean((2, 3))),)
