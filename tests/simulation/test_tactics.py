from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.state import BallState, BatchState
from footmm.simulation.tactics import TACTICS, plan
from footmm.simulation.tracks import STRATEGIES


def settle(style, ball=(0.0, 0.0), team=1, seconds=12):
    """Two 4-4-2 that have taken their places around a ball that does not move."""
    state = BatchState([np.random.SeedSequence(0)], PitchDimensions(), num_plans=1)
    for number in (0, 1):
        state.set_formation(0, number, 0)
    state.wander[:] = 0.0
    state.style[0] = [STRATEGIES.index(name) for name in style]
    state.team[0] = team
    state.ball[0, :2] = state.ball_reference[0] = ball
    for _ in range(seconds * 10):
        plan(state)
        state.move()
    return state


def outfield(state, team):
    return state.team_view()[0, team, 1:]


def test_every_strategy_has_a_tactic():
    assert tuple(TACTICS) == STRATEGIES


def test_the_height_of_the_line_depends_on_the_strategy():
    lines = [
        np.sort(outfield(settle((name, "build_up")), 0)[:, 0])[:4].mean()
        for name in ("low_block", "mid_block", "high_press")
    ]
    assert lines[0] + 4 < lines[1]
    assert lines[1] + 1 < lines[2]


def test_the_line_moves_with_the_ball():
    lines = [
        np.sort(outfield(settle(("mid_block", "build_up"), ball=(x, 0.0)), 0)[:, 0])[:4].mean()
        for x in (-25.0, -5.0, 15.0)
    ]
    assert lines[0] < lines[1] < lines[2] + 0.5


def test_the_team_with_the_ball_is_wider_and_shifts_less():
    state = settle(("mid_block", "build_up"), ball=(0.0, 25.0))
    assert np.ptp(outfield(state, 1)[:, 1]) > np.ptp(outfield(state, 0)[:, 1]) + 5
    defenders = state.position[0, 1:11, 1].mean()
    attackers = state.position[0, 12:22, 1].mean()
    assert defenders > attackers + 2


def test_attackers_stay_onside():
    state = settle(("low_block", "build_up"), ball=(-20.0, 0.0))
    second_last = np.sort(state.position[0, :11, 0])[1]
    assert state.position[0, 12:22, 0].min() > second_last - 1.0


def test_the_nearest_defender_presses_the_possessor():
    state = settle(("high_press", "build_up"))
    before = np.abs(outfield(state, 0)).max()
    state.ball_state[0] = BallState.CARRIED
    for _ in range(50):
        plan(state)
        state.move()
    away = np.sort(np.hypot(*outfield(state, 0).T))
    assert away[0] < 1.2
    assert away[1] < 4.0
    assert before > 0


def test_goalkeepers_stay_between_ball_and_goal():
    state = settle(("mid_block", "build_up"), ball=(-40.0, 10.0))
    near, far = state.position[0, 0], state.position[0, 11]
    assert -51.5 < near[0] < -47
    assert 0.5 < near[1] < 3.1
    assert 35 < far[0] < 42
    assert abs(far[1]) < 1.0


def test_an_assigned_player_leaves_the_shape():
    state = settle(("mid_block", "build_up"))
    state.assigned[0, 5] = True
    state.assigned_target[0, 5] = (30.0, 30.0)
    state.assigned_pace[0, 5] = 7.0
    for _ in range(150):
        plan(state)
        state.move()
    assert state.position[0, 5] == pytest.approx([30.0, 30.0], abs=0.2)


def test_assistants_are_level_with_the_last_lines():
    state = settle(("mid_block", "build_up"), ball=(10.0, 0.0))
    bottom, top = state.position[0, 23], state.position[0, 24]
    last_right = np.sort(state.position[0, 11:22, 0])[-2]
    last_left = np.sort(state.position[0, :11, 0])[1]
    assert bottom == pytest.approx([max(last_right, 10.0), -34.8], abs=0.5)
    assert top == pytest.approx([last_left, 34.8], abs=0.5)
    assert np.hypot(*(state.position[0, 22] - (10.0, 0.0))) > 6.0
