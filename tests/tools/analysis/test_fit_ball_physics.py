from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from footmm.pitch.ballistics import BallPhysics, BallState, rolling_spin, simulate

PHYSICS = BallPhysics(drag=0.2, spin_drag=0.1, restitution=0.6, bounce_friction=0.3)


def _path(position, velocity, spin, seconds, physics=PHYSICS):
    state = BallState.of(position, velocity, spin, physics)
    return simulate(state, seconds, 50.0, physics).positions.numpy()


@pytest.fixture(scope="module")
def flights():
    starts = [
        ([0, 0, 1], [15, 5, 9], [0, -30, 10]),
        ([0, 0, 1], [-20, 5, 8], [5, 10, 40]),
        ([0, 0, 1], [3, -9, 8], [-20, 0, 0]),
        ([0, 0, 1], [9, 22, 7], [10, 0, -40]),
    ]
    noise = np.random.default_rng(0)
    paths = [_path(*start, 1.2) for start in starts]
    return [path + noise.normal(0, 0.002, path.shape) for path in paths]


def _file(positions, time=None):
    time = np.arange(len(positions)) / 50.0 if time is None else time
    samples = [
        {"time": float(t), "pos": place.tolist()} for t, place in zip(time, positions, strict=True)
    ]
    return json.dumps({"samples": {"ball": samples}})


def test_touches_and_flights_are_cut_out(tool):
    first = _path([0, 0, 2], [12, 0, 6], [0, 0, 0], 1.0)
    second = _path(first[-1], [-5, 10, 7], [0, 0, 0], 1.0)
    positions = np.concatenate([first, second[1:]])
    (touch,) = tool.find_touches(positions)
    # The kick is right at frame 50: one frame off explains the positions as well.
    assert abs(touch.frame - 50) <= 1
    assert np.allclose(touch.after, [-5, 10, 7], atol=0.3)
    one, two = tool.cut_flights(positions)
    assert np.array_equal(one, positions[2 : touch.frame - 1])
    assert np.array_equal(two, positions[touch.frame + 2 : 99])
    rolling = _path([0, 0, 0], [6, 0, 0], rolling_spin([6.0, 0, 0]).numpy(), 2.0)
    assert tool.cut_flights(rolling) == []


def test_drag_and_wind_are_found_again(tool, monkeypatch):
    # These positions are exact.
    monkeypatch.setattr(tool, "NOISE", 0.001)
    velocities = [[18, 4, 9], [-20, 5, 8], [3, -19, 8]]
    starts = [[0, 0, 1, *velocity, 0, 0, 0] for velocity in velocities]
    blown = tool.fly(tool.torch.tensor(starts, dtype=tool.torch.float64), 31, PHYSICS, (2.0, -1.0))
    fitted, wind = tool.fit_drag(list(blown.transpose(0, 1).numpy()))
    assert fitted.drag == pytest.approx(0.2, abs=0.02)
    assert np.allclose(wind, [2, -1], atol=0.3)


def test_wind_moves_a_flight_as_the_air_does(tool):
    start = np.concatenate([[0, 0, 5.0], [10, 0, 2], [0, 0, 0]])
    still = tool.fly(tool.torch.as_tensor(start), 26, PHYSICS, (0.0, 0.0))
    with_ball = tool.fly(tool.torch.as_tensor(start), 26, PHYSICS, (10.0, 0.0))
    # A ball that moves with the air feels no drag along the wind.
    assert float(with_ball[-1, 0]) == pytest.approx(5.0, abs=0.01)
    assert float(still[-1, 0]) < 4.9


def test_errors_are_small_with_the_right_constants_and_large_with_wrong_ones(tool, flights):
    right = tool.flight_errors(flights, PHYSICS, lead=0.5)
    assert right.shape == (4, 51)
    assert np.median(right[:, -1]) < 0.3
    whole = tool.flight_errors(flights, PHYSICS, lead=1.0)
    assert whole.max() < 0.02
    wrong = tool.flight_errors(flights, replace(PHYSICS, drag=0.9), lead=0.5)
    assert np.median(wrong[:, -1]) > 2 * np.median(right[:, -1])


def test_bounces_and_rolling_give_the_ground_constants(tool, capsys):
    runs = [_path([0, 0, 2.0], [speed, 0, 0], [0, 0, 0], 1.1) for speed in (14.0, 16.0, 18.0, 20.0)]
    runs += [_path([0, 0, 0], [18, 0, 0], [0, 0, 0], 0.6)]
    runs += [_path([0, 0, 0], [4, 0, 0], rolling_spin([4.0, 0, 0]).numpy(), 2.0)]
    fitted = tool.fit_ground(runs, PHYSICS)
    assert fitted.restitution == pytest.approx(0.6, abs=0.03)
    assert fitted.bounce_friction == pytest.approx(0.3, abs=0.03)
    assert fitted.sliding_friction == pytest.approx(PHYSICS.sliding_friction, abs=0.05)
    assert fitted.rolling_deceleration == pytest.approx(PHYSICS.rolling_deceleration, abs=0.05)
    assert "4 bounces" in capsys.readouterr().out


def test_the_report_is_printed(tool, flights, tmp_path, capsys):
    path = tmp_path / "one.samples.ball"
    path.write_text(_file(flights[0]))
    tool.main([str(path), "--no-fit"])
    printed = capsys.readouterr().out
    assert "1 flights" in printed
    assert "median at 1 s" in printed


@pytest.mark.realdata
def test_real_flights_are_reproduced_to_thirty_centimetres(tool, realdata):
    """One second ahead of a start fitted to the first 0.3 s, with the constants as shipped."""
    runs = tool.read_hawkeye_ball(realdata / "ball3d" / "hawkeye.zip")
    flights = [flight for run in runs for flight in tool.cut_flights(run)]
    ahead = tool.flight_errors(flights, BallPhysics(), lead=0.3)
    assert len(ahead) >= 10
    assert np.median(ahead[:, -1]) <= 0.3
    assert np.median(ahead) <= 0.1
    whole = tool.flight_errors(flights, BallPhysics(), lead=1.0)
    assert np.median(whole.max(axis=1)) <= 0.05
