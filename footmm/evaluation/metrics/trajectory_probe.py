"""Metric of what the vectors of windows know about the game."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import DataFormatError
from footmm.evaluation.functional import linear_probe_predictions
from footmm.registry import METRICS
from footmm.structures.samples import as_array, check_shapes, required


@dataclass(frozen=True, eq=False)
class _Window:
    """What is kept of a window; ``strategy`` and ``known`` are (2,), one for each team."""

    match: str
    features: dict[str, np.ndarray]
    strategy: np.ndarray
    known: np.ndarray


_SHAPES = {
    "present": ("T", "A"),
    "positions": ("T", "A", 2),
    "pred_embedding": ("D",),
    "strategy": (2,),
    "has_strategy": (2,),
}


@METRICS.register_module()
class StrategyProbe(BaseMetric):
    """How well a linear map tells the teams' strategies from the windows' vectors.

    A logistic regression for each team is fitted to one half of the matches and tested on the
    other. Reports the share of right answers, over both teams: ``embeddings`` from the model's
    vectors, ``mean_positions`` from where everybody was on average, 0 where missing, and
    ``most_frequent`` from nothing. Windows in which a team changes its strategy are left out for
    that team.

    Where the data states no strategies or holds a single match, the figures are nan, and the log
    says why.

    Args:
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores.
        collect_dir: See MMEngine's ``BaseMetric``.
    """

    default_prefix = "trajectory_strategy"

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store vector, mean positions and strategies of each sample.

        Raises:
            DataFormatError: A sample lacks its vector or its positions, its arrays do not fit
                together, or its vector is not finite.
        """
        self.results.extend(_entry(sample) for sample in data_samples)

    def compute_metrics(self, results: list[_Window]) -> dict[str, float]:
        """Return the shares of right answers; without any sample there are none."""
        if not results:
            return {}
        fitted = _first_half(results)
        vectors = {
            name: np.stack([window.features[name] for window in results])
            for name in ("embeddings", "mean_positions")
        }
        answers: dict[str, list[np.ndarray]] = {name: [] for name in (*vectors, "most_frequent")}
        for team in (0, 1):
            known = np.array([window.known[team] for window in results])
            labels = np.array([window.strategy[team] for window in results])
            train, test = known & fitted, known & ~fitted
            if len(set(labels[train].tolist())) < 2 or not test.any():
                print_log(f"{self.prefix}: too few strategies are known, nothing to fit", "current")
                return dict.fromkeys(answers, math.nan)
            for name, values in vectors.items():
                found = linear_probe_predictions(values[train], labels[train], values[test])
                answers[name].append(found == labels[test])
            answers["most_frequent"].append(labels[test] == np.bincount(labels[train]).argmax())
        print_log(
            f"{self.prefix}: fitted to {fitted.sum()} windows, tested on {(~fitted).sum()} of "
            "other matches",
            "current",
        )
        return {name: float(np.concatenate(right).mean()) for name, right in answers.items()}


def _first_half(windows: Sequence[_Window]) -> np.ndarray:
    """``(N,)`` bool, windows of the first half of the matches."""
    matches = sorted({window.match for window in windows})
    first = set(matches[: len(matches) // 2])
    return np.array([window.match in first for window in windows])


def _entry(sample: dict) -> _Window:
    if "pred_embedding" not in sample:
        raise DataFormatError(
            f"a window of match '{sample.get('match')}' has no 'pred_embedding'; StrategyProbe "
            "needs a model that predicts it, such as Baller2Vec"
        )
    match, positions, present = (
        required(sample, key, named_by="match") for key in ("match", "positions", "present")
    )
    unknown = torch.zeros(2, dtype=torch.long)
    arrays = {
        "present": as_array(present).astype(bool),
        "positions": as_array(positions),
        "pred_embedding": as_array(sample["pred_embedding"]),
        "strategy": as_array(sample.get("strategy", unknown)).astype(np.int64),
        "has_strategy": as_array(sample.get("has_strategy", unknown)).astype(bool),
    }
    owner = f"a window of match '{match}'"
    check_shapes(owner, arrays, _SHAPES)
    if not np.isfinite(arrays["pred_embedding"]).all():
        raise DataFormatError(
            f"{owner}: 'pred_embedding' holds nan or infinity; the model diverged, or its "
            "checkpoint is damaged"
        )
    features = {
        "embeddings": arrays["pred_embedding"],
        "mean_positions": _mean_positions(arrays["positions"], arrays["present"]).ravel(),
    }
    return _Window(match, features, arrays["strategy"], arrays["has_strategy"])


def _mean_positions(positions: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Where agents were on average, ``(A, 2)``; 0 if never."""
    total = np.where(present[..., None], positions, 0.0).sum(0)
    return total / np.maximum(present.sum(0), 1)[:, None]
