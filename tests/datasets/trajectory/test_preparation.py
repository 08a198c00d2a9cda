"""Tests for the preparation of tracks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from footmm.datasets.trajectory.preparation import RawTracks, prepare_tracks
from footmm.errors import ConfigError, DataFormatError
from footmm.structures.agent_tracks import AWAY, BALL, HOME

RATE = 25.0
#: Home, away, the ball: metres a second along x.
VELOCITY = np.array([4.0, -2.0, 6.0])


def make_raw(times: np.ndarray, period: np.ndarray | None = None, **changes) -> RawTracks:
    """Three agents who run straight on, measured at ``times``."""
    positions = np.zeros((len(times), 3, 2))
    positions[..., 0] = times[:, None] * VELOCITY
    positions[..., 1] = [1.0, 2.0, 3.0]
    raw = RawTracks(
        match="m",
        source="s",
        origin="tracks.csv",
        rate=RATE,
        times=times,
        period=np.ones(len(times), np.int8) if period is None else period,
        frame_ids=np.arange(100, 100 + len(times)),
        positions=positions,
        present=np.ones((len(times), 3), bool),
        team=np.array([HOME, AWAY, BALL]),
        goalkeeper=np.array([True, False, False]),
        agent_ids=("a", "b", "ball"),
        home_attacks_right={1: True, 2: False},
    )
    return replace(raw, **changes)


@pytest.mark.parametrize("source_rate", [10.0, 25.0, 29.97])
@pytest.mark.parametrize("rate", [5.0, 6.25, 10.0])
def test_resampling_of_straight_runs_is_exact(source_rate, rate):
    raw = make_raw(np.arange(60) / source_rate + 3, rate=source_rate)
    tracks = prepare_tracks(raw, rate)
    assert tracks.num_frames == int(59 / source_rate * rate + 1e-6) + 1
    expected = VELOCITY * (3 + np.arange(tracks.num_frames)[:, None] / rate)
    np.testing.assert_allclose(tracks.positions[..., 0], expected, atol=1e-4)
    assert tracks.present.all()
    assert tracks.segments.tolist() == [[0, tracks.num_frames]]
    # The source's frame, or the one before.
    measured = raw.times[tracks.frame_ids - 100]
    wanted = 3 + np.arange(tracks.num_frames) / rate
    assert ((wanted - measured > -1e-3) & (wanted - measured < 1 / source_rate)).all()


def test_periods_and_gaps_are_borders_of_segments():
    times = np.concatenate([np.arange(20) / RATE, 2 + np.arange(20) / RATE, np.arange(20) / RATE])
    raw = make_raw(times, np.repeat([1, 2], [40, 20]).astype(np.int8))
    tracks = prepare_tracks(raw, 12.5)
    assert tracks.segments.tolist() == [[0, 10], [10, 20], [20, 30]]
    assert tracks.period[tracks.segments[:, 0]].tolist() == [1, 1, 2]
    assert tracks.frame_ids[tracks.segments[:, 0]].tolist() == [100, 120, 140]


def test_home_attacks_right_in_every_period():
    times = np.tile(np.arange(10) / RATE, 2)
    tracks = prepare_tracks(make_raw(times, np.repeat([1, 2], 10).astype(np.int8)), RATE)
    np.testing.assert_allclose(tracks.positions[:10], -tracks.positions[10:])
    assert (tracks.positions[:10, :, 1] == [1, 2, 3]).all()


def test_an_agent_missing_for_long_is_not_interpolated():
    present = np.ones((50, 3), bool)
    present[10:14, 0] = False  # 0.2 s between its neighbours
    present[10:20, 1] = False  # 0.44 s
    tracks = prepare_tracks(make_raw(np.arange(50) / RATE, present=present), RATE)
    assert tracks.present[:, [0, 2]].all()
    assert np.flatnonzero(~tracks.present[:, 1]).tolist() == list(range(10, 20))
    assert (tracks.positions[10:20, 1] == 0).all()
    np.testing.assert_allclose(tracks.positions[:, 0, 0], 4 * np.arange(50) / RATE, atol=1e-5)


def test_agents_who_are_never_present_are_left_out():
    present = np.ones((10, 3), bool)
    present[:, 1] = False
    tracks = prepare_tracks(make_raw(np.arange(10) / RATE, present=present), RATE)
    assert tracks.agent_ids == ("a", "ball")
    assert tracks.team.tolist() == [HOME, BALL]
    assert tracks.goalkeeper.tolist() == [True, False]


def test_both_ends_of_a_step_too_fast_are_missing():
    raw = make_raw(np.arange(100) / RATE)
    raw.positions[30:, 0, 1] += 0.6  # 15 m/s for a player
    raw.positions[50:, 2, 1] += 0.6  # nothing for a ball
    tracks = prepare_tracks(raw, RATE, max_gap_s=0.04)
    assert np.argwhere(~tracks.present).tolist() == [[29, 0], [30, 0]]


def test_a_position_far_off_the_pitch_is_missing():
    raw = make_raw(np.arange(100) / RATE)
    raw.positions[30, 0] = (52.5 + 20.1, 0)
    tracks = prepare_tracks(raw, RATE, max_gap_s=0.04)
    assert np.argwhere(~tracks.present).tolist() == [[30, 0]]


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        (100, r"200 of 200 positions .* off the pitch \(first in frame 100"),
        (3.6, r"99 of 198 positions .* 12 m/s .*units"),
    ],
)
def test_wrong_units_are_refused(factor, message):
    raw = make_raw(np.arange(100) / RATE)
    raw = replace(raw, positions=raw.positions * factor)
    with pytest.raises(DataFormatError, match=message):
        prepare_tracks(raw, RATE)


def test_relative_coordinates_are_refused():
    raw = make_raw(np.arange(5) / RATE)
    crowd = np.random.default_rng(0).random((5, 22, 2))
    names = tuple(map(str, range(22)))
    raw = replace(
        raw,
        positions=crowd,
        present=np.ones((5, 22), bool),
        team=np.repeat([HOME, AWAY], 11),
        goalkeeper=np.zeros(22, bool),
        agent_ids=names,
    )
    with pytest.raises(DataFormatError, match="are they in metres"):
        prepare_tracks(raw, RATE)


def test_rough_tracks_need_a_higher_max_share_of_errors():
    raw = make_raw(np.arange(100) / RATE)
    raw.positions[::10, 0, 1] += 1
    with pytest.raises(DataFormatError, match=r"raise max_share_of_errors=0\.05"):
        prepare_tracks(raw, RATE)
    assert not prepare_tracks(raw, RATE, max_gap_s=0.04, max_share_of_errors=0.2).present[10, 0]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([0, 1, 2, 2, 3], r"tracks.csv: frame 102 of period 1 .*follows frame 102 .*number"),
        ([0, 2, 1, 3, 4], r"tracks.csv: frame 101 of period 1 .*follows frame 102 .*number"),
    ],
)
def test_duplicated_and_unsorted_frames_are_refused(frames, message):
    raw = make_raw(np.array(frames) / RATE, frame_ids=100 + np.array(frames))
    with pytest.raises(DataFormatError, match=message):
        prepare_tracks(raw, RATE)


def test_times_must_grow_with_the_frames():
    raw = make_raw(np.array([0, 0.04, 0.04, 0.08]))
    with pytest.raises(DataFormatError, match=r"frame 102 .*its time is not higher"):
        prepare_tracks(raw, RATE)


def test_a_period_cannot_come_back():
    raw = make_raw(np.tile(np.arange(2) / RATE, 2), np.array([2, 2, 1, 1]))
    with pytest.raises(DataFormatError, match=r"frame 102 is of period 1"):
        prepare_tracks(raw, RATE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_must_be_finite(value):
    raw = make_raw(np.arange(5) / RATE)
    raw.positions[3, 1, 0] = value
    with pytest.raises(DataFormatError, match=r"tracks.csv: frame 103 has agent b at"):
        prepare_tracks(raw, RATE)


def test_the_stated_rate_must_be_that_of_the_times():
    with pytest.raises(DataFormatError, match=r"states 25 .*tell 10"):
        prepare_tracks(make_raw(np.arange(20) / 10), 5)


@pytest.mark.parametrize("settings", [dict(rate=30), dict(rate=0), dict(rate=5, max_gap_s=0.03)])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=r"tracks.csv"):
        prepare_tracks(make_raw(np.arange(20) / RATE), **settings)


def test_an_unknown_direction_of_play_is_refused():
    with pytest.raises(DataFormatError, match="home team attacks in period 1"):
        prepare_tracks(make_raw(np.arange(20) / RATE, home_attacks_right={2: True}), 5)


def test_a_match_without_frames_is_refused():
    with pytest.raises(DataFormatError, match="no frame"):
        prepare_tracks(make_raw(np.zeros(0)), 5)
