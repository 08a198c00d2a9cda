from __future__ import annotations

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.pitch.ballistics import BallPhysics, BallState, simulate
from footmm.simulation import flights
from footmm.simulation.flights import FlightKind, FlightSettings, sample_flights

RADIUS = BallPhysics().radius


@pytest.fixture(scope="module")
def sample():
    return sample_flights(1500, seed=5)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(flights, "BLOCK", 16)


def _of(sample, kind):
    return sample.kind == kind


def test_shapes_and_types(sample):
    assert len(sample) == 1500
    assert sample.positions.shape == sample.velocities.shape == sample.spins.shape == (1500, 75, 3)
    assert sample.positions.dtype == np.float32
    assert sample.rolling.shape == (1500, 75)
    assert sample.rate == 25.0
    assert np.bincount(sample.kind, minlength=4).min() > 300


def test_flights_start_on_the_pitch_at_football_speeds(sample):
    start = sample.positions[:, 0]
    assert (np.abs(start[:, :2]) <= [52.5, 34]).all()
    assert start[:, 2].min() >= RADIUS - 1e-6
    speed = np.linalg.norm(sample.velocities[:, 0], axis=1)
    assert speed.min() >= 4.0 - 1e-4
    assert 30.0 < speed.max() <= 40.0 + 1e-4


def test_kinds_are_what_they_are_called(sample):
    height = sample.positions[..., 2]
    ground = _of(sample, FlightKind.GROUND)
    assert sample.rolling[ground].all()
    assert np.allclose(height[ground], RADIUS, atol=1e-6)
    lofted = _of(sample, FlightKind.PARABOLIC)
    assert height[lofted].max(1).min() > RADIUS + 0.4
    assert np.median(height[lofted].max(1)) > 4.0
    spin = np.linalg.norm(sample.spins[:, 0], axis=1)
    assert spin[lofted].max() <= 25.0 + 1e-4
    assert spin[_of(sample, FlightKind.SPINNING)].min() >= 30.0 - 1e-4
    # A bounce turns the vertical speed around, or the ball stays on the ground.
    rising = np.diff(sample.velocities[..., 2], axis=1) > 0.3
    touched = rising.any(1) | sample.rolling[:, -1]
    assert touched[_of(sample, FlightKind.BOUNCING)].all()


def test_velocities_are_the_slopes_of_positions(sample):
    mean = (sample.velocities[:, 1:] + sample.velocities[:, :-1]) / 2
    slope = np.diff(sample.positions, axis=1) * sample.rate
    # A bounce makes the ball faster upwards.
    free = (np.diff(sample.velocities[..., 2], axis=1) < 0) & ~sample.rolling[:, 1:]
    assert free.mean() > 0.4
    assert np.abs(slope - mean)[free].max() < 0.01


def test_one_step_a_frame_is_right_to_a_centimetre():
    settings = FlightSettings()
    kind = np.arange(400) % 4
    start = flights._sample_starts(kind, np.random.default_rng(0), settings)
    coarse = simulate(start, 2.96, 25.0)
    fine = simulate(start, 2.96, 25.0, substeps=16)
    assert float((coarse.positions - fine.positions).norm(dim=-1).max()) < 0.01


def test_flights_do_not_depend_on_how_many_are_drawn(small_blocks):
    settings = FlightSettings(num_frames=5)
    many = sample_flights(40, 7, settings)
    few = sample_flights(9, 7, settings, first=12)
    for name in ("kind", "positions", "velocities", "spins", "rolling"):
        assert np.array_equal(getattr(many, name)[12:21], getattr(few, name)), name
    assert not np.array_equal(many.positions[:16], many.positions[16:32])
    assert not np.array_equal(sample_flights(40, 8, settings).positions, many.positions)


def test_shares_frames_and_rate(small_blocks):
    settings = FlightSettings(num_frames=11, rate=50.0, shares=(0, 0, 1, 0))
    sample = sample_flights(20, 0, settings)
    assert (sample.kind == FlightKind.BOUNCING).all()
    again = BallState.of(sample.positions[:, 0], sample.velocities[:, 0], sample.spins[:, 0])
    path = simulate(again, 0.2, 50.0)
    assert torch.allclose(
        path.positions.transpose(0, 1), torch.as_tensor(sample.positions), atol=1e-3
    )


def test_no_flights_are_no_flights():
    assert len(sample_flights(0, 0)) == 0


@pytest.mark.parametrize(
    "wrong",
    [{"num_frames": 0}, {"rate": 0.0}, {"shares": (0, 0, 0, 0)}, {"shares": (1, 1, 1)}],
)
def test_settings_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FlightSettings(**wrong)


def test_negative_numbers_are_errors():
    with pytest.raises(ConfigError, match="num=-1"):
        sample_flights(-1, 0)
