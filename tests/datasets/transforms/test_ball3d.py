"""What a detector sees of the ball, crops, and packing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from footmm.datasets.ball3d import SyntheticBall3DDataset
from footmm.datasets.transforms import (
    LoadBallCrops,
    PackBall3DInputs,
    PaintBallCrops,
    SimulateBallDetector,
    UnreadableImageError,
)
from footmm.errors import ConfigError, DataFormatError
from footmm.pitch.ball_lifting import size_points
from footmm.pitch.camera import Camera


@pytest.fixture(scope="module")
def windows():
    dataset = SyntheticBall3DDataset(
        num_samples=8, num_frames=30, num_future=5, windows_per_block=8
    )
    return [dataset[index] for index in range(8)]


EXACT = dict(
    point_noise_px=0.0,
    point_noise=0.0,
    size_noise=0.0,
    size_bias=0.0,
    miss=0.0,
    occlusion=0.0,
    false_positive=0.0,
)


def test_without_errors_the_truth_is_seen(windows):
    for window in windows:
        seen = SimulateBallDetector(**EXACT).transform(window)
        shown = window["visible"]
        assert np.array_equal(seen["detected"], shown)
        assert np.allclose(seen["points"], window["true_points"], atol=1e-3)
        assert np.allclose(
            seen["diameters"][shown], (window["true_diameters"] + 0.05 * window["blur"])[shown]
        )
        assert seen["scores"][shown].min() > 0


def test_errors_have_the_stated_sizes(windows):
    rng_state = np.random.get_state()
    np.random.seed(0)
    detector = SimulateBallDetector(
        **EXACT | dict(point_noise_px=2.0, size_noise=0.1, miss=0.2, false_positive=0.05)
    )
    parts = [(detector.transform(window), window) for window in windows for _ in range(40)]
    np.random.set_state(rng_state)
    shown = np.concatenate([window["visible"] for _, window in parts])
    detected = np.concatenate([seen["detected"] for seen, _ in parts])
    offsets = np.concatenate([seen["points"] - window["true_points"] for seen, window in parts])
    assert detected[shown].mean() == pytest.approx(0.8, abs=0.02)
    far = np.linalg.norm(offsets, axis=1) > 12
    assert (far & detected).sum() / detected.sum() == pytest.approx(0.05, abs=0.01)
    assert offsets[detected & ~far].std() == pytest.approx(2.0, abs=0.05)


def test_a_seed_decides_the_errors_of_a_sample(windows):
    detector = SimulateBallDetector(seed=3, drop_calibration=1.0)
    first, second = detector.transform(windows[0]), detector.transform(windows[0])
    assert np.array_equal(first["points"], second["points"])
    assert not np.array_equal(first["points"], detector.transform(windows[1])["points"])
    assert 3 <= (~first["calibrated"]).sum() <= 10
    assert windows[0]["calibrated"].all()


def test_impossible_noise_is_named():
    with pytest.raises(ConfigError, match=r"size_noise=-1, miss=2"):
        SimulateBallDetector(size_noise=-1, miss=2)
    with pytest.raises(ConfigError, match=r"range of at least 1 frame"):
        SimulateBallDetector(occlusion_length=(4, 2))


def test_packed_rays_lead_to_the_ball(windows):
    seen = SimulateBallDetector(**EXACT).transform(windows[0])
    seen["diameters"] = windows[0]["true_diameters"]
    packed = PackBall3DInputs().transform(seen)
    inputs, sample = packed["inputs"], packed["data_samples"]
    points = size_points(
        *(inputs[name] for name in ("origins", "rays", "ray_jacobian")), inputs["diameters"]
    )
    known = inputs["observed"]
    assert torch.allclose(points[known], sample.positions[known], atol=0.2)
    camera = Camera.from_arrays(sample.camera, sample.image_size)
    assert torch.equal(camera.position, windows[0]["camera"].position)
    assert all(value.dtype in (torch.float32, torch.bool) for value in inputs.values())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_observed(windows, value):
    seen = SimulateBallDetector(**EXACT).transform(windows[0])
    seen["points"] = seen["points"].copy()
    seen["points"][3, 0] = value
    seen["diameters"] = seen["diameters"].copy()
    seen["diameters"][5] = value
    seen["diameters"][6] = 0.0
    seen["calibrated"] = seen["calibrated"].copy()
    seen["calibrated"][8] = False
    inputs = PackBall3DInputs().transform(seen)["inputs"]
    assert not inputs["observed"][[3, 5, 6, 8]].any()
    assert all(part.isfinite().all() for part in inputs.values())
    assert not inputs["rays"][[3, 5, 6, 8]].any()
    assert not inputs["origins"][8].any()


def test_a_window_without_detections_says_where_they_come_from(windows):
    with pytest.raises(DataFormatError, match=r"no points, diameters.*SimulateBallDetector"):
        PackBall3DInputs().transform(windows[0])


def test_painted_crops_show_the_ball_in_the_middle(windows):
    seen = SimulateBallDetector(**EXACT).transform(windows[0])
    painted = PaintBallCrops(size=64, seed=0).transform(seen)
    assert painted["crops"].shape == (30, 64, 64, 3)
    assert np.array_equal(painted["crop_truth"] > 0, seen["visible"])
    again = PaintBallCrops(size=64, seed=0).transform(seen)
    assert np.array_equal(painted["crops"], again["crops"])
    elsewhere = seen | {"points": seen["points"] + 50}
    assert not PaintBallCrops(seed=0).transform(elsewhere)["crop_truth"].any()
    packed = PackBall3DInputs().transform(painted)
    assert packed["inputs"]["crops"].shape == (30, 3, 64, 64)
    assert "crop_truth" in packed["data_samples"]


def test_real_crops_are_cut_out_and_padded(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), image[..., ::-1])
    points = np.array([[50.4, 40.0], [2.0, 78.0], [0.0, 0.0]], np.float32)
    window = dict(img_paths=[str(path)] * 3, points=points, detected=np.array([True, True, False]))
    cut = LoadBallCrops(size=32).transform(window)
    assert np.array_equal(cut["crops"][0], image[24:56, 34:66])
    assert np.array_equal(cut["crops"][1, :18, 14:], image[62:80, 0:18])
    assert not cut["crops"][1, 18:].any()
    assert not cut["crops"][2].any()
    assert not cut["has_crop_truth"].any()
    with pytest.raises(UnreadableImageError, match=r"none\.png is missing"):
        LoadBallCrops(size=32).transform(window | {"img_paths": ["none.png"] * 3})
    with pytest.raises(DataFormatError, match="PaintBallCrops"):
        LoadBallCrops().transform({"sequence": "a"})
    with pytest.raises(ConfigError, match="multiple of 32"):
        LoadBallCrops(size=40)
