"""The metrics of the trajectory task through MMEngine's evaluator, on samples as a model's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation import MultiHorizonTrajectoryMetrics, TrajectoryADE, TrajectoryFDE
from footmm.evaluation.functional import BASELINES
from footmm.registry import METRICS
from footmm.structures.agent_tracks import AWAY, BALL, HOME

FRAMES, OBSERVED, RATE = 16, 6, 2.5
#: The future of the default horizons.
LONG = dict(frames=40, observed=10, rate=6.25)


def sample(
    offsets=(0.0,), *, frames=FRAMES, observed=OBSERVED, rate=RATE, ball_off=0.0, without=""
):
    """Two players and the ball run straight; each future is some metres beside all of them.

    The 23 slots of a window are cut down to one of each team, an empty one and the ball.
    """
    start = torch.tensor([[0.0, 0.0], [10.0, 5.0], [0.0, 0.0], [-20.0, 0.0]])
    velocity = torch.tensor([[4.0, 0.0], [0.0, -3.0], [0.0, 0.0], [6.0, 8.0]])
    positions = start + velocity * torch.arange(frames)[:, None, None] / rate
    present = torch.ones(frames, 4, dtype=torch.bool)
    present[:, 2] = False
    beside = torch.zeros(len(offsets), 1, 4, 2)
    beside[..., 1] = torch.tensor(offsets)[:, None, None]
    beside[:, :, 3, 1] += ball_off
    predictions = positions[observed:] + beside
    data = dict(
        positions=positions,
        present=present,
        team=torch.tensor([HOME, AWAY, HOME, BALL]),
        goalkeeper=torch.zeros(4, dtype=torch.bool),
        pred_positions=predictions,
        pred_scores=torch.arange(len(offsets), 0, -1) / sum(range(len(offsets) + 1)),
        pred_scales=torch.ones_like(predictions),
    )
    meta = dict(
        match="m1",
        source="synthetic",
        rate=rate,
        frame_ids=np.arange(100, 100 + frames),
        pitch_size=(105.0, 68.0),
        num_observed=observed,
        agent_ids=["a", "b", "", "ball"],
    )
    data.pop(without, None)
    return BaseDataElement(metainfo=meta, **data)


def evaluate(samples, *metrics):
    evaluator = Evaluator(list(metrics))
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "footmm.evaluation.metrics.trajectory.print_log", lambda text, logger: lines.append(text)
    )
    return lines


@pytest.mark.parametrize(
    "name", ["TrajectoryADE", "TrajectoryFDE", "MultiHorizonTrajectoryMetrics"]
)
def test_is_registered(name):
    assert type(METRICS.build({"type": name})).__name__ == name


def test_displacements_of_the_whole_future_and_at_a_horizon():
    window = sample(offsets=(3.0, -1.0))
    scores = evaluate([window], TrajectoryADE(), TrajectoryFDE(horizon_s=1))
    expected = {"ADE": 3, "minADE": 1, "meanADE": 2}
    expected |= {"FDE@1.0s": 3, "minFDE@1.0s": 1, "meanFDE@1.0s": 2}
    assert scores == {f"trajectory/{key}": pytest.approx(v) for key, v in expected.items()}


def test_agents_are_players_the_ball_or_all():
    window = sample(offsets=(1.0,), ball_off=3.0)
    metrics = [TrajectoryADE(agents=name, prefix=name) for name in ("players", "ball", "all")]
    scores = evaluate([window], *metrics)
    assert scores["players/ADE"] == pytest.approx(1.0)
    assert scores["ball/ADE"] == pytest.approx(4.0)
    assert scores["all/ADE"] == pytest.approx(2.0)


def test_windows_count_by_their_positions(log):
    # Of this window's 20 positions, the second player's last 5 are not known.
    lost = sample(offsets=(1.0,))
    lost.present[11:, 1] = False
    scores = evaluate([lost, sample(offsets=(0.0,))], TrajectoryADE(), TrajectoryFDE())
    assert scores["trajectory/ADE"] == pytest.approx(15 / 35)
    assert scores["trajectory/FDE"] == pytest.approx(1 / 3)
    assert log[0] == "trajectory: 4 agents (players) in 2 of 2 windows have a known future"


def test_all_figures_at_the_default_horizons():
    windows = [sample(offsets=(3.0, -1.0), **LONG), sample(offsets=(2.5,), **LONG)]
    scores = evaluate(windows, MultiHorizonTrajectoryMetrics())
    horizons = [f"{0.4 * step:.1f}s" for step in range(1, 13)]
    common = [f"{name}@{horizon}" for name in ("ADE", "FDE") for horizon in horizons]
    common += ["SADE", "SFDE", "miss_rate"]
    sections = {key.partition("/")[0] for key in scores}
    assert sections == {"trajectory", *(f"trajectory_{name}" for name in BASELINES)}
    assert len(scores) == 4 * len(common) + 7
    for name in common[:24]:
        assert scores[f"trajectory/{name}"] == pytest.approx(2.75), name
        assert scores[f"trajectory_constant_velocity/{name}"] == pytest.approx(0.0, abs=1e-4)
    rest = {"SADE": 1.75, "SFDE": 1.75, "miss_rate": 0.5, "minADE": 1.75, "meanSFDE": 2.25}
    assert {name: scores[f"trajectory/{name}"] for name in rest} == pytest.approx(rest)
    assert scores["trajectory_stand_still/ADE@4.8s"] == pytest.approx(3.5 * 15.5 / 6.25)
    assert scores["trajectory_kalman/miss_rate"] == 0.0
    # Of one future beside the path by 2.5 deviations: its own density is all there is.
    alone = evaluate([windows[1]], MultiHorizonTrajectoryMetrics())
    assert alone["trajectory/NLL"] == pytest.approx(math.log(2 * math.pi) + 2.5**2 / 2)


def test_likelihood_is_left_out_where_no_scales_are_stated():
    window = sample(without="pred_scales")
    scores = evaluate([window], MultiHorizonTrajectoryMetrics(horizons_s=[2], baselines=[]))
    assert "trajectory/NLL" not in scores
    assert len(scores) == 5 + 6


def test_prefix_names_the_baselines_sections_too(log):
    metric = MultiHorizonTrajectoryMetrics([2, 4], "ball", ["stand_still"], prefix="ball")
    scores = evaluate([sample(offsets=(2.0,))], metric)
    assert scores["ball/ADE@2.0s"] == pytest.approx(2.0)
    # 10 m/s for 0.4 to 2 s.
    assert scores["ball_stand_still/ADE@2.0s"] == pytest.approx(12.0)
    assert log == ["ball: 1 agents (ball) in 1 of 1 windows have a known future"]


def test_compares_with_constant_velocity_in_the_log(log):
    window = sample(offsets=(1.0,))
    # The last step seems 2 m shorter than it was, so constant velocity is 2 m short each frame.
    window.positions[OBSERVED - 2, :2] += torch.tensor([[2.0, 0.0], [0.0, -2.0]])
    evaluate([window], MultiHorizonTrajectoryMetrics([0.4, 1.2]))
    assert log[1] == "trajectory: ADE against constant_velocity: -50 % @0.4s, -75 % @1.2s"


def test_windows_of_different_shape_and_rate_share_a_batch():
    windows = [sample(offsets=(1.0,)), sample(offsets=(2.0,), **LONG), sample(offsets=(1.0,))]
    together = evaluate(windows, MultiHorizonTrajectoryMetrics(horizons_s=[2.0]))
    apart = MultiHorizonTrajectoryMetrics(horizons_s=[2.0])
    evaluator = Evaluator([apart])
    for window in windows:
        evaluator.process([window])
    assert len(apart.results) == 3
    assert evaluator.evaluate(3) == pytest.approx(together)


def test_nothing_to_score_is_nan_and_said(log):
    window = sample()
    window.present[OBSERVED:] = False
    metrics = [TrajectoryADE(prefix="a"), MultiHorizonTrajectoryMetrics(horizons_s=[2.0])]
    scores = evaluate([window], *metrics)
    assert len(scores) == 3 + 5 * 4 + 6
    assert all(math.isnan(value) for value in scores.values())
    nothing = "0 agents (players) in 0 of 1 windows have a known future, nothing to score"
    assert log == [f"a: {nothing}", f"trajectory: {nothing}"]


def test_refuses_horizons_beyond_the_future():
    with pytest.raises(ConfigError, match=r"horizon 4.4 s.*10 frames at 2.5 Hz.*4 s"):
        evaluate([sample()], MultiHorizonTrajectoryMetrics())


@pytest.mark.parametrize("key", ["positions", "present", "team", "pred_positions", "pred_scores"])
def test_missing_keys_are_named(key):
    with pytest.raises(DataFormatError, match=f"match 'm1' has no '{key}'"):
        evaluate([sample(without=key)], TrajectoryADE())


@pytest.mark.parametrize(
    "change",
    [
        {"pred_positions": torch.zeros(1, 9, 4, 2)},
        {"pred_scores": torch.ones(2) / 2},
        {"pred_scales": torch.ones(1, 10, 3, 2)},
        {"team": torch.zeros(3)},
    ],
)
def test_refuses_arrays_that_do_not_fit(change):
    window = sample()
    for key, value in change.items():
        window.set_field(value, key)
    with pytest.raises(DataFormatError, match=r"match 'm1', frame 100: '.*has the shape"):
        evaluate([window], TrajectoryFDE())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(agents="player"), "agents 'player' is unknown; .*did you mean 'players'"),
        (dict(baselines=["kalmann"]), "baseline 'kalmann' is unknown; .*did you mean 'kalman'"),
        (dict(horizons_s=[]), "horizons_s="),
        (dict(horizons_s=[1.0, 0.0]), "horizons_s="),
        (dict(miss_distance=-1.0), "miss_distance="),
    ],
)
def test_refuses_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        MultiHorizonTrajectoryMetrics(**options)


def test_refuses_a_horizon_that_is_not_positive():
    with pytest.raises(ConfigError, match="horizon_s="):
        TrajectoryADE(horizon_s=math.nan)


METRICS_OF_PATHS = pytest.mark.parametrize(
    "make",
    [
        lambda: TrajectoryADE(),
        lambda: TrajectoryFDE(horizon_s=1.0, agents="all"),
        lambda: MultiHorizonTrajectoryMetrics(horizons_s=[1.0, 2.0]),
    ],
    ids=["ade", "fde", "all"],
)


@st.composite
def random_samples(draw):
    """Windows of two lengths, in which some are missing now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = []
    for _ in range(draw(st.integers(1, 4))):
        options = LONG if rng.random() < 0.3 else {}
        window = sample(rng.normal(0, 2, rng.integers(1, 4)).tolist(), **options)
        lost = torch.from_numpy(rng.random(window.present.shape) < rng.choice([0, 0.1, 1]))
        window.present &= ~lost
        samples.append(window)
    return samples


@METRICS_OF_PATHS
@given(samples=random_samples(), seed=st.integers(0, 2**32 - 1))
def test_order_batches_and_processes_make_no_difference(check_splits, make, samples, seed):
    figures = check_splits(make, samples, np.random.default_rng(seed))
    for name, value in figures.items():
        assert math.isnan(value) or value >= 0 or name.endswith("NLL")
        if name.endswith("miss_rate"):
            assert not value > 1


@METRICS_OF_PATHS
@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(samples=random_samples(), anything=st.sampled_from([math.nan, math.inf, -1e30]))
def test_what_is_missing_makes_no_difference(make, samples, anything):
    """Positions of those who are not there, and predictions of those who are not scored."""
    figures = evaluate(samples, make())
    for window in samples:
        window.positions[~window.present] = anything
        scored = window.present[window.num_observed :] & window.present[window.num_observed - 1]
        for name in ("pred_positions", "pred_scales"):
            window.get(name)[:, ~scored] = anything
    assert evaluate(samples, make()) == pytest.approx(figures, abs=0, nan_ok=True)


@METRICS_OF_PATHS
@given(data=st.data())
def test_broken_samples_are_refused(check_broken, make, data):
    check_broken(make, sample((0.5, 1.0)), data, optional=("pred_scales",))


@METRICS_OF_PATHS
@given(st.sampled_from(["pred_positions", "pred_scores"]), st.sampled_from([math.nan, math.inf]))
def test_predictions_that_are_no_numbers_are_refused(make, name, value):
    window = sample((0.5, 1.0))
    window.get(name)[0] = value
    with pytest.raises(DataFormatError, match=f"'{name}' .* nan or infinity"):
        evaluate([window], make())
