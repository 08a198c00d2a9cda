"""Errors of predicted paths: by hand, and against loops written from the definitions."""

import math

import numpy as np
import pytest

from footmm.errors import ConfigError
from footmm.evaluation.functional import average_displacement, final_displacement, mixture_nll

RATE = 6.25
FRAMES, AGENTS, FUTURES = 30, 5, 4
HORIZONS = (0.4, 2.0, 4.8)


@pytest.fixture
def paths():
    """Random predictions, future and what is scored; agent 3 never is, agent 1 not at the end."""
    random = np.random.default_rng(0)
    predictions = random.normal(size=(FUTURES, FRAMES, AGENTS, 2)).cumsum(1)
    future = random.normal(size=(FRAMES, AGENTS, 2)).cumsum(0)
    scored = random.random((FRAMES, AGENTS)) < 0.8
    scored[:, 3] = scored[-1, 1] = False
    future[~scored] = np.nan
    return predictions, future, scored


def mean(tally):
    return (tally.total / tally.count).tolist()


def line(*values):
    """A path along x: ``(F, 1, 2)``."""
    return np.stack((values, np.zeros(len(values))), axis=-1)[:, None]


def test_one_agent_by_hand():
    future, predictions = line(1.0, 2.0, 3.0, 4.0), line(1.0, 3.0, 6.0, 8.0)[None]
    options = predictions, future, np.ones((4, 1), dtype=bool), 2.0
    # Frames are at 0.5, 1.0, 1.5 and 2.0 s, the errors 0, 1, 3 and 4 m.
    horizons = (0.5, 0.9, 1.0, 1.25, 2.0)
    assert mean(average_displacement(*options, horizons).of_future(0)) == [0, 0, 0.5, 0.5, 2]
    assert mean(final_displacement(*options, horizons).of_future(0)) == pytest.approx(
        [0, 0.8, 1, 2, 4]
    )


def test_interpolates_paths_and_not_distances():
    future = np.zeros((2, 1, 2))
    predictions = np.array([[[[1.0, 0.0]], [[-1.0, 0.0]]]])
    errors = final_displacement(predictions, future, np.ones((2, 1), dtype=bool), 1.0, [1.5])
    assert mean(errors.of_future(0)) == [0.0]


def test_positions_that_are_not_scored_count_nowhere():
    future = np.concatenate((line(0.0, 0.0, np.nan), line(0.0, 0.0, 0.0)), axis=1)
    predictions = np.concatenate((line(3.0, 3.0, 9.0), line(1.0, 1.0, 1.0)), axis=1)[None]
    scored = np.array([[True, True], [True, True], [False, True]])
    options = predictions, future, scored, 1.0
    average = average_displacement(*options, [2.0, 3.0])
    assert mean(average.of_future(0)) == [2.0, 9 / 5]
    # Between frames 2 and 3 only the second agent is known at both ends.
    final = final_displacement(*options, [2.0, 2.5, 3.0])
    assert final.of_future(0).count.tolist() == [2, 1, 1]
    assert mean(final.of_future(0)) == [2.0, 1.0, 1.0]


def test_best_of_agents_and_of_the_scene():
    # Each future is right about one agent and 4 m, or 6 m, off for the other.
    future = np.zeros((1, 2, 2))
    predictions = np.array([[[[0.0, 0.0], [4.0, 0.0]]], [[[6.0, 0.0], [0.0, 0.0]]]])
    errors = average_displacement(predictions, future, np.ones((1, 2), dtype=bool), 1.0, [1.0])
    reductions = errors.best(), errors.mean(), errors.scene_best(), errors.scene_mean()
    assert [mean(tally) for tally in reductions] == [[0.0], [2.5], [2.0], [2.5]]
    assert errors.scene_best().count == 1


def test_misses():
    future = np.zeros((1, 4, 2))
    distances = np.array([[2.0, 2.1, 5.0, np.nan], [9.0, 2.2, 1.0, 0.0]])
    predictions = np.stack((distances, np.zeros_like(distances)), axis=-1)[:, None]
    errors = final_displacement(predictions, future, np.ones((1, 4), dtype=bool), 1.0, [1.0])
    assert mean(errors.misses(2.0)) == [0.5]
    assert mean(errors.misses(0.5)) == [1.0]


def test_equals_loops_over_agents_and_frames(paths):
    predictions, future, scored = paths
    distances = np.linalg.norm(predictions - future, axis=-1)
    for index, horizon in enumerate(HORIZONS):
        frames = [f for f in range(FRAMES) if (f + 1) / RATE <= horizon + 1e-9]
        known = [[f for f in frames if scored[f, a]] for a in range(AGENTS)]
        sums = [
            [sum(distances[k, f, a] for f in known[a]) for a in range(AGENTS)] for k in range(4)
        ]
        count = sum(map(len, known))
        errors = average_displacement(predictions, future, scored, RATE, HORIZONS)
        assert mean(errors.of_future(2))[index] == pytest.approx(sum(sums[2]) / count)
        best = sum(min(row[a] for row in sums) for a in range(AGENTS))
        assert mean(errors.best())[index] == pytest.approx(best / count)
        assert mean(errors.scene_best())[index] == pytest.approx(min(map(sum, sums)) / count)
        assert mean(errors.mean())[index] == pytest.approx(sum(map(sum, sums)) / 4 / count)
        assert mean(errors.scene_mean())[index] == pytest.approx(mean(errors.mean())[index])


def test_final_displacement_equals_a_loop_with_interpolated_paths(paths):
    predictions, future, scored = paths
    times = np.arange(FRAMES + 1) / RATE
    errors = final_displacement(predictions, future, scored, RATE, HORIZONS)
    for index, horizon in enumerate(HORIZONS):
        around = {math.floor(horizon * RATE + 1e-9), math.ceil(horizon * RATE - 1e-9)}
        agents = [a for a in range(AGENTS) if all(scored[f - 1, a] for f in around)]
        assert np.flatnonzero(errors.counts[index]).tolist() == agents

        def at_horizon(path, horizon=horizon):
            return [np.interp(horizon, times, [0.0, *path[:, axis]]) for axis in (0, 1)]

        expected = [
            [math.dist(at_horizon(p[:, a]), at_horizon(future[:, a])) for a in agents]
            for p in predictions
        ]
        assert errors.totals[index][:, agents] == pytest.approx(np.array(expected))


def test_futures_may_come_in_any_order(paths):
    predictions, future, scored = paths
    scores, scales = np.array([0.1, 0.2, 0.3, 0.4]), np.full(predictions.shape, 5.0)
    order = [2, 0, 3, 1]

    def figures(order):
        options = predictions[order], future, scored, RATE, HORIZONS
        for errors in (average_displacement(*options), final_displacement(*options)):
            yield from (errors.best(), errors.mean(), errors.scene_best(), errors.scene_mean())
            yield from (errors.misses(), errors.of_future(order.index(3)))
        yield mixture_nll(predictions[order], scales, scores[order], future, scored)

    for first, second in zip(figures([0, 1, 2, 3]), figures(order), strict=True):
        np.testing.assert_allclose(first, second)


def test_without_anything_scored_all_counts_are_zero(paths):
    predictions, future, _ = paths
    nothing = np.zeros((FRAMES, AGENTS), dtype=bool)
    errors = average_displacement(predictions, future, nothing, RATE, HORIZONS)
    for tally in (errors.best(), errors.scene_best(), errors.misses()):
        assert not tally.total.any()
        assert not tally.count.any()
    nll = mixture_nll(predictions, np.ones(predictions.shape), np.full(4, 0.25), future, nothing)
    assert (nll.total, nll.count) == (0, 0)


@pytest.mark.parametrize("function", [average_displacement, final_displacement])
@pytest.mark.parametrize("horizon", [0.1, 4.9, -0.4, math.nan])
def test_refuses_horizons_beyond_the_future(function, horizon, paths):
    with pytest.raises(ConfigError, match=rf"horizon {horizon} s.*30 frames at 6.25 Hz.*4.8 s"):
        function(*paths, RATE, [2.0, horizon])


def test_likelihood_of_one_gaussian():
    scales = np.broadcast_to([2.0, 0.5], (1, 3, 1, 2))
    predictions, future = line(0.0, 1.0, 2.0)[None], line(0.0, 1.0, 4.0)
    scored = np.array([[True], [False], [True]])
    nll = mixture_nll(predictions, scales, np.ones(1), future, scored)
    # Scales 2 and 1/2 cancel out; one of two positions is one deviation off along x.
    assert nll.count == 2
    assert nll.total == pytest.approx(2 * math.log(2 * math.pi) + 0.5)


def test_likelihood_equals_a_sum_over_whole_futures(paths):
    predictions, future, scored = paths
    scales = np.random.default_rng(1).uniform(2, 9, predictions.shape)
    scores = np.array([0.5, 0.3, 0.2, 0.0])
    total = 0.0
    for agent in range(AGENTS):
        frames = np.flatnonzero(scored[:, agent])
        likelihood = 0.0
        for k in range(FUTURES):
            z = (future - predictions[k])[frames, agent] / scales[k, frames, agent]
            density = np.exp(-(z**2) / 2) / scales[k, frames, agent] / math.sqrt(2 * math.pi)
            likelihood += scores[k] * density.prod()
        total -= math.log(likelihood)
    nll = mixture_nll(predictions, scales, scores, future, scored)
    assert nll.total == pytest.approx(total)
    assert nll.count == scored.sum()
