"""Filmed windows of the ball."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.simulation.ball_windows import BallWindows, BallWindowSettings
from footmm.simulation.flights import FlightKind
from footmm.simulation.tracks import BALL_RADIUS, BallMode

SETTINGS = BallWindowSettings(
    num_frames=20, num_future=10, windows_per_block=12, cached_blocks=1, image_size=(1280, 720)
)


@pytest.fixture(scope="module")
def windows():
    sequence = BallWindows(SETTINGS, seed=0)
    return [sequence[index] for index in range(12)]


def test_windows_have_all_kinds_and_show_the_ball(windows):
    assert {window.kind for window in windows} == {
        "play",
        *(kind.name.lower() for kind in FlightKind),
    }
    for window in windows:
        assert window.ball_position.shape == window.ball_velocity.shape == (30, 3)
        assert window.camera.batch_shape == (20,)
        assert window.camera.image_size == (1280, 720)
        ball = torch.as_tensor(window.ball_position[:20].astype(float))[:, None]
        assert window.camera.visible(ball).float().mean() >= 0.5


def test_a_window_is_decided_by_its_number(windows):
    again = BallWindows(SETTINGS, seed=0)
    # Another block first.
    again[12]
    for index in (11, 0):
        assert np.array_equal(again[index].ball_position, windows[index].ball_position)
        assert torch.equal(again[index].camera.rotation, windows[index].camera.rotation)
    other = BallWindows(SETTINGS, seed=4)[0]
    assert not np.array_equal(other.ball_position, windows[0].ball_position)


def test_modes_of_flights_are_what_the_ball_does():
    settings = BallWindowSettings(num_frames=20, num_future=60, play_share=0, windows_per_block=16)
    sequence = BallWindows(settings, seed=0)
    went_out = 0
    for window in (sequence[index] for index in range(16)):
        rolls = window.ball_mode == BallMode.ROLL
        assert np.allclose(window.ball_position[rolls, 2], BALL_RADIUS, atol=1e-4)
        half = np.array([105.0, 68.0]) / 2 + BALL_RADIUS
        outside = (np.abs(window.ball_position[:, :2]) > half).any(1)
        out = window.ball_mode == BallMode.OUT
        assert np.array_equal(out, np.maximum.accumulate(outside))
        went_out += out.any()
    assert went_out > 0


@pytest.mark.parametrize(
    ("argument", "value"),
    [("num_frames", 0), ("num_future", -1), ("play_share", 1.5), ("rate", 0.0)],
)
def test_impossible_settings_are_named(argument, value):
    with pytest.raises(ConfigError, match=argument):
        BallWindowSettings(**{argument: value})
    with pytest.raises(IndexError, match="numbered from 0"):
        BallWindows(SETTINGS, 0)[-1]
