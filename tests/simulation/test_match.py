from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from footmm.errors import ConfigError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.formations import FORMATIONS, formation_index
from footmm.simulation.match import MatchSettings, simulate_match, simulate_matches
from footmm.simulation.state import MAX_ACCELERATION, MAX_SPEED
from footmm.simulation.tracks import BALL_RADIUS, STRATEGIES, BallMode, EventKind, Phase

SEEDS = (1, 2, 3, 4, 5, 6)
SETTINGS = MatchSettings(duration_s=60.0, rate=25.0)


@pytest.fixture(scope="module")
def matches():
    return simulate_matches(SETTINGS, SEEDS)


@pytest.fixture(scope="module")
def many():
    return simulate_matches(MatchSettings(duration_s=120.0, rate=10.0), range(100, 148))


def assert_same(first, second):
    for field in dataclasses.fields(first):
        before, after = getattr(first, field.name), getattr(second, field.name)
        same = np.array_equal(before, after) if isinstance(before, np.ndarray) else before == after
        assert same, field.name


def test_shapes_and_types(matches):
    expected = {
        "positions": ((1500, 25, 2), np.float32),
        "velocities": ((1500, 25, 2), np.float32),
        "headings": ((1500, 25), np.float32),
        "ball_position": ((1500, 3), np.float32),
        "ball_velocity": ((1500, 3), np.float32),
        "ball_mode": ((1500,), np.int8),
        "possessor": ((1500,), np.int8),
        "has_possessor": ((1500,), np.bool_),
        "team_in_possession": ((1500,), np.int8),
        "formation": ((1500, 2), np.int8),
        "role": ((1500, 22), np.int8),
        "strategy": ((1500, 2), np.int8),
        "phase": ((1500,), np.int8),
        "attacks_right": ((1500, 2), np.bool_),
        "score": ((1500, 2), np.int8),
    }
    for name, (shape, dtype) in expected.items():
        value = getattr(matches[0], name)
        assert (value.shape, value.dtype) == (shape, dtype), name
        assert np.isfinite(value).all()


def test_nobody_is_faster_or_turns_harder_than_people_can(matches):
    for match in matches:
        velocity = np.diff(match.positions.astype(np.float64), axis=0) * match.rate
        acceleration = np.diff(velocity, axis=0) * match.rate
        assert np.linalg.norm(velocity, axis=-1).max() < MAX_SPEED < 10.0
        assert np.linalg.norm(acceleration, axis=-1).max() < MAX_ACCELERATION + 0.1 < 7.0
        mean = (match.velocities[1:] + match.velocities[:-1]) / 2
        assert np.abs(velocity - mean).max() < 0.05


def test_everybody_stays_near_the_pitch(matches):
    for match in matches:
        assert match.pitch.contains(match.positions.reshape(-1, 2), margin=3.0).all()
        assert match.pitch.contains(match.ball_position[:, :2], margin=5.0).all()
        keepers = match.positions[:, [0, 11], 0] * [-1, 1]
        assert np.median(keepers) > 35.0


def test_the_ball_never_leaps_but_to_be_placed(matches):
    for match in matches:
        ball = match.ball_position.astype(np.float64)
        step = np.linalg.norm(np.diff(ball, axis=0), axis=-1)
        out = match.ball_mode == BallMode.OUT
        in_play = ~(out[1:] & out[:-1])
        assert step[in_play].max() < 40.0 / match.rate


def test_ball_modes_say_what_the_ball_does(matches):
    seen = set()
    for match in matches:
        mode, height = match.ball_mode, match.ball_position[:, 2]
        seen |= set(mode.tolist())
        assert height.min() > BALL_RADIUS - 0.01
        assert np.allclose(height[mode == BallMode.POSSESSED], BALL_RADIUS)
        assert height[mode == BallMode.ROLL].max() < BALL_RADIUS + 0.03
        assert np.array_equal(match.has_possessor, mode == BallMode.POSSESSED)
        rows = np.flatnonzero(match.has_possessor)
        feet = match.positions[rows, match.possessor[rows]]
        away = np.linalg.norm(match.ball_position[rows, :2] - feet, axis=-1)
        assert away.max() < 1.05
        inside = match.pitch.contains(match.ball_position[:, :2], margin=0.7)
        assert inside[mode != BallMode.OUT].all()
    assert seen == {int(mode) for mode in BallMode}


def test_the_possessor_plays_for_the_team_in_possession(matches):
    for match in matches:
        rows = match.has_possessor
        assert np.array_equal(match.possessor[rows] // 11, match.team_in_possession[rows])


def test_flights_obey_gravity(many):
    vertical = []
    for match in many:
        flying = match.ball_mode == BallMode.FLY
        flying &= match.ball_position[:, 2] > 1.0
        rows = np.flatnonzero(flying[1:-1] & flying[2:] & flying[:-2]) + 1
        vertical.append(np.diff(match.ball_position[:, 2], 2)[rows - 1] * 100)
    # Backspin lifts and the air slows the ball: gravity by and large.
    assert np.median(np.concatenate(vertical)) == pytest.approx(-9.81, abs=2.0)


def test_the_seed_decides_everything_and_the_batch_nothing(matches):
    assert_same(simulate_match(SETTINGS, SEEDS[2]), matches[2])
    assert_same(simulate_matches(SETTINGS, SEEDS[3:5])[1], matches[4])
    assert not np.array_equal(matches[0].positions, matches[1].positions)


def test_a_seed_sequence_is_not_used_up():
    sequence = np.random.SeedSequence(5, spawn_key=(7,))
    settings = MatchSettings(duration_s=5.0, rate=10.0)
    assert_same(simulate_match(settings, sequence), simulate_match(settings, sequence))


def test_a_longer_match_at_another_rate_begins_like_a_shorter_one(matches):
    longer = simulate_match(MatchSettings(duration_s=70.0, rate=50.0), SEEDS[0])
    assert np.allclose(longer.positions[:3000:2], matches[0].positions, atol=1e-5)
    assert np.allclose(longer.ball_position[:3000:2], matches[0].ball_position, atol=1e-5)
    assert np.array_equal(longer.ball_mode[:3000:2], matches[0].ball_mode)


def test_resampled_frames_are_near_those_simulated_at_the_rate(matches):
    simulated = simulate_match(MatchSettings(duration_s=60.0, rate=10.0), SEEDS[0])
    resampled = matches[0].resampled(10.0)
    count = resampled.num_frames
    assert np.abs(resampled.positions - simulated.positions[:count]).max() < 0.01
    away = np.linalg.norm(resampled.ball_position - simulated.ball_position[:count], axis=-1)
    assert np.percentile(away, 95) < 0.02


def test_events_are_where_the_ball_is(matches):
    for match in matches:
        times = [event.time for event in match.events]
        assert times == sorted(times)
        for event in match.events:
            frame = min(event.frame, match.num_frames - 1)
            away = np.hypot(*(match.ball_position[frame, :2] - event.position))
            assert away < 45.0 / match.rate + 0.5
            if event.agent is not None:
                assert event.team == event.agent // 11


def test_all_that_belongs_to_football_happens(many):
    kinds = {event.kind for match in many for event in match.events}
    assert kinds == set(EventKind)
    assert {phase for match in many for phase in match.phase.tolist()} == set(map(int, Phase))
    assert {s for match in many for s in np.unique(match.strategy)} == set(range(len(STRATEGIES)))
    formations = {f for match in many for f in np.unique(match.formation)}
    assert formations == set(range(len(FORMATIONS)))
    minutes = sum(match.num_frames for match in many) / 600
    passes = sum(event.kind is EventKind.PASS for match in many for event in match.events)
    assert 10 < passes / minutes < 18
    possession = np.concatenate([match.team_in_possession for match in many]).mean()
    assert 0.25 < possession < 0.75


def test_goals_count_and_lead_to_a_kick_off(many):
    goals = 0
    for match in many:
        events = match.events
        for place, event in enumerate(events):
            if event.kind is not EventKind.GOAL:
                continue
            goals += 1
            assert abs(event.position[0]) > match.pitch.length / 2
            assert abs(event.position[1]) < match.pitch.goal_width / 2
            assert (event.position[0] > 0) == (event.team == 0)
            frame = min(event.frame, match.num_frames - 1)
            assert match.phase[frame] == Phase.CELEBRATION
            if place + 1 < len(events):
                assert events[place + 1].kind is EventKind.KICK_OFF
                assert events[place + 1].team == 1 - event.team
                assert np.hypot(*events[place + 1].position) < 0.5
        scored = sum(event.kind is EventKind.GOAL for event in events)
        assert match.score[-1].sum() == scored
    assert goals > 0


def test_throw_ins_are_taken_where_the_ball_went_out(many):
    for match in many:
        for before, after in zip(match.events, match.events[1:], strict=False):
            if after.kind is EventKind.THROW_IN:
                assert before.kind is EventKind.OUT
                assert after.team != before.team
                assert abs(after.position[1]) == pytest.approx(match.pitch.width / 2)
                assert abs(after.position[0] - before.position[0]) < 1.2


def test_play_never_stops_for_good():
    for match in simulate_matches(MatchSettings(duration_s=600.0, rate=5.0), range(4)):
        out = match.ball_mode == BallMode.OUT
        changes = np.flatnonzero(np.diff(np.r_[False, out, False]))
        assert (changes[1::2] - changes[::2]).max() < 60 * 5
        assert out.mean() < 0.4
        assert 0.25 < match.team_in_possession.mean() < 0.75


def shape(match, team, strategy):
    """Medians of length, width and place of the last line of a team with a strategy."""
    rows = (match.strategy[:, team] == STRATEGIES.index(strategy)) & (
        match.ball_mode != BallMode.OUT
    )
    first = 1 + 11 * team
    players = match.positions[rows, first : first + 10] * (1 - 2 * team)
    extent = np.median(np.ptp(players, axis=1), axis=0)
    return extent[0], extent[1], np.median(np.sort(players[..., 0], axis=1)[:, 1])


def test_strategies_differ_visibly():
    shapes = {}
    for name in ("high_press", "mid_block", "low_block"):
        settings = MatchSettings(
            duration_s=150.0, rate=5.0, home_strategy=name, home_formation="4-4-2"
        )
        measured = [shape(match, 0, name) for match in simulate_matches(settings, range(4))]
        shapes[name] = np.median(measured, axis=0)
    lines = [shapes[name][2] for name in ("low_block", "mid_block", "high_press")]
    assert lines[0] + 3 < lines[1]
    assert lines[1] + 1 < lines[2]
    assert shapes["low_block"][0] < shapes["high_press"][0]
    assert shapes["low_block"][1] < shapes["high_press"][1]


def test_team_shape_is_inside_what_real_teams_show(many):
    extents = []
    for match in many:
        rows = (match.ball_mode != BallMode.OUT) & (match.phase == Phase.OPEN_PLAY)
        for first in (1, 12):
            extents.append(np.ptp(match.positions[rows, first : first + 10], axis=1))
    length, width = np.concatenate(extents).T
    assert 25 < np.median(length) < 45
    assert 30 < np.median(width) < 55
    assert np.percentile(length, 95) < 45
    assert np.percentile(width, 95) < 60


def test_given_formations_and_strategies_are_kept():
    settings = MatchSettings(
        duration_s=20.0,
        rate=10.0,
        home_formation="3-5-2",
        away_formation="4-5-1",
        home_strategy="low_block",
        away_strategy="counter_attack",
    )
    match = simulate_match(settings, 3)
    assert (match.formation == [formation_index("3-5-2"), formation_index("4-5-1")]).all()
    slots = FORMATIONS[formation_index("3-5-2")].slots
    assert (match.role[:, :11] == [slot.role for slot in slots]).all()
    home = {STRATEGIES[s] for s in np.unique(match.strategy[:, 0])}
    away = {STRATEGIES[s] for s in np.unique(match.strategy[:, 1])}
    assert not home & {"high_press", "mid_block"}
    assert "build_up" not in away


def test_another_pitch_is_filled():
    pitch = PitchDimensions(length=100.0, width=64.0)
    match = simulate_match(MatchSettings(duration_s=20.0, rate=10.0, pitch=pitch), 0)
    assert pitch.contains(match.positions.reshape(-1, 2), margin=3.0).all()


def test_officials_follow_play(many):
    for match in many[:8]:
        referee = np.linalg.norm(match.positions[:, 22] - match.ball_position[:, :2], axis=-1)
        assert 6 < np.median(referee) < 25
        bottom, top = match.positions[:, 23], match.positions[:, 24]
        assert (bottom[:, 1] < -match.pitch.width / 2).all()
        assert (top[:, 1] > match.pitch.width / 2).all()
        assert bottom[:, 0].min() > -1.5
        assert top[:, 0].max() < 1.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(duration_s=0.0), "duration_s=0.0"),
        (dict(rate=-1.0), "rate=-1.0"),
        (dict(home_formation="2-3-5"), "no formation '2-3-5'"),
        (dict(away_strategy="set_piece"), "'set_piece' is no strategy to choose"),
    ],
)
def test_impossible_settings_are_explained(settings, message):
    with pytest.raises(ConfigError, match=message):
        MatchSettings(**settings)
