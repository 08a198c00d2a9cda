"""Tests for labels of match sheets."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.datasets.tactics import MatchSheet
from footmm.datasets.tactics.match_sheet import Spell, sorted_spells
from footmm.simulation.formations import (
    FORMATIONS,
    MIRRORED_ROLES,
    ROLES,
    closest_formation,
    formation_index,
)
from footmm.structures.agent_tracks import AWAY, HOME

BACK, WING, STRIKER = (ROLES.index(name) for name in ("left back", "left wing", "striker"))


def label(sheet, seconds, period=1, agents=("p",), num_observed=None):
    """Labels of a window at some seconds of a period."""
    times = None if seconds is None else np.asarray(seconds, np.float32)
    count = 4 if times is None else len(times)
    return sheet.labels(period, times, agents, count, num_observed or count)


def role_of(sheet, seconds, period=1, num_observed=None):
    """Role of the only player; None if unknown."""
    labels = label(sheet, seconds, period, num_observed=num_observed)
    assert labels["has_role"][0] or labels["role"][0] == 0
    return int(labels["role"][0]) if labels["has_role"][0] else None


def sheet(*spells, uncertainty_s=0.0, **values):
    """A sheet of one player's roles."""
    return MatchSheet(
        players={"p": (HOME, 7)},
        roles={(HOME, 7): tuple(Spell(*spell) for spell in spells)},
        uncertainty_s=uncertainty_s,
        **values,
    )


def test_a_spell_holds_until_the_next():
    played = sheet((1, 0.0, BACK), (1, 600.0, WING), (2, 30.0, None))
    assert role_of(played, [0, 5]) == BACK
    assert role_of(played, [590, 599]) == BACK
    assert role_of(played, [590, 601]) is None
    assert role_of(played, [600, 601]) == WING
    # Over half-time, too.
    assert role_of(played, [0, 29], period=2) == WING
    assert role_of(played, [0, 31], period=2) is None
    assert role_of(played, [31, 35], period=2) is None
    assert role_of(sheet((1, 60.0, BACK)), [10, 20]) is None
    assert role_of(sheet((1, 0.0, BACK), (1, 60.0, BACK)), [50, 70]) == BACK
    assert role_of(sheet((1, 0.0, BACK), (2, 0.0, WING)), [2900, 3000]) == BACK


def test_only_the_observed_frames_count():
    played = sheet((1, 0.0, BACK), (1, 12.0, WING))
    assert role_of(played, [10, 11, 13], num_observed=2) == BACK
    assert role_of(played, [10, 11, 13], num_observed=3) is None


def test_near_a_change_labels_are_unknown():
    played = sheet((1, 0.0, BACK), (1, 600.0, WING), uncertainty_s=5.0)
    assert role_of(played, [580, 594]) == BACK
    assert role_of(played, [580, 596]) is None
    assert role_of(played, [604, 620]) is None
    assert role_of(played, [605, 620]) == WING
    # The line-up holds at the kick-off.
    assert role_of(played, [0, 2]) == BACK


def test_strategies_hold_frame_by_frame():
    strategies = (
        (Spell(1, 0.0, 3), Spell(1, 10.0, 4), Spell(1, 20.0, None)),
        (Spell(1, 15.0, 1),),
    )
    labels = label(sheet(strategies=strategies), [5, 9.5, 10, 12, 16, 22])
    assert labels["strategy"].tolist() == [[3, 0], [3, 0], [4, 0], [4, 0], [4, 1], [0, 1]]
    assert labels["has_strategy"].T.tolist() == [
        [True, True, True, True, True, False],
        [False, False, False, False, True, True],
    ]
    labels = label(sheet(strategies=strategies, uncertainty_s=2.0), [7, 8.5, 11, 12, 14, 17])
    assert labels["has_strategy"].T.tolist() == [
        [True, False, False, True, True, True],
        [False, False, False, False, False, True],
    ]


def test_without_a_clock_only_what_never_changes_is_known():
    steady = sheet((1, 0.0, BACK), (2, 0.0, BACK), strategies=((Spell(1, 0.0, 3),), ()))
    labels = label(steady, None)
    assert role_of(steady, None) == BACK
    assert labels["strategy"].shape == (4, 2)
    assert not labels["has_strategy"].any()
    assert role_of(sheet((1, 0.0, BACK), (2, 0.0, WING)), None) is None
    assert role_of(sheet((1, 0.0, BACK), (2, 0.0, None)), None) is None
    formations = ((Spell(1, 0.0, 2),), (Spell(1, 0.0, 2), Spell(2, 0.0, 3)))
    labels = label(sheet(formations=formations), None)
    assert labels["has_formation"].tolist() == [True, False]
    assert labels["formation"].tolist() == [2, 0]


def test_names_that_the_sheet_does_not_know():
    labels = label(sheet((1, 0.0, BACK)), [5, 6], agents=("", "x", "p", "ball"))
    assert labels["role"].tolist() == [0, 0, BACK, 0]
    assert labels["has_role"].tolist() == [False, False, True, False]
    assert {name: labels[name].dtype for name in ("role", "has_role")} == {
        "role": np.int64,
        "has_role": np.bool_,
    }


def teams(home: str, away: str, **values):
    """A sheet of the roles of two formations from the start."""
    roles = {
        (team, number): (Spell(1, 0.0, slot.role),)
        for team, name in ((HOME, home), (AWAY, away))
        for number, slot in enumerate(FORMATIONS[formation_index(name)].slots, 1)
    }
    return MatchSheet(players={}, roles=roles, **values)


def formations_of(sheet, seconds, period=1):
    labels = label(sheet, seconds, period, agents=())
    return [
        FORMATIONS[formation].name if known else None
        for formation, known in zip(labels["formation"], labels["has_formation"], strict=True)
    ]


def test_formations_follow_from_roles_where_none_are_stated():
    assert formations_of(teams("4-3-3", "3-5-2"), [5, 6]) == ["4-3-3", "3-5-2"]
    stated = ((Spell(1, 0.0, formation_index("4-4-2")), Spell(1, 60.0, None)), ())
    played = teams("4-3-3", "3-5-2", formations=stated)
    assert formations_of(played, [5, 6]) == ["4-4-2", "3-5-2"]
    # What is stated to be none of ours is not made up from the roles.
    assert formations_of(played, [70, 71]) == [None, "3-5-2"]


def test_formations_from_roles_change_with_substitutions():
    played = teams("4-3-3", "3-5-2", uncertainty_s=5.0)
    out, into = (HOME, 11), (HOME, 12)
    roles = dict(played.roles)
    roles[out] = (*roles[out], Spell(2, 60.0, None))
    played = MatchSheet({}, roles, uncertainty_s=5.0)
    assert formations_of(played, [50, 54], period=2) == ["4-3-3", "3-5-2"]
    assert formations_of(played, [56, 58], period=2) == [None, "3-5-2"]
    # Ten players.
    assert formations_of(played, [70, 75], period=2) == [None, "3-5-2"]
    roles[into] = (Spell(2, 60.0, STRIKER),)
    played = MatchSheet({}, roles, uncertainty_s=5.0)
    assert formations_of(played, [50, 54], period=2) == ["4-3-3", "3-5-2"]
    assert formations_of(played, [63, 64], period=2) == [None, "3-5-2"]
    assert formations_of(played, [70, 75], period=2) == ["4-3-3", "3-5-2"]


def test_with_events():
    tracks = sheet((1, 0.0, BACK), uncertainty_s=60.0)
    events = MatchSheet(
        players={"other name": (HOME, 7)},
        roles={(HOME, 7): (Spell(1, 0.0, WING),)},
        formations=((Spell(1, 0.0, 5),), ()),
        strategies=((Spell(1, 0.0, 3),), ()),
        uncertainty_s=2.0,
    )
    labels = label(tracks.with_events(events), [70, 80], agents=("p", "other name"))
    assert labels["role"].tolist() == [WING, 0]
    assert labels["has_role"].tolist() == [True, False]
    assert labels["formation"].tolist() == [5, 0]
    assert labels["strategy"][:, 0].tolist() == [3, 3]
    # The labels are those of the events, and so is their clock.
    assert tracks.with_events(events).uncertainty_s == 2.0
    assert events.with_events(tracks).uncertainty_s == 60.0


def test_of_spells_that_begin_together_the_last_counts():
    spells = [Spell(2, 0.0, 1), Spell(1, 5.0, 2), Spell(1, 0.0, None), Spell(1, 5.0, 3)]
    assert sorted_spells(spells) == (Spell(1, 0.0, None), Spell(1, 5.0, 3), Spell(2, 0.0, 1))


@pytest.mark.parametrize("index", range(len(FORMATIONS)), ids=lambda i: FORMATIONS[i].name)
def test_closest_formation(index):
    roles = [slot.role for slot in FORMATIONS[index].slots]
    rng = np.random.default_rng(0)
    assert closest_formation(roles) == index
    assert closest_formation(rng.permutation(roles).tolist()) == index
    assert closest_formation(MIRRORED_ROLES[roles].tolist()) == index
    assert closest_formation(roles[:-1]) is None
    assert closest_formation([*roles, STRIKER]) is None
    # Nobody in goal, or two.
    assert closest_formation([STRIKER, *roles[1:]]) is None
    assert closest_formation([*roles[:-1], roles[0]]) is None


def test_mirrored_roles():
    names = {ROLES[role]: ROLES[mirrored] for role, mirrored in enumerate(MIRRORED_ROLES)}
    assert names["left wing back"] == "right wing back"
    assert names["centre back"] == "centre back"
    assert sum(name != mirrored for name, mirrored in names.items()) == 8
    np.testing.assert_array_equal(MIRRORED_ROLES[MIRRORED_ROLES], np.arange(len(ROLES)))
