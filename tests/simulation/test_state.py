from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.formations import FORMATIONS
from footmm.simulation.state import (
    MAX_ACCELERATION,
    MAX_SPEED,
    TICK,
    URGENT,
    BatchState,
    length,
)


@pytest.fixture
def state():
    seeds = [np.random.SeedSequence(seed) for seed in (1, 2)]
    state = BatchState(seeds, PitchDimensions(), num_plans=40)
    state.pace[:] = 12.0
    state.urgency[:] = URGENT
    return state


def test_lengths():
    assert length(np.array([[3.0, 4.0], [0.0, -2.0]])).tolist() == [5.0, 2.0]


def test_agents_get_to_their_targets_and_stop(state):
    state.target[:] = np.random.default_rng(0).uniform(-30, 30, state.target.shape)
    for _ in range(150):
        state.move()
    assert np.abs(state.position - state.target).max() < 0.1
    assert length(state.velocity).max() < 0.1


def test_a_tick_is_a_constant_acceleration_within_the_limits(state):
    state.top_speed[:] = MAX_SPEED
    state.pace[:] = MAX_SPEED
    state.target[:] = (40.0, 0.0)
    for tick in range(60):
        if tick == 30:
            state.target[:] = (-40.0, 10.0)
        position, velocity = state.position, state.velocity
        acceleration = state.move()
        assert length(acceleration).max() < MAX_ACCELERATION + 1e-9
        assert length(state.velocity).max() < MAX_SPEED + 1e-9
        assert np.allclose(state.velocity, velocity + TICK * acceleration)
        way = TICK * velocity + TICK**2 / 2 * acceleration
        assert np.allclose(state.position, position + way)


def test_who_runs_faces_his_way_and_who_stands_the_ball(state):
    state.ball[:, :2] = (0.0, 20.0)
    state.target[:, 0] = (60.0, 0.0)
    for _ in range(30):
        state.move()
    assert np.allclose(length(state.facing), 1.0)
    assert (state.facing[:, 0, 0] > 0.9).all()
    assert (state.facing[:, 1, 1] > 0.99).all()


def test_the_ball_reference_follows_the_ball(state):
    state.ball[:, 0] = 10.0
    state.move()
    first = state.ball_reference[0, 0]
    for _ in range(60):
        state.move()
    assert 0 < first < 3
    assert state.ball_reference[0, 0] == pytest.approx(10.0, abs=0.1)


def test_teams_see_the_pitch_as_attacking_to_the_right(state):
    state.position[:, 0] = (-50.0, 1.0)
    state.position[:, 11] = (50.0, 1.0)
    view = state.team_view()
    assert view.shape == (2, 2, 11, 2)
    assert view[0, 0, 0].tolist() == [-50.0, 1.0]
    assert view[0, 1, 0].tolist() == [-50.0, -1.0]


def test_formations_set_the_slots(state):
    state.set_formation(1, 0, 2)
    slots = FORMATIONS[2].slots
    assert state.depth[1, 0].tolist() == [slot.depth for slot in slots]
    assert state.side[1, 0].tolist() == [slot.side for slot in slots]
    assert not state.depth[0].any()


def test_wandering_keeps_its_variance_and_belongs_to_the_match(state):
    alone = BatchState([np.random.SeedSequence(2)], PitchDimensions(), num_plans=40)
    for plan in range(40):
        state.stroll(plan)
        alone.stroll(plan)
    assert np.array_equal(alone.wander[0], state.wander[1])
    assert 0.6 < state.wander.std() < 1.4
