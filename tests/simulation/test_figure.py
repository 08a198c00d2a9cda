from __future__ import annotations

import math

import numpy as np
import pytest

from footmm.simulation.appearance import Gait, sample_match_identities
from footmm.simulation.figure import Trunk, build_figure


@pytest.fixture(scope="module")
def player():
    return sample_match_identities(np.random.default_rng(0))[3]


def _trunk(figure):
    return next(layer for layer in figure.layers if isinstance(layer, Trunk))


@pytest.mark.parametrize("gait", list(Gait))
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.6])
def test_the_lowest_point_of_a_figure_is_on_the_ground(player, gait, phase):
    figure = build_figure(player, gait, phase, 1.0, azimuth=0.3, elevation=0.0)

    assert figure.bounds[1] == pytest.approx(0.0, abs=0.02)


def test_a_standing_figure_is_as_tall_as_the_person(player):
    left, bottom, right, top = build_figure(player, Gait.STAND, 0.0, 1.0, 0.0, 0.0).bounds

    assert top - bottom == pytest.approx(player.height_m, abs=0.09)
    assert left == pytest.approx(-right, abs=0.1)


def test_a_runner_is_wide_from_the_side_and_narrow_from_the_front(player):
    def width(azimuth):
        left, _, right, _ = build_figure(player, Gait.RUN, 0.25, 1.0, azimuth, 0.0).bounds
        return right - left

    assert width(math.pi / 2) > 1.3 * width(0.0)


def test_both_halves_of_the_cycle_mirror_each_other(player):
    first = build_figure(player, Gait.WALK, 0.1, 1.0, 0.0, 0.0)
    second = build_figure(player, Gait.WALK, 0.6, 1.0, 0.0, 0.0)

    assert first.bounds[0] == pytest.approx(-second.bounds[2], abs=1e-6)


@pytest.mark.parametrize("azimuth", [0.0, math.pi / 2, math.pi])
def test_the_trunk_faces_the_camera_by_the_azimuth(player, azimuth):
    trunk = _trunk(build_figure(player, Gait.STAND, 0.0, 1.0, azimuth, 0.2))

    assert math.cos(trunk.facing - azimuth) > 0.98


def test_from_above_the_figure_is_shorter(player):
    flat = build_figure(player, Gait.STAND, 0.0, 1.0, 0.0, 0.0).bounds
    steep = build_figure(player, Gait.STAND, 0.0, 1.0, 0.0, 0.8).bounds

    assert steep[3] - steep[1] < 0.9 * (flat[3] - flat[1])
