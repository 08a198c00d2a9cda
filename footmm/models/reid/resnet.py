"""ResNet with the finer last map that re-identification prefers."""

from __future__ import annotations

import torchvision.models
from mmengine.model import BaseModule
from torch import Tensor, nn

from footmm.errors import ConfigError
from footmm.models.common.pretrained import PretrainedMixin
from footmm.registry import MODELS


@MODELS.register_module()
class ReIDResNet(PretrainedMixin, BaseModule):
    """torchvision's ResNet up to its last map, with a choice of the last stage's stride.

    ``last_stride=1`` keeps the last map at 1/16 of the image ("Bag of Tricks", Luo et al., CVPRW
    2019, section 3.4). Parameters have torchvision's names and shapes whatever the stride, so
    ``init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')`` loads.

    Args:
        depth: Number of layers, one of ``ReIDResNet.depths``.
        last_stride: Stride of the last stage, 1 or 2.
        init_cfg: MMEngine's; the classifier ``fc`` in published weights is left out.

    Raises:
        ConfigError: ``depth`` or ``last_stride`` is not among the choices.
    """

    depths = (18, 34, 50, 101, 152)
    unused_weights = ("fc.",)

    def __init__(
        self, depth: int = 50, last_stride: int = 1, init_cfg: dict | list[dict] | None = None
    ) -> None:
        super().__init__(init_cfg)
        if depth not in self.depths:
            raise ConfigError(f"ReIDResNet: depth={depth} is unknown; choose one of {self.depths}")
        if last_stride not in (1, 2):
            raise ConfigError(f"ReIDResNet: last_stride={last_stride} has to be 1 or 2")
        resnet = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        self.conv1 = resnet.conv1
        self.bn1 = resnet.bn1
        self.relu = resnet.relu
        self.maxpool = resnet.maxpool
        self.layer1 = resnet.layer1
        self.layer2 = resnet.layer2
        self.layer3 = resnet.layer3
        self.layer4 = resnet.layer4
        for module in self.layer4[0].modules():
            if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
                module.stride = (last_stride, last_stride)

    def forward(self, inputs: Tensor) -> tuple[Tensor]:
        """Last map of normalised RGB images.

        Args:
            inputs: Shape (N, 3, H, W).

        Returns:
            One tensor, (N, C, H / 16, W / 16) at ``last_stride=1``; C is 2048, or 512 for depths
            below 50.
        """
        x = self.maxpool(self.relu(self.bn1(self.conv1(inputs))))
        return (self.layer4(self.layer3(self.layer2(self.layer1(x)))),)
