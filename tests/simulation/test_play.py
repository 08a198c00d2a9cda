from __future__ import annotations

import math

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.decisions import Kick
from footmm.simulation.flight_library import flight_library
from footmm.simulation.play import Play
from footmm.simulation.recording import SegmentKind
from footmm.simulation.state import BallState, BatchState
from footmm.simulation.tracks import BALL_RADIUS, STRATEGIES, EventKind


@pytest.fixture
def play():
    state = BatchState([np.random.SeedSequence(0)], PitchDimensions(), num_plans=1)
    state.position[0, :11] = np.stack((np.full(11, -30.0), np.linspace(-30, 30, 11)), -1)
    state.position[0, 11:22] = np.stack((np.full(11, 30.0), np.linspace(-30, 30, 11)), -1)
    state.ball[0] = (0.0, 0.0, BALL_RADIUS)
    play = Play(state, 0, np.random.default_rng(0), flight_library(), (None, None))
    play.give_to(0, 0.0)
    return play


def test_the_owner_carries_the_ball_and_will_decide(play):
    play.own(5, tick=10)
    assert play.state.ball_state[0] == BallState.CARRIED
    assert play.state.possessor[0] == 5
    assert play.state.decide_at[0] > 10
    assert play.state.assigned[0].nonzero()[0].tolist() == [5]
    segment = play.recording.segments[-1]
    assert (segment.kind, segment.start, segment.player) == (SegmentKind.CARRIED, 1.0, 5)


def test_a_kick_starts_where_the_ball_is(play):
    flight = play.library.ground(20.0, 8.0)
    play.kick(Kick(EventKind.PASS, flight, math.pi / 2, 7), 5, 2.0, (3.0, -4.0, BALL_RADIUS))
    segment = play.recording.segments[-1]
    assert segment.kind is SegmentKind.FLIGHT
    assert segment.origin == pytest.approx((3.0, -4.0))
    assert segment.turn == pytest.approx((0.0, 1.0))
    blocked = play.state.blocked_until[0]
    assert blocked[7] == 0.0
    assert blocked[5] > 2.0
    assert blocked[6] > 2.0
    assert blocked[11:].max() == 0.0
    assert play.state.assigned[0, 7]
    time, kind, agent, team, target, position = play.recording.events[-1]
    assert (time, kind, agent, team, target) == (2.0, EventKind.PASS, 5, 0, 7)
    assert position == (3.0, -4.0)


def test_a_header_starts_at_the_head(play):
    flight = play.library.rising(1.9, 12.0)
    play.launch(flight, 0.3, 5.0, (1.0, 2.0, 1.9))
    segment = play.recording.segments[-1]
    place, _, _ = play.library.sample(np.array([flight]), np.array([5.0 - segment.flight_start]))
    assert place[0, 2] == pytest.approx(1.9, abs=1e-6)
    ahead = place[0, 0]
    assert segment.origin[0] + ahead * math.cos(0.3) == pytest.approx(1.0)
    assert segment.origin[1] + ahead * math.sin(0.3) == pytest.approx(2.0)


def test_a_high_ball_takes_as_long_to_control_as_it_falls(play):
    play.control(8, 3.0, (0.0, 0.0, BALL_RADIUS + 9.81 / 2 * 0.25))
    assert play.state.ball_state[0] == BallState.CONTROL
    assert play.state.control_until[0] == 35
    play.control(8, 3.0, (0.0, 0.0, BALL_RADIUS))
    assert play.state.control_until[0] == 31


def test_control_ends_at_the_feet(play):
    play.control(8, 3.0, (-29.0, 18.0, BALL_RADIUS))
    play.end_control(31)
    control, carried = play.recording.segments[-2:]
    assert control.kind is SegmentKind.CONTROL
    assert control.end == pytest.approx(3.1)
    feet = play.state.position[0, 8]
    assert np.hypot(*(np.array(control.end_point) - feet)) == pytest.approx(0.45)
    assert carried.kind is SegmentKind.CARRIED


def test_tackles_change_the_team(play):
    outcomes = set()
    for _ in range(60):
        play.give_to(0, 0.0)
        play.own(5, tick=10)
        play.state.ball[0, :2] = play.state.position[0, 15] + (0.5, 0.0)
        play.tackle(15, tick=20)
        team, kind = int(play.state.team[0]), BallState(int(play.state.ball_state[0]))
        assert (team == 0) == (kind is BallState.CARRIED and play.state.possessor[0] == 5)
        outcomes.add((team, kind))
    assert outcomes == {
        (0, BallState.CARRIED),
        (1, BallState.CARRIED),
        (1, BallState.FLIGHT),
    }


def test_the_team_without_the_ball_defends(play):
    attacks = {STRATEGIES.index("build_up"), STRATEGIES.index("counter_attack")}
    for team in (1, 0, 1):
        play.give_to(team, 1.0, regained=True)
        assert play.state.style[0, team] in attacks
        assert play.state.style[0, 1 - team] not in attacks


def test_counter_attacks_end(play):
    while STRATEGIES[play.state.style[0, 1]] != "counter_attack":
        play.give_to(0, 1.0)
        play.give_to(1, 1.0, regained=True)
    play.note(5.0)
    assert STRATEGIES[play.state.style[0, 1]] == "counter_attack"
    play.note(12.0)
    assert STRATEGIES[play.state.style[0, 1]] == "build_up"


def test_a_flight_is_stopped_before_the_boards(play):
    play.launch(play.library.ground(30.0, 10.0), 0.0, 1.0, (50.0, 0.0, BALL_RADIUS))
    stopped = play.flight_reaches(np.array([57.0, 38.5]), 1.0)
    way, _, _ = play.library.sample(
        play.state.flight[:1], np.array([stopped - play.state.flight_start[0]])
    )
    assert 56.0 < 50.0 + way[0, 0] <= 57.0
    play.launch(play.library.ground(5.0, 1.0), 0.0, 1.0, (0.0, 0.0, BALL_RADIUS))
    assert play.flight_reaches(np.array([57.0, 38.5]), 1.0) == math.inf


def test_keepers_save_most_shots(play):
    saved = 0
    for _ in range(100):
        play.give_to(1, 0.0)
        play.kick(Kick(EventKind.SHOT, 0, 0.0), 15, 1.0, (-40.0, 0.0, BALL_RADIUS))
        play.touch(0, 1.5, (-50.0, 1.0, 0.8), 22.0)
        saved += play.recording.events[-1][1] is EventKind.SAVE
    assert 50 < saved < 95
