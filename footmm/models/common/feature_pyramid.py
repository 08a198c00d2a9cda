"""A neck that brings all maps of a backbone to the finest one."""

from __future__ import annotations

from collections.abc import Sequence

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.errors import ConfigError
from footmm.registry import MODELS


@MODELS.register_module()
class FinestFeaturePyramid(BaseModule):
    """The finest map of a feature pyramid network, for heads that need no other.

    Each map gets a 1 x 1 convolution and is added to the next finer one (Lin et al., Feature
    Pyramid Networks, CVPR 2017, figure 3); the sum at the finest stride gets a 3 x 3 convolution.
    Other implementations also refine the coarser maps: parameters that would never get a gradient,
    which DistributedDataParallel refuses.

    Args:
        in_channels: Channels of the backbone's maps, finest first.
        out_channels: Channels of the result.
        init_cfg: MMEngine's.

    Raises:
        ConfigError: There are no maps.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not in_channels:
            raise ConfigError("FinestFeaturePyramid: in_channels is empty; give one for each map")
        self.laterals = nn.ModuleList(
            ConvModule(channels, out_channels, 1, act_cfg=None) for channels in in_channels
        )
        self.output = ConvModule(
            out_channels, out_channels, 3, padding=1, norm_cfg=dict(type="BN"), bias=False
        )

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor]:
        """Merge the maps.

        Args:
            inputs: Maps (N, C_i, H_i, W_i), finest first.

        Returns:
            One map, (N, ``out_channels``, H_0, W_0).
        """
        maps = [lateral(x) for lateral, x in zip(self.laterals, inputs, strict=True)]
        merged = maps[-1]
        for finer in reversed(maps[:-1]):
            size = finer.shape[-2:]
            merged = finer + F.interpolate(merged, size, mode="bilinear", align_corners=False)
        return (self.output(merged),)
