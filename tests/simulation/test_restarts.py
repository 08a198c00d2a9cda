from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.flight_library import flight_library
from footmm.simulation.play import Play
from footmm.simulation.recording import SegmentKind
from footmm.simulation.restarts import Restarts
from footmm.simulation.state import BallState, BatchState, length
from footmm.simulation.tactics import plan
from footmm.simulation.tracks import BALL_RADIUS, EventKind, Phase


@pytest.fixture
def restarts():
    state = BatchState([np.random.SeedSequence(0)], PitchDimensions(), num_plans=1)
    play = Play(state, 0, np.random.default_rng(0), flight_library(), (None, None))
    play.set_formation((0, 1), 0.0)
    restarts = Restarts(play)
    restarts.kick_off_at_start()
    return restarts


def kick(restarts, team, point, angle):
    """A ball on its way, last touched by a team."""
    play = restarts.play
    play.give_to(team, 10.0)
    play.launch(play.library.ground(10.0, 10.0), angle, 10.0, point)


def wait(restarts, tick, seconds=90):
    """Go on until the restart is taken; the tick at which it is."""
    state = restarts.state
    for now in range(tick, tick + seconds * 10):
        plan(state)
        state.move()
        restarts.advance(now)
        if state.ball_state[0] != BallState.DEAD:
            return now
    raise AssertionError("never taken")


def last_event(restarts):
    return restarts.play.recording.events[-1]


def test_teams_line_up_in_their_halves_for_the_kick_off(restarts):
    state = restarts.state
    assert (state.position[0, :11, 0] < 0.6).all()
    assert (state.position[0, 11:22, 0] > -0.6).all()
    other = 1 - state.team[0]
    away = length(state.position[0, 11 * other : 11 * other + 11])
    assert away.min() > state.pitch.circle_radius
    taken = wait(restarts, 0)
    assert taken < 40
    assert last_event(restarts)[1] is EventKind.KICK_OFF
    assert restarts.play.recording.segments[0].out


@pytest.mark.parametrize(
    ("last_team", "point", "kind", "team", "spot"),
    [
        (0, (5.0, 34.2, 0.3), EventKind.THROW_IN, 1, (5.0, 34.0)),
        (1, (-20.0, -34.2, 1.0), EventKind.THROW_IN, 0, (-20.0, -34.0)),
        (0, (52.7, 10.0, 0.3), EventKind.GOAL_KICK, 1, (47.0, 4.58)),
        (0, (-52.7, 10.0, 0.3), EventKind.CORNER, 1, (-52.2, 33.7)),
        (1, (52.7, -10.0, 0.3), EventKind.CORNER, 0, (52.2, -33.7)),
        (1, (52.7, 0.0, 2.6), EventKind.CORNER, 0, (52.2, 33.7)),
    ],
)
def test_the_laws_decide_who_restarts_and_where(restarts, last_team, point, kind, team, spot):
    kick(restarts, last_team, point, 0.0)
    restarts.went_out(10.1, np.array(point), carried=False)
    assert restarts.play.recording.segments[-1].out
    assert last_event(restarts)[1] is EventKind.OUT
    assert restarts.state.team[0] == team
    wait(restarts, 102)
    _, taken, agent, taker_team, _, position = last_event(restarts)
    assert (taken, taker_team, agent // 11) == (kind, team, team)
    assert position == pytest.approx(spot)
    assert (agent % 11 == 0) == (kind is EventKind.GOAL_KICK)
    still = restarts.play.recording.segments[-2]
    assert still.kind is SegmentKind.STILL
    height = 2.1 if kind is EventKind.THROW_IN else BALL_RADIUS
    assert still.point == pytest.approx((*spot, height))


@pytest.mark.parametrize(("x", "scorer"), [(52.7, 0), (-52.7, 1)])
def test_a_goal_counts_and_the_others_kick_off(restarts, x, scorer):
    point = (x, 2.0, 1.5)
    kick(restarts, scorer, point, 0.0 if x > 0 else np.pi)
    restarts.went_out(10.1, np.array(point), carried=False)
    assert last_event(restarts)[1] is EventKind.GOAL
    assert restarts.play.score == ((1, 0) if scorer == 0 else (0, 1))
    assert restarts.play.phase is Phase.CELEBRATION
    stopped = restarts.play.recording.segments[-1].stopped_at
    assert 10.1 <= stopped < 11.0
    wait(restarts, 102)
    assert last_event(restarts)[1] is EventKind.KICK_OFF
    assert last_event(restarts)[3] == 1 - scorer


def test_a_ball_carried_out_rolls_on(restarts):
    play = restarts.play
    play.give_to(0, 5.0)
    play.own(5, 50)
    restarts.state.velocity[0, 5] = (0.0, 5.0)
    restarts.went_out(6.0, np.array([3.0, 34.2, BALL_RADIUS]), carried=True)
    carried, rolling = play.recording.segments[-2:]
    assert (carried.kind, rolling.kind) == (SegmentKind.CARRIED, SegmentKind.FLIGHT)
    assert rolling.out
    assert rolling.origin == pytest.approx((3.0, 34.2))
    assert rolling.turn == pytest.approx((0.0, 1.0))
