"""The model of the homography task: from a frame to keypoints, lines and the camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.models.pose_estimators.base import BasePoseEstimator
from mmpose.structures import PoseDataSample
from torch import Tensor

from footmm.errors import ConfigError, did_you_mean
from footmm.models.common.pretrained import PretrainedMixin
from footmm.pitch.calibration import Calibration, CalibrationSettings, calibrate
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE
from footmm.pitch.frames import pixel_scaling
from footmm.pitch.homography import apply_homography
from footmm.registry import MODELS

_TEST_OPTIONS = ("flip_test", "calibration")


@MODELS.register_module()
class PitchKeypointEstimator(PretrainedMixin, BasePoseEstimator):
    """Finds the keypoints and lines of the pitch in a frame, and solves for the camera.

    Args:
        backbone: Config of a module that returns a tuple of feature maps.
        head: Config of a :class:`~footmm.models.homography.pitch_heatmap_head.PitchHeatmapHead`.
        neck: Config of a module between them, or None.
        train_cfg: Handed to the head's ``loss``.
        test_cfg: ``flip_test``: whether to average over the frame and its mirror image, which
            doubles the time; ``calibration``: fields of
            :class:`~footmm.pitch.calibration.CalibrationSettings`.
        data_preprocessor: Config; mmpose's ``PoseDataPreprocessor``.
        init_cfg: MMEngine's.

    Raises:
        ConfigError: ``test_cfg`` has an unknown key, or a setting that is out of its range.
    """

    def __init__(
        self,
        backbone: dict,
        head: dict,
        neck: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        test_cfg = test_cfg or {}
        _check_keys("test_cfg", test_cfg, _TEST_OPTIONS)
        super().__init__(
            backbone=backbone,
            neck=neck,
            head=head,
            train_cfg=train_cfg,
            test_cfg=test_cfg,
            data_preprocessor=data_preprocessor,
            init_cfg=init_cfg,
        )
        self.calibration_settings = _calibration_settings(test_cfg.get("calibration") or {})

    def forward(
        self,
        inputs: Tensor,
        data_samples: Sequence[PoseDataSample] | None = None,
        mode: str = "tensor",
    ) -> Tensor | dict[str, Tensor] | list[PoseDataSample]:
        """Run the model in one of MMEngine's modes; ``tensor`` needs no data samples.

        Args:
            inputs: Normalised RGB images, ``(N, 3, H, W)``.
            data_samples: N data samples.
            mode: ``tensor``, ``loss`` or ``predict``.

        Returns:
            The head's maps (logits) ``(N, K + L, h, w)``, the losses by name, scalars, or the data
            samples with predictions.
        """
        return super().forward(inputs, data_samples, mode)

    def loss(self, inputs: Tensor, data_samples: Sequence[PoseDataSample]) -> dict[str, Tensor]:
        """The head's losses of normalised RGB images ``(N, 3, H, W)``."""
        return self.head.loss(self.extract_feat(inputs), data_samples, self.train_cfg)

    def predict(
        self, inputs: Tensor, data_samples: Sequence[PoseDataSample]
    ) -> list[PoseDataSample]:
        """Find keypoints, lines and camera of each frame.

        Args:
            inputs: Normalised RGB images, ``(N, 3, H, W)``.
            data_samples: N data samples with ``ori_shape`` (height and width of the original image)
                and ``image_homography`` (3 x 3, pixels of the original image to pixels of the
                input) in their metainfo.

        Returns:
            The data samples with these fields; "original" are pixels of the original image:

            * ``pred_instances``: ``keypoints (1, K, 2)``, float32, original, nan where there is
              none, and ``keypoint_scores (1, K)``;
            * ``pred_lines`` (original) and ``pred_line_scores``, where the head has lines: ends
              ``(2, 2)`` and their scores ``(2,)`` by line class;
            * ``pred_camera``: SoccerNet's json content, for an image of 960 x 540, or None;
            * ``pred_homography``: ground in metres to original, the plain homography that explains
              the image best, lens included; oriented float64 tensor, or None;
            * ``pred_confidence``: of the camera, 0 to 1; ``pred_failure``: why there is no camera,
              or None.
        """
        feats = self.extract_feat(inputs)
        if self.test_cfg.get("flip_test", False):
            feats = [feats, self.extract_feat(inputs.flip(-1))]
        found = self.head.predict(feats, data_samples, self.test_cfg)
        for sample, frame in zip(data_samples, found, strict=True):
            self._add_prediction(sample, frame)
        return list(data_samples)

    def _add_prediction(self, sample: PoseDataSample, found: InstanceData) -> None:
        """Write what was found in the pixels of the input to a data sample, and the camera."""
        to_original = np.linalg.inv(sample.metainfo["image_homography"])
        height, width = sample.metainfo["ori_shape"][:2]
        to_solver = pixel_scaling((width, height), SOCCERNET_IMAGE_SIZE)
        keypoints = _map_points(to_original, found.keypoints)
        sample.pred_instances = InstanceData(
            keypoints=keypoints.astype(np.float32), keypoint_scores=found.keypoint_scores
        )
        lines = line_scores = None
        if self.head.line_names:
            ends = _map_points(to_original, found.line_ends[0])
            lines = self._by_line(_map_points(to_solver, ends))
            line_scores = self._by_line(found.line_scores[0])
            sample.set_field(self._by_line(ends), "pred_lines")
            sample.set_field(line_scores, "pred_line_scores")
        calibration = calibrate(
            SOCCERNET_IMAGE_SIZE,
            self.head.keypoint_set,
            _map_points(to_solver, keypoints)[0],
            found.keypoint_scores[0],
            lines,
            line_scores,
            settings=self.calibration_settings,
        )
        _add_calibration(sample, calibration, np.linalg.inv(to_solver))

    def _by_line(self, values: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self.head.line_names, values, strict=True))


def _check_keys(name: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise ConfigError(
                f"PitchKeypointEstimator: {name} has no option '{key}'"
                f"{did_you_mean(key, known) or '; it takes ' + ', '.join(known)}"
            )


def _calibration_settings(options: Mapping[str, Any]) -> CalibrationSettings:
    known = [field.name for field in fields(CalibrationSettings)]
    _check_keys("test_cfg.calibration", options, known)
    try:
        return CalibrationSettings(**options)
    except ValueError as error:
        raise ConfigError(f"PitchKeypointEstimator: test_cfg.calibration: {error}") from error


def _map_points(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    return apply_homography(homography, points).numpy()


def _add_calibration(
    sample: PoseDataSample, calibration: Calibration, to_original: np.ndarray
) -> None:
    """Write what the solver found at 960 x 540 to a data sample."""
    camera, homography = calibration.camera, calibration.homography
    if homography is not None:
        homography = torch.as_tensor(to_original @ homography, dtype=torch.float64)
    sample.set_field(None if camera is None else camera.to_soccernet(), "pred_camera")
    sample.set_field(homography, "pred_homography")
    sample.set_field(calibration.confidence, "pred_confidence")
    sample.set_field(calibration.failure, "pred_failure")
