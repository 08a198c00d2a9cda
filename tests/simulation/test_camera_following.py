from __future__ import annotations

import math

import numpy as np
import pytest

from footmm.simulation.camera_following import (
    OperatorStyle,
    Spring,
    delayed,
    follow,
    sample_operator_style,
    shake,
    smoothed,
)

STYLE = OperatorStyle(0.7, 0.2, 0.4, 4.0, 1.0, 0.1, 0.5, 0.8, 0.4)
HALF_IMAGE, LENSES, SECONDS = (480.0, 270.0), (1000.0, 4000.0), 0.04


def test_spring_follows_the_equation_of_critical_damping():
    spring = Spring(1.0, max_speed=100.0)
    spring.step(0.0, frequency=2.0, seconds=0.25)
    # x'' + 2 w x' + w^2 x = 0, x(0) = 1, x'(0) = 0
    assert spring.position == pytest.approx((1 + 0.5) * math.exp(-0.5))
    assert spring.velocity == pytest.approx(-4 * 0.25 * math.exp(-0.5))


def test_spring_is_the_same_in_one_step_or_ten_and_never_overshoots():
    one, ten = Spring(1.0, 100.0), Spring(1.0, 100.0)
    one.step(0.0, 3.0, 2.0)
    path = []
    for _ in range(10):
        ten.step(0.0, 3.0, 0.2)
        path.append(ten.position)
    assert ten.position == pytest.approx(one.position, abs=1e-12)
    assert min(path) > 0
    assert (np.diff(path) < 0).all()


def test_spring_keeps_its_speed_limit():
    spring = Spring(0.0, max_speed=0.5)
    spring.step(10.0, 5.0, 0.1)
    assert spring.position == pytest.approx(0.05)
    assert spring.velocity == 0.5


def _still(pan=0.0, focal_length=2000.0, count=200):
    return np.tile([pan, 0.2, math.log(focal_length)], (count, 1))


def test_dead_zone_lets_play_drift():
    half_view = math.atan(480 / 2000)
    wanted = _still()
    wanted[100:, 0] = 0.09 * half_view
    moves = follow(wanted, wanted[:, :2], STYLE, HALF_IMAGE, LENSES, SECONDS)
    np.testing.assert_allclose(moves[:, 0], 0.0, atol=1e-12)
    wanted[100:, 0] = 0.3 * half_view
    moves = follow(wanted, wanted[:, :2], STYLE, HALF_IMAGE, LENSES, SECONDS)
    # It stops where play is at the edge of the zone.
    assert moves[-1, 0] == pytest.approx(0.2 * half_view, rel=1e-3)


def test_pan_and_tilt_keep_their_speed_limits():
    wanted = _still()
    wanted[50:, :2] += 0.6
    moves = follow(wanted, wanted[:, :2], STYLE, HALF_IMAGE, LENSES, SECONDS)
    speed = np.abs(np.diff(moves[:, :2], axis=0)).max(0) / SECONDS
    np.testing.assert_allclose(speed, [0.8, 0.4])


def test_operator_zooms_out_for_a_lost_ball_and_not_beyond_the_lens():
    wanted = _still()
    ball = wanted[:, :2].copy()
    ball[20:, 0] += 0.5
    moves = follow(wanted, ball, STYLE, HALF_IMAGE, LENSES, SECONDS)
    focal_length = np.exp(moves[:, 2])
    assert focal_length[:20] == pytest.approx(2000.0)
    assert 1000.0 <= focal_length.min() < 1900.0
    # The camera goes where the ball is, though the aim asks for something else.
    assert abs(ball[-1, 0] - moves[-1, 0]) < 0.7 * math.atan(480 / focal_length[-1])


def test_shake_has_its_deviation_and_does_not_depend_on_the_length():
    long = shake(7, 0.5, 20_000, 25.0)
    np.testing.assert_allclose(long.std(0), 0.5, rtol=0.05)
    np.testing.assert_array_equal(shake(7, 0.5, 10, 25.0), long[:10])
    np.testing.assert_allclose(shake(7, 0.5, 10, 50.0)[::2], long[:5])
    assert not np.allclose(shake(8, 0.5, 10, 25.0), long[:10])
    # Smooth: neighbouring frames differ by less than the shake itself.
    assert np.diff(long, axis=0).std() < 0.25


def test_smoothed_starts_settled_and_forgets():
    np.testing.assert_allclose(smoothed(np.full((5, 2), 3.0), 4.0), 3.0)
    step = smoothed(np.r_[0.0, np.ones(9)], 3.0)
    np.testing.assert_allclose(step, 1 - np.exp(-np.arange(10) / 3.0))


def test_delayed_interpolates():
    values = np.arange(6.0)[:, None]
    np.testing.assert_allclose(delayed(values, 1.5)[:, 0], [0, 0, 0.5, 1.5, 2.5, 3.5])
    np.testing.assert_array_equal(delayed(values, 0.0), values)


def test_styles_differ_and_repeat():
    first, again, other = (sample_operator_style(np.random.default_rng(s)) for s in (1, 1, 2))
    assert first == again != other
