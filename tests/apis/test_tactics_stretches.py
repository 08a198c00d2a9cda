"""Tactics of minutes."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.apis.tactics_stretches import formation_name, summarise
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import BALL
from footmm.structures.tactical_window import TacticalWindow


def slots_of(formation):
    slots = FORMATIONS[formation].slots
    return np.array([[30 * slot.depth - 20, 20 * slot.side] for slot in slots])


def window(seconds=(0.0, 10.0), match="m", period=1, seen=range(23), formations=(0, 1), **changes):
    """Two frames of two formations, the home team's drifting; answers are all alike unless given.

    Where someone of the away team is missing, it is missing in the first frame only.
    """
    positions = np.concatenate([slots_of(formations[0]), -slots_of(formations[1]), [[0, 0]]])
    positions = np.stack([positions, positions])
    positions[1, :11] += [5, -3]
    present = np.isin(np.arange(23), list(seen))[None].repeat(2, 0)
    present[1, 11:22] = True
    fields = dict(
        match=match,
        source="test",
        period=period,
        frame_ids=np.arange(2),
        seconds=np.array(seconds),
        pitch_size=(105.0, 68.0),
        team=np.repeat([0, 1, BALL], [11, 11, 1]),
        goalkeeper=np.zeros(23, bool),
        agent_ids=tuple(f"p{number}" for number in range(23)),
        positions=positions * present[..., None],
        present=present,
        formation=np.array(formations),
        has_formation=np.ones(2, bool),
        role=np.append([slot.role for n in formations for slot in FORMATIONS[n].slots], 0),
        has_role=np.arange(23) < 22,
        strategy=np.zeros((2, 2), np.int64),
        has_strategy=np.ones((2, 2), bool),
        formation_scores=np.full((2, len(FORMATIONS)), 1 / len(FORMATIONS)),
        role_scores=np.full((23, len(ROLES)), 1 / len(ROLES)),
        strategy_scores=np.full((2, 2, len(STRATEGIES)), 1 / len(STRATEGIES)),
        edges=np.zeros((2, 0), np.int64),
        attention=np.zeros(0),
    )
    return TacticalWindow(**(fields | changes))


def spans(windows, minutes):
    found = summarise(windows, minutes)
    assert [stretch.team for stretch in found] == [0, 1] * (len(found) // 2)
    return [(s.match, s.period, s.first_s, s.last_s, s.num_windows) for s in found[::2]]


def test_stretches_of_minutes_by_match_and_period():
    starts = [("b", 1, 0), ("a", 1, 100), ("a", 1, 130), ("a", 1, 161), ("a", 2, 0), ("a", 2, 30)]
    windows = [window((s, s + 10.0), match, period) for match, period, s in starts]
    assert spans(windows, 1.0) == [
        ("a", 1, 100, 140, 2),
        ("a", 1, 161, 171, 1),
        ("a", 2, 0, 40, 2),
        ("b", 1, 0, 10, 1),
    ]
    assert [number for *_, number in spans(windows, 10.0)] == [3, 2, 1]
    assert [number for *_, number in spans(windows, 0.1)] == [1] * 6
    assert summarise([], 1.0) == []


def test_windows_without_time_are_summed_up_by_period():
    nothing = (np.nan, np.nan)
    windows = [window(nothing), window(nothing), window(nothing, period=2)]
    found = summarise(windows, 0.01)
    assert [(s.period, s.team, s.num_windows) for s in found] == [
        (1, 0, 2),
        (1, 1, 2),
        (2, 0, 1),
        (2, 1, 1),
    ]
    assert np.isnan([s.first_s for s in found]).all()


def certain(number, count):
    return np.eye(count)[number]


def test_formations_count_by_the_players_seen():
    """Ten players who are seen say more than four: 10 : 4 for the second formation."""
    first = window(seen=range(10))
    second = window((10.0, 20.0), seen=range(4))
    first.formation_scores[0] = certain(1, len(FORMATIONS))
    second.formation_scores[0] = certain(2, len(FORMATIONS))
    home = summarise([first, second], 5.0)[0]
    assert home.formation_scores[[1, 2]] == pytest.approx([10 / 14, 4 / 14])
    assert home.formation_scores.sum() == pytest.approx(1)
    assert (home.formation, home.seen) == (1, 7)


def test_roles_count_by_the_frames_of_the_players():
    """The away team's player 12 is in one frame of the first window and in both of the second."""
    first, second = window(seen=[11, 13]), window((10.0, 20.0))
    first.role_scores[12] = certain(4, len(ROLES))
    second.role_scores[12] = certain(5, len(ROLES))
    away = summarise([first, second], 5.0)[1]
    assert len(away.agent_ids) == len(away.role_scores) == len(away.labelled_roles) == 11
    # Those who are seen longest come first.
    assert set(away.agent_ids[:2]) == {"p11", "p13"}
    assert sorted(away.num_frames) == [3.0] * 9 + [4.0] * 2
    place = away.agent_ids.index("p12")
    assert away.role_scores[place, [4, 5]] == pytest.approx([1 / 3, 2 / 3])
    assert away.labelled_roles[place] == ROLES.index("right back")


def test_labels_that_change_are_none():
    first, second = window(), window((10.0, 20.0), formations=(3, 1))
    home, away = summarise([first, second], 5.0)
    assert (home.labelled_formation, away.labelled_formation) == (None, 1)
    by_name = dict(zip(home.agent_ids, home.labelled_roles, strict=True))
    assert by_name["p0"] == 0
    # A right back of 4-4-2, who is a centre back of 3-5-2.
    assert by_name["p1"] is None
    first.has_formation[0] = False
    first.has_role[:] = False
    home = summarise([first, second], 5.0)[0]
    assert home.labelled_formation == 3
    assert dict(zip(home.agent_ids, home.labelled_roles, strict=True))["p1"] == 2


@pytest.mark.parametrize("formations", [(0, 3), (5, 6)])
def test_template_matching_of_a_stretch(formations):
    """The teams drift, which tells nothing; nobody is marked as the goalkeeper."""
    windows = [window(formations=formations), window((10.0, 20.0), formations=formations)]
    assert [s.template_formation for s in summarise(windows, 5.0)] == list(formations)
    marked = np.isin(np.arange(23), [0, 11])
    # Without a defender, and with the goalkeeper known.
    seen = [number for number in range(23) if number != 2]
    windows = [window(formations=formations, goalkeeper=marked, seen=seen)]
    assert [s.template_formation for s in summarise(windows, 5.0)] == list(formations)


def test_teams_that_move_up_keep_their_shape():
    """Some are seen only while their team stands 30 m back: their places are those in the team."""
    back = window()
    up = window((10.0, 20.0))
    up.positions[:, :11] += [30.0, 0.0]
    up.present[:, [1, 9]] = False
    assert summarise([back], 5.0)[0].template_formation == 0
    assert summarise([back, up], 5.0)[0].template_formation == 0


def test_substitutes_are_on_the_list_and_not_among_the_eleven():
    """For the last third, another man plays where the left striker was."""
    others = tuple("sub" if number == 10 else f"p{number}" for number in range(23))
    windows = [window((10.0 * n, 10.0 * n + 9)) for n in range(2)]
    windows.append(window((20.0, 29.0), agent_ids=others))
    home = summarise(windows, 5.0)[0]
    assert len(home.agent_ids) == 12
    assert (home.agent_ids[-1], home.num_frames[-1]) == ("sub", 2)
    assert home.template_formation == 0


def test_a_team_that_nobody_sees():
    home = summarise([window(seen=range(11, 23))], 5.0)[0]
    assert home.agent_ids == home.labelled_roles == ()
    assert home.role_scores.shape == (0, len(ROLES))
    assert home.seen == 0
    assert home.template_formation is None
    assert home.formation_scores.sum() == pytest.approx(1)
    few = summarise([window(seen=range(3))], 5.0)[0]
    assert few.template_formation is None


def test_names_of_formations():
    assert (formation_name(0), formation_name(None)) == ("4-4-2", "-")
