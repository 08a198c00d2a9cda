"""How far the ball is from where it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

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


SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(0, 8))
def test_parts_of_errors_add_up_however_all_is_turned_and_moved(seed, count):
    """Whole metres, so that positions coincide with each other and with the camera."""
    rng = np.random.default_rng(seed)
    points = rng.integers(-1, 2, (3, count, 3)).astype(float)
    errors = position_errors(*points)
    np.testing.assert_allclose(errors.along**2 + errors.across**2, errors.distance**2, atol=1e-9)
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = position_errors(*(points @ turn.T + [9, -5, 2]))
    np.testing.assert_allclose(moved, errors, atol=1e-9)
    exact = position_errors(points[1], points[1], points[2])
    assert not np.any(exact)


@given(SEEDS, st.floats(0, 5), st.floats(1, 3))
def test_more_deviation_is_calibrated_for_more(seed, factor, growth):
    errors, deviations = np.random.default_rng(seed).integers(-3, 4, (2, 9)).astype(float)
    within = is_calibrated_within(errors, np.abs(deviations), factor)
    wider = is_calibrated_within(errors, growth * np.abs(deviations), factor)
    assert (within <= wider).all()
    assert (within <= is_calibrated_within(errors, np.abs(deviations), growth * factor)).all()
    assert (is_calibrated_within(-errors, np.abs(deviations), factor) == within).all()
    assert not is_calibrated_within(errors, np.full(9, np.nan), factor).any()


@given(SEEDS, st.integers(1, 8), st.floats(-3, 3))
def test_landings_and_peaks_turn_and_move_with_the_path(seed, frames, angle):
    path = np.random.default_rng(seed).uniform([-5, -5, GROUND], [5, 5, 4], (frames, 3))
    turn = Rotation.from_euler("z", angle).as_matrix()
    moved = path @ turn.T + [20, -10, 0]
    assert peak_height(moved) == pytest.approx(peak_height(path))
    assert peak_height(path) in path[:, 2]
    landing, again = first_landing(path, GROUND), first_landing(moved, GROUND)
    assert (landing is None) == (again is None)
    if landing is None:
        return
    np.testing.assert_allclose(again, turn[:2, :2] @ landing + [20, -10], atol=1e-6)
    # A landing is at most two more steps of the fall away from the path.
    reach = np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1).max()
    assert np.linalg.norm(path[:, :2] - landing, axis=1).min() <= 2 * reach + 1e-9
