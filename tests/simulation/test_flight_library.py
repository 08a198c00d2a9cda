from __future__ import annotations

import numpy as np
import pytest

from footmm.simulation.flight_library import FAMILIES, STEP, THROW_HEIGHT, flight_library
from footmm.simulation.tracks import BALL_RADIUS


@pytest.fixture(scope="module")
def library():
    return flight_library()


def test_flights_start_with_the_speeds_and_heights_of_their_families(library):
    for name, family in FAMILIES.items():
        flights = library.families[name]
        speeds = np.linalg.norm(library.velocity[flights, 0], axis=-1)
        assert np.allclose(speeds, np.repeat(family.speeds, len(family.elevations)))
        assert np.allclose(library.position[flights, 0], [0, 0, family.height])


def test_the_ball_falls_freely_but_for_the_air(library):
    high = library.landing("lofted", 35.0, 2)
    vertical = library.velocity[high, :, 2]
    top = int(library.position[high, :, 2].argmax())
    gravity = -np.gradient(vertical, STEP)[top]
    assert gravity == pytest.approx(9.81, abs=2.5)
    assert library.position[..., 2].min() > BALL_RADIUS - 0.01


def test_flights_are_continuous_and_consistent(library):
    way = np.diff(library.position, axis=1)
    mean = (library.velocity[:, 1:] + library.velocity[:, :-1]) / 2 * STEP
    # All but the few samples in which the ball bounces.
    assert np.percentile(np.abs(way - mean), 99) < 0.01
    assert np.linalg.norm(way, axis=-1).max() < 40 * STEP


def test_a_ground_pass_arrives_as_fast_as_asked(library):
    flight = library.ground(20.0, 8.0)
    assert library.rolling[flight].all()
    assert library.speed_at[flight, 20] == pytest.approx(8.0, abs=0.6)
    assert library.ground(20.0, 12.0) > flight


@pytest.mark.parametrize(
    ("family", "distance", "elevation"),
    [("lofted", 30.0, 0), ("lofted", 30.0, 1), ("lofted", 45.0, 2), ("throw", 10.0, 1)],
)
def test_a_lofted_ball_lands_where_asked(library, family, distance, elevation):
    flight = library.landing(family, distance, elevation)
    assert flight in range(library.families[family].start, library.families[family].stop)
    assert library.carry[flight] == pytest.approx(distance, abs=2.0)
    landed = int((library.position[flight, :, 0] >= library.carry[flight]).argmax())
    assert library.position[flight, landed, 2] < 0.5
    assert library.position[flight, 0, 2] == (THROW_HEIGHT if family == "throw" else BALL_RADIUS)


def test_a_shot_has_its_height_at_the_goal(library):
    flight = library.shot("shot", 26.0, 18.0, 1.8)
    assert library.height_at[flight, 18] == pytest.approx(1.8, abs=0.6)
    curled = library.shot("curled", 24.0, 18.0, 1.8)
    assert np.abs(library.position[curled, :, 1]).max() > 0.3


def test_a_flight_entered_on_its_way_starts_at_the_height(library):
    flight = library.rising(1.9, 9.0)
    place, velocity, _ = library.sample(np.array([flight]), np.array([library.entry(flight, 1.9)]))
    assert place[0, 2] == pytest.approx(1.9, abs=1e-9)
    assert velocity[0, 2] > 0
    assert library.entry(flight, BALL_RADIUS) == 0.0


def test_sampling_gives_the_samples_and_straight_lines_between(library):
    flight = library.landing("lofted", 30.0, 1)
    place, _, rolls = library.sample(np.array([flight]), np.array([[0.0, STEP, 1.5 * STEP]]))
    assert np.allclose(place[0, 1], library.position[flight, 1])
    assert np.allclose(place[0, 2], library.position[flight, 1:3].mean(0))
    assert rolls.shape == (1, 3)
    assert not rolls.any()
