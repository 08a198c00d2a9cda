"""Metric of athletes that are put on the pitch."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation.functional import (
    LOCSIM_TAU,
    SSKIT_VERSION,
    LocSimFrame,
    LocSimScores,
    locsim_scores,
)
from footmm.registry import METRICS
from footmm.structures.localised_athletes import LocalisedAthletes

#: Keypoints are numbered: 0 is the pelvis, 1 the ground below it.
POSITION_SOURCES = ("position", "bbox", 0, 1)
#: The score threshold that a validation has found and its checkpoint carries.
FROM_VALIDATION = "validation"
#: Names of the reported figures, and those of sskit's stats.
_REPORTED = {
    "mAP_locsim": "AP",
    "AP50": "AP50",
    "AP75": "AP75",
    "precision": "precision",
    "recall": "recall",
    "f1": "f1",
    "frame_accuracy": "frame_accuracy",
    "score_threshold": "score_threshold",
}


@dataclass(frozen=True)
class _ScoredImage:
    """What is kept of an image; ``frame`` is None where it is not annotated."""

    image_id: int
    frame: LocSimFrame | None


@METRICS.register_module()
class LocSimMetric(BaseMetric):
    """mAP-LocSim, precision, recall, F1 and frame accuracy as sskit 0.6.0 defines them.

    See :mod:`footmm.evaluation.functional.locsim` for the definition and its corners. Reports
    ``mAP_locsim``, ``AP50``, ``AP75`` and, at LocSim 0.5 and a score threshold, ``precision``,
    ``recall``, ``f1`` and ``frame_accuracy``, all as fractions, and ``score_threshold`` itself. mAP
    does not depend on the threshold.

    Images that are not annotated are left out and counted in the log; where none is (the challenge
    split) the log says so, and the result is empty.

    Attributes:
        scores: What the last evaluation has found, None before; in distributed runs the main
            process has it.
        validation_threshold: What :class:`footmm.engine.hooks.ScoreThresholdHook` fills in.

    Args:
        position_from: ``position`` (the predicted positions), the number of a keypoint (1 is the
            ground below the pelvis, 0 the pelvis), or ``bbox`` (bottom centre of the box).
        tau: Metres at which LocSim is 0.05.
        score_threshold: None for the one with the best F1 on these data, as validations use it; a
            number; or ``validation`` for the one that the validation of these weights has found, as
            tests use it. Without one there the log warns, and these data decide.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores; another metric from other positions needs
            another one.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: An argument has a value that is not named above.
    """

    default_prefix = "synloc"

    def __init__(
        self,
        position_from: str | int = "position",
        tau: float = LOCSIM_TAU,
        score_threshold: float | str | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if isinstance(position_from, (bool, float)) or position_from not in POSITION_SOURCES:
            raise ConfigError(
                f"LocSimMetric: position_from={position_from!r} is unknown; choose from "
                f"{', '.join(map(repr, POSITION_SOURCES))}"
            )
        if not (_is_number(tau) and tau > 0):
            raise ConfigError(f"LocSimMetric: tau={tau!r} must be a positive number of metres")
        if not (score_threshold in (None, FROM_VALIDATION) or _is_number(score_threshold)):
            raise ConfigError(
                f"LocSimMetric: score_threshold={score_threshold!r} must be None, a number or "
                f"{FROM_VALIDATION!r}"
            )
        self.position_from = position_from
        self.tau = tau
        self.score_threshold = score_threshold
        self.scores: LocSimScores | None = None
        self.validation_threshold: float | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store detected and true positions of each sample.

        Raises:
            DataFormatError: A sample lacks what is compared, or a score is nan.
        """
        self.results.extend(self._entry(sample) for sample in data_samples)

    def compute_metrics(self, results: list[_ScoredImage]) -> dict[str, float]:
        """Return the figures.

        As in sskit, F1 is nan where no detection is right, and recall 1 where there are none.
        """
        self.scores = None
        # Ties of scores are broken in the order of the ids.
        annotated = sorted(
            (entry for entry in results if entry.frame is not None),
            key=lambda entry: entry.image_id,
        )
        self._log_left_out(len(results) - len(annotated), len(results))
        if not annotated:
            return {}
        threshold, origin = self._threshold()
        self.scores = locsim_scores([entry.frame for entry in annotated], self.tau, threshold)
        print_log(
            f"{self.prefix}: LocSim as sskit {SSKIT_VERSION} defines it, tau {self.tau:g} m; "
            f"position_from={self.position_from!r}, {len(annotated)} images, score threshold "
            f"{origin}",
            "current",
        )
        return {name: self.scores.stats[key] for name, key in _REPORTED.items()}

    def _entry(self, sample: dict) -> _ScoredImage:
        athletes = LocalisedAthletes.from_sample(sample)
        if athletes.truth is None:
            return _ScoredImage(athletes.image_id, None)
        try:
            frame = LocSimFrame.of(athletes, self._positions(athletes))
        except DataFormatError as error:
            raise DataFormatError(
                f"image {athletes.image_id} ({athletes.image_path}): {error}"
            ) from error
        return _ScoredImage(athletes.image_id, frame)

    def _positions(self, athletes: LocalisedAthletes) -> np.ndarray:
        if self.position_from == "position":
            return athletes.positions
        if self.position_from == "bbox":
            return athletes.positions_from_boxes()
        return athletes.positions_from_keypoint(self.position_from)

    def _threshold(self) -> tuple[float | None, str]:
        """Return the score threshold, None for the best one on these data, and its origin."""
        if self.score_threshold is None:
            return None, "found on these data"
        if self.score_threshold != FROM_VALIDATION:
            return self.score_threshold, "given"
        if self.validation_threshold is not None:
            return self.validation_threshold, "found in validation"
        print_log(
            f"{self.prefix}: score_threshold='{FROM_VALIDATION}', but these weights carry none "
            "from a validation (ScoreThresholdHook saves it). The one best on these very data is "
            "taken, so precision, recall, F1 and frame accuracy are optimistic; mAP does not "
            "depend on it",
            "current",
            logging.WARNING,
        )
        return None, "found on these data"

    def _log_left_out(self, num_left_out: int, num_images: int) -> None:
        if not num_left_out:
            return
        if num_left_out == num_images:
            text = "this split is not annotated, nothing to score"
        else:
            text = f"{num_left_out} of {num_images} images are not annotated and are left out"
        print_log(f"{self.prefix}: {text}", "current")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
