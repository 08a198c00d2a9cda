"""Metrics of the ball in three dimensions."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from mmengine.registry import init_default_scope
from scipy.spatial.transform import Rotation

from footmm.datasets.ball3d import SyntheticBall3DDataset
from footmm.datasets.transforms import PackBall3DInputs, SimulateBallDetector
from footmm.errors import DataFormatError
from footmm.evaluation.functional.ball3d_baselines import (
    BASELINES,
    ground_plane,
    parabola,
    size_lifting,
)
from footmm.evaluation.metrics import Ball3DMetrics
from footmm.registry import METRICS
from footmm.structures.ball_track import BallTrack


@pytest.fixture(scope="module")
def samples():
    """Windows whose predictions are the truth, as dicts."""
    dataset = SyntheticBall3DDataset(
        num_samples=12, num_frames=30, num_future=25, windows_per_block=12, play_share=0.4
    )
    detector, pack = SimulateBallDetector(seed=0), PackBall3DInputs()
    packed = [pack.transform(detector.transform(dataset[i]))["data_samples"] for i in range(12)]
    for sample in packed:
        sample.pred_positions = sample.positions.clone()
        sample.pred_velocities = sample.velocities.clone()
        sample.pred_scales = torch.ones(30, 2)
        sample.pred_mode_scores = torch.nn.functional.one_hot(sample.mode, 4).float()
        sample.pred_reliable = torch.ones(30, dtype=torch.bool)
        sample.pred_future = sample.future_positions.clone()
    return [sample.to_dict() for sample in packed]


def evaluate(samples):
    metric = Ball3DMetrics()
    metric.process({}, copy.deepcopy(samples))
    return metric.evaluate(len(samples))


def test_the_truth_has_no_error(samples):
    figures = evaluate(samples)
    for name in ("error_median", "error_mean", "along_median", "ADE", "FDE", "landing_error"):
        assert figures[f"ball3d/{name}"] == pytest.approx(0.0, abs=1e-5)
    assert figures["ball3d/peak_height_error"] == pytest.approx(0.0, abs=1e-5)
    assert figures["ball3d/landing_missed"] == 0.0
    for name in ("P@1m", "P@2m", "mode_accuracy", "within_1_sigma", "reliable"):
        assert figures[f"ball3d/{name}"] == 1.0
    assert figures["ball3d/reprojection_px"] < 0.05


def test_errors_are_told_in_metres_along_and_across(samples):
    moved = copy.deepcopy(samples)
    for sample in moved:
        origins, true = sample["origins"], sample["positions"]
        ray = torch.nn.functional.normalize(true - origins, dim=-1)
        level = torch.stack([ray[:, 1], -ray[:, 0], torch.zeros(30)], -1)
        level = torch.nn.functional.normalize(level, dim=-1)
        sample["pred_positions"] = true + 1.5 * ray + 0.2 * level
        sample["pred_future"] = sample["future_positions"] + torch.tensor([0.0, 3.0, 0.0])
    figures = evaluate(moved)
    assert figures["ball3d/along_median"] == pytest.approx(1.5, abs=1e-3)
    assert figures["ball3d/across_median"] == pytest.approx(0.2, abs=1e-3)
    assert figures["ball3d/error_mean"] == pytest.approx(math.hypot(1.5, 0.2), abs=1e-3)
    assert figures["ball3d/P@1m"] == 0.0
    assert figures["ball3d/P@2m"] == 1.0
    assert figures["ball3d/within_1_sigma"] == 0.0
    assert figures["ball3d/within_2_sigma"] == 1.0
    assert figures["ball3d/ADE"] == pytest.approx(3.0, abs=1e-4)
    assert figures["ball3d/FDE"] == pytest.approx(3.0, abs=1e-4)
    assert figures["ball3d/reprojection_px"] > 3.0


def test_figures_are_those_of_a_loop_over_all_frames(samples):
    rng = np.random.default_rng(0)
    wrong = copy.deepcopy(samples)
    distances = []
    for sample in wrong:
        sample["pred_positions"] += torch.from_numpy(rng.normal(size=(30, 3)).astype(np.float32))
        sample["calibrated"] = torch.from_numpy(rng.random(30) < 0.9)
        for frame in range(30):
            if sample["calibrated"][frame] and sample["has_position"][frame]:
                error = sample["pred_positions"][frame] - sample["positions"][frame]
                distances.append(math.sqrt(sum(float(part) ** 2 for part in error)))
    figures = evaluate(wrong)
    assert figures["ball3d/error_mean"] == pytest.approx(sum(distances) / len(distances), rel=1e-5)
    assert figures["ball3d/error_median"] == pytest.approx(float(np.median(distances)), rel=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_stand_beside_the_model_on_the_same_frames(samples, name):
    figures = evaluate(samples)
    assert figures[f"ball3d_{name}/error_median"] > 0.0
    track = BallTrack.from_sample(samples[0])
    found = BASELINES[name](track)
    assert found.shape == (30, 3)
    assert np.isfinite(found).all()


def test_a_baseline_is_right_where_its_idea_is():
    dataset = SyntheticBall3DDataset(
        num_samples=40, num_frames=30, num_future=5, windows_per_block=40, play_share=0.0
    )
    grounded = next(i for i in range(40) if (dataset[i]["mode"] == 1).all())
    detector = SimulateBallDetector(miss=0.0, occlusion=0.0, false_positive=0.0, seed=0)
    sample = PackBall3DInputs().transform(detector.transform(dataset[grounded]))["data_samples"]
    shapes = dict(positions=3, velocities=3, scales=2, mode_scores=4)
    for name, width in shapes.items():
        sample.set_field(torch.zeros(30, width), f"pred_{name}")
    sample.pred_reliable, sample.pred_future = torch.ones(30), torch.zeros(5, 3)
    track = BallTrack.from_sample(sample)
    shown = track.observed
    errors = np.linalg.norm(BASELINES["ground_plane"](track) - track.positions, axis=-1)
    assert np.median(errors[shown]) < 0.3


def test_nothing_to_score_is_nan_and_no_crash(samples):
    unknown = copy.deepcopy(samples[:2])
    for sample in unknown:
        for name in ("has_position", "has_mode", "has_future", "visible"):
            sample[name] = torch.zeros_like(sample[name])
    figures = evaluate(unknown)
    assert math.isnan(figures["ball3d/error_median"])
    assert math.isnan(figures["ball3d/landing_error"])
    assert figures["ball3d/reliable"] == 1.0


def test_unobserved_windows_have_baselines(samples):
    blind = copy.deepcopy(samples[:1])
    for name in ("observed", "rays", "ray_jacobian", "diameters"):
        blind[0][name] = torch.zeros_like(blind[0][name])
    figures = evaluate(blind)
    assert all(math.isfinite(figures[f"ball3d_{name}/error_mean"]) for name in BASELINES)


def test_touches_end_flights(samples):
    held = copy.deepcopy(samples)
    for sample in held:
        sample["future_mode"][5:] = 2
        sample["pred_future"][5:] += 100.0
    figures = evaluate(held)
    assert figures["ball3d/ADE"] == pytest.approx(0.0, abs=1e-5)
    assert math.isnan(figures["ball3d/FDE"])


def test_samples_that_lack_a_key_are_named(samples):
    lacking = copy.deepcopy(samples[:1])
    del lacking[0]["pred_future"]
    with pytest.raises(DataFormatError, match="has no 'pred_future'"):
        evaluate(lacking)


@pytest.mark.parametrize("name", ["pred_positions", "pred_scales", "pred_future"])
def test_arrays_of_a_wrong_shape_are_named(samples, name):
    wrong = copy.deepcopy(samples[:1])
    wrong[0][name] = wrong[0][name][:-1]
    with pytest.raises(DataFormatError, match=f"'{name}' has the shape"):
        evaluate(wrong)


def test_detections_stand_in_for_an_unknown_truth_in_the_image(samples):
    unknown = copy.deepcopy(samples)
    for sample in unknown:
        sample["visible"] = torch.zeros_like(sample["visible"])
    # The detector's own error: 0.7 px and 5 % of the diameter in each direction.
    assert 0.5 < evaluate(unknown)["ball3d/reprojection_px"] < 3.0


def test_it_is_registered():
    init_default_scope("footmm")
    assert isinstance(METRICS.build(dict(type="Ball3DMetrics")), Ball3DMetrics)


@st.composite
def wrong_windows(draw, samples):
    """Some of the windows, whose predictions are off, and in which labels are missing."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    chosen = [copy.deepcopy(samples[i]) for i in rng.choice(12, draw(st.integers(1, 3)), False)]
    for sample in chosen:
        for name in ("pred_positions", "pred_future", "pred_mode_scores"):
            sample[name] += torch.from_numpy(rng.normal(size=sample[name].shape)).float()
        for name in ("has_position", "has_mode", "has_future", "visible", "calibrated", "observed"):
            lost = rng.random(sample[name].shape) < rng.choice([0, 0.1, 1], p=[0.5, 0.4, 0.1])
            sample[name] = sample[name].bool() & ~torch.from_numpy(lost)
        sample["observed"] &= sample["calibrated"]
    return chosen


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_order_batches_and_processes_make_no_difference(check_splits, samples, data, seed):
    windows = data.draw(wrong_windows(samples))
    figures = check_splits(Ball3DMetrics, windows, np.random.default_rng(seed))
    assert all(math.isnan(value) or value >= 0 for value in figures.values())


HIDDEN = {
    "positions": "has_position",
    "future_positions": "has_future",
    "true_points": "visible",
    "points": "observed",
    "rays": "observed",
    "ray_jacobian": "observed",
    "diameters": "observed",
    "origins": "calibrated",
}


@given(data=st.data(), anything=st.sampled_from([math.nan, math.inf, 1e30]))
def test_what_is_missing_makes_no_difference(samples, data, anything):
    windows = data.draw(wrong_windows(samples))
    figures = evaluate(windows)
    for window in windows:
        for name, mask in HIDDEN.items():
            window[name] = window[name].clone()
            window[name][~window[mask]] = anything
    assert evaluate(windows) == pytest.approx(figures, abs=0, nan_ok=True)


@given(data=st.data())
def test_broken_samples_are_refused(check_broken, samples, data):
    check_broken(Ball3DMetrics, samples[0], data)


@pytest.mark.parametrize("baseline", [size_lifting, ground_plane, parabola])
@given(data=st.data())
def test_baselines_say_something_in_every_frame(samples, baseline, data):
    """At most 200 m from the camera, or as far as the smallest ball that was seen."""
    track = BallTrack.from_sample(data.draw(wrong_windows(samples))[0])
    path = baseline(track)
    assert path.shape == (30, 3)
    assert np.isfinite(path).all()
    if baseline is not size_lifting and track.calibrated.all() and track.observed.sum() >= 3:
        assert np.linalg.norm(path - track.origins, axis=-1).max() < 200.1


@pytest.mark.parametrize("baseline", [size_lifting, ground_plane])
@given(data=st.data(), angle=st.floats(-3, 3))
def test_baselines_turn_and_move_with_cameras_and_rays(samples, baseline, data, angle):
    """The parabola, which is searched for, does so only as exactly as it is found."""
    track = BallTrack.from_sample(data.draw(wrong_windows(samples))[0])
    # Without a detection there is nothing that says where to look.
    assume(track.observed.any())
    turn = Rotation.from_euler("z", angle).as_matrix()
    moved = replace(
        track,
        origins=track.origins @ turn.T + [5, -3, 0],
        rays=track.rays @ turn.T,
        ray_jacobian=turn @ track.ray_jacobian,
    )
    expected = baseline(track) @ turn.T + [5, -3, 0]
    np.testing.assert_allclose(baseline(moved), expected, atol=1e-3)
