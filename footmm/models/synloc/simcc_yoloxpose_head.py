"""YOLOX-Pose whose keypoints are classified into bins instead of regressed."""

from __future__ import annotations

from typing import Any

import torch
from mmpose.models.losses import KLDiscretLoss
from torch import Tensor, nn

from footmm.models.synloc.yoloxpose_head import (
    HeadOutputs,
    Positives,
    YOLOXPoseHead,
    YOLOXPoseHeadModule,
    keypoint_offsets,
)
from footmm.registry import MODELS


class SimCCYOLOXPoseHeadModule(YOLOXPoseHeadModule):
    """The layers of :class:`YOLOXPoseHead`, with a distribution for each keypoint coordinate.

    Args:
        num_bins: Of a coordinate.
        **kwargs: Arguments of :class:`YOLOXPoseHeadModule`.
    """

    def __init__(self, num_bins: int, **kwargs: Any) -> None:
        self.num_bins = num_bins
        super().__init__(**kwargs)

    def _init_pose_branch(self) -> None:
        super()._init_pose_branch()
        channels = self.num_keypoints * 2 * self.num_bins
        self.out_kpt = nn.ModuleList(
            nn.Conv2d(self.feat_channels, channels, 1) for _ in self.featmap_strides
        )


@MODELS.register_module()
class SimCCYOLOXPoseHead(YOLOXPoseHead):
    """YOLOX-Pose with SimCC keypoints, for finer localisation.

    Each cell gives, for every keypoint and both coordinates, a distribution over bins of the
    offset from the cell in units of its stride. A keypoint is the mean of its distribution. The
    bins are trained with smoothed labels, the mean with the losses of :class:`YOLOXPoseHead`.

    Source: SimCC, Li et al. 2022 (https://arxiv.org/abs/2107.03332), here for each cell of a dense
    detector instead of for a crop.

    Args:
        num_keypoints: K.
        head_module_cfg: Arguments of :attr:`module_class` but ``num_bins``.
        num_bins: Of a coordinate.
        max_offset: Largest offset that the bins cover, strides; keypoints further away from a cell
            do not train its bins.
        label_sigma: Width of the smoothed labels, bins.
        simcc_weight: Of the divergence of the bins from their labels.
        **kwargs: Further arguments of :class:`YOLOXPoseHead`; ``loss_kpt_aux``, which is for
            regressed offsets, has no place here.
    """

    module_class = SimCCYOLOXPoseHeadModule

    def __init__(
        self,
        num_keypoints: int,
        head_module_cfg: dict,
        num_bins: int = 65,
        max_offset: float = 8.0,
        label_sigma: float = 1.0,
        simcc_weight: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_keypoints, dict(head_module_cfg, num_bins=num_bins), **kwargs)
        self.loss_simcc = KLDiscretLoss()
        self.label_sigma = label_sigma
        self.simcc_weight = simcc_weight
        self.register_buffer(
            "bins", torch.linspace(-max_offset, max_offset, num_bins), persistent=False
        )

    def auxiliary_losses(self, outputs: HeadOutputs, positives: Positives) -> dict[str, Tensor]:
        """Return those of :class:`YOLOXPoseHead` and ``loss_simcc``."""
        logits = self.of_positives(outputs.offsets, positives)
        loss = self._bin_loss(logits, keypoint_offsets(positives), positives.visibilities)
        return super().auxiliary_losses(outputs, positives) | {"loss_simcc": loss}

    def decode_kpt_reg(self, logits: Tensor, priors: Tensor, stride: Tensor) -> Tensor:
        """Return keypoints from the logits of their bins.

        Args:
            logits: ``(B, N, K * 2 * bins)``.
            priors: ``(N, 2)``, pixels.
            stride: ``(N,)``.

        Returns:
            ``(B, N, K, 2)``, pixels.
        """
        shares = self._by_coordinate(logits).softmax(dim=-1)
        return super().decode_kpt_reg((shares @ self.bins).flatten(-2), priors, stride)

    def _by_coordinate(self, logits: Tensor) -> Tensor:
        return logits.unflatten(-1, (self.num_keypoints, 2, len(self.bins)))

    def _bin_loss(self, logits: Tensor, offsets: Tensor, visibilities: Tensor) -> Tensor:
        """Compare the bins of P cells ``(P, K * 2 * bins)`` with offsets ``(P, K, 2)``, strides."""
        width = self.label_sigma * (self.bins[1] - self.bins[0])
        labels = (-0.5 * ((offsets[..., None] - self.bins) / width) ** 2).softmax(dim=-1)
        inside = (offsets.abs() <= self.bins[-1]).all(dim=-1)
        predicted = self._by_coordinate(logits)
        loss = self.loss_simcc(predicted.unbind(dim=2), labels.unbind(dim=2), visibilities * inside)
        # mmpose adds up over the cells and takes means over the bins.
        return self.simcc_weight * loss * len(self.bins) / len(offsets)
