"""What the probe of strategies says of vectors that know them, and of others."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from footmm.errors import DataFormatError
from footmm.evaluation.metrics import StrategyProbe
from footmm.evaluation.metrics import trajectory_probe as module
from footmm.registry import METRICS

NAMES = ("embeddings", "mean_positions", "most_frequent")


def windows(matches=8, count=20, knowing=True, stated=True):
    """Windows whose home team plays 1 or 4, and whose away team 0 or 2, in each match alike.

    Where ``knowing``, the vectors tell which; the places never do.
    """
    generator = torch.Generator().manual_seed(0)
    samples = []
    for number in range(matches * count):
        bits = torch.randint(2, (2,), generator=generator)
        vector = torch.randn(6, generator=generator)
        vector[:2] = 8.0 * bits - 4 if knowing else vector[:2]
        labels = dict(
            strategy=torch.tensor([1, 0]) + bits * torch.tensor([3, 2]),
            has_strategy=torch.ones(2, dtype=torch.bool),
        )
        samples.append(
            BaseDataElement(
                metainfo=dict(match=f"match {number // count}"),
                positions=torch.randn(5, 3, 2, generator=generator),
                present=torch.ones(5, 3, dtype=torch.bool),
                pred_embedding=vector,
                **(labels if stated else {}),
            )
        )
    return samples


def evaluate(samples):
    evaluator = Evaluator(METRICS.build(dict(type="StrategyProbe")))
    evaluator.process(data_samples=samples)
    scores = evaluator.evaluate(len(samples))
    assert scores.keys() == {f"trajectory_strategy/{name}" for name in NAMES}
    return {name.split("/")[1]: value for name, value in scores.items()}


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(module, "print_log", lambda line, *args, **kwargs: lines.append(line))
    return lines


def test_vectors_that_know_the_strategies(log):
    scores = evaluate(windows())
    assert scores["embeddings"] == 1.0
    for name in ("mean_positions", "most_frequent"):
        assert scores[name] == pytest.approx(0.5, abs=0.15)
    assert log == [
        "trajectory_strategy: fitted to 80 windows, tested on 80 of other matches",
    ]


def test_it_is_tested_on_other_matches_than_fitted():
    """Of the second half of the matches the vectors say the opposite; samples come in any order."""
    samples = windows()
    for sample in samples[80:]:
        sample.pred_embedding[:2] *= -1
    order = torch.randperm(160, generator=torch.Generator().manual_seed(1)).tolist()
    assert evaluate([samples[number] for number in order])["embeddings"] == 0.0


def test_vectors_that_know_nothing():
    assert evaluate(windows(knowing=False))["embeddings"] == pytest.approx(0.5, abs=0.15)


def test_places_that_tell_the_strategies_and_who_is_missing():
    samples = windows(knowing=False)
    for sample in samples:
        home = sample.strategy[0] == 4
        away = sample.strategy[1] == 2
        sample.positions[:, 0] = torch.where(home, 20.0, -20.0)
        sample.positions[:, 1] = torch.where(away, 20.0, -20.0)
        # What is stored where nobody is must not count.
        sample.present[3:] = False
        sample.positions[3:] = 1e4 * torch.randn(2, 3, 2)
    assert evaluate(samples)["mean_positions"] == 1.0


def test_most_frequent_is_that_of_the_fitted_matches(log):
    samples = windows()
    for number, sample in enumerate(samples):
        fitted = number < 80
        home = (1 if number % 4 else 4) if fitted else (4 if number % 4 else 1)
        sample.strategy = torch.tensor([home, 0 if number % 2 or not fitted else 2])
    # A quarter of the tested home teams, and no or every away team.
    away = torch.tensor([sample.strategy[1] for sample in samples[:80]]).bincount().argmax() == 0
    assert evaluate(samples)["most_frequent"] == pytest.approx((0.25 + away.item()) / 2)


def test_changing_strategies_are_left_out_for_that_team():
    samples = windows()
    for sample in samples[::2]:
        sample.has_strategy = torch.tensor([False, True])
        sample.strategy[0] = 5
    assert evaluate(samples)["embeddings"] == 1.0


@pytest.mark.parametrize(
    "changes", [dict(stated=False), dict(matches=1, count=160)], ids=["no labels", "one match"]
)
def test_nothing_to_fit_is_nan_with_a_line(changes, log):
    scores = evaluate(windows(**changes))
    assert all(math.isnan(value) for value in scores.values())
    assert log == ["trajectory_strategy: too few strategies are known, nothing to fit"]


def test_sample_without_a_vector():
    (sample,) = windows(matches=1, count=1)
    del sample.pred_embedding
    with pytest.raises(DataFormatError, match="'match 0' has no 'pred_embedding'; StrategyProbe"):
        StrategyProbe().process(None, [sample.to_dict()])


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_order_batches_and_processes_make_no_difference(check_splits, seed, matches, knowing):
    samples = windows(matches, 3, knowing)
    figures = check_splits(StrategyProbe, samples, np.random.default_rng(seed))
    assert {name.split("/")[1] for name in figures} == set(NAMES)
    assert all(math.isnan(value) or 0 <= value <= 1 for value in figures.values())


@given(st.sampled_from([math.nan, math.inf, -1e30]))
def test_what_is_missing_makes_no_difference(anything):
    samples = windows(4, 4)
    for sample in samples:
        sample.present[::2, 1] = False
    figures = evaluate(samples)
    for sample in samples:
        sample.positions[~sample.present] = anything
    assert evaluate(samples) == figures


@given(st.data())
def test_broken_samples_are_refused(check_broken, data):
    check_broken(StrategyProbe, windows(1, 1)[0], data, optional=("strategy", "has_strategy"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_vectors_that_are_no_numbers_are_refused(value):
    samples = windows(2, 4)
    samples[3].pred_embedding[0] = value
    with pytest.raises(DataFormatError, match="'pred_embedding' holds nan or infinity"):
        evaluate(samples)
