from __future__ import annotations

import numpy as np
import pytest

from footmm.errors import ConfigError
from footmm.simulation.match import MatchSettings, simulate_match
from footmm.simulation.windows import TrajectoryWindows, TrajectoryWindowSettings

SETTINGS = TrajectoryWindowSettings(
    num_frames=20, match_duration_s=8.0, matches_per_block=3, cached_blocks=1
)


@pytest.fixture(scope="module")
def windows():
    return TrajectoryWindows(SETTINGS, seed=4)


def test_counts():
    assert SETTINGS.frames_per_match == 80
    assert SETTINGS.stride == 10
    assert SETTINGS.windows_per_match == 7
    assert SETTINGS.windows_per_block == 21


def test_a_window_is_a_slice_of_its_match(windows):
    number = 7 * 4 + 2
    match = simulate_match(
        MatchSettings(duration_s=8.0, rate=10.0), np.random.SeedSequence(4, spawn_key=(4,))
    )
    window = windows[number]
    assert window.positions.shape == (20, 23, 2)
    assert window.positions.dtype == np.float32
    assert np.array_equal(window.positions[:, :22], match.positions[20:40, :22])
    assert np.array_equal(window.positions[:, 22], match.ball_position[20:40, :2])
    assert np.array_equal(window.velocities[:, 22], match.ball_velocity[20:40, :2])
    assert np.array_equal(window.ball_height, match.ball_position[20:40, 2])
    assert np.array_equal(window.role, match.role[20:40])
    assert np.array_equal(window.strategy, match.strategy[20:40])
    assert window.possessor.shape == (20,)


def test_a_window_does_not_depend_on_what_was_asked_before(windows):
    first = windows[3].positions.copy()
    windows[25]
    assert len(windows._matches._blocks) == 1
    assert np.array_equal(windows[3].positions, first)
    assert np.array_equal(TrajectoryWindows(SETTINGS, seed=4)[3].positions, first)
    assert not np.array_equal(TrajectoryWindows(SETTINGS, seed=5)[3].positions, first)


def test_neighbours_share_half_their_frames(windows):
    assert np.array_equal(windows[0].positions[10:], windows[1].positions[:10])
    assert not np.array_equal(windows[0].positions[10:], windows[7].positions[:10])


def test_shuffling_keeps_blocks_together(windows):
    order = windows.shuffled(50, np.random.default_rng(0))
    assert sorted(order) == list(range(50))
    assert order.tolist() != list(range(50))
    blocks = order // SETTINGS.windows_per_block
    assert (np.diff(blocks) != 0).sum() == 2


def test_windows_have_no_end_but_a_beginning(windows):
    with pytest.raises(IndexError, match="window -1"):
        windows[-1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(num_frames=1), "num_frames=1: give at least 2"),
        (dict(match_duration_s=2.0), "fewer than num_frames=50"),
    ],
)
def test_impossible_settings_are_explained(settings, message):
    with pytest.raises(ConfigError, match=message):
        TrajectoryWindowSettings(**settings)
