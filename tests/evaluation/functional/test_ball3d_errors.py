"""How far the ball is from where it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.evaluation.functional.ball3d_errors import (
    first_landing,
    is_calibrated_within,
    peak_height,
    position_errors,
)
from footmm.pitch.ballistics import BallPhysics, BallState, simulate

GROUND = float(BallPhysics().radius)


def test_errors_are_split_at_the_ray():
    errors = position_errors(
        np.array([[0.0, 12.0, 3.0]]), np.array([[0.0, 10.0, 0.0]]), np.zeros((1, 3))
    )
    assert errors.along.tolist() == [2.0]
    assert errors.across.tolist() == [3.0]
    assert errors.distance[0] == pytest.approx(13**0.5)
    nowhere = position_errors(np.ones((1, 3)), np.zeros((1, 3)), np.zeros((1, 3)))
    assert nowhere.distance[0] == pytest.approx(3**0.5)


def test_random_errors_keep_their_length():
    rng = np.random.default_rng(0)
    predicted, true, origins = rng.normal(size=(3, 200, 3)) * 10
    errors = position_errors(predicted, true, origins)
    for index in range(200):
        ray = (true[index] - origins[index]) / np.linalg.norm(true[index] - origins[index])
        error = predicted[index] - true[index]
        along = sum(error * ray)
        assert errors.along[index] == pytest.approx(along)
        assert errors.across[index] == pytest.approx(np.linalg.norm(error - along * ray))


@pytest.mark.parametrize("rate", [25.0, 30.0])
def test_landings_of_flights_are_found_between_frames(rate):
    for velocity, height in (([12.0, 3.0, 4.0], 2.0), ([20.0, 0.0, -2.0], 1.0)):
        state = BallState.of(np.array([0.0, 0.0, height]), np.array(velocity))
        path = simulate(state, 2.0, rate).positions.numpy()
        fine = simulate(state, 1.5, 500.0).positions.numpy()
        exact = fine[np.argmax(fine[:, 2] <= GROUND + 2e-2), :2]
        assert np.allclose(first_landing(path, GROUND), exact, atol=0.25)


def test_what_does_not_land_has_no_landing():
    rising = np.column_stack([np.arange(5.0), np.zeros(5), np.arange(5.0) + 1])
    rolling = np.column_stack([np.arange(5.0), np.zeros(5), np.full(5, GROUND)])
    assert first_landing(rising, GROUND) is None
    assert first_landing(rolling, GROUND) is None


def test_heights_and_deviations():
    assert peak_height(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 3.0]])) == 3.0
    within = is_calibrated_within(np.array([-1.0, 3.0]), np.array([1.0, 1.0]), 2.0)
    assert within.tolist() == [True, False]
