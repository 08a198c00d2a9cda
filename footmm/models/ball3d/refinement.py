"""A closer look at the ball: what a crop around a detection shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torchvision
from mmengine.model import BaseModule
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from footmm.models.ball3d.features import BallObservations
from footmm.models.common.pretrained import PretrainedMixin
from footmm.models.losses.reduction import weighted_mean
from footmm.pitch.ball_lifting import angular_diameter, size_depth
from footmm.pitch.ballistics import BallPhysics
from footmm.registry import MODELS

_STRIDE = 32
_CHANNELS = 1536
_LARGEST_CHANGE = 1.0
"""Of the logarithm of the diameter."""


@MODELS.register_module()
class EfficientNetB3(PretrainedMixin, BaseModule):
    """torchvision's EfficientNet-B3 (Tan and Le, arXiv:1905.11946) without its classifier.

    Args:
        init_cfg: MMEngine's; ``dict(type="Pretrained", checkpoint="torchvision://efficientnet_b3")``
            starts from ImageNet where the weights can be fetched.
    """

    unused_weights = ("classifier.",)

    def __init__(self, init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg)
        self.features = torchvision.models.efficientnet_b3(weights=None).features

    def forward(self, inputs: Tensor) -> Tensor:
        """Map ``(N, 3, S, S)`` to ``(N, 1536, S / 32, S / 32)``."""
        return self.features(inputs)


class RefinedBall(NamedTuple):
    """What crops show.

    Attributes:
        offsets: ``(B, T, 2)``, pixels from the detection to the ball's centre, right and down.
        log_ratios: ``(B, T)``, logarithm of the ball's diameter over that of the detection.
        log_blur: ``(B, T)``, ``log(1 + length of the streak in pixels)``.
        confidence_logits: ``(B, T)``, whether there is a ball.
    """

    offsets: Tensor
    log_ratios: Tensor
    log_blur: Tensor
    confidence_logits: Tensor

    @property
    def blur(self) -> Tensor:
        """Length of the streak, pixels, ``(B, T)``."""
        return self.log_blur.clamp(0.0, 6.0).expm1()

    def correct(self, seen: BallObservations) -> BallObservations:
        """Return the detections with the place and size that the crops show."""
        shift = (seen.ray_jacobian @ self.offsets[..., None])[..., 0]
        known = seen.observed[..., None]
        rays = torch.where(known, F.normalize(seen.rays + shift, dim=-1), seen.rays)
        return seen._replace(
            rays=rays,
            diameters=seen.diameters * self.log_ratios.exp(),
            scores=seen.observed * self.confidence_logits.sigmoid(),
        )


@MODELS.register_module()
class BallCropRefiner(BaseModule):
    """Finds centre, diameter, blur and confidence in crops around detections.

    Args:
        backbone: Config of the network that sees the crops.
        crop_size: Side of the crops, pixels.
        channels: Of the hidden layer.
        loss_center: Config of the loss of the centre, pixels.
        loss_size: Config of the loss of the diameter.
        blur_weight: Factor on the smooth L1 loss of the blur's logarithm.
        confidence_weight: Factor on the cross entropy of the confidence.
        init_cfg: MMEngine's.
    """

    def __init__(
        self,
        backbone: dict,
        crop_size: int = 64,
        channels: int = 256,
        loss_center: dict | None = None,
        loss_size: dict | None = None,
        blur_weight: float = 0.1,
        confidence_weight: float = 0.2,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.crop_size = crop_size
        self.blur_weight = blur_weight
        self.confidence_weight = confidence_weight
        self.backbone = MODELS.build(backbone)
        # Pooling would lose the place.
        places = (crop_size // _STRIDE) ** 2
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(_CHANNELS * places, channels), nn.SiLU(), nn.Linear(channels, 5)
        )
        self.loss_center = MODELS.build(loss_center or dict(type="BallReprojectionLoss"))
        self.loss_size = MODELS.build(loss_size or dict(type="BallSizeLoss"))
        nn.init.zeros_(self.head[-1].weight)
        nn.init.zeros_(self.head[-1].bias)

    def forward(self, crops: Tensor) -> RefinedBall:
        """Look at crops ``(B, T, 3, S, S)``, normalised."""
        maps = self.backbone(crops.flatten(0, 1))
        outputs = self.head(maps).float().unflatten(0, crops.shape[:2])
        reach = 0.5 * self.crop_size
        return RefinedBall(
            reach * outputs[..., :2].tanh(),
            _LARGEST_CHANGE * outputs[..., 2].tanh(),
            outputs[..., 3],
            outputs[..., 4],
        )

    def loss(
        self,
        refined: RefinedBall,
        seen: BallObservations,
        data_samples: Sequence[BaseDataElement],
    ) -> dict[str, Tensor]:
        """Losses of crops whose truth is known.

        Args:
            refined: What :meth:`forward` says.
            seen: The detections as they were.
            data_samples: With ``true_points``, ``true_diameters``, ``blur``, ``points`` and
                ``crop_truth``.

        Returns:
            ``loss_center``, ``loss_size``, ``loss_blur`` and ``loss_confidence``, scalars.
        """
        truth = {
            name: torch.stack([sample.get(name) for sample in data_samples])
            for name in ("true_points", "true_diameters", "blur", "points", "crop_truth")
        }
        known = torch.stack([sample.has_crop_truth for sample in data_samples]) & seen.observed
        is_ball = (known & (truth["crop_truth"] > 0.5)).float()
        diameters = torch.where(is_ball > 0, truth["true_diameters"], 1.0)
        measured = torch.where(seen.observed, seen.diameters, 1.0)
        angle = angular_diameter(diameters, seen.ray_jacobian)
        leverage = torch.where(is_ball > 0, size_depth(angle, BallPhysics().radius), 0.0)
        blur_error = F.smooth_l1_loss(
            refined.log_blur, torch.log1p(truth["blur"]), reduction="none", beta=0.1
        )
        confidence_error = F.binary_cross_entropy_with_logits(
            refined.confidence_logits, truth["crop_truth"].float(), reduction="none"
        )
        offsets = truth["true_points"] - truth["points"]
        return {
            "loss_center": self.loss_center(
                refined.offsets, torch.where(is_ball[..., None] > 0, offsets, 0.0), is_ball
            ),
            "loss_size": self.loss_size(
                measured.log() + refined.log_ratios, diameters.log(), is_ball, leverage
            ),
            "loss_blur": self.blur_weight * weighted_mean(blur_error.flatten(), is_ball.flatten()),
            "loss_confidence": self.confidence_weight
            * weighted_mean(confidence_error.flatten(), known.flatten()),
        }
