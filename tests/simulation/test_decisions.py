from __future__ import annotations

import math

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.decisions import (
    Outlook,
    clear,
    cross,
    decide,
    deflection_chance,
    dribble_direction,
    interception_chance,
    pass_to,
    rate_passes,
    shoot,
)
from footmm.simulation.flight_library import flight_library
from footmm.simulation.state import BatchState
from footmm.simulation.tracks import EventKind


@pytest.fixture(scope="module")
def library():
    return flight_library()


def make_state(ball=(0.0, 0.0), mates=(), opponents=(), player=5):
    """Everybody is far behind, but the player at the ball and those given."""
    state = BatchState([np.random.SeedSequence(0)], PitchDimensions(), num_plans=1)
    state.position[0, :11] = (-45.0, 0.0)
    state.position[0, 11:22] = (45.0, 30.0)
    state.ball[0, :2] = ball
    state.position[0, player] = ball
    for number, place in enumerate(mates, 6):
        state.position[0, number] = place
    for number, place in enumerate(opponents, 12):
        state.position[0, number] = place
    return state


def test_the_second_team_sees_the_pitch_turned():
    state = make_state(ball=(10.0, 5.0))
    outlook = Outlook(state, 0, 14)
    assert outlook.number == 3
    assert outlook.ball.tolist() == [-10.0, -5.0]
    assert outlook.mates[0].tolist() == [-45.0, -30.0]
    assert outlook.opponents[5].tolist() == [-10.0, -5.0]
    assert outlook.pressure == 0.0
    assert outlook.player(3) == 14
    assert outlook.angle(np.array([0.0, 1.0])) == pytest.approx(-math.pi / 2)


def test_free_mates_are_better_than_covered_ones():
    state = make_state(mates=[(15.0, 10.0), (15.0, -10.0)], opponents=[(10.0, 6.5), (14.5, 9.5)])
    scores, lanes = zip(
        *(rate_passes(Outlook(state, 0, 5), np.random.default_rng(seed)) for seed in range(20)),
        strict=True,
    )
    mean = np.mean(scores, axis=0)
    assert mean[7] > mean[6] + 0.5
    assert mean[5] == -np.inf
    assert lanes[0][7] > 1 > lanes[0][6]


def test_offside_mates_are_not_passed_to():
    state = make_state(mates=[(48.0, 0.0), (20.0, 5.0)])
    state.position[0, 11] = (50.0, 0.0)
    scores, _ = rate_passes(Outlook(state, 0, 5), np.random.default_rng(0))
    assert scores[6] == -np.inf
    assert np.isfinite(scores[7])


def test_a_pass_goes_to_the_mate_and_arrives(library):
    state = make_state(mates=[(12.0, 9.0)])
    kick = pass_to(Outlook(state, 0, 5), 6, 6.0, library, np.random.default_rng(0))
    assert kick.kind is EventKind.PASS
    assert kick.target == 6
    assert kick.angle == pytest.approx(math.atan2(9, 12), abs=0.25)
    assert library.speed_at[kick.flight, 15] > 4.0


def test_a_pass_leads_a_running_mate(library):
    state = make_state(mates=[(0.0, 15.0)])
    state.velocity[0, 6] = (6.0, 0.0)
    angles = [
        pass_to(Outlook(state, 0, 5), 6, 6.0, library, np.random.default_rng(seed)).angle
        for seed in range(30)
    ]
    assert np.mean(angles) < math.pi / 2 - 0.2


def test_shots_go_to_the_goal(library):
    state = make_state(ball=(38.0, 5.0))
    crossed = []
    for seed in range(100):
        kick = shoot(Outlook(state, 0, 5), library, np.random.default_rng(seed))
        assert kick.kind is EventKind.SHOT
        place = library.position[kick.flight]
        x = 38 + math.cos(kick.angle) * place[:, 0] - math.sin(kick.angle) * place[:, 1]
        y = 5 + math.sin(kick.angle) * place[:, 0] + math.cos(kick.angle) * place[:, 1]
        crossed.append(y[int((x > 52.5).argmax())])
    assert np.mean(np.abs(crossed) < 3.66) > 0.6
    assert np.std(crossed) > 1.0


def test_nearer_is_likelier_to_be_a_shot(library):
    share = []
    for distance in (8.0, 20.0, 40.0):
        state = make_state(ball=(52.5 - distance, 0.0), mates=[(10.0, 10.0)])
        kicks = [
            decide(Outlook(state, 0, 5), library, np.random.default_rng(seed)) for seed in range(60)
        ]
        share.append(np.mean([k is not None and k.kind is EventKind.SHOT for k in kicks]))
    assert share[0] > share[1] > share[2] == 0.0


def test_a_cross_lands_in_front_of_the_goal(library):
    state = make_state(ball=(45.0, 25.0), mates=[(44.0, 0.0)])
    kick = cross(Outlook(state, 0, 5), library, np.random.default_rng(0))
    reach = library.carry[kick.flight]
    landing = np.array([45.0, 25.0]) + reach * np.array([np.cos(kick.angle), np.sin(kick.angle)])
    assert 38 < landing[0] < 52.5
    assert abs(landing[1]) < 9
    assert kick.target == 6


def test_a_clearance_goes_far_and_forward(library):
    state = make_state(ball=(-45.0, 5.0))
    kick = clear(Outlook(state, 0, 5), library, np.random.default_rng(0))
    assert kick.kind is EventKind.CLEARANCE
    assert library.carry[kick.flight] > 20
    assert abs(kick.angle) < 1.2


def test_who_must_release_the_ball_does(library):
    state = make_state(mates=[(5.0, 0.0)], opponents=[(4.0, 0.0)])
    rng = np.random.default_rng(0)
    assert all(decide(Outlook(state, 0, 5), library, rng, must=True) for _ in range(30))


def test_dribbles_go_where_there_is_space():
    rng = np.random.default_rng(0)
    ahead = dribble_direction(Outlook(make_state(), 0, 5), rng)
    assert ahead[0] > 0.8
    blocked = make_state(opponents=[(5.0, 0.0), (5.0, 3.0), (6.0, -3.0)])
    assert dribble_direction(Outlook(blocked, 0, 5), rng)[0] < 0.8
    at_line = make_state(ball=(0.0, 32.0))
    assert dribble_direction(Outlook(at_line, 0, 5), rng)[1] < 0.3


def test_chances_fall_and_rise_with_the_speed():
    assert interception_chance(5.0, 0.1) > interception_chance(20.0, 0.1)
    assert deflection_chance(20.0, False) > deflection_chance(5.0, False)
    assert deflection_chance(10.0, True) < deflection_chance(10.0, False)
