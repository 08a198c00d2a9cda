"""Convolutions over time."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.registry import MODELS


@MODELS.register_module()
class TemporalConvNet(BaseModule):
    """Residual layers of dilated convolutions (TCN; Bai et al., arXiv:1803.01271), not causal.

    Layer i looks ``2 ** i`` frames to each side; six layers together look 63.

    Args:
        in_channels: Numbers a frame comes with.
        channels: Numbers it leaves with.
        num_layers: Number of layers.
        dropout: Share of the channels that are dropped in training.
        init_cfg: MMEngine's.

    Raises:
        ConfigError: There is no layer, or no channel.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 128,
        num_layers: int = 6,
        dropout: float = 0.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if min(in_channels, channels, num_layers) < 1:
            raise ConfigError(
                f"TemporalConvNet: in_channels={in_channels}, channels={channels} and "
                f"num_layers={num_layers} are at least 1"
            )
        self.channels = channels
        self.stem = nn.Conv1d(in_channels, channels, 1)
        self.layers = nn.ModuleList(
            TemporalLayer(channels, 2**layer, dropout) for layer in range(num_layers)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map frames.

        Args:
            inputs: ``(B, T, in_channels)``.

        Returns:
            ``(B, T, channels)``.
        """
        x = self.stem(inputs.transpose(1, 2))
        for layer in self.layers:
            x = layer(x)
        return x.transpose(1, 2)


class TemporalLayer(nn.Module):
    """Normalise, look around with gaps, mix, and add to what came in.

    Args:
        channels: Of input and output.
        dilation: Frames from one tap of the kernel to the next.
        dropout: Share of the channels that are dropped in training.
    """

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.look = nn.Conv1d(
            channels, channels, 3, padding=dilation, dilation=dilation, padding_mode="zeros"
        )
        self.activation = nn.GELU()
        self.mix = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, channels, T)``."""
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(self.mix(self.activation(self.look(normed))))
