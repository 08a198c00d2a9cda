"""Metrics of predicted paths."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError, did_you_mean
from footmm.evaluation.functional import (
    BASELINES,
    MISS_DISTANCE,
    AgentErrors,
    Tally,
    average_displacement,
    final_displacement,
    mixture_nll,
)
from footmm.registry import METRICS
from footmm.structures.agent_tracks import BALL
from footmm.structures.predicted_trajectories import PredictedTrajectories
from footmm.structures.samples import check_shapes

#: 0.4 to 4.8 s.
HORIZONS_S = tuple(round(0.4 * step, 1) for step in range(1, 13))
#: By name, which teams' agents are scored.
AGENTS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "players": lambda team: team != BALL,
    "ball": lambda team: team == BALL,
    "all": lambda team: np.ones(len(team), dtype=bool),
}

#: The baseline that the log compares the model with.
_COMPARED = "constant_velocity"


@dataclass(frozen=True, eq=False)
class _ScoredWindow:
    """What is kept of a window: for each section of the report sums and counts ``(names, 2)``."""

    num_agents: int
    sections: dict[str, np.ndarray]


class _TrajectoryMetric(BaseMetric, metaclass=ABCMeta):
    """A metric whose figures are sums over windows divided by counts, in one or more sections."""

    default_prefix = "trajectory"

    def __init__(
        self, agents: str, collect_device: str, prefix: str | None, collect_dir: str | None
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self._check_choice("agents", agents, AGENTS)
        self.agents = agents
        self.section = self.prefix
        # The keys bring it along: a baseline's section has another name than the model's.
        self.prefix = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add up the errors of each sample.

        Raises:
            DataFormatError: A sample lacks what is compared, its arrays do not fit together, or a
                prediction is not finite where it is scored.
            ConfigError: A horizon is beyond the future of a sample.
        """
        windows = [_checked(PredictedTrajectories.from_sample(sample)) for sample in data_samples]
        for _, group in groupby(windows, key=_layout):
            self.results.extend(self._entries(list(group)))

    def compute_metrics(self, results: list[_ScoredWindow]) -> dict[str, float]:
        """Return the means; nan, and a line in the log, where there is nothing to score.

        Without any sample there are none.
        """
        if not results:
            return {}
        num_agents = sum(entry.num_agents for entry in results)
        num_windows = sum(entry.num_agents > 0 for entry in results)
        print_log(
            f"{self.section}: {num_agents} agents ({self.agents}) in {num_windows} of "
            f"{len(results)} windows have a known future"
            + ("" if num_agents else ", nothing to score"),
            "current",
        )
        figures = {}
        for section in results[0].sections:
            sums = np.sum([entry.sections[section] for entry in results], axis=0)
            for name, (total, count) in zip(self._names(section), sums, strict=True):
                figures[f"{section}/{name}"] = float(total / count) if count else math.nan
        return figures

    @abstractmethod
    def _entries(self, windows: list[PredictedTrajectories]) -> Iterator[_ScoredWindow]:
        """What is kept of windows of the same shape and rate."""

    @abstractmethod
    def _names(self, section: str) -> list[str]:
        """Names of a section's figures."""

    def _paths(self, window: PredictedTrajectories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predictions, future and what is scored of the chosen agents."""
        chosen = self._chosen(window)
        return window.predictions[:, :, chosen], window.future[:, chosen], window.scored[:, chosen]

    def _chosen(self, window: PredictedTrajectories) -> np.ndarray:
        return AGENTS[self.agents](window.team)

    def _count_agents(self, window: PredictedTrajectories) -> int:
        return int(window.scored[:, self._chosen(window)].any(0).sum())

    def _check_choice(self, name: str, value: str, choices: Collection[str]) -> None:
        if value not in choices:
            raise ConfigError(
                f"{type(self).__name__}: {name} '{value}' is unknown; choose from "
                f"{', '.join(choices)}{did_you_mean(value, choices)}"
            )

    def _check_positive(self, name: str, values: Sequence[float]) -> None:
        if not values or not all(0 < value < math.inf for value in values):
            raise ConfigError(f"{type(self).__name__}: {name}={values!r} must be positive")


class _DisplacementMetric(_TrajectoryMetric):
    """One kind of displacement, reduced over the K futures in three ways."""

    #: Name of the figure.
    figure: str
    #: Compares paths, see :func:`footmm.evaluation.functional.average_displacement`.
    errors: Callable[..., AgentErrors]

    def __init__(
        self,
        horizon_s: float | None = None,
        agents: str = "players",
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(agents, collect_device, prefix, collect_dir)
        if horizon_s is not None:
            self._check_positive("horizon_s", [horizon_s])
        self.horizon_s = horizon_s

    def _names(self, section: str) -> list[str]:
        figure = self.figure if self.horizon_s is None else _at(self.figure, self.horizon_s)
        return [figure, f"min{figure}", f"mean{figure}"]

    def _entries(self, windows: list[PredictedTrajectories]) -> Iterator[_ScoredWindow]:
        for window in windows:
            horizon = window.duration_s if self.horizon_s is None else self.horizon_s
            errors = self.errors(*self._paths(window), window.rate, [horizon])
            rows = [errors.of_future(window.scores.argmax()), errors.best(), errors.mean()]
            yield _ScoredWindow(self._count_agents(window), {self.section: _stack(rows)})


@METRICS.register_module()
class TrajectoryADE(_DisplacementMetric):
    """Average displacement error: the mean distance to the true positions up to a horizon.

    Reports, in metres and over all scored positions, ``ADE`` of the most probable future,
    ``minADE`` of each agent's nearest and ``meanADE`` over the futures; with a horizon
    ``ADE@2.0s`` and so on. See :mod:`footmm.evaluation.functional.trajectory_errors`.

    Args:
        horizon_s: Seconds after the last observed frame; None for the whole future.
        agents: Who is scored: ``players``, ``ball`` or ``all``.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores; another metric of the same kind, on other
            agents, needs another one.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: An argument has a value that is not named above.
    """

    figure = "ADE"
    errors = staticmethod(average_displacement)


@METRICS.register_module()
class TrajectoryFDE(_DisplacementMetric):
    """Final displacement error: the distance to the true position at a horizon.

    Reports, in metres and over the agents that are scored then, ``FDE`` of the most probable
    future, ``minFDE`` of each agent's nearest and ``meanFDE`` over the futures; with a horizon
    ``FDE@2.0s`` and so on. See :mod:`footmm.evaluation.functional.trajectory_errors`.

    Args:
        horizon_s: Seconds after the last observed frame; None for the last frame.
        agents: Who is scored: ``players``, ``ball`` or ``all``.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores; another metric of the same kind, on other
            agents, needs another one.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: An argument has a value that is not named above.
    """

    figure = "FDE"
    errors = staticmethod(final_displacement)


@METRICS.register_module()
class MultiHorizonTrajectoryMetrics(_TrajectoryMetric):
    """Errors of predicted paths at several horizons, beside those of rules of thumb.

    Reports ``ADE@2.0s`` and ``FDE@2.0s`` at each horizon, of the most probable future; over the
    whole future ``SADE`` and ``SFDE`` (the scene's nearest future), ``miss_rate`` (share of agents
    none of whose final positions is near enough), ``minADE``, ``minFDE`` (each agent's nearest
    future), ``meanADE``, ``meanFDE``, ``meanSADE``, ``meanSFDE`` (mean of the futures), all but the
    rate in metres, and ``NLL`` in nats a position, if predictions state their scales. See
    :mod:`footmm.evaluation.functional.trajectory_errors` for the definitions; the open Bundesliga
    benchmark's figures are those with ``agents="all"``.

    Each baseline gets those up to the miss rate in a section of its own, such as
    ``trajectory_constant_velocity/ADE@2.0s``; it sees the observed frames of the same windows. The
    log states how far the model's ADE is from that of constant velocity.

    Args:
        horizons_s: Seconds after the last observed frame.
        agents: Who is scored: ``players``, ``ball`` or ``all``.
        baselines: Names in :data:`footmm.evaluation.functional.BASELINES`.
        miss_distance: Metres beyond which a final position is a miss.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores, and of the baselines' sections; another metric
            on other agents needs another one.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: An argument has a value that is not named above.
    """

    def __init__(
        self,
        horizons_s: Sequence[float] = HORIZONS_S,
        agents: str = "players",
        baselines: Sequence[str] = tuple(BASELINES),
        miss_distance: float = MISS_DISTANCE,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(agents, collect_device, prefix, collect_dir)
        self._check_positive("horizons_s", horizons_s)
        self._check_positive("miss_distance", [miss_distance])
        for name in baselines:
            self._check_choice("baseline", name, BASELINES)
        self.horizons_s = tuple(horizons_s)
        self.baselines = {f"{self.section}_{name}": BASELINES[name] for name in baselines}
        self.miss_distance = miss_distance

    def compute_metrics(self, results: list[_ScoredWindow]) -> dict[str, float]:
        """Return the means; nan, and a line in the log, where there is nothing to score."""
        figures = super().compute_metrics(results)
        if not figures:
            return {}
        if not any(entry.sections[self.section][-1, 1] for entry in results):
            del figures[f"{self.section}/NLL"]
        self._log_gain(figures)
        return figures

    def _names(self, section: str) -> list[str]:
        at_horizons = [_at(name, time) for name in ("ADE", "FDE") for time in self.horizons_s]
        names = [*at_horizons, "SADE", "SFDE", "miss_rate"]
        if section != self.section:
            return names
        of_futures = ["minADE", "minFDE", "meanADE", "meanFDE", "meanSADE", "meanSFDE"]
        return [*names, *of_futures, "NLL"]

    def _entries(self, windows: list[PredictedTrajectories]) -> Iterator[_ScoredWindow]:
        sections = {self.section: [self._rows(window) for window in windows]}
        for section, baseline in self.baselines.items():
            # Of one future there is no more to say.
            count = len(self._names(section))
            predicted = _predict(baseline, windows)
            sections[section] = [self._rows(window)[:count] for window in predicted]
        for index, window in enumerate(windows):
            rows = {section: column[index] for section, column in sections.items()}
            yield _ScoredWindow(self._count_agents(window), rows)

    def _rows(self, window: PredictedTrajectories) -> np.ndarray:
        """Totals and counts in the order of the names."""
        paths = self._paths(window)
        predictions, *truth = paths
        probable = predictions[[window.scores.argmax()]]
        at_horizons = probable, *truth, window.rate, self.horizons_s
        at_end = *paths, window.rate, [window.duration_s]
        path, end = average_displacement(*at_end), final_displacement(*at_end)
        return _stack(
            [
                average_displacement(*at_horizons).of_future(0),
                final_displacement(*at_horizons).of_future(0),
                *(path.scene_best(), end.scene_best(), end.misses(self.miss_distance)),
                *(path.best(), end.best(), path.mean(), end.mean()),
                *(path.scene_mean(), end.scene_mean(), self._nll(window)),
            ]
        )

    def _nll(self, window: PredictedTrajectories) -> Tally:
        if window.scales is None:
            return Tally(np.zeros(1), np.zeros(1))
        predictions, future, scored = self._paths(window)
        scales = window.scales[:, :, self._chosen(window)]
        return mixture_nll(predictions, scales, window.scores, future, scored)

    def _log_gain(self, figures: dict[str, float]) -> None:
        section = f"{self.section}_{_COMPARED}"
        if section not in self.baselines:
            return
        gains = []
        for time in self.horizons_s:
            name = _at("ADE", time)
            ours, other = figures[f"{self.section}/{name}"], figures[f"{section}/{name}"]
            if other > 0:
                gains.append(f"{100 * (ours / other - 1):+.0f} % @{_seconds(time)}")
        if gains:
            print_log(f"{self.section}: ADE against {_COMPARED}: {', '.join(gains)}", "current")


def _predict(
    baseline: Callable[..., np.ndarray], windows: list[PredictedTrajectories]
) -> list[PredictedTrajectories]:
    """The windows, all of one shape, with a baseline's one future."""
    observed = windows[0].num_observed
    predictions = baseline(
        np.stack([window.positions[:observed] for window in windows]),
        np.stack([window.present[:observed] for window in windows]),
        len(windows[0].future),
        windows[0].rate,
    )
    return [
        replace(window, predictions=path[None], scores=np.ones(1), scales=None)
        for window, path in zip(windows, predictions, strict=True)
    ]


def _layout(window: PredictedTrajectories) -> tuple:
    return window.positions.shape, window.num_observed, window.rate


def _stack(tallies: Sequence[Tally]) -> np.ndarray:
    """Totals and counts ``(figures, 2)``, one figure for each horizon of each tally."""
    return np.concatenate([np.stack(tally, axis=-1).reshape(-1, 2) for tally in tallies])


def _seconds(time: float) -> str:
    return f"{round(float(time), 3)}s"


def _at(name: str, time: float) -> str:
    return f"{name}@{_seconds(time)}"


def _checked(window: PredictedTrajectories) -> PredictedTrajectories:
    frame = next(iter(window.frame_ids), None)
    owner = f"a window of match '{window.match}', frame {frame}"
    num_frames = len(window.present)
    if not 0 < window.num_observed < num_frames:
        raise DataFormatError(
            f"{owner}: num_observed is {window.num_observed}, of {num_frames} frames; some need to "
            "be observed and some not"
        )
    future = ("K", num_frames - window.num_observed, "A", 2)
    shapes = {
        "present": (window.present, ("T", "A")),
        "frame_ids": (window.frame_ids, ("T",)),
        "positions": (window.positions, ("T", "A", 2)),
        "team": (window.team, ("A",)),
        "pred_scores": (window.scores, ("K",)),
        "pred_positions": (window.predictions, future),
        "pred_scales": (window.scales, future),
    }
    known = {name: pair for name, pair in shapes.items() if pair[0] is not None}
    arrays = {name: array for name, (array, _) in known.items()}
    check_shapes(owner, arrays, {name: shape for name, (_, shape) in known.items()})
    _check_numbers(owner, window)
    return window


def _check_numbers(owner: str, window: PredictedTrajectories) -> None:
    """Refuse predictions of nothing, and what is no number where it is scored."""
    used = {
        "pred_scores": window.scores,
        "pred_positions": window.predictions[:, window.scored],
        "pred_scales": 0.0 if window.scales is None else window.scales[:, window.scored],
    }
    if not len(window.scores):
        raise DataFormatError(f"{owner}: there is no prediction, pred_scores is empty")
    for name, values in used.items():
        if not np.isfinite(values).all():
            raise DataFormatError(
                f"{owner}: '{name}' holds nan or infinity; the model diverged, or its checkpoint "
                "is damaged"
            )
