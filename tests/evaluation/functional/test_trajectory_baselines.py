"""Rules of thumb on paths whose future is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import BASELINES, constant_velocity, kalman, stand_still

OBSERVED, FUTURE, RATE = 10, 30, 6.25
TIMES = np.arange(OBSERVED + FUTURE) / RATE
START = np.array([[10.0, -5.0], [0.0, 0.0], [-30.0, 20.0]])
VELOCITY = np.array([[5.0, 1.0], [-3.0, 4.0], [0.0, 0.0]])
LINES = START + VELOCITY * TIMES[:, None, None]
ALWAYS = np.ones((OBSERVED, 3), dtype=bool)


def predict(baseline, positions=LINES[:OBSERVED], present=ALWAYS):
    return baseline(positions, present, FUTURE, RATE)


def error(baseline, positions):
    return np.linalg.norm(predict(baseline, positions) - LINES[OBSERVED:], axis=-1).mean()


def test_table_has_all():
    assert list(BASELINES) == ["stand_still", "constant_velocity", "kalman"]
    assert all(predict(baseline).shape == (FUTURE, 3, 2) for baseline in BASELINES.values())


def test_stand_still():
    assert (predict(stand_still) == LINES[OBSERVED - 1]).all()


def test_constant_velocity_is_exact_on_straight_lines():
    np.testing.assert_allclose(predict(constant_velocity), LINES[OBSERVED:])


@pytest.mark.parametrize("gap", [[8], [0, 1, 7, 8], [9], [3, 8, 9]])
def test_constant_velocity_bridges_gaps(gap):
    present = ALWAYS.copy()
    present[gap, 0] = False
    positions = np.where(present[..., None], LINES[:OBSERVED], 0.0)
    np.testing.assert_allclose(predict(constant_velocity, positions, present), LINES[OBSERVED:])


def test_constant_velocity_takes_the_last_step_only():
    positions = LINES[:OBSERVED].copy()
    positions[: OBSERVED - 2] += 7.0
    np.testing.assert_allclose(predict(constant_velocity, positions), LINES[OBSERVED:])


def test_kalman_is_near_constant_velocity_on_clean_lines():
    assert error(kalman, LINES[:OBSERVED]) < 0.05


def test_kalman_is_better_on_noisy_lines():
    noise = np.random.default_rng(0).normal(scale=0.15, size=LINES[:OBSERVED].shape)
    noisy = LINES[:OBSERVED] + noise
    assert error(kalman, noisy) < 0.7 * error(constant_velocity, noisy)


def test_kalman_predicts_through_gaps():
    present = ALWAYS.copy()
    present[[0, 1, 5, 9], 1] = False
    positions = np.where(present[..., None], LINES[:OBSERVED], 0.0)
    np.testing.assert_allclose(predict(kalman, positions, present), LINES[OBSERVED:], atol=0.5)


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)
@pytest.mark.parametrize("frame", [0, 4, 9])
def test_agents_seen_once_stand_still_and_others_stay_at_0(baseline, frame):
    present = ALWAYS.copy()
    present[:, :2] = False
    present[frame, 0] = True
    # What is not present must not matter, whatever is there.
    positions = np.where(present[..., None], LINES[:OBSERVED], 99.0)
    paths = predict(baseline, positions, present)
    expected = np.broadcast_to(LINES[frame, 0], (FUTURE, 2))
    np.testing.assert_allclose(paths[:, 0], expected, atol=1e-3)
    assert (paths[:, 1] == 0).all()


@pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)
def test_many_windows_at_once_equal_one_by_one(baseline):
    random = np.random.default_rng(3)
    positions = random.normal(size=(2, 4, OBSERVED, 3, 2)).cumsum(2)
    present = random.random(positions.shape[:-1]) < 0.7
    together = predict(baseline, positions, present)
    assert together.shape == (2, 4, FUTURE, 3, 2)
    for index in np.ndindex(2, 4):
        alone = predict(baseline, positions[index], present[index])
        np.testing.assert_allclose(together[index], alone)


@st.composite
def observed_windows(draw):
    """Positions ``(T, A, 2)`` of whole metres, and who is present."""
    frames, agents = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    present = rng.random((frames, agents)) < draw(st.sampled_from([0.0, 0.4, 0.8, 1.0]))
    return rng.integers(-50, 50, (frames, agents, 2)).astype(float), present


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("baseline", [stand_still, constant_velocity, kalman])
@given(observed_windows(), st.sampled_from([np.nan, np.inf, -1e308]), st.integers(0, 2**32 - 1))
def test_baselines_know_neither_what_is_hidden_nor_an_order(baseline, window, anything, seed):
    positions, present = window
    paths = baseline(positions, present, 4, RATE)
    assert paths.shape == (4, positions.shape[1], 2)
    assert np.isfinite(paths).all()
    hidden = np.where(present[..., None], positions, anything)
    np.testing.assert_array_equal(baseline(hidden, present, 4, RATE), paths)
    order = np.random.default_rng(seed).permutation(positions.shape[1])
    np.testing.assert_allclose(
        baseline(positions[:, order], present[:, order], 4, RATE), paths[:, order], atol=1e-9
    )


@pytest.mark.parametrize("baseline", [stand_still, constant_velocity, kalman])
@given(observed_windows(), st.sampled_from([(0, -1), (-1, 0), (1, 0)]))
def test_baselines_move_with_the_agents(baseline, window, turn):
    """Turned by quarters about the origin and moved, so do the paths of all who were seen."""
    positions, present = window
    cos, sin = turn
    turn, shift = np.array([[cos, sin], [-sin, cos]]), np.array([7.0, -3.0])
    paths = baseline(positions @ turn + shift, present, 4, RATE)
    expected = baseline(positions, present, 4, RATE) @ turn + shift
    seen = present.any(0)
    np.testing.assert_allclose(paths[:, seen], expected[:, seen], atol=2e-3)
