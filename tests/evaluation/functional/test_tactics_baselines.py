"""Simple rules: blind to the order of the players, and never fitted to what they are tested on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import tactics_baselines
from footmm.evaluation.functional.tactics_baselines import (
    FRAME_VECTOR_LENGTH,
    UNKNOWN,
    cross_fitted,
    frame_vector,
    player_vectors,
    team_vector,
    template_formations,
)
from footmm.structures.agent_tracks import AWAY, HOME
from footmm.structures.tactical_window import TacticalWindow

ORDER = np.concatenate([[4, 0, 9, 2, 1, 3, 8, 10, 5, 7, 6], 11 + np.arange(11)[::-1], [22]])


@pytest.fixture
def make(tactics_sample):
    """Windows, in another order or with some players missing in all frames, or one."""

    def make(order=None, missing=(), missing_in_frame=None, swapped=False, **options):
        sample = tactics_sample(**options)
        sample.present[:, list(missing)] = False
        if missing_in_frame is not None:
            sample.present[2, missing_in_frame] = False
        if swapped:
            order = np.concatenate([np.arange(11, 22), np.arange(11), [22]])
            sample.positions = -sample.positions
        if order is not None:
            for name in ("positions", "present"):
                sample.set_field(sample.get(name)[:, order], name)
            for name in ("role", "goalkeeper"):
                sample.set_field(sample.get(name)[order], name)
        return TacticalWindow.from_sample(sample)

    return make


@pytest.mark.parametrize("missing", [(), (3, 7, 20), (0,)])
def test_vectors_do_not_know_the_order_of_the_players(make, missing):
    inverse = np.argsort(ORDER)
    given = make(missing=missing, missing_in_frame=5)
    other = make(ORDER, missing, missing_in_frame=5)
    assert np.abs(given.positions - other.positions).max() > 1
    for team in (HOME, AWAY):
        np.testing.assert_allclose(team_vector(other, team), team_vector(given, team), atol=1e-9)
        for frame in range(3):
            np.testing.assert_array_equal(
                frame_vector(other, team, frame), frame_vector(given, team, frame)
            )
        players, vectors = player_vectors(given, team)
        others, other_vectors = player_vectors(other, team)
        assert sorted(ORDER[others]) == players.tolist()
        rank = np.argsort(inverse[players])
        np.testing.assert_allclose(other_vectors, vectors[rank], atol=1e-9)


@pytest.mark.parametrize("missing", [(), (3, 7, 20)])
def test_teams_are_seen_as_they_attack(make, missing):
    given = make(missing=missing)
    swapped = make(swapped=True, missing=missing)
    for team in (HOME, AWAY):
        other = 1 - team
        np.testing.assert_array_equal(team_vector(swapped, other), team_vector(given, team))
        np.testing.assert_array_equal(frame_vector(swapped, other, 1), frame_vector(given, team, 1))
        np.testing.assert_array_equal(
            player_vectors(swapped, other)[1], player_vectors(given, team)[1]
        )


def test_lengths_and_places(make):
    window = make()
    assert team_vector(window, HOME).shape == (44,)
    players, vectors = player_vectors(window, AWAY)
    assert players.tolist() == list(range(11, 22))
    assert vectors.shape == (11, 50)
    vector = frame_vector(window, HOME, 1)
    assert vector.shape == (FRAME_VECTOR_LENGTH,) == (46,)
    # The goalkeeper is the last man, and the ball stands at the end.
    np.testing.assert_array_equal(vector[:2], window.positions[1, 0])
    np.testing.assert_array_equal(vector[-2:], window.positions[1, 22])
    np.testing.assert_array_equal(frame_vector(window, AWAY, 1)[-2:], -window.positions[1, 22])
    assert not frame_vector(make(missing=[22]), HOME, 1)[-2:].any()


def test_a_team_that_nobody_sees_has_zeros(make):
    window = make(missing=range(11))
    assert not team_vector(window, HOME).any()
    assert player_vectors(window, HOME)[1].shape == (0, 50)
    assert not frame_vector(window, HOME, 0)[:22].any()
    assert frame_vector(window, HOME, 0)[22:44].any()


@pytest.mark.parametrize("formations", [(0, 1), (3, 7), (5, 2)])
def test_template_matching(make, formations):
    given = make(formations=formations)
    found, roles = template_formations(given)
    assert found.tolist() == list(formations)
    assert (roles == given.role)[:22].all()
    assert roles[22] == UNKNOWN
    other = template_formations(make(ORDER, formations=formations))
    assert other[0].tolist() == list(formations)
    assert (other[1] == roles[ORDER]).all()


def test_template_matching_of_too_few(make):
    """The goalkeeper's role is known all the same."""
    found, roles = template_formations(make(formations=(2, 3), missing=range(4, 11)))
    assert found.tolist() == [UNKNOWN, 3]
    assert roles[:11].tolist() == [0] + [UNKNOWN] * 10


@pytest.fixture
def fits(monkeypatch):
    """Calls of the regression: what it was fitted to, and what it was asked."""
    calls = []
    probe = tactics_baselines.linear_probe_predictions

    def spy(train_vectors, train_labels, vectors):
        calls.append((train_vectors, train_labels, vectors))
        return probe(train_vectors, train_labels, vectors)

    monkeypatch.setattr(tactics_baselines, "linear_probe_predictions", spy)
    return calls


@pytest.mark.parametrize("names", ["ab", "abc", "abcde"])
def test_cross_fitted_asks_of_matches_that_it_was_not_fitted_to(fits, names):
    rng = np.random.default_rng(0)
    groups = rng.permutation(list(names) * 8)
    labels = rng.integers(0, 3, len(groups))
    # Which class it is can be told, and which row it is.
    vectors = np.stack([5.0 * (labels == k) for k in range(3)] + [np.arange(len(labels))], axis=1)
    vectors[:, 3] /= 1e3
    assert cross_fitted(vectors, labels, list(groups)).tolist() == labels.tolist()
    assert len(fits) == 2
    asked = []
    for train, train_labels, test in fits:
        known, tested = (np.round(rows[:, 3] * 1e3).astype(int) for rows in (train, test))
        assert set(groups[known]).isdisjoint(groups[tested])
        assert train_labels.tolist() == labels[known].tolist()
        assert len(known) + len(tested) == len(labels)
        asked += tested.tolist()
    assert sorted(asked) == list(range(len(labels)))


def test_cross_fitted_with_nothing_to_fit(fits):
    vectors = np.arange(8.0)[:, None]
    one_match = cross_fitted(vectors, np.arange(8) % 2, ["a"] * 8)
    assert one_match.tolist() == [UNKNOWN] * 8
    one_class = cross_fitted(vectors, np.zeros(8, int), list("aaaabbbb"))
    assert one_class.tolist() == [UNKNOWN] * 8
    assert fits == []
    # The second match has one class alone: the first is asked nothing.
    found = cross_fitted(vectors, np.array([0, 0, 1, 1, 0, 0, 0, 0]), list("aaaabbbb"))
    assert found[:4].tolist() == [UNKNOWN] * 4
    assert (found[4:] == 1).all()
    assert cross_fitted(vectors[:0], np.zeros(0, int), []).tolist() == []


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.2, 0.9, 1.0]),
    st.sampled_from([np.nan, np.inf, 1e300]),
)
def test_windows_are_read_whatever_stands_for_the_missing(tactics_sample, seed, lost, anything):
    """Of any players, seen in any frames; what nobody saw does not matter."""
    rng = np.random.default_rng(seed)
    sample = tactics_sample(tuple(rng.integers(0, 8, 2)), seed=seed)
    present = rng.random(sample.present.shape) >= lost
    sample.present[:] = torch.from_numpy(present)
    hidden = sample.clone()
    hidden.positions[~sample.present] = anything
    windows = [TacticalWindow.from_sample(item) for item in (sample, hidden)]
    for team in (HOME, AWAY):
        vectors = [
            np.concatenate(
                [
                    team_vector(window, team),
                    player_vectors(window, team)[1].ravel(),
                    *(frame_vector(window, team, frame) for frame in range(3)),
                ]
            )
            for window in windows
        ]
        assert np.isfinite(vectors[0]).all()
        np.testing.assert_array_equal(*vectors)
    answers = [template_formations(window) for window in windows]
    for expected, found in zip(*answers, strict=True):
        np.testing.assert_array_equal(found, expected)
    formations, roles = answers[0]
    assert ((formations == UNKNOWN) | ((formations >= 0) & (formations < 8))).all()
    assert (roles[~windows[0].seen] == UNKNOWN).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(1, 4), st.integers(1, 3))
def test_cross_fitted_answers_are_labels_of_other_groups(seed, count, num_groups, num_classes):
    rng = np.random.default_rng(seed)
    vectors, labels = rng.normal(size=(count, 2)), rng.integers(0, num_classes, count)
    groups = [f"match {number}" for number in rng.integers(0, num_groups, count)]
    found = cross_fitted(vectors, labels, groups)
    assert found.shape == (count,)
    for number, answer in enumerate(found):
        others = {int(labels[i]) for i in range(count) if groups[i] != groups[number]}
        assert answer == UNKNOWN or answer in others
    order = rng.permutation(count)
    again = cross_fitted(vectors[order], labels[order], [groups[i] for i in order])
    assert again.tolist() == found[order].tolist()
