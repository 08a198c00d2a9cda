"""Metric of players, balls and referees that are detected in images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import ConfigError
from footmm.evaluation.functional import (
    BALL_RADIUS_PX,
    CocoScores,
    ball_points,
    check_objects,
    coco_scores,
)
from footmm.registry import METRICS
from footmm.structures.detected_objects import CLASSES, DetectedObjects

#: Names of the figures over all classes, and those of COCO.
_OVERALL = {
    **{"mAP": "AP", "AP50": "AP50", "AP75": "AP75"},
    **{"mAP_small": "APs", "mAP_medium": "APm", "mAP_large": "APl"},
    "AR100": "AR100",
}
#: The same of a class, behind its name.
_PER_CLASS = {"mAP": "AP", "AP50": "AP50", "AP75": "AP75"}


@METRICS.register_module()
class DetectionMetrics(BaseMetric):
    """COCO's average precision and recall, and precision, recall and F1 of the ball as a point.

    Reports ``mAP``, ``AP50``, ``AP75``, ``mAP_small``, ``mAP_medium``, ``mAP_large`` and ``AR100``,
    of each class ``player_mAP``, ``player_AP50``, ``player_AP75`` and so on, and
    ``ball_point_precision``, ``ball_point_recall``, ``ball_point_f1``, all as fractions, nan where
    there is nothing to measure. See :mod:`footmm.evaluation.functional.coco_detection` and
    :mod:`footmm.evaluation.functional.ball_points` for the definitions and their corners.

    Images that are not annotated are left out and counted in the log; where none is, the log says
    so, and the result is empty. Images are told apart by their samples, not by their ids, which
    frames of several videos share.

    Attributes:
        scores: What the last evaluation has found, None before; in distributed runs the main
            process has it.

    Args:
        ball_radius_px: How far the centre of a ball may be from its detection's, pixels of the
            image file.
        ball_score_threshold: Detections with lower scores are no ball points; average precision
            counts all.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores; another metric with other settings needs
            another one.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: A number is negative or not finite.
    """

    default_prefix = "detection"

    def __init__(
        self,
        ball_radius_px: float = BALL_RADIUS_PX,
        ball_score_threshold: float = 0.3,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        _check_number("ball_radius_px", ball_radius_px)
        _check_number("ball_score_threshold", ball_score_threshold)
        self.ball_radius_px = ball_radius_px
        self.ball_score_threshold = ball_score_threshold
        self.scores: CocoScores | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store detected and true objects of each sample.

        Raises:
            DataFormatError: A sample lacks what is compared, a score is nan, a box is not finite,
                or a label is outside of the classes.
        """
        self.results.extend(_entry(sample) for sample in data_samples)

    def compute_metrics(self, results: list[DetectedObjects]) -> dict[str, float]:
        """Return the figures."""
        self.scores = None
        # Ties of scores are broken in the order of the ids; the path orders ids that are shared.
        annotated = sorted(
            (image for image in results if image.truth is not None),
            key=lambda image: (image.image_id, image.image_path),
        )
        num_left_out = len(results) - len(annotated)
        if num_left_out:
            print_log(
                f"{self.prefix}: {num_left_out} of {len(results)} images are not annotated and are "
                f"left out{'' if annotated else ', nothing to score'}",
                "current",
            )
        if not annotated:
            return {}
        self.scores = coco_scores(annotated)
        points = ball_points(annotated, self.ball_score_threshold, self.ball_radius_px)
        print_log(
            f"{self.prefix}: {len(annotated)} images; balls within {self.ball_radius_px:g} px, at "
            f"scores from {self.ball_score_threshold:g} on: {points.found} found, {points.missed} "
            f"missed, {points.wrong} detections wrong",
            "current",
        )
        return {
            **{name: self.scores.overall[key] for name, key in _OVERALL.items()},
            **_class_figures(self.scores),
            "ball_point_precision": points.precision,
            "ball_point_recall": points.recall,
            "ball_point_f1": points.f1,
        }


def _entry(sample: dict) -> DetectedObjects:
    image = DetectedObjects.from_sample(sample)
    if image.truth is not None:
        check_objects(image)
    return image


def _class_figures(scores: CocoScores) -> dict[str, float]:
    return {
        f"{class_name}_{name}": figures[key]
        for class_name, figures in zip(CLASSES, scores.per_class, strict=True)
        for name, key in _PER_CLASS.items()
    }


def _check_number(name: str, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (is_number and 0 <= value < math.inf):
        raise ConfigError(f"DetectionMetrics: {name}={value!r} must be a number, 0 or more")
