"""Scores of classifications against scikit-learn's; assignments against all there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional.tactics_scores import (
    accuracy,
    assign_roles,
    confusion_matrix,
    macro_f1,
)


@pytest.mark.parametrize(("count", "classes"), [(1, 3), (5, 8), (40, 4), (300, 8)])
@pytest.mark.parametrize("seed", range(5))
def test_equal_those_of_scikit_learn(count, classes, seed):
    rng = np.random.default_rng(seed)
    labels, found = rng.integers(0, classes, (2, count))
    confusion = confusion_matrix(labels, found, classes)
    expected = sklearn.metrics.confusion_matrix(labels, found, labels=range(classes))
    np.testing.assert_array_equal(confusion, expected)
    assert accuracy(confusion) == pytest.approx(sklearn.metrics.accuracy_score(labels, found))
    f1 = sklearn.metrics.f1_score(labels, found, average="macro", zero_division=0)
    assert macro_f1(confusion) == pytest.approx(f1)


@pytest.mark.parametrize("seed", range(5))
def test_answers_that_are_no_class(seed):
    """They stand in a last column: wrong, but no class of which there is an F1."""
    rng = np.random.default_rng(seed)
    labels, found = rng.integers(0, 4, 50), rng.integers(0, 5, 50)
    confusion = confusion_matrix(labels, found, 5)[:-1]
    assert confusion.shape == (4, 5)
    assert accuracy(confusion) == pytest.approx((labels == found).mean())
    f1 = sklearn.metrics.f1_score(labels, found, labels=range(4), average="macro")
    assert macro_f1(confusion) == pytest.approx(f1)


def test_no_answers():
    empty = confusion_matrix(np.zeros(0, np.int64), np.zeros(0, np.int64), 3)
    assert empty.tolist() == np.zeros((3, 3)).tolist()
    assert np.isnan([accuracy(empty), macro_f1(empty)]).all()


@pytest.mark.parametrize("players", [1, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_assignment_is_the_most_probable_of_all(players, seed):
    rng = np.random.default_rng(seed)
    slot_roles = np.array([0, 2, 2, 3, 5])
    scores = rng.dirichlet(np.full(6, 0.5), players)
    best = max(
        permutations(range(5), players),
        key=lambda slots: np.log(scores[range(players), slot_roles[list(slots)]]).sum(),
    )
    roles = assign_roles(scores, slot_roles)
    assert roles.tolist() == slot_roles[list(best)].tolist()
    assert all((roles == role).sum() <= (slot_roles == role).sum() for role in roles)


def test_impossible_roles_are_assigned_all_the_same():
    assert sorted(assign_roles(np.eye(3)[[0, 0]], [0, 1])) == [0, 1]
    assert assign_roles(np.zeros((0, 3)), [0, 1]).tolist() == []


@st.composite
def answers(draw):
    """Labels and answers of C classes; the answer C is none of them."""
    classes = draw(st.integers(1, 5))
    labels = draw(st.lists(st.integers(0, classes - 1), max_size=12))
    found = draw(st.lists(st.integers(0, classes), min_size=len(labels), max_size=len(labels)))
    return classes, np.array(labels, np.int64), np.array(found, np.int64)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(answers(), st.integers(0, 2**32 - 1))
def test_shares_are_shares_in_any_order_and_equal_those_of_scikit_learn(given_answers, seed):
    classes, labels, found = given_answers
    confusion = confusion_matrix(labels, found, classes + 1)[:classes]
    assert confusion.sum() == len(labels)
    if not len(labels):
        assert np.isnan([accuracy(confusion), macro_f1(confusion)]).all()
        return
    assert accuracy(confusion) == pytest.approx((labels == found).mean())
    occurring = sorted({*labels.tolist(), *found[found < classes].tolist()})
    expected = sklearn.metrics.f1_score(
        labels, found, labels=occurring, average="macro", zero_division=0
    )
    assert macro_f1(confusion) == pytest.approx(expected)
    order = np.random.default_rng(seed).permutation(len(labels))
    again = confusion_matrix(labels[order], found[order], classes + 1)[:classes]
    np.testing.assert_array_equal(again, confusion)
    right = confusion_matrix(labels, labels, classes + 1)[:classes]
    assert accuracy(right) == macro_f1(right) == 1
    # Of two wrong answers, one fewer is better.
    corrected = np.where(np.arange(len(found)) == np.argmax(found != labels), labels, found)
    better = confusion_matrix(labels, corrected, classes + 1)[:classes]
    assert accuracy(better) >= accuracy(confusion)


@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.lists(st.integers(0, 4), min_size=5))
def test_assigned_roles_are_slots_once_each_in_any_order(seed, players, slots):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(5), players)
    roles = assign_roles(scores, slots)
    remaining = list(slots)
    for role in roles:
        remaining.remove(role)
    likelihood = np.log(scores[np.arange(players), roles]).sum()
    chosen = scores[:, rng.permutation(slots)[:players]]
    assert likelihood >= np.log(np.diagonal(chosen)).sum() - 1e-9
    order = rng.permutation(players)
    again = assign_roles(scores[order], slots)
    assert again.tolist() == roles[order].tolist()
