from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.flight_library import flight_library
from footmm.simulation.formations import FORMATIONS
from footmm.simulation.recording import (
    GRAVITY,
    Recording,
    Segment,
    SegmentKind,
    turned,
)
from footmm.simulation.state import TICK
from footmm.simulation.tracks import BALL_RADIUS, BallMode, EventKind

TICKS = 40


@pytest.fixture
def recording():
    """Agents speed up along x by 1 m/s2; the ball is kicked at 1 s, touched at 2.05 s."""
    library = flight_library()
    recording = Recording(PitchDimensions(), library)
    times = np.arange(TICKS) * TICK
    recording.position = np.zeros((TICKS, 25, 2))
    recording.position[..., 0] = (times**2 / 2)[:, None]
    recording.velocity = np.zeros_like(recording.position)
    recording.velocity[..., 0] = times[:, None]
    recording.acceleration = np.zeros_like(recording.position)
    recording.acceleration[..., 0] = 1.0
    recording.facing = np.zeros_like(recording.position)
    recording.facing[..., 1] = 1.0
    recording.dribble = np.tile([0.5, 0.0], (TICKS, 1))
    recording.dribble_end = recording.dribble.copy()
    flight = library.landing("lofted", 20.0, 1)
    touch = (3.0, 0.0, BALL_RADIUS + GRAVITY / 2 * 0.09)
    recording.segments += [
        Segment(SegmentKind.CARRIED, 0.0, player=4),
        Segment(SegmentKind.FLIGHT, 1.0, flight=flight, flight_start=1.0, origin=(1.0, 0.0)),
        Segment(SegmentKind.CONTROL, 2.05, player=6, point=touch, end=2.4, end_point=(3.38, 0.0)),
        Segment(SegmentKind.CARRIED, 2.4, player=6),
        Segment(SegmentKind.STILL, 3.0, out=True, point=(1.0, 2.0, 0.3)),
    ]
    for name, value in (("formation", (0, 3)), ("strategy", (0, 1)), ("score", (0, 0))):
        recording.note(name, 0.0, value)
    recording.note("phase", 0.0, 0)
    recording.note("team_in_possession", 0.0, 0)
    recording.note("team_in_possession", 2.0, 1)
    recording.add_event(1.0, EventKind.PASS, 4, 0, (1.0, 0.0), 6)
    recording.add_event(9.0, EventKind.OUT, None, 0, (1.0, 0.0))
    return recording


def test_agents_move_with_constant_accelerations_at_any_rate(recording):
    tracks = recording.tracks(rate=33.0, duration=3.5)
    times = np.arange(tracks.num_frames) / 33.0
    assert np.allclose(tracks.positions[:, 0, 0], times**2 / 2, atol=1e-5)
    assert np.allclose(tracks.velocities[:, 0, 0], times, atol=1e-5)
    assert np.allclose(tracks.headings, np.pi / 2)


def test_the_ball_follows_its_segments(recording):
    tracks = recording.tracks(rate=20.0, duration=3.5)
    mode = [BallMode(value) for value in tracks.ball_mode]
    assert set(mode[:20]) == {BallMode.POSSESSED}
    assert set(mode[20:46]) == {BallMode.FLY}
    assert mode[47] is BallMode.ROLL
    assert set(mode[48:60]) == {BallMode.POSSESSED}
    assert set(mode[60:]) == {BallMode.OUT}
    assert np.allclose(tracks.ball_position[:20, 0], tracks.positions[:20, 4, 0] + 0.5)
    assert np.allclose(tracks.ball_velocity[:20, 0], tracks.velocities[:20, 4, 0], atol=1e-5)
    assert tracks.ball_position[20] == pytest.approx([1.0, 0.0, BALL_RADIUS], abs=1e-6)
    assert tracks.ball_position[60] == pytest.approx([1.0, 2.0, 0.3])
    assert tracks.possessor[50] == 6
    assert tracks.has_possessor.sum() == 20 + 12


def test_a_touched_ball_falls_freely(recording):
    tracks = recording.tracks(rate=20.0, duration=3.5)
    fall = GRAVITY / 2 * (0.09 - 0.05**2)
    assert tracks.ball_position[42, 2] == pytest.approx(BALL_RADIUS + fall, abs=1e-5)
    assert tracks.ball_velocity[42, 2] == pytest.approx(-GRAVITY * 0.05, abs=1e-5)
    assert tracks.ball_position[47, 2] == pytest.approx(BALL_RADIUS)


def test_labels_hold_from_their_times_on(recording):
    tracks = recording.tracks(rate=10.0, duration=3.0)
    assert tracks.team_in_possession.tolist() == [0] * 20 + [1] * 10
    assert tracks.role[0, 11:].tolist() == [slot.role for slot in FORMATIONS[3].slots]
    assert [event.kind for event in tracks.events] == [EventKind.PASS]
    assert tracks.events[0].frame == 10
    assert tracks.events[0].target == 6


def test_boards_stop_the_ball_but_not_its_fall(recording):
    flight = recording.segments[1].flight
    recording.segments = [Segment(SegmentKind.FLIGHT, 0.0, out=True, flight=flight, stopped_at=0.5)]
    tracks = recording.tracks(rate=20.0, duration=2.0)
    free = recording.library.sample(np.array([flight]), np.array([[0.5, 0.8]]))[0][0]
    assert tracks.ball_position[16, 0] == pytest.approx(free[0, 0], abs=1e-4)
    assert tracks.ball_position[16, 2] == pytest.approx(free[1, 2], abs=1e-4)
    assert tracks.ball_velocity[16, 0] == 0.0
    assert set(tracks.ball_mode) == {BallMode.OUT}


def test_turning_vectors():
    turn = np.array([[0.0, 1.0]])
    assert np.allclose(turned(np.array([[1.0, 2.0, 3.0]]), turn), [[-2.0, 1.0, 3.0]])
    assert turned(np.zeros((1, 5, 3)), turn).shape == (1, 5, 3)
