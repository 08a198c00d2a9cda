"""Metrics of homographies, pitch keypoints and cameras of single frames.

The model predicts for the image file, the ground truth is for 960 x 540, the size of SoccerNet's
evaluation: predictions are scaled to that size, pixel centres at integers.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation.functional import (
    JAC_THRESHOLDS,
    PUBLISHED_IMAGE_SIZE,
    FrameJaC,
    calibration_scores,
    correct_keypoints,
    frame_jac,
    iou_part,
    iou_whole,
    projection_error,
    published_iou_part,
    published_projection_error,
    published_reprojection_error,
    reprojection_errors,
    visible_pitch_points,
)
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE
from footmm.pitch.frames import pixel_scaling
from footmm.pitch.homography import apply_homography
from footmm.registry import METRICS

PROTOCOLS = ("exact", "published")


class _FrameMetric(BaseMetric, metaclass=ABCMeta):
    """A metric that scores each frame by itself and keeps one entry for it."""

    default_prefix = "homography"

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score each sample.

        Raises:
            DataFormatError: A sample lacks what is compared, or it is of a wrong kind.
        """
        self.results.extend(self._entry(sample) for sample in data_samples)

    @abstractmethod
    def _entry(self, sample: dict) -> Any:
        """What is kept of a frame."""


class _HomographyMetric(_FrameMetric):
    """A metric that compares predicted with true homographies.

    Frames without a true homography, or whose true view does not show the pitch, are left out and
    counted in the log; without any other the result is empty. Frames without a prediction have no
    scores.
    """

    #: The keys of what :meth:`_scores` returns.
    score_names: tuple[str, ...]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Return means over frames; nan where no frame has a score."""
        known = [entry["scores"] for entry in results if entry["is_known"]]
        predicted = [scores for scores in known if scores is not None]
        if len(predicted) < len(results):
            print_log(
                f"{type(self).__name__}: {len(known)} of {len(results)} frames have a true "
                f"homography that shows the pitch, {len(predicted)} of these a predicted one",
                "current",
            )
        if not known:
            return {}
        columns = {name: [scores[name] for scores in predicted] for name in self.score_names}
        return self._summary(columns, len(predicted) / len(known))

    def _entry(self, sample: dict) -> dict[str, Any]:
        true = _homography(sample, "ground_truth_homography")
        if true is None or not len(visible_pitch_points(true, SOCCERNET_IMAGE_SIZE)[0]):
            return {"is_known": False, "scores": None}
        predicted = _homography(sample, "pred_homography")
        if predicted is None:
            return {"is_known": True, "scores": None}
        scores = self._scores(_from_image_file(sample) @ predicted, true)
        return {"is_known": True, "scores": scores}

    @abstractmethod
    def _scores(self, predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
        """Compare two homographies ``(3, 3)`` to 960 x 540 pixels."""

    @abstractmethod
    def _summary(self, columns: dict[str, list[float]], completeness: float) -> dict[str, float]:
        """Summarise the scores of the frames with a prediction, whose share is given."""


@METRICS.register_module()
class ReprojectionError(_HomographyMetric):
    """Distance between predicted and true positions of the pitch points in view.

    A frame's error is the mean over an even grid of the pitch points that it shows, see
    :func:`footmm.evaluation.functional.reprojection_errors`. Frames without a prediction are left
    out of the errors and lower the completeness.

    Reports ``reprojection_error_mean_m`` and ``_median_m`` (mean and median over frames, metres on
    the ground), ``_mean_px`` and ``_median_px`` (pixels of 960 x 540), ``homography_completeness``
    (share of frames with a predicted homography).
    """

    score_names = ("m", "px")

    def _scores(self, predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
        errors = reprojection_errors(predicted, true, SOCCERNET_IMAGE_SIZE)
        return {"m": float(errors.metres.mean()), "px": float(errors.pixels.mean())}

    def _summary(self, columns: dict[str, list[float]], completeness: float) -> dict[str, float]:
        summary = {}
        for unit, errors in columns.items():
            mean, median = _mean_and_median(errors)
            summary[f"reprojection_error_mean_{unit}"] = mean
            summary[f"reprojection_error_median_{unit}"] = median
        return {**summary, "homography_completeness": completeness}


@METRICS.register_module()
class HomographyIoU(_HomographyMetric):
    """IoU part and whole, and projection error of predicted homographies.

    ``exact`` reports ``iou_part_mean``, ``iou_part_median``, ``iou_whole_mean``,
    ``iou_whole_median`` and ``projection_error_m`` (mean over frames, true metres).

    ``published`` reports what the evaluation code of KpSFR, No Bells Just Whistles and PnLCalib
    prints: the same names after ``published_``, with IoU part on a raster of yards and the
    projection error on a squeezed template, which is no true metres, and
    ``published_reprojection_error`` (share of the image's height). Frames in which a figure
    is not defined are left out of its mean, which the code would print as nan.

    Frames without a prediction are left out, see ``ReprojectionError`` for the completeness.

    Args:
        protocol: ``exact`` or ``published``.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: The protocol is unknown.
    """

    def __init__(
        self,
        protocol: str = "exact",
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if protocol not in PROTOCOLS:
            raise ConfigError(
                f"HomographyIoU: protocol '{protocol}' is unknown; choose from "
                f"{', '.join(PROTOCOLS)}"
            )
        self.is_published = protocol == "published"
        self.score_names = ("iou_part", "iou_whole", "projection")
        if self.is_published:
            self.score_names += ("reprojection",)

    def _scores(self, predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
        if self.is_published:
            return _published_scores(predicted, true)
        pair = predicted, true, SOCCERNET_IMAGE_SIZE
        return {
            "iou_part": iou_part(*pair),
            "iou_whole": iou_whole(*pair),
            "projection": projection_error(*pair),
        }

    def _summary(self, columns: dict[str, list[float]], completeness: float) -> dict[str, float]:
        summary = {}
        for name in ("iou_part", "iou_whole"):
            summary[f"{name}_mean"], summary[f"{name}_median"] = _mean_and_median(columns[name])
        summary["projection_error_m"], _ = _mean_and_median(columns["projection"])
        if not self.is_published:
            return summary
        summary["reprojection_error"], _ = _mean_and_median(columns["reprojection"])
        return {f"published_{name}": value for name, value in summary.items()}


class _ThresholdMetric(_FrameMetric):
    """A metric at several distances in pixels of 960 x 540.

    Args:
        thresholds: The distances.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: There are no thresholds, or one is not positive.
    """

    def __init__(
        self,
        thresholds: Sequence[float] = JAC_THRESHOLDS,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if not thresholds or not min(thresholds) > 0:
            raise ConfigError(
                f"{type(self).__name__}: thresholds={thresholds!r} must hold positive distances "
                "in pixels"
            )
        self.thresholds = tuple(thresholds)


@METRICS.register_module()
class KeypointPCK(_ThresholdMetric):
    """Share of the visible pitch keypoints that are predicted within so many pixels of 960 x 540.

    Reports ``pck@t`` over the keypoints of all frames together that are annotated as visible,
    whatever the score of the prediction. Without any the log says so and the result is empty.
    """

    def compute_metrics(self, results: list[tuple[int, np.ndarray]]) -> dict[str, float]:
        """Return ``pck@t`` as fractions.

        Args:
            results: For each frame its visible keypoints and how many of them are correct,
                ``(T,)``, at T thresholds.
        """
        total = sum(count for count, _ in results)
        if total == 0:
            print_log("KeypointPCK: no frame has a visible keypoint, nothing to score", "current")
            return {}
        correct = np.sum([hits for _, hits in results], axis=0)
        return {
            f"pck@{threshold:g}": float(hits / total)
            for threshold, hits in zip(self.thresholds, correct, strict=True)
        }

    def _entry(self, sample: dict) -> tuple[int, np.ndarray]:
        true = _required(sample, "ground_truth_keypoints")
        visible = (_array(_required(sample, "ground_truth_keypoints_visible")) > 0).all(axis=-1)
        predicted = _predicted_keypoints(sample)
        if predicted.shape != np.shape(true):
            raise DataFormatError(
                f"{_name(sample)}: {len(predicted)} keypoints predicted, {len(true)} annotated; "
                "model and dataset of the config have different keypoint sets"
            )
        if visible.shape != (len(true),):
            raise DataFormatError(
                f"{_name(sample)}: 'ground_truth_keypoints_visible' is of {len(visible)} "
                f"keypoints, there are {len(true)}"
            )
        scaled = apply_homography(_from_image_file(sample), predicted).numpy()
        hits = correct_keypoints(scaled, _array(true), visible, self.thresholds)
        return int(visible.sum()), hits


@dataclass(frozen=True)
class _ScoredCamera:
    """Scores by threshold, kept from MMEngine, which turns named tuples into plain ones."""

    scores: dict[float, FrameJaC] | None


@METRICS.register_module()
class CalibrationJaC(_ThresholdMetric):
    """SoccerNet's score of cameras, see :mod:`footmm.evaluation.functional.calibration_jac`.

    Reports ``JaC@t`` over the frames with a camera, ``final_score@t`` (JaC@t times completeness)
    and ``completeness``, the share of frames with a camera.
    """

    def compute_metrics(self, results: list[_ScoredCamera]) -> dict[str, float]:
        """Return the scores as fractions; without any camera JaC is nan, the final score 0."""
        scores = calibration_scores([entry.scores for entry in results], self.thresholds)
        summary = {f"JaC@{key:g}": score.accuracy.mean for key, score in scores.items()}
        summary.update({f"final_score@{key:g}": score.final_score for key, score in scores.items()})
        return {**summary, "completeness": scores[self.thresholds[0]].completeness}

    def _entry(self, sample: dict) -> _ScoredCamera:
        lines = _required(sample, "annotated_lines")
        camera = _required(sample, "pred_camera")
        if camera is None:
            return _ScoredCamera(None)
        return _ScoredCamera(frame_jac(camera, lines, self.thresholds))


def _published_scores(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    scale = pixel_scaling(SOCCERNET_IMAGE_SIZE, PUBLISHED_IMAGE_SIZE)
    predicted, true = scale @ predicted, scale @ true
    return {
        "iou_part": published_iou_part(predicted, true),
        "iou_whole": iou_whole(predicted, true, PUBLISHED_IMAGE_SIZE),
        "projection": published_projection_error(predicted, true),
        "reprojection": published_reprojection_error(predicted, true),
    }


def _required(sample: dict, key: str) -> Any:
    if key not in sample:
        raise DataFormatError(
            f"{_name(sample)} has no '{key}'; look at the test pipeline and the model of the config"
        )
    return sample[key]


def _predicted_keypoints(sample: dict) -> np.ndarray:
    """Of the frame, which is one instance, ``(K, 2)``, pixels of the image file."""
    instances = _required(sample, "pred_instances")
    keypoints = _array(instances["keypoints"]) if "keypoints" in instances else np.zeros(0)
    if keypoints.ndim != 3 or keypoints.shape[::2] != (1, 2):
        raise DataFormatError(
            f"{_name(sample)}: the 'keypoints' of its 'pred_instances' need the shape (1, K, 2); "
            f"it is {keypoints.shape}"
        )
    return keypoints[0]


def _homography(sample: dict, key: str) -> np.ndarray | None:
    value = _required(sample, key)
    if value is None:
        return None
    matrix = _array(value)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or np.linalg.det(matrix) == 0:
        raise DataFormatError(
            f"{_name(sample)}: '{key}' is no homography, which is a finite, invertible 3 x 3 "
            f"matrix, or None where there is none: {matrix.tolist()}"
        )
    return matrix


def _from_image_file(sample: dict) -> np.ndarray:
    """Map ``(3, 3)`` from pixels of the image file to pixels of 960 x 540."""
    height, width = _required(sample, "ori_shape")[:2]
    return pixel_scaling((width, height), SOCCERNET_IMAGE_SIZE)


def _array(value: Any) -> np.ndarray:
    return torch.as_tensor(value).detach().cpu().double().numpy()


def _name(sample: dict) -> str:
    return f"sample {sample.get('sample_id')} ({sample.get('img_path')})"


def _mean_and_median(values: Sequence[float]) -> tuple[float, float]:
    """Over the values that are not nan; nan if there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return float("nan"), float("nan")
    return float(numbers.mean()), float(np.median(numbers))
