"""Template matching finds formations that it is given, however they are moved and stretched."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional.formation_templates import (
    MIN_PLAYERS,
    match_formation,
    match_team,
    outfield,
)
from footmm.simulation.formations import FORMATIONS

NUMBERS = range(len(FORMATIONS))
NAMES = [formation.name for formation in FORMATIONS]


def places(formation, size=(27.0, 19.0), shift=(0.0, 0.0)):
    """``(10, 2)``, the outfield slots; ``size`` is length and half the width, metres."""
    slots = [(slot.depth, slot.side) for slot in FORMATIONS[formation].slots[1:]]
    return np.array(slots) * size + shift


@pytest.mark.parametrize("formation", NUMBERS, ids=NAMES)
@pytest.mark.parametrize(
    ("size", "shift"),
    [((27.0, 19.0), (0, 0)), ((18.0, 30.0), (-20, 4)), ((48.0, 12.0), (15, -9))],
    ids=["usual", "wide", "long"],
)
def test_own_slots_moved_and_stretched(formation, size, shift):
    match = match_formation(places(formation, size, shift))
    assert match.formation == formation
    assert match.slots.tolist() == list(range(1, 11))
    assert match.cost == pytest.approx(0, abs=1e-6)
    assert match.costs.argmin() == formation
    assert np.delete(match.costs, formation).min() > 0.3


@pytest.mark.parametrize("formation", NUMBERS, ids=NAMES)
def test_players_in_any_order_and_not_quite_there(formation):
    rng = np.random.default_rng(formation)
    right = 0
    for _ in range(20):
        order = rng.permutation(10)
        match = match_formation((places(formation) + rng.normal(0, 0.8, (10, 2)))[order])
        if match.formation == formation:
            right += (match.slots == order + 1).all()
            assert 0.3 < match.cost < 1.5
    assert right >= 17


@pytest.mark.parametrize("size", [(27.0, 19.0), (45.0, 30.0)], ids=["usual", "large"])
def test_three_players_are_missing(size):
    """Which formation it is can be seen without most threes; slots are those of the players."""
    found, slots, fits = [], [], []
    for formation in NUMBERS:
        for missing in list(combinations(range(10), 3))[::6]:
            seen = np.delete(np.arange(10), missing)
            match = match_formation(places(formation, size, (9, 2))[seen])
            assert len(set(match.slots)) == 7
            fits.append(match.costs[formation] < 1e-6)
            found.append(match.formation == formation)
            if match.formation == formation:
                slots.append((match.slots == seen + 1).all())
    assert len(found) == 160
    assert np.mean(found) > 0.95
    assert np.mean(fits) > 0.95
    assert np.mean(slots) > 0.95


def test_a_choice_of_formations():
    match = match_formation(places(1), [FORMATIONS[3], FORMATIONS[1]])
    assert match.formation == 1
    assert len(match.costs) == 2


def test_cost_is_in_metres():
    """One player two metres beside its slot; the template follows a little."""
    off = places(0)
    off[4, 1] -= 2
    assert 0.5 * 2 / np.sqrt(10) < match_formation(off).cost < 2 / np.sqrt(10)


def test_too_few_players():
    assert MIN_PLAYERS == 4
    assert match_formation(places(0)[:3]) is None
    assert match_formation(np.zeros((0, 2))) is None
    assert match_formation(places(0)[:4]) is not None


def test_players_in_one_place_or_line_are_no_failure():
    for line in (np.zeros((10, 2)), np.stack([np.arange(10), np.zeros(10)], axis=1)):
        match = match_formation(line)
        assert np.isfinite(match.costs).all()
        assert sorted(match.slots) == list(range(1, 11))


def test_outfield():
    marked = np.arange(11) == 4
    team = np.concatenate([[[-40.0, 0]], places(0)])
    assert outfield(team, marked).tolist() == (~marked).tolist()
    nobody = np.zeros(11, bool)
    assert np.flatnonzero(~outfield(team, nobody)).tolist() == [0]
    assert np.flatnonzero(~outfield(team[::-1], nobody)).tolist() == [10]
    # Of ten, the goalkeeper may be the one who is missing.
    assert outfield(team[:10], nobody[:10]).all()


@st.composite
def teams(draw):
    """``(P, 2)``, metres: anybody anywhere, at places that do not tie."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.uniform([-50, -34], [50, 34], (draw(st.integers(0, 11)), 2))


@given(teams(), st.integers(0, 2**32 - 1))
def test_matches_know_neither_where_nor_in_which_order(team, seed):
    players = team[:10]
    match = match_formation(players)
    assert (match is None) == (len(players) < MIN_PLAYERS)
    if match is None:
        return
    assert len(set(match.slots.tolist())) == len(players)
    assert match.slots.min() >= 1
    assert match.slots.max() <= 10
    assert match.costs.shape == (len(FORMATIONS),)
    assert match.cost == match.costs[match.formation] == match.costs.min() >= 0
    order = np.random.default_rng(seed).permutation(len(players))
    again = match_formation(players[order] + [13.0, -7.0])
    np.testing.assert_allclose(again.costs, match.costs, atol=1e-9)
    assert again.slots.tolist() == match.slots[order].tolist()


@given(teams(), st.integers(-1, 10))
def test_teams_are_matched_without_their_goalkeeper(team, keeper):
    is_goalkeeper = np.arange(len(team)) == keeper
    kept = outfield(team, is_goalkeeper)
    assert kept.shape == (len(team),)
    if is_goalkeeper.any():
        assert kept.tolist() == (~is_goalkeeper).tolist()
    else:
        # Eleven players, one of whom is nearest to the own goal.
        assert np.flatnonzero(~kept).tolist() == ([team[:, 0].argmin()] if len(team) == 11 else [])
    players, match = match_team(team, is_goalkeeper)
    assert players.tolist() == np.flatnonzero(kept)[:10].tolist()
    alone = match_formation(team[players])
    assert (match is None) == (alone is None)
    if match is not None:
        assert (match.formation, match.slots.tolist()) == (alone.formation, alone.slots.tolist())
