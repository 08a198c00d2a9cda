"""Errors of predicted paths: by hand, and against loops written from the definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@st.composite
def scenes(draw, finite=True):
    """Predictions, future and what is scored; whole multiples of half a metre, which tie."""
    futures, frames, agents = draw(
        st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(0, 4))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    predictions = rng.integers(-9, 10, (futures, frames, agents, 2)) / 2
    future = rng.integers(-9, 10, (frames, agents, 2)) / 2
    return predictions, future, rng.random((frames, agents)) < draw(st.sampled_from([0, 0.5, 1]))


DISPLACEMENTS = pytest.mark.parametrize("function", [average_displacement, final_displacement])


def horizons_of(predictions):
    return [1.0, (1 + predictions.shape[1]) / 2, predictions.shape[1]]


def tallies(errors):
    kinds = (
        errors.best(),
        errors.mean(),
        errors.scene_best(),
        errors.scene_mean(),
        errors.misses(2.1),
    )
    return np.array([*kinds, errors.of_future(0)], float)


@DISPLACEMENTS
@given(scenes())
def test_displacements_keep_their_order(function, scene):
    """No error for the truth; best <= mean <= worst; a miss is a miss at any smaller distance."""
    predictions, future, scored = scene
    horizons = horizons_of(predictions)
    exact = function(np.broadcast_to(future, predictions.shape), future, scored, 1.0, horizons)
    assert not exact.totals.any()
    errors = function(*scene, 1.0, horizons)
    assert (errors.totals >= 0).all()
    best, mean, scene_best, scene_mean = (
        getattr(errors, name)().total for name in ("best", "mean", "scene_best", "scene_mean")
    )
    every = np.array([errors.of_future(k).total for k in range(len(predictions))])
    for lower, higher in ((best, mean), (mean, every.max(0)), (scene_best, scene_mean)):
        assert (lower <= higher + 1e-9).all()
    assert (errors.misses(1.0).total >= errors.misses(3.0).total).all()
    assert (errors.misses().total <= errors.misses().count).all()


@DISPLACEMENTS
@given(scenes(), st.floats(-3, 3), st.integers(0, 2**32 - 1))
def test_displacements_do_not_know_where_nor_who(function, scene, angle, seed):
    """Turned and moved together, mirrored, and with agents in another order."""
    predictions, future, scored = scene
    horizons = horizons_of(predictions)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    order = np.random.default_rng(seed).permutation(future.shape[1])
    moved = [
        (paths @ (turn * [1, -1]) + [30, -20])[..., order, :] for paths in (predictions, future)
    ]
    expected = tallies(function(*scene, 1.0, horizons))
    found = tallies(function(*moved, scored[:, order], 1.0, horizons))
    np.testing.assert_allclose(found, expected, atol=1e-9)


@DISPLACEMENTS
@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(scenes(), st.sampled_from([math.nan, math.inf, -1e308]))
def test_displacements_do_not_see_what_is_not_scored(function, scene, anything):
    predictions, future, scored = scene
    hidden = (
        np.where(scored[..., None], predictions, anything),
        np.where(scored[..., None], future, anything),
    )
    errors = function(*scene, 1.0, horizons_of(predictions))
    found = function(*hidden, scored, 1.0, horizons_of(predictions))
    np.testing.assert_array_equal(found.totals, errors.totals)
    np.testing.assert_array_equal(found.counts, errors.counts)


@DISPLACEMENTS
@given(scenes(), st.floats(1, 5))
def test_displacements_grow_with_the_error(function, scene, factor):
    predictions, future, scored = scene
    farther = future + factor * (predictions - future)
    horizons = horizons_of(predictions)
    found = function(farther, future, scored, 1.0, horizons).totals
    np.testing.assert_allclose(found, factor * function(*scene, 1.0, horizons).totals, atol=1e-9)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(scenes(), st.sampled_from([math.nan, math.inf, -1e308]), st.integers(0, 2**32 - 1))
def test_likelihood_knows_neither_what_is_hidden_nor_an_order(scene, anything, seed):
    predictions, future, scored = scene
    rng = np.random.default_rng(seed)
    scales, scores = (
        rng.uniform(0.5, 3, predictions.shape),
        rng.dirichlet(np.ones(len(predictions))),
    )
    nll = mixture_nll(predictions, scales, scores, future, scored)
    hidden = [
        np.where(scored[..., None], values, anything) for values in (predictions, scales, future)
    ]
    again = mixture_nll(*hidden[:2], scores, hidden[2], scored)
    np.testing.assert_array_equal(again, nll)
    futures, agents = rng.permutation(len(scores)), rng.permutation(future.shape[1])
    mixed = (values[futures][:, :, agents] for values in (predictions, scales))
    other = mixture_nll(*mixed, scores[futures], future[:, agents], scored[:, agents])
    np.testing.assert_allclose(other, nll, atol=1e-9)
    # Of one future no path is more probable than its own.
    own = mixture_nll(future[None], scales[:1], np.ones(1), future, scored)
    assert own.total <= mixture_nll(predictions[:1], scales[:1], np.ones(1), future, scored).total
