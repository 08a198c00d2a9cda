from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.stadium import Illumination, Lighting, Mowing, sample_stadium


@pytest.fixture(scope="module")
def stadiums():
    return [sample_stadium(np.random.default_rng(seed)) for seed in range(60)]


def test_the_same_seed_gives_the_same_stadium(stadiums):
    assert sample_stadium(np.random.default_rng(7)) == stadiums[7] != stadiums[8]


def test_a_stadium_survives_pickling(stadiums):
    assert pickle.loads(pickle.dumps(stadiums[0])) == stadiums[0]


def test_the_pitch_is_the_one_asked_for():
    pitch = PitchDimensions(100.0, 64.0)
    stadium = sample_stadium(np.random.default_rng(0), pitch)

    assert stadium.pitch is pitch
    assert stadium.half_size[0] > 50
    assert stadium.half_size[1] > 32


def test_stadiums_differ(stadiums):
    assert {s.illumination.lighting for s in stadiums} == set(Lighting)
    assert {s.turf.mowing for s in stadiums} == set(Mowing)
    assert len({s.seed for s in stadiums}) == len(stadiums)


def test_grass_is_green(stadiums):
    for stadium in stadiums:
        blue, green, red = stadium.turf.color
        assert green > red > blue


def _lit(stadium, lighting, edges=None):
    light = Illumination(lighting, math.radians(30), math.radians(45), 0.8, 0.4, 0.3, edges)
    return replace(stadium, illumination=light)


def test_floodlights_stand_around_the_pitch_and_the_sun_far_away(stadiums):
    masts = _lit(stadiums[0], Lighting.FLOODLIGHT).light_positions
    sun = _lit(stadiums[0], Lighting.SUN).light_positions

    assert masts.shape == (4, 3)
    assert masts.mean(axis=0)[:2] == pytest.approx([0.0, 0.0])
    assert sun[0] / np.linalg.norm(sun[0]) == pytest.approx([0.612, 0.354, 0.707], abs=1e-3)


def test_the_shade_lies_on_the_side_of_the_sun(stadiums):
    stadium = _lit(stadiums[0], Lighting.SUN, edges=(2.0, 0.5))

    assert stadium.in_shade(np.array([(0.0, 30.0), (0.0, 10.0), (0.0, -30.0)])).tolist() == [
        1,
        0,
        0,
    ]
    assert stadium.in_shade(np.array([0.0, 17.0])) == pytest.approx(0.5)


def test_without_shade_all_is_lit(stadiums):
    stadium = _lit(stadiums[0], Lighting.SUN)

    assert not stadium.in_shade(np.array([[(50.0, 30.0)], [(-50.0, -30.0)]])).any()
