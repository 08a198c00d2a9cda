from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.flight_library import flight_library
from footmm.simulation.runs import Runs
from footmm.simulation.state import BatchState


@pytest.fixture
def runs():
    state = BatchState([np.random.SeedSequence(0)], PitchDimensions(), num_plans=1)
    state.position[0, :11] = (-40.0, 0.0)
    state.position[0, 11:22] = (40.0, 0.0)
    library = flight_library()
    state.flight[0] = library.ground(20.0, 6.0)
    state.flight_turn[0] = (1.0, 0.0)
    return Runs(state, 0, library)


def test_one_player_is_assigned_and_the_others_are_free(runs):
    runs.assign(3, np.array([1.0, 2.0]), 4.0)
    runs.assign_only(4, np.array([90.0, 2.0]), 40.0)
    assert runs.state.assigned[0].nonzero()[0].tolist() == [4]
    assert runs.state.assigned_target[0, 4].tolist() == [54.0, 2.0]
    assert runs.state.assigned_pace[0, 4] == runs.state.top_speed[0, 4]


def test_the_nearest_of_both_teams_go_where_the_ball_will_be(runs):
    runs.state.position[0, 6] = (15.0, 5.0)
    runs.state.position[0, 17] = (22.0, -4.0)
    runs.chase(0.0, target=None)
    assert runs.state.assigned[0].nonzero()[0].tolist() == [6, 17]
    for player in (6, 17):
        x, y = runs.state.assigned_target[0, player]
        assert y == pytest.approx(0.0)
        assert 8 < x < 30


def test_the_target_of_a_pass_goes_whoever_is_nearer(runs):
    runs.state.position[0, 6] = (15.0, 2.0)
    runs.state.position[0, 8] = (20.0, 10.0)
    runs.chase(0.0, target=8)
    assert runs.state.assigned[0].nonzero()[0].tolist()[0] == 8


def test_keepers_stay_in_their_areas(runs):
    runs.state.position[0, 0] = (15.0, 1.0)
    runs.state.position[0, 6] = (12.0, 20.0)
    runs.chase(0.0, target=None)
    assert runs.state.assigned[0, 6]
    assert not runs.state.assigned[0, 0]
