"""The metrics of tactics through MMEngine's evaluator, on samples as a model's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from sklearn.metrics import f1_score

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation import FormationAccuracy, RoleAccuracy, StrategyAccuracy
from footmm.registry import METRICS
from footmm.simulation.formations import ROLES

METRIC_TYPES = {
    "formation": FormationAccuracy,
    "role": RoleAccuracy,
    "strategy": StrategyAccuracy,
}


def evaluate(samples, metric):
    evaluator = Evaluator(metric)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def keys(figure, *baselines, section="tactics", variants=("",)):
    names = {f"{figure}_{score}" for score in ("accuracy", "macro_f1")}
    own = {f"{section}/{name}{variant}" for name in names for variant in variants}
    return own | {f"{section}_{baseline}/{name}" for baseline in baselines for name in names}


ALL_KEYS = {
    "formation": keys("formation", "most_frequent", "template_matching", "logistic_regression"),
    "role": keys(
        "role",
        "most_frequent",
        "template_matching",
        "logistic_regression",
        variants=("", "_assigned"),
    ),
    "strategy": keys("strategy", "most_frequent", "logistic_regression"),
}


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "footmm.evaluation.metrics.tactics.print_log", lambda text, logger: lines.append(text)
    )
    return lines


@pytest.fixture
def samples(tactics_sample):
    """Three windows of each of two matches, in which all is told right."""
    return [
        tactics_sample((0, 3 + (seed == 1)), ((0, 1), (2, 1)), match, seed)
        for match in "ab"
        for seed in range(3)
    ]


@pytest.mark.parametrize("figure", METRIC_TYPES)
def test_right_answers(samples, figure):
    metric = METRICS.build(dict(type=METRIC_TYPES[figure].__name__))
    scores = evaluate(samples, metric)
    assert set(scores) == ALL_KEYS[figure]
    own = {name: value for name, value in scores.items() if name.startswith("tactics/")}
    assert own == dict.fromkeys(own, 1.0)


def test_formations_told_wrong(samples):
    """Of 12 teams: 6 play 4-4-2, 4 play 3-5-2, 2 play 5-3-2; of the last, one is told as 3-5-2."""
    samples[1].pred_formation[1] = samples[0].pred_formation[1]
    scores = evaluate(samples, FormationAccuracy())
    assert scores["tactics/formation_accuracy"] == pytest.approx(11 / 12)
    assert scores["tactics/formation_macro_f1"] == pytest.approx((1 + 8 / 9 + 2 / 3) / 3)
    assert scores["tactics_most_frequent/formation_accuracy"] == pytest.approx(6 / 12)
    assert scores["tactics_most_frequent/formation_macro_f1"] == pytest.approx(12 / 18 / 3)
    for rule in ("template_matching", "logistic_regression"):
        assert scores[f"tactics_{rule}/formation_accuracy"] == 1.0


def test_what_is_not_labelled_does_not_count(samples):
    for sample in samples[1:]:
        sample.has_formation[:] = False
        sample.formation[:] = -7
    samples[0].has_formation[1] = False
    samples[0].pred_formation[1] = samples[0].pred_formation[0]
    samples[2].pred_formation[:] = 0
    scores = evaluate(samples, FormationAccuracy())
    assert scores["tactics/formation_accuracy"] == scores["tactics/formation_macro_f1"] == 1.0
    # One team is nothing to fit to.
    assert scores["tactics_logistic_regression/formation_accuracy"] == 0.0


def test_unknown_answers_are_wrong_and_no_class(tactics_sample):
    """Template matching of too few players says nothing."""
    few = tactics_sample((0, 3))
    few.present[:, 14:22] = False
    whole = tactics_sample((0, 3), seed=1)
    scores = evaluate([few, whole], FormationAccuracy(baselines=["template_matching"]))
    assert set(scores) == keys("formation", "template_matching")
    assert scores["tactics_template_matching/formation_accuracy"] == 3 / 4
    expected = f1_score([0, 3, 0, 3], [0, -1, 0, 3], labels=[0, 3], average="macro")
    assert scores["tactics_template_matching/formation_macro_f1"] == pytest.approx(expected)


def test_roles_told_wrong_and_assigned(tactics_sample):
    """4-3-3 has one striker: of two who are told to be, one has to be the left wing."""
    sample = tactics_sample((1, 1))
    wing, striker = ROLES.index("left wing"), ROLES.index("striker")
    (player,) = np.flatnonzero(sample.role[:11] == wing)
    sample.pred_role[player] = 0.0
    sample.pred_role[player, striker], sample.pred_role[player, wing] = 0.55, 0.45
    scores = evaluate([sample], RoleAccuracy(baselines=["template_matching", "most_frequent"]))
    assert scores["tactics/role_accuracy"] == pytest.approx(21 / 22)
    assert scores["tactics/role_accuracy_assigned"] == 1.0
    assert scores["tactics/role_macro_f1"] < scores["tactics/role_macro_f1_assigned"] == 1.0
    assert scores["tactics_template_matching/role_accuracy"] == 1.0
    # Two centre backs a team, or two central midfielders.
    assert scores["tactics_most_frequent/role_accuracy"] == pytest.approx(4 / 22)


def test_roles_of_the_formation_that_is_told(tactics_sample):
    """Assigned to the slots of another formation, right roles become wrong."""
    sample = tactics_sample((1, 1))
    sample.pred_formation[0] = sample.pred_formation[0].roll(-1)
    scores = evaluate([sample], RoleAccuracy(baselines=[]))
    assert set(scores) == keys("role", variants=("", "_assigned"))
    assert scores["tactics/role_accuracy"] == 1.0
    # 4-4-2 has neither the holding midfielder nor wings: three players become something else.
    assert scores["tactics/role_accuracy_assigned"] == pytest.approx(19 / 22)


def test_roles_of_players_whom_nobody_saw_do_not_count(tactics_sample, log):
    sample = tactics_sample((1, 1))
    sample.present[:, 3] = False
    sample.pred_role[3] = 0.0
    # In the window, though in no frame of the graph.
    sample.present[::2, 4] = False
    sample.pred_role[4] = 0.0
    scores = evaluate([sample], RoleAccuracy(baselines=[]))
    assert scores["tactics/role_accuracy"] == scores["tactics/role_accuracy_assigned"] == 1.0
    assert log[0] == "tactics: 20 labels of role in 1 windows"


def test_strategies_told_wrong(samples):
    """Of 24 labels of frames, one is not known and three are told wrong."""
    samples[0].has_strategy[0, 0] = False
    samples[0].pred_strategy[0, 0] = 0.0
    for sample in samples[1:4]:
        sample.pred_strategy[1, 0] = sample.pred_strategy[0, 0]
    scores = evaluate(samples, StrategyAccuracy())
    assert scores["tactics/strategy_accuracy"] == pytest.approx(20 / 23)
    # 12 of the away team; 5 and 6 of the home team, of whose last 3 are told as the first.
    f1 = (1 + 10 / 13 + 6 / 9) / 3
    assert scores["tactics/strategy_macro_f1"] == pytest.approx(f1)
    assert scores["tactics_most_frequent/strategy_accuracy"] == pytest.approx(12 / 23)


def test_logistic_regression_knows_no_match_it_is_tested_on(tactics_sample):
    """The labels of one match contradict those of the other: all answers are wrong."""
    strategies = {"a": ((0, 1),), "b": ((1, 0),)}
    samples = [tactics_sample((0, 4), strategies[m], m, seed) for m in "ab" for seed in range(4)]
    scores = evaluate(samples, StrategyAccuracy())
    assert scores["tactics_logistic_regression/strategy_accuracy"] == 0.0


@pytest.mark.parametrize("figure", METRIC_TYPES)
def test_nothing_labelled_is_nan_and_said(samples, log, figure):
    for sample in samples:
        sample.get(f"has_{figure}")[:] = False
    scores = evaluate(samples, METRIC_TYPES[figure]())
    assert set(scores) == ALL_KEYS[figure]
    assert all(math.isnan(value) for value in scores.values())
    assert log == [f"tactics: 0 labels of {figure} in 6 windows, nothing to score"]


def test_log_shows_the_confusion(samples, log):
    samples[1].pred_formation[1] = samples[0].pred_formation[1]
    evaluate(samples, FormationAccuracy())
    assert log[0] == "tactics: 12 labels of formation in 6 windows"
    heading, *rows = log[1].splitlines()
    assert heading.startswith("tactics: formation, true (rows) by found (columns: 4-4-2, 4-3-3")
    assert [row.split() for row in rows] == [
        ["4-4-2", *"60000000"],
        ["3-5-2", *"00040000"],
        ["5-3-2", *"00011000"],
    ]


@pytest.mark.parametrize("metric", METRIC_TYPES.values())
def test_one_entry_for_each_sample(samples, metric):
    """MMEngine cuts the entries of several processes off at the number of samples."""
    metric = metric()
    metric.process({}, [sample.to_dict() for sample in samples])
    assert len(metric.results) == len(samples)
    samples[0].has_formation[:] = False
    samples[0].has_role[:] = False
    samples[0].has_strategy[:] = False
    metric.process({}, [samples[0].to_dict()])
    assert len(metric.results) == len(samples) + 1


def test_prefix_names_the_baselines_sections_too(samples):
    metric = FormationAccuracy(baselines=["most_frequent"], prefix="real")
    assert set(evaluate(samples, metric)) == keys("formation", "most_frequent", section="real")


@pytest.mark.parametrize(
    "key", ["pred_formation", "pred_role", "has_role", "graph_frames", "seconds", "present"]
)
def test_missing_keys_are_named(tactics_sample, key):
    sample = tactics_sample().to_dict()
    del sample[key]
    with pytest.raises(DataFormatError, match=f"match 'a' has no '{key}'"):
        FormationAccuracy().process({}, [sample])


@pytest.mark.parametrize(
    ("metric", "name", "message"),
    [
        (FormationAccuracy, "most_frequnt", "is unknown; did you mean 'most_frequent'"),
        (StrategyAccuracy, "template_matching", "there are most_frequent, logistic_regression"),
    ],
)
def test_unknown_baselines(metric, name, message):
    with pytest.raises(ConfigError, match=f"{metric.__name__}: baseline '{name}'.*{message}"):
        metric(baselines=[name])


METRICS_OF_WINDOWS = pytest.mark.parametrize(
    "make",
    [
        lambda: FormationAccuracy(baselines=["most_frequent", "template_matching"]),
        lambda: RoleAccuracy(baselines=["most_frequent", "template_matching"]),
        lambda: StrategyAccuracy(baselines=["most_frequent"]),
    ],
    ids=METRIC_TYPES,
)


@st.composite
def random_windows(draw, make):
    """Windows with answers of all kinds, in which some are missing or not labelled."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    windows = []
    for number in range(draw(st.integers(1, 3))):
        strategies = rng.integers(0, 5, (2, 2))
        window = make(tuple(rng.integers(0, 8, 2)), strategies, "ab"[number % 2], seed + number)
        for name in ("formation", "role", "strategy"):
            scores = window.get(f"pred_{name}")
            scores[:] = torch.from_numpy(rng.permutation(scores.ravel())).reshape(scores.shape)
            known = window.get(f"has_{name}")
            known &= torch.from_numpy(rng.random(known.shape) < rng.choice([0, 0.8]))
        window.present &= torch.from_numpy(rng.random(window.present.shape) < 0.7)
        windows.append(window)
    return windows


@METRICS_OF_WINDOWS
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_order_batches_and_processes_make_no_difference(
    check_splits, tactics_sample, make, data, seed
):
    windows = data.draw(random_windows(tactics_sample))
    figures = check_splits(make, windows, np.random.default_rng(seed))
    assert all(math.isnan(value) or 0 <= value <= 1 for value in figures.values())


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("metric", [FormationAccuracy, RoleAccuracy, StrategyAccuracy])
@given(data=st.data(), anything=st.sampled_from([math.nan, math.inf, -1e30]))
def test_what_is_missing_makes_no_difference(tactics_sample, metric, data, anything):
    """Positions of those who are not there, and labels that are not known."""
    windows = data.draw(random_windows(tactics_sample))
    figures = evaluate(windows, metric())
    for window in windows:
        window.positions[~window.present] = anything
        for name in ("formation", "role", "strategy"):
            window.get(name)[~window.get(f"has_{name}")] = -7
        window.pred_role[~window.present[window.graph_frames].any(0)] = anything
    assert evaluate(windows, metric()) == pytest.approx(figures, abs=0, nan_ok=True)


@METRICS_OF_WINDOWS
@given(data=st.data())
def test_broken_samples_are_refused(check_broken, tactics_sample, make, data):
    check_broken(make, tactics_sample(), data)


@METRICS_OF_WINDOWS
@given(st.sampled_from(["pred_formation", "pred_role", "pred_strategy"]))
def test_answers_that_are_no_numbers_are_refused(tactics_sample, make, name):
    window = tactics_sample()
    window.get(name)[0] = math.nan
    with pytest.raises(DataFormatError, match=f"match 'a'.* '{name}' holds nan"):
        evaluate([window], make())


@METRICS_OF_WINDOWS
@given(st.sampled_from(["formation", "role", "strategy"]), st.sampled_from([-1, 99]))
def test_labels_of_no_class_are_refused(tactics_sample, make, name, label):
    window = tactics_sample()
    window.get(name)[0] = label
    with pytest.raises(DataFormatError, match=f"match 'a'.* '{name}' holds {label}, "):
        evaluate([window], make())
