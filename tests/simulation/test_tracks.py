from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from footmm.errors import ConfigError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.tracks import (
    BallMode,
    EventKind,
    MatchEvent,
    MatchTracks,
    first_frame,
    hermite,
    is_untouched,
    strategy_index,
)

RATE = 10.0


def make_tracks(ball_position, ball_velocity) -> MatchTracks:
    """One frame per ball position; everybody runs on a circle of 10 m at 5 m/s."""
    count = len(ball_position)
    angle = (np.arange(count) / RATE * 0.5)[:, None] + np.linspace(0, 6, 25)
    circle = np.stack((np.cos(angle), np.sin(angle)), -1)
    along = np.stack((-np.sin(angle), np.cos(angle)), -1)
    return MatchTracks(
        rate=RATE,
        pitch=PitchDimensions(),
        positions=(10 * circle).astype(np.float32),
        velocities=(5 * along).astype(np.float32),
        headings=np.arctan2(along[..., 1], along[..., 0]).astype(np.float32),
        ball_position=np.asarray(ball_position, np.float32),
        ball_velocity=np.asarray(ball_velocity, np.float32),
        ball_mode=np.full(count, BallMode.FLY, np.int8),
        possessor=np.arange(count, dtype=np.int8),
        has_possessor=np.ones(count, bool),
        team_in_possession=np.zeros(count, np.int8),
        formation=np.zeros((count, 2), np.int8),
        role=np.zeros((count, 22), np.int8),
        strategy=np.zeros((count, 2), np.int8),
        phase=np.zeros(count, np.int8),
        attacks_right=np.tile([True, False], (count, 1)),
        score=np.zeros((count, 2), np.int8),
        events=(MatchEvent(4, 0.35, EventKind.PASS, 3, 0, 5, (1.0, 2.0)),),
    )


def thrown(count=11):
    times = np.arange(count) / RATE
    position = np.stack((8 * times, 0 * times, 2 + 6 * times - 4.905 * times**2), -1)
    velocity = np.stack((0 * times + 8, 0 * times, 6 - 9.81 * times), -1)
    return position, velocity


def test_a_moment_is_one_frame():
    tracks = make_tracks(*thrown())
    moment = tracks.moment(4)
    assert moment.time == pytest.approx(0.4)
    assert moment.positions.shape == (25, 2)
    assert np.array_equal(moment.ball_position, tracks.ball_position[4])
    assert tracks.num_frames == 11


def test_resampling_to_the_same_rate_changes_nothing():
    tracks = make_tracks(*thrown())
    again = tracks.resampled(RATE)
    for field in dataclasses.fields(tracks):
        before, after = getattr(tracks, field.name), getattr(again, field.name)
        if isinstance(before, np.ndarray):
            assert after.dtype == before.dtype
            assert np.allclose(after, before, atol=1e-5), field.name
        else:
            assert after == before


def test_resampling_follows_curves_between_the_frames():
    tracks = make_tracks(*thrown()).resampled(50.0)
    assert tracks.num_frames == 51
    times = np.arange(51) / 50
    assert np.allclose(np.linalg.norm(tracks.positions, axis=-1), 10.0, atol=1e-3)
    assert np.allclose(tracks.ball_position[:, 2], 2 + 6 * times - 4.905 * times**2, atol=1e-4)
    assert np.allclose(tracks.ball_velocity[:, 2], 6 - 9.81 * times, atol=1e-3)
    gap = tracks.headings - np.arctan2(tracks.velocities[..., 1], tracks.velocities[..., 0])
    assert np.abs(np.sin(gap)).max() < 1e-3


def test_labels_hold_until_the_next_frame_and_events_keep_their_time():
    tracks = make_tracks(*thrown()).resampled(40.0)
    assert tracks.possessor[:9].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert tracks.events[0].time == 0.35
    assert tracks.events[0].frame == 14


def test_a_kicked_ball_goes_straight_between_the_frames_around_the_kick():
    position = np.zeros((3, 3))
    position[:, 0] = [0.0, 0.0, 2.0]
    velocity = np.zeros((3, 3))
    velocity[2, 0] = 20.0
    velocity[1, 0] = 0.0
    ball = make_tracks(position, velocity).resampled(40.0).ball_position[:, 0]
    assert np.allclose(ball, [0, 0, 0, 0, 0, 0.5, 1.0, 1.5, 2.0])


def test_a_rate_must_be_positive():
    with pytest.raises(ConfigError, match="rate=0"):
        make_tracks(*thrown()).resampled(0)


def test_hermite_is_exact_for_a_constant_acceleration():
    times = np.array([0.0, 2.0])
    position, velocity = hermite(
        (3 * times**2)[:, None], (6 * times)[:, None], np.array([0]), np.array([0.25]), 2.0
    )
    assert position.item() == pytest.approx(0.75)
    assert velocity.item() == pytest.approx(3.0)


def test_first_frame_forgives_rounding():
    assert first_frame(0.3, 10.0) == 3
    assert first_frame(0.1 + 0.2, 10.0) == 3
    assert first_frame(0.31, 10.0) == 4


def test_an_unknown_strategy_is_explained():
    with pytest.raises(ConfigError, match=r"'hi_press'.*did you mean 'high_press'"):
        strategy_index("hi_press")
    with pytest.raises(ConfigError, match="'set_piece' is no strategy to choose"):
        strategy_index("set_piece", ("low_block",))


def test_nobody_touches_a_ball_that_flies_on_or_rolls_on():
    fly, roll = BallMode.FLY, BallMode.ROLL
    free = {(fly, fly), (fly, roll), (roll, roll)}
    for before in BallMode:
        for after in BallMode:
            told = is_untouched(np.array([before]), np.array([after]))
            assert told.tolist() == [(before, after) in free]
