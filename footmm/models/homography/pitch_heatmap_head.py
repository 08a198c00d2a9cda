"""The head that draws a heatmap for each pitch keypoint and for each line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData
from mmpose.models.heads import HeatmapHead
from mmpose.structures import PoseDataSample
from torch import Tensor

from footmm.errors import ConfigError, did_you_mean
from footmm.models.losses.reduction import full_precision
from footmm.pitch.dimensions import LEFT_RIGHT_MIRROR, STRAIGHT_LINE_CLASSES
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import MODELS

_PRIOR_PROBABILITY = 0.01
"""What an untrained head answers everywhere.

Nearly all pixels of all maps are background, whose loss would else drown that of the peaks in the
first epochs (RetinaNet: Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, section 4.1).
"""


@MODELS.register_module()
class PitchHeatmapHead(HeatmapHead):
    """mmpose's heatmap head for the keypoints of a pitch and, on demand, its straight lines.

    The maps are logits: a sigmoid of them is compared with, and decoded as, the codec's heatmaps.
    One layer makes them all, first those of the K keypoints, then those of the L lines in the order
    of :data:`footmm.pitch.dimensions.STRAIGHT_LINE_CLASSES`.

    Args:
        in_channels: Channels of the last feature map.
        keypoint_set: Name of the keypoint set, a key of
            :data:`footmm.pitch.keypoints.KEYPOINT_SETS`.
        loss_keypoint: Config of the loss on keypoint maps.
        loss_line: Config of the loss on line maps; None for a head without lines.
        loss_reprojection: Config of a loss on the homography that the keypoint maps give, or None;
            ``keypoint_set`` is filled in.
        decoder: Config of the codec that finds keypoints and line ends in the maps.
        deconv_out_channels: Channels after each layer that doubles the resolution; None for none.
        deconv_kernel_sizes: Kernel size of each of them: 2, 3 or 4.
        conv_out_channels: Channels after each convolution that follows; None for none.
        conv_kernel_sizes: Kernel size of each of them.
        final_layer: Arguments of the last convolution.
        init_cfg: MMEngine's; None for :attr:`default_init_cfg`.

    Raises:
        ConfigError: No keypoint set has this name.
    """

    def __init__(
        self,
        in_channels: int,
        keypoint_set: str,
        loss_keypoint: dict,
        decoder: dict,
        loss_line: dict | None = None,
        loss_reprojection: dict | None = None,
        deconv_out_channels: Sequence[int] | None = (256, 256, 256),
        deconv_kernel_sizes: Sequence[int] | None = (4, 4, 4),
        conv_out_channels: Sequence[int] | None = None,
        conv_kernel_sizes: Sequence[int] | None = None,
        final_layer: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if keypoint_set not in KEYPOINT_SETS:
            raise ConfigError(
                f"PitchHeatmapHead: keypoint_set='{keypoint_set}' is unknown"
                f"{did_you_mean(keypoint_set, KEYPOINT_SETS, cutoff=0.3)}"
            )
        self.keypoint_set = KEYPOINT_SETS[keypoint_set]
        self.line_names = STRAIGHT_LINE_CLASSES if loss_line else ()
        super().__init__(
            in_channels=in_channels,
            out_channels=len(self.keypoint_set) + len(self.line_names),
            deconv_out_channels=deconv_out_channels,
            deconv_kernel_sizes=deconv_kernel_sizes,
            conv_out_channels=conv_out_channels,
            conv_kernel_sizes=conv_kernel_sizes,
            final_layer=final_layer or {},
            loss=loss_keypoint,
            decoder=decoder,
            init_cfg=init_cfg,
        )
        self.loss_line = MODELS.build(loss_line) if loss_line else None
        self.loss_reprojection = (
            MODELS.build(loss_reprojection, default_args={"keypoint_set": keypoint_set})
            if loss_reprojection
            else None
        )

    @property
    def default_init_cfg(self) -> list[dict]:
        """mmpose's, with a last layer that answers a small probability everywhere."""
        normal, *others = super().default_init_cfg
        last_layer = dict(
            type="Normal", name="final_layer", std=normal["std"], bias_prob=_PRIOR_PROBABILITY
        )
        return [normal | dict(override=last_layer), *others]

    @property
    def mirrored_channels(self) -> list[int]:
        """For each map the one that takes its place in a mirrored image, (K + L,)."""
        mirrored_lines = (
            len(self.keypoint_set) + self.line_names.index(LEFT_RIGHT_MIRROR[name])
            for name in self.line_names
        )
        return [*self.keypoint_set.flip_indices, *mirrored_lines]

    def loss(
        self,
        feats: Sequence[Tensor],
        batch_data_samples: Sequence[PoseDataSample],
        train_cfg: Mapping[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """The losses of N frames.

        Args:
            feats: Feature maps ``(N, C, h, w)``, the last of which counts.
            batch_data_samples: N data samples with what the codec encoded.
            train_cfg: Not used.

        Returns:
            ``loss_keypoint`` and, where configured, ``loss_line`` and ``loss_reprojection``,
            scalars.

        Raises:
            ConfigError: The targets are of another shape than the head's maps, or there are none
                for lines.
        """
        maps = self.forward(feats)
        keypoint_maps, line_maps = maps.split([len(self.keypoint_set), len(self.line_names)], 1)
        targets, weights = self._targets("heatmaps", "keypoint_weights", batch_data_samples, maps)
        self._check_shape("heatmaps", targets, keypoint_maps)
        losses = {"loss_keypoint": self.loss_module(keypoint_maps, targets, weights)}
        if self.loss_line is not None:
            line_targets, line_weights = self._targets(
                "line_heatmaps", "line_weights", batch_data_samples, maps
            )
            self._check_shape("line_heatmaps", line_targets, line_maps)
            losses["loss_line"] = self.loss_line(line_maps, line_targets, line_weights)
        if self.loss_reprojection is not None:
            points, visible = self._keypoints(batch_data_samples, maps)
            losses["loss_reprojection"] = self.loss_reprojection(
                keypoint_maps, points, weights * visible
            )
        return losses

    @staticmethod
    def _targets(
        field: str, label: str, batch_data_samples: Sequence[PoseDataSample], maps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encoded maps (N, C, h, w) and weights (N, C) of a batch."""
        if any(field not in sample.gt_fields for sample in batch_data_samples):
            raise ConfigError(
                f"the samples have no {field}: the encoder of the training pipeline's "
                "GenerateTarget has to be the decoder of the head, with_lines included"
            )
        targets = torch.stack([sample.gt_fields.get(field) for sample in batch_data_samples])
        weights = torch.cat([sample.gt_instance_labels.get(label) for sample in batch_data_samples])
        return targets.to(maps.device), weights.to(maps.device)

    def _keypoints(
        self, batch_data_samples: Sequence[PoseDataSample], maps: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Keypoints (N, K, 2) in pixels of the maps and whether they are in view (N, K)."""
        points, visible = (
            torch.cat([torch.as_tensor(s.gt_instances.get(name)) for s in batch_data_samples])
            for name in ("keypoints", "keypoints_visible")
        )
        scale = torch.as_tensor(self.decoder.scale_factor, dtype=points.dtype)
        return (points / scale).to(maps.device), visible.to(maps.device)

    @staticmethod
    def _check_shape(field: str, targets: Tensor, maps: Tensor) -> None:
        if targets.shape == maps.shape:
            return
        raise ConfigError(
            f"the samples' {field} are of shape {tuple(targets.shape[1:])} and the head's maps "
            f"{tuple(maps.shape[1:])} (maps, height, width): give the head, its decoder and the "
            "encoder of the training pipeline's GenerateTarget one keypoint set, input_size and "
            "heatmap_size"
        )

    def predict(
        self,
        feats: Sequence[Tensor] | list[Sequence[Tensor]],
        batch_data_samples: Sequence[PoseDataSample] | None = None,
        test_cfg: Mapping[str, Any] | None = None,
    ) -> list[InstanceData]:
        """Find the keypoints and line ends of N frames.

        Args:
            feats: Feature maps ``(N, C, h, w)``, the last of which counts; with ``flip_test`` a
                list of those of the frames and those of the mirrored frames.
            batch_data_samples: Not used.
            test_cfg: ``flip_test``: whether to average the maps of both.

        Returns:
            For each frame ``keypoints (1, K, 2)``, float32 pixels of the input, nan where a map is
            empty, and ``keypoint_scores (1, K)``, and with lines ``line_ends (1, L, 2, 2)`` and
            ``line_scores (1, L, 2)`` likewise.
        """
        if (test_cfg or {}).get("flip_test", False):
            logits, mirrored = (self.forward(view) for view in feats)
            # The codec's corner pixels are the input's, so mirrored maps need no shift.
            views = [logits, mirrored.flip(-1)[:, self.mirrored_channels]]
        else:
            views = [self.forward(feats)]
        # On a CPU, memory for the maps of a whole batch takes longer to get than to fill.
        return [self._decode_frame(frame) for frame in zip(*views, strict=True)]

    def _decode_frame(self, views: Sequence[Tensor]) -> InstanceData:
        """Decode the mean of the maps (K + L, h, w) that are given as logits."""
        first, *others = (full_precision(view).sigmoid() for view in views)
        heights = sum(others, first) / len(views)
        maps = heights.detach().cpu().numpy()
        count = len(self.keypoint_set)
        keypoints, scores = self.decoder.decode(maps[:count])
        found = InstanceData(keypoints=keypoints, keypoint_scores=scores)
        if self.line_names:
            ends, end_scores = self.decoder.decode_lines(maps[count:])
            found.set_data(dict(line_ends=ends[None], line_scores=end_scores[None]))
        return found
