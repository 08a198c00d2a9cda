"""Scores of classifications against scikit-learn's; assignments against all there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import sklearn.metrics

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
