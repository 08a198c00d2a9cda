from __future__ import annotations

import numpy as np
import pytest

from footmm.simulation.appearance import Gait
from footmm.simulation.gait import cycle_length, gait_of, gait_phases, phases_at


@pytest.mark.parametrize(
    ("speed", "gait"), [(0.0, Gait.STAND), (1.4, Gait.WALK), (3.0, Gait.RUN), (9.0, Gait.RUN)]
)
def test_the_gait_follows_from_the_speed(speed, gait):
    assert gait_of(speed)[0] is gait


def test_faster_steps_are_longer():
    assert gait_of(1.0)[1] < gait_of(1.8)[1]
    assert gait_of(3.0)[1] < gait_of(7.0)[1]
    assert cycle_length(2.0) < cycle_length(8.0)


def test_phases_advance_by_the_distance_covered():
    positions = np.zeros((51, 2, 2))
    positions[:, 0, 0] = 4.0 * np.arange(51) / 25

    phases = gait_phases(positions, rate=25.0)

    cycles = np.mod(np.diff(phases, axis=0), 1.0).sum(axis=0)
    assert cycles == pytest.approx([8.0 / cycle_length(4.0), 0.0])
    assert ((phases >= 0) & (phases < 1)).all()


def test_phases_do_not_jump_when_the_speed_changes():
    speeds = np.concatenate([np.full(25, 2.0), np.full(25, 7.0)])
    positions = np.zeros((51, 1, 2))
    positions[1:, 0, 1] = np.cumsum(speeds) / 25

    steps = np.mod(np.diff(gait_phases(positions, 25.0)[:, 0]), 1.0)

    assert steps.max() <= 7.0 / 25 / cycle_length(7.0) + 1e-9


def test_phases_of_one_moment_agree_with_a_track_of_steady_speed():
    positions = np.zeros((26, 3, 2))
    positions[:, :, 0] = 3.0 * np.arange(26)[:, None] / 25

    assert phases_at(np.full(3, 3.0), 1.0) == pytest.approx(gait_phases(positions, 25.0)[-1])
