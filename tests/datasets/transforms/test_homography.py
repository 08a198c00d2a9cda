from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from footmm.datasets.transforms import (
    PackPitchInputs,
    PitchRandomFlip,
    PitchRandomWarp,
    PitchResize,
)
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.homography import apply_homography
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import TRANSFORMS

CONFIGS = Path(__file__).parents[3] / "configs" / "_base_" / "datasets"
KP29 = KEYPOINT_SETS["kp29"]


def frame(num_keypoints=29, image_size=(960, 540), seed=0):
    """A sample with random keypoints, all seen and known, and two lines."""
    rng = np.random.default_rng(seed)
    keypoints = rng.uniform((30, 30), (930, 510), (1, num_keypoints, 2)).astype(np.float32)
    lines = {
        "Side line left": rng.uniform(0, 500, (3, 2)),
        "Goal left post left": np.array([[0.0, 0.0], [959.0, 539.0]]),
    }
    return {
        "img": rng.integers(0, 255, (image_size[1], image_size[0], 3), dtype=np.uint8),
        "img_path": "train/00001.jpg",
        "sample_id": "00001",
        "ori_shape": image_size[::-1],
        "img_shape": image_size[::-1],
        "keypoint_set": "kp29",
        "keypoints": keypoints,
        "keypoints_visible": np.ones((1, num_keypoints, 2), np.float32),
        "lines": lines,
        "annotated_lines": lines,
        "ground_truth_homography": np.eye(3),
        "ground_truth_camera": None,
        "ground_truth_keypoints": keypoints[0],
        "ground_truth_keypoints_visible": np.ones((num_keypoints, 2), np.float32),
    }


def moved(results, points):
    return apply_homography(results["image_homography"], points).numpy()


def dots(image_size, count=12, seed=3):
    """An image of round dots and their centres, fractions of a pixel included."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(3)), -1).reshape(-1, 2)[:count] + 0.5
    centres = grid * np.array(image_size) / (4, 3) + rng.uniform(-9, 9, (count, 2))
    u, v = np.meshgrid(np.arange(image_size[0]), np.arange(image_size[1]))
    distance = np.hypot(u - centres[:, 0, None, None], v - centres[:, 1, None, None]).min(axis=0)
    image = (255 * np.exp(-0.5 * (distance / 4) ** 2)).astype(np.uint8)
    return np.repeat(image[..., None], 3, axis=2), centres


def centroids(image, places, reach=14):
    """Where the dots are that ought to be at places."""
    found = []
    for x, y in np.round(places).astype(int):
        window = image[y - reach : y + reach + 1, x - reach : x + reach + 1, 0].astype(float)
        rows, columns = np.indices(window.shape)
        share = window / window.sum()
        found.append((x - reach + (columns * share).sum(), y - reach + (rows * share).sum()))
    return np.array(found)


@pytest.mark.parametrize("image_size", [(960, 540), (1280, 720), (640, 360)])
@pytest.mark.parametrize(
    "transforms",
    [
        [PitchResize((480, 288))],
        [PitchRandomFlip(1.0), PitchResize((960, 544))],
        [PitchRandomWarp((480, 288))],
        [PitchRandomFlip(1.0), PitchRandomWarp((480, 288))],
        [PitchRandomWarp((320, 192), scale=(0.7, 0.8))],
    ],
    ids=repr,
)
def test_keypoints_move_with_the_image(image_size, transforms):
    image, centres = dots(image_size)
    results = frame(len(centres), image_size)
    scale = (np.array(image_size) - 1) / (959, 539)
    results |= {"img": image, "keypoints": (centres / scale)[None].astype(np.float32)}
    # As many keypoints as dots, not a whole set: they stay in their order when mirrored.
    results["keypoint_set"] = "dots"
    np.random.seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(KEYPOINT_SETS, "dots", type("Dots", (), {"flip_indices": range(12)}))
        for transform in transforms:
            results = transform(results)
    size = np.array(transforms[-1].size)
    assert results["img"].shape == (size[1], size[0], 3)
    assert results["img_shape"] == (size[1], size[0])
    places = results["keypoints"][0]
    inner = ((places > 15) & (places < size - 16)).all(axis=1)
    assert inner.sum() >= 4
    found = centroids(results["img"].astype(float) - _background(results["img"]), places[inner])
    assert np.abs(found - places[inner]).max() < 0.1
    assert np.allclose(moved(results, centres), places, atol=1e-2)


def _background(image):
    # The padding is not black.
    is_padding = (np.abs(image.astype(int) - (104, 116, 124)) < 6).all(axis=2)
    return np.where(is_padding[..., None], image, 0)


@pytest.mark.parametrize("image_size", [(960, 540), (1920, 1080)])
def test_twice_mirrored_is_the_original(image_size):
    original = frame(image_size=image_size)
    flip = PitchRandomFlip(1.0)
    once = flip(copy.deepcopy(original))
    assert np.array_equal(once["img"], original["img"][:, ::-1])
    assert np.linalg.det(once["image_homography"]) == -1
    twice = flip(once)
    scale = (np.array(image_size) - 1) / (959, 539)
    assert np.array_equal(twice["img"], original["img"])
    assert np.allclose(twice["keypoints"], original["keypoints"] * scale, atol=1e-3)
    assert np.allclose(twice["image_homography"], np.eye(3))
    assert twice["lines"].keys() == original["lines"].keys()
    for name, points in original["lines"].items():
        assert np.allclose(twice["lines"][name], points * scale)


def test_a_mirrored_frame_is_one_of_a_mirrored_pitch():
    """Names and places are those of the camera at the mirrored place."""
    size = (960, 540)
    camera = Camera.look_at((-5.0, -60.0, 15.0), (-45.0, 3.0, 0.0), 1800.0, size)
    twin = Camera.look_at((5.0, -60.0, 15.0), (45.0, 3.0, 0.0), 1800.0, size)
    markings = PitchDimensions().sample_markings(5.0)
    seen = {
        name: points
        for name, points in markings.items()
        if camera.visible(points).any() and not name.startswith("Circle")
    }
    assert {"Goal left post left", "Goal left post right"} <= seen.keys()
    results = frame()
    results |= {
        "keypoints": camera.project(KP29.world()).numpy()[None].astype(np.float32),
        "keypoints_visible": np.stack([camera.visible(KP29.world()).numpy(), np.ones(29)], -1)[
            None
        ].astype(np.float32),
        "lines": {name: camera.project(points).numpy() for name, points in seen.items()},
    }
    results = PitchRandomFlip(1.0)(results)
    expected = twin.project(KP29.world()).numpy()
    visible = twin.visible(KP29.world()).numpy()
    assert np.array_equal(results["keypoints_visible"][0, :, 0] == 1, visible)
    assert np.allclose(results["keypoints"][0, visible], expected[visible], atol=1e-2)
    for name, points in results["lines"].items():
        ends = PitchDimensions().markings[name].ends
        start, end = twin.project(ends).numpy()
        along, offset = end - start, points - start
        distance = (along[0] * offset[:, 1] - along[1] * offset[:, 0]) / np.linalg.norm(along)
        assert np.abs(distance[np.isfinite(distance)]).max() < 0.1, name


def test_labels_of_another_image_size():
    results = frame(image_size=(1920, 1080))
    corner = results["lines"]["Goal left post left"][1]
    assert corner.tolist() == [959, 539]
    keypoints = results["keypoints"].copy()
    results = PitchResize((1920, 1080))(results)
    assert np.allclose(results["lines"]["Goal left post left"], [(0, 0), (1919, 1079)])
    assert np.allclose(results["keypoints"], keypoints * (1919 / 959, 1079 / 539), atol=1e-3)
    assert np.array_equal(results["image_homography"], np.eye(3))
    # What the metrics compare with stays in the pixels of the annotation.
    assert results["annotated_lines"]["Goal left post left"][1].tolist() == [959, 539]
    assert np.array_equal(results["ground_truth_keypoints"], keypoints[0])


def test_resizing_keeps_pixel_centres():
    results = PitchResize((480, 270))(frame())
    assert np.allclose(
        moved(results, [(-0.5, -0.5), (959.5, 539.5)]), [(-0.5, -0.5), (479.5, 269.5)]
    )


def test_zoomed_out_keypoints_stay_out_of_view():
    results = frame(3)
    results["keypoints"] = np.array(
        [[[-20.0, 100.0], [480.0, 270.0], [np.nan, np.nan]]], np.float32
    )
    results["keypoints_visible"] = np.array([[[0, 1], [1, 1], [0, 0]]], np.float32)
    warp = PitchRandomWarp((960, 544), scale=(0.7, 0.7), shift=0, perspective=0, rotation=0)
    results = warp(results)
    assert results["keypoints"][0, 0, 0] > 0
    assert results["keypoints_visible"].tolist() == [[[0, 1], [1, 1], [0, 0]]]
    assert np.isnan(results["keypoints"][0, 2]).all()


def test_keypoints_leave_with_their_weights():
    results = frame(3)
    results["keypoints"] = np.array([[[10, 10], [480, 270], [500, 300]]], np.float32)
    results["keypoints_visible"] = np.array([[[1, 1], [1, 1], [0, 0]]], np.float32)
    warp = PitchRandomWarp((960, 544), scale=(1.6, 1.6), shift=0, perspective=0, rotation=0)
    np.random.seed(0)
    warp._random_warp = lambda: np.array([[1.6, 0, -288], [0, 1.6, -163], [0, 0, 1.0]])
    results = warp(results)
    assert results["keypoints_visible"].tolist() == [[[0, 1], [1, 1], [0, 0]]]
    # Points of lines outside the image stay: what is within of a line is the codec's business.
    assert (results["lines"]["Goal left post left"][0] < 0).all()


def test_points_behind_the_warped_camera_are_dropped():
    results = frame(2)
    results["keypoints"] = np.array([[[100, 100], [-5000, 100]]], np.float32)
    results["lines"] = {
        "Side line left": np.array([[100.0, 100.0], [-5000.0, 100.0]]),
        "Side line top": np.array([[-5000.0, 100.0]]),
    }
    warp = PitchRandomWarp((960, 544))
    warp._random_warp = lambda: np.array([[1.0, 0, 0], [0, 1, 0], [5e-4, 0, 1]])
    results = warp(results)
    assert results["lines"].keys() == {"Side line left"}
    assert len(results["lines"]["Side line left"]) == 1
    assert np.isnan(results["keypoints"][0, 1]).all()
    assert results["keypoints_visible"].tolist() == [[[1, 1], [0, 1]]]


def test_the_warps_stay_within_their_limits():
    np.random.seed(1)
    plain = PitchRandomWarp((960, 544), scale=(0.7, 1.6), shift=0.1, perspective=0, rotation=0)
    zooms = [plain._random_warp()[0, 0] for _ in range(300)]
    assert 0.7 <= min(zooms) < 0.72
    assert 1.55 < max(zooms) <= 1.6
    full = PitchRandomWarp((960, 544), perspective=0.3, rotation=20)
    corners = np.array([[0, 0], [959, 0], [959, 543], [0, 543]], float)
    assert all(
        np.isfinite(apply_homography(full._random_warp(), corners)).all() for _ in range(300)
    )


def test_a_large_zoom_reaches_every_corner_of_the_image():
    warp = PitchRandomWarp((960, 544), scale=(2, 2), shift=0, perspective=0, rotation=0)
    np.random.seed(0)
    shown = np.array([np.linalg.inv(warp._random_warp())[:2, 2] for _ in range(400)])
    assert np.allclose(shown.min(axis=0), (0, 0), atol=12)
    assert np.allclose(shown.max(axis=0), (480, 272), atol=12)


def test_prob():
    results = PitchRandomWarp((480, 288), prob=0.0)(frame())
    resized = PitchResize((480, 288))(frame())
    assert np.array_equal(results["img"], resized["img"])
    assert np.array_equal(results["image_homography"], resized["image_homography"])
    unflipped = PitchRandomFlip(0.0)(frame())
    assert np.array_equal(unflipped["img"], frame()["img"])


def test_thin_markings_survive_shrinking():
    image = np.zeros((540, 960, 3), np.uint8)
    markings = np.arange(101, 860, 37)
    image[:, markings] = 255
    warp = PitchRandomWarp((320, 192), scale=(0.8, 0.8), shift=0, perspective=0, rotation=0)
    results = warp(frame() | {"img": image})
    places = moved(results, np.stack([markings, np.full_like(markings, 270)], axis=-1))[:, 0]
    row = results["img"][96, :, 0]
    assert all(row[round(x) - 1 : round(x) + 2].max() > 30 for x in places)


def test_same_seed_same_frame():
    def run():
        np.random.seed(4)
        return PitchRandomWarp((480, 288))(PitchRandomFlip()(frame()))

    first, second = run(), run()
    assert np.array_equal(first["img"], second["img"])
    assert np.array_equal(first["keypoints"], second["keypoints"])


def test_images_without_labels():
    results = {key: frame()[key] for key in ("img", "img_path", "ori_shape", "img_shape")}
    for transform in (PitchRandomFlip(1.0), PitchRandomWarp((480, 288)), PackPitchInputs()):
        results = transform(results)
    assert results["inputs"].shape == (3, 288, 480)
    assert results["data_samples"].image_homography.shape == (3, 3)
    assert "keypoints" not in results["data_samples"].gt_instances


def test_packing():
    results = frame(image_size=(1920, 1080))
    image = results["img"]
    packed = PackPitchInputs()(results)
    assert np.array_equal(packed["inputs"].numpy(), image.transpose(2, 0, 1))
    sample = packed["data_samples"]
    assert set(sample.metainfo_keys()) == set(PackPitchInputs.META_KEYS)
    assert (sample.ori_shape, sample.img_shape) == ((1080, 1920), (1080, 1920))
    assert np.array_equal(sample.image_homography, np.eye(3))
    assert np.array_equal(sample.ground_truth_keypoints, frame()["keypoints"][0])
    assert sample.gt_instances.keypoints_visible.shape == (1, 29)
    # Keypoints are pixels of the input also where nothing was transformed.
    assert np.allclose(
        sample.gt_instances.keypoints[0, 0], frame()["keypoints"][0, 0] * 1919 / 959, atol=0.5
    )


@pytest.mark.parametrize("with_lines", [False, True])
def test_shipped_pipelines(tmp_path, with_lines):
    init_default_scope("footmm")
    config = Config.fromfile(CONFIGS / "homography_pipelines.py")
    config.train_pipeline[4].encoder.with_lines = with_lines
    original = frame()
    cv2.imwrite(str(tmp_path / "00001.jpg"), original.pop("img"))
    original["img_path"] = str(tmp_path / "00001.jpg")
    original["keypoints_visible"][0, 3] = (0, 0)
    np.random.seed(2)
    train, test = (
        Compose([TRANSFORMS.build(dict(transform)) for transform in pipeline])
        for pipeline in (config.train_pipeline, config.test_pipeline)
    )
    packed = train(copy.deepcopy(original))
    assert packed["inputs"].shape == (3, 544, 960)
    sample = packed["data_samples"]
    heatmaps, visible = sample.gt_fields.heatmaps, sample.gt_instances.keypoints_visible
    assert heatmaps.shape == (29, 136, 240)
    assert np.array_equal(heatmaps.flatten(1).amax(1) > 0.5, visible[0] == 1)
    # Only the keypoint that is not annotated has no weight, wherever a flip took it.
    weights = sample.gt_instance_labels.keypoint_weights
    assert weights.sum() == 28
    assert weights[0, [3, KP29.flip_indices[3]]].sum() == 1
    assert ("line_heatmaps" in sample.gt_fields) == with_lines
    assert ("line_weights" in sample.gt_instance_labels) == with_lines
    assert test(original)["inputs"].shape == (3, 544, 960)
