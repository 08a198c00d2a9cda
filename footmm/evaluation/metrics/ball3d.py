"""Metrics of the ball in three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import DataFormatError
from footmm.evaluation.functional.ball3d_baselines import BASELINES
from footmm.evaluation.functional.ball3d_errors import (
    first_landing,
    is_calibrated_within,
    peak_height,
    position_errors,
)
from footmm.registry import METRICS
from footmm.simulation.tracks import BALL_RADIUS, BallMode
from footmm.structures.ball_track import BallTrack

#: Names of the figures of a window's frames, and of windows.
_Entry = dict[str, np.ndarray]

_FREE = (BallMode.FLY, BallMode.ROLL)


@METRICS.register_module()
class Ball3DMetrics(BaseMetric):
    """Errors of position, flight, mode and uncertainty, beside those of three baselines.

    A position is scored in every frame whose camera and truth are known, whether the ball was
    detected there or not. The figures, all over such frames:

    * ``error_median``, ``error_mean``, metres; ``P@1m``, ``P@2m``, shares within 1 and 2 m; the
      median by mode, ``error_median_fly`` and so on; ``along_median`` and ``across_median``, the
      parts along and across the viewing ray;
    * ``ADE`` and ``FDE``: mean error in metres of the flight rolled out after the window, over all
      its frames and in its last one. A flight is scored until somebody touches the ball: where
      modes are known, in the frames that a free ball (fly, roll) reaches without a kick;
    * ``landing_error``: metres on the ground between the first landings of both flights, of windows
      whose ball flies in the last frame and lands in the scored future; ``landing_missed``, the
      share of these whose predicted flight does not land;
    * ``peak_height_error``: metres between the greatest heights of the true and the predicted
      path, window and scored future together, of windows whose ball flies in the last frame;
    * ``mode_accuracy``; ``reprojection_px``: median distance in pixels between the predicted
      position in the image and the ball, of frames that show it; in windows where nobody knows
      the ball's place in the image, to the detections;
    * ``within_1_sigma`` and ``within_2_sigma``, shares of the errors along the ray within one and
      two stated deviations; ``reliable``, the share of frames not flagged.

    The baselines' errors of position are ``ball3d_size_lifting/error_median`` and so on, see
    :mod:`footmm.evaluation.functional.ball3d_baselines`.

    Args:
        collect_device: MMEngine's.
        prefix: MMEngine's.
        collect_dir: MMEngine's.
    """

    default_prefix = "ball3d"

    def __init__(
        self,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.section = self.prefix
        # The keys bring it along: a baseline's section has another name than the model's.
        self.prefix = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Measure each window.

        Raises:
            DataFormatError: A sample lacks what is compared, or a prediction is not finite.
        """
        for sample in data_samples:
            track = BallTrack.from_sample(sample)
            _check_numbers(track)
            self.results.append(_measure(track))

    def compute_metrics(self, results: list[_Entry]) -> dict[str, float]:
        """Return the figures; nan where there is nothing to score, none without any sample.

        Args:
            results: For each window its figures by name, ``(N,)`` of N frames or of the window.
        """
        if not results:
            return {}
        joined = {name: np.concatenate([entry[name] for entry in results]) for name in results[0]}
        print_log(
            f"{self.section}: {len(joined['distance'])} frames of {len(results)} windows have a "
            f"known position, {len(joined['ADE'])} windows a flight to compare with",
            "current",
        )
        figures = _position_figures(joined, "") | _model_figures(joined)
        report = {f"{self.section}/{name}": value for name, value in figures.items()}
        for baseline in BASELINES:
            for name, value in _position_figures(joined, f"{baseline}_").items():
                report[f"{self.section}_{baseline}/{name}"] = value
        return report


def _check_numbers(track: BallTrack) -> None:
    for name in ("positions", "scales", "mode_scores", "future"):
        if not np.isfinite(getattr(track, f"pred_{name}")).all():
            raise DataFormatError(
                f"a window of sequence '{track.sequence}', frame {track.frame_ids[0]}: "
                f"'pred_{name}' holds nan or infinity; the model diverged, or its checkpoint is "
                "damaged"
            )


def _measure(track: BallTrack) -> _Entry:
    """Figures of a window: one number for each frame that counts, or for the window."""
    scored = track.scored
    origins, true = track.origins[scored], track.positions[scored]
    methods = {"": track.pred_positions} | {
        f"{name}_": baseline(track) for name, baseline in BASELINES.items()
    }
    entry: _Entry = {"frame_mode": np.where(track.has_mode, track.mode, -1)[scored]}
    for name, positions in methods.items():
        errors = position_errors(positions[scored], true, origins)
        entry |= {f"{name}{part}": values for part, values in errors._asdict().items()}
    for factor in (1, 2):
        deviations = track.pred_scales[scored, 0]
        entry[f"within_{factor}_sigma"] = is_calibrated_within(entry["along"], deviations, factor)
    modes = track.pred_mode_scores.argmax(-1) == track.mode
    shown = np.where(track.visible, track.calibrated, track.observed & ~track.visible.any())
    places = np.where(track.visible[:, None], track.true_points, track.points)
    misses = np.linalg.norm(track.project(track.pred_positions) - places, axis=-1)
    return (
        entry
        | _measure_flight(track)
        | {
            "mode_accuracy": modes[track.has_mode],
            # What is behind the camera is nowhere in the image.
            "reprojection_px": np.nan_to_num(misses[shown], nan=np.inf),
            "reliable": track.pred_reliable[track.calibrated],
        }
    )


def _measure_flight(track: BallTrack) -> _Entry:
    """Figures of the rolled-out flight: arrays of length one, or empty if there is none."""
    free = _free_future(track)
    names = ("ADE", "FDE", "landing_error", "landing_missed", "peak_height_error")
    entry: _Entry = {name: np.zeros(0) for name in names}
    if not free.any():
        return entry
    errors = np.linalg.norm(track.pred_future - track.future_positions, axis=-1)
    entry["ADE"] = errors[free].mean(keepdims=True)
    if free.all():
        entry["FDE"] = errors[-1:]
    flies = not track.has_mode[-1] or track.mode[-1] == BallMode.FLY
    if not (flies and track.has_position[-1]):
        return entry
    until = int(np.flatnonzero(free).max()) + 1
    true = np.concatenate([track.positions[-1:], track.future_positions[:until]])
    predicted = np.concatenate([track.pred_positions[-1:], track.pred_future[:until]])
    if track.has_mode[-1]:
        heights = [
            peak_height(np.concatenate([before[track.has_position], after[1:]]))
            for before, after in ((track.positions, true), (track.pred_positions, predicted))
        ]
        entry["peak_height_error"] = np.abs(np.diff(heights))
    landing = first_landing(true, BALL_RADIUS)
    if landing is None:
        return entry
    said = first_landing(predicted, BALL_RADIUS)
    entry["landing_missed"] = np.array([float(said is None)])
    if said is not None:
        entry["landing_error"] = np.linalg.norm(said - landing, keepdims=True)
    return entry


def _free_future(track: BallTrack) -> np.ndarray:
    """``(F,)`` bool: labelled frames of the future that no known touch comes before."""
    modes = np.append(track.mode[-1:], track.future_mode)
    known = np.append(track.has_mode[-1:], track.has_future_mode)
    touched = known & ~np.isin(modes, _FREE)
    kicked = (modes[1:] == BallMode.FLY) & (modes[:-1] == BallMode.ROLL) & known[1:] & known[:-1]
    free = ~(touched[1:] | kicked) & ~touched[0]
    return np.logical_and.accumulate(free & track.has_future)


def _position_figures(joined: _Entry, method: str) -> dict[str, float]:
    distance = joined[f"{method}distance"]
    figures = {
        "error_median": _median(distance),
        "error_mean": _mean(distance),
        "P@1m": _mean(distance <= 1.0),
        "P@2m": _mean(distance <= 2.0),
        "along_median": _median(np.abs(joined[f"{method}along"])),
        "across_median": _median(joined[f"{method}across"]),
    }
    for mode in BallMode:
        of_mode = distance[joined["frame_mode"] == mode]
        figures[f"error_median_{mode.name.lower()}"] = _median(of_mode)
    return figures


def _model_figures(joined: _Entry) -> dict[str, float]:
    means = (
        "ADE",
        "FDE",
        "landing_error",
        "landing_missed",
        "peak_height_error",
        "mode_accuracy",
        "within_1_sigma",
        "within_2_sigma",
        "reliable",
    )
    return {name: _mean(joined[name]) for name in means} | {
        "reprojection_px": _median(joined["reprojection_px"])
    }


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else math.nan
