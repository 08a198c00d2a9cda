"""Metrics of formations, roles and strategies."""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from footmm.errors import ConfigError, DataFormatError, did_you_mean
from footmm.evaluation.functional.tactics_baselines import (
    FRAME_VECTOR_LENGTH,
    UNKNOWN,
    cross_fitted,
    frame_vector,
    player_vectors,
    team_vector,
    template_formations,
)
from footmm.evaluation.functional.tactics_scores import (
    accuracy,
    assign_roles,
    confusion_matrix,
    macro_f1,
)
from footmm.registry import METRICS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.tactical_window import TacticalWindow

MODEL = ""
_MOST_FREQUENT = "most_frequent"
_TEMPLATES = "template_matching"
_REGRESSION = "logistic_regression"


@dataclass(frozen=True, eq=False)
class _Answers:
    """What is kept of a window: ``N`` labels, and answers to each of them.

    Attributes:
        match: Name of the match.
        labels: ``(N,)`` int64.
        answers: ``(N,)`` int64 by who gives them; :data:`UNKNOWN` counts as wrong.
        vectors: ``(N, C)``, what a logistic regression sees.
    """

    match: str
    labels: np.ndarray
    answers: dict[str, np.ndarray]
    vectors: np.ndarray


class _ClassificationMetric(BaseMetric, metaclass=ABCMeta):
    """Accuracy and macro F1 of a model's answers, beside those of simple rules.

    Args:
        baselines: Names of simple rules, of those that the metric has.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores, and of the baselines' sections.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: The metric has no such baseline.
    """

    default_prefix = "tactics"
    #: What is classified, in the names of the figures.
    figure: str
    #: Names of the classes.
    classes: tuple[str, ...]
    #: Simple rules that the metric has.
    BASELINES: tuple[str, ...] = (_MOST_FREQUENT, _REGRESSION)

    def __init__(
        self,
        baselines: Sequence[str] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        self.baselines = self.BASELINES if baselines is None else tuple(baselines)
        for name in self.baselines:
            if name not in self.BASELINES:
                raise ConfigError(
                    f"{type(self).__name__}: baseline '{name}' is unknown"
                    f"{did_you_mean(name, self.BASELINES)}; there are {', '.join(self.BASELINES)}"
                )
        self.section = self.prefix
        # The keys bring it along: a baseline's section has another name than the model's.
        self.prefix = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Store the labels of each sample, and the answers.

        Raises:
            DataFormatError: A sample lacks what is compared, its arrays do not fit together, a
                label is of no class, or a probability is not finite.
        """
        windows = [_checked(TacticalWindow.from_sample(sample)) for sample in data_samples]
        self.results.extend(map(self._answers, windows))

    def compute_metrics(self, results: list[_Answers]) -> dict[str, float]:
        """Return the figures; nan, and a line in the log, where nothing is labelled.

        Without any sample there are none.
        """
        if not results:
            return {}
        labels = np.concatenate([entry.labels for entry in results])
        answers = {
            name: np.concatenate([entry.answers[name] for entry in results])
            for name in results[0].answers
        }
        if len(labels):
            answers |= self._baselines_over_all(results, labels)
        else:
            answers |= dict.fromkeys(self.baselines, labels)
        print_log(
            f"{self.section}: {len(labels)} labels of {self.figure} in {len(results)} windows"
            + ("" if len(labels) else ", nothing to score"),
            "current",
        )
        figures = {}
        for name, found in answers.items():
            figures |= self._figures(name, labels, found)
        self._log_confusion(labels, answers[MODEL])
        return figures

    @abstractmethod
    def _answers(self, window: TacticalWindow) -> _Answers:
        """What is kept of a window."""

    def _figures(self, name: str, labels: np.ndarray, found: np.ndarray) -> dict[str, float]:
        """Accuracy and F1 of the answers that one gives."""
        section, _, variant = name.partition("/")
        section = self.section if section == MODEL else f"{self.section}_{section}"
        figure = f"{section}/{self.figure}"
        suffix = f"_{variant}" if variant else ""
        if not len(labels):
            return {f"{figure}_accuracy{suffix}": math.nan, f"{figure}_macro_f1{suffix}": math.nan}
        # An answer that is none stands in a column of its own, and is nobody's.
        count = len(self.classes) + 1
        found = np.where(found == UNKNOWN, count - 1, found)
        confusion = confusion_matrix(labels, found, count)[:-1]
        return {
            f"{figure}_accuracy{suffix}": accuracy(confusion),
            f"{figure}_macro_f1{suffix}": macro_f1(confusion),
        }

    def _baselines_over_all(
        self, results: list[_Answers], labels: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Answers of the rules that look at all samples."""
        answers = {}
        if _MOST_FREQUENT in self.baselines:
            answers[_MOST_FREQUENT] = np.full_like(labels, np.bincount(labels).argmax())
        if _REGRESSION in self.baselines:
            vectors = np.concatenate([entry.vectors for entry in results])
            groups = [entry.match for entry in results for _ in entry.labels]
            answers[_REGRESSION] = cross_fitted(vectors, labels, groups)
        return answers

    def _log_confusion(self, labels: np.ndarray, found: np.ndarray) -> None:
        if not len(labels):
            return
        confusion = confusion_matrix(labels, found, len(self.classes))
        width = max(map(len, self.classes))
        rows = [
            f"{name:>{width}} " + " ".join(f"{count:6d}" for count in row)
            for name, row in zip(self.classes, confusion, strict=True)
            if row.sum()
        ]
        print_log(
            f"{self.section}: {self.figure}, true (rows) by found (columns: "
            f"{', '.join(self.classes)})\n" + "\n".join(rows),
            "current",
        )


def _checked(window: TacticalWindow) -> TacticalWindow:
    tables = {
        "formation": (FORMATIONS, window.has_formation, np.ones(2, bool)),
        "role": (ROLES, window.has_role, window.seen),
        "strategy": (STRATEGIES, window.has_strategy, np.ones_like(window.has_strategy)),
    }
    for name, (classes, has_label, has_scores) in tables.items():
        labels = getattr(window, name)[has_label]
        scores = getattr(window, f"{name}_scores")
        outside = labels[(labels < 0) | (labels >= len(classes))]
        if len(outside):
            raise _refusal(window, f"'{name}' holds {outside[0]}, of {len(classes)} classes")
        if scores.shape[-1] != len(classes):
            raise _refusal(
                window, f"'pred_{name}' is of {scores.shape[-1]} classes, needs {len(classes)}"
            )
        if not np.isfinite(scores[has_scores]).all():
            reason = f"'pred_{name}' holds nan or infinity; the model diverged, or its checkpoint "
            raise _refusal(window, reason + "is damaged")
    return window


def _refusal(window: TacticalWindow, reason: str) -> DataFormatError:
    frame = next(iter(window.frame_ids), None)
    return DataFormatError(f"a window of match '{window.match}', frame {frame}: {reason}")


@METRICS.register_module()
class FormationAccuracy(_ClassificationMetric):
    """Share of teams whose formation is told right.

    Reports ``formation_accuracy`` (top 1) and ``formation_macro_f1``, over the teams whose
    formation is known, and logs the confusion matrix. Baselines, in sections of their own such as
    ``tactics_template_matching``: the most frequent formation of the samples; template matching
    (:mod:`footmm.evaluation.functional.formation_templates`); logistic regression on mean
    positions, fitted to one half of the matches and tested on the other, both ways.

    Args:
        baselines: Of ``most_frequent``, ``template_matching`` and ``logistic_regression``; None for
            all.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores, and of the baselines' sections.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: There is no such baseline.
    """

    figure = "formation"
    classes = tuple(formation.name for formation in FORMATIONS)
    BASELINES = (_MOST_FREQUENT, _TEMPLATES, _REGRESSION)

    def _answers(self, window: TacticalWindow) -> _Answers:
        known = window.has_formation
        answers = {MODEL: window.formation_scores.argmax(1)[known]}
        if _TEMPLATES in self.baselines:
            answers[_TEMPLATES] = template_formations(window)[0][known]
        vectors = np.stack([team_vector(window, team) for team in window.teams])
        return _Answers(window.match, window.formation[known], answers, vectors[known])


@METRICS.register_module()
class RoleAccuracy(_ClassificationMetric):
    """Share of players whose role is told right.

    Reports ``role_accuracy`` and ``role_macro_f1``, over the seen players whose role is known; and
    the same ``_assigned``, where the players of a team are assigned to the slots of the formation
    that the model says, each slot once, by the Hungarian algorithm. Baselines as in
    :class:`FormationAccuracy`.

    Args:
        baselines: Of ``most_frequent``, ``template_matching`` and ``logistic_regression``; None for
            all.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores, and of the baselines' sections.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: There is no such baseline.
    """

    figure = "role"
    classes = ROLES
    BASELINES = (_MOST_FREQUENT, _TEMPLATES, _REGRESSION)

    def _answers(self, window: TacticalWindow) -> _Answers:
        known = window.has_role
        answers = {
            MODEL: window.role_scores.argmax(1)[known],
            f"{MODEL}/assigned": _assigned_roles(window)[known],
        }
        if _TEMPLATES in self.baselines:
            answers[_TEMPLATES] = template_formations(window)[1][known]
        members, vectors = zip(
            *(player_vectors(window, team) for team in window.teams), strict=True
        )
        of_agent = np.zeros((len(known), vectors[0].shape[1]))
        of_agent[np.concatenate(members)] = np.concatenate(vectors)
        return _Answers(window.match, window.role[known], answers, of_agent[known])


def _assigned_roles(window: TacticalWindow) -> np.ndarray:
    roles = window.role_scores.argmax(1)
    for team in window.teams:
        formation = FORMATIONS[int(window.formation_scores[team].argmax())]
        members = window.members(team)[: len(formation.slots)]
        slots = [slot.role for slot in formation.slots]
        roles[members] = assign_roles(window.role_scores[members], slots)
    return roles


@METRICS.register_module()
class StrategyAccuracy(_ClassificationMetric):
    """Share of teams and frames whose strategy is told right.

    Reports ``strategy_accuracy`` and ``strategy_macro_f1``, over the frames of the graphs in which
    a team's strategy is known. Baselines: the most frequent strategy of the samples; logistic
    regression on the positions in the frame, fitted to one half of the matches and tested on the
    other, both ways.

    Args:
        baselines: Of ``most_frequent`` and ``logistic_regression``; None for both.
        collect_device: See MMEngine's ``BaseMetric``.
        prefix: Put before the names of the scores, and of the baselines' sections.
        collect_dir: See MMEngine's ``BaseMetric``.

    Raises:
        ConfigError: There is no such baseline.
    """

    figure = "strategy"
    classes = STRATEGIES

    def _answers(self, window: TacticalWindow) -> _Answers:
        known = window.has_strategy
        vectors = [frame_vector(window, team, frame) for frame, team in np.argwhere(known)]
        return _Answers(
            window.match,
            window.strategy[known],
            {MODEL: window.strategy_scores.argmax(2)[known]},
            np.array(vectors).reshape(-1, FRAME_VECTOR_LENGTH),
        )
