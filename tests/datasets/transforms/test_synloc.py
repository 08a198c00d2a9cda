from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from footmm.datasets.synloc import SynLocDataset
from footmm.datasets.transforms import (
    LoadSynLocImage,
    PackSynLocInputs,
    SynLocFilterAthletes,
    SynLocMosaic,
    SynLocRandomAffine,
    SynLocRandomFlip,
    SynLocRandomTile,
    SynLocResize,
)
from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.registry import TRANSFORMS

SIZE = (320, 192)
#: Transforms of an image that has been read.
GEOMETRIC = {
    "resize": SynLocResize(SIZE),
    "enlarge": SynLocResize((1000, 1000)),
    "affine": SynLocRandomAffine(SIZE, scale=(0.5, 2.0), rotation=30.0, shift=0.3),
    "tile": SynLocRandomTile(SIZE, scale=(0.7, 1.5), rotation=20.0),
    "tile anywhere": SynLocRandomTile(SIZE, athlete_prob=0.0),
    "tile larger than the image": SynLocRandomTile((900, 700)),
    "flip": SynLocRandomFlip(1.0),
    "mosaic": SynLocMosaic(SIZE),
}


@pytest.fixture
def dataset(synloc_root):
    return SynLocDataset(synloc_root)


@pytest.fixture
def loaded(dataset):
    """A frame that has been read, with the dataset, as mosaics need it."""
    return LoadSynLocImage()(dataset.get_data_info(0)) | {"dataset": dataset}


def seen_by_cameras(results) -> np.ndarray:
    """Where the cameras of a sample see its athletes' places, ``(N, 2)``, pixels."""
    size = results["img_shape"][1::-1]
    points = []
    for position, index in zip(results["positions"], results["camera_index"], strict=True):
        camera = Camera.from_synloc(results["cameras"][index])
        moved = camera.warped(results["image_homographies"][index], size)
        points.append(moved.project([[*position, 0.0]])[0].numpy())
    return np.array(points).reshape(-1, 2)


def test_labels_are_scaled_to_the_image(dataset):
    sample = dataset.get_data_info(0)
    loaded = LoadSynLocImage()(copy.deepcopy(sample))
    assert loaded["img"].shape == (360, 640, 3)
    # 3840 pixels become 640; the corner of the image, at -0.5, stays.
    assert np.allclose(loaded["keypoints"], (sample["keypoints"] + 0.5) / 6 - 0.5, atol=1e-3)
    assert np.allclose(loaded["bbox"], (sample["bbox"] + 0.5) / 6 - 0.5, atol=1e-3)
    assert np.allclose(loaded["area"], sample["area"] / 36)
    assert np.array_equal(loaded["ground_truth_keypoints"], sample["ground_truth_keypoints"])


@pytest.mark.parametrize("size", [(640, 400), (360, 640), (640, 358)])
def test_image_of_another_shape_is_refused(dataset, tmp_path, size):
    sample = dataset.get_data_info(0) | {"img_path": str(tmp_path / "other.png")}
    cv2.imwrite(sample["img_path"], np.zeros((*size[::-1], 3), np.uint8))
    message = f"other.png is {size[0]} x {size[1]}, but annotated for 3840 x 2160"
    with pytest.raises(DataFormatError, match=message):
        LoadSynLocImage()(sample)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_cameras_move_with_the_labels(loaded, name):
    np.random.seed(0)
    for _ in range(5):
        results = GEOMETRIC[name](copy.deepcopy(loaded))
        assert len(results["positions"]) > 0
        assert np.abs(seen_by_cameras(results) - results["keypoints"][:, 1]).max() < 0.02
        height, width = results["img"].shape[:2]
        assert tuple(results["img_shape"]) == (height, width)


@pytest.mark.parametrize("name", [name for name in GEOMETRIC if name != "mosaic"])
def test_image_moves_with_the_labels(loaded, name):
    """White discs on black are found again where the labels say they are."""
    rng = np.random.default_rng(0)
    points = rng.uniform((60, 60), (580, 300), (6, 2))
    image = np.zeros((360, 640, 3), np.uint8)
    loaded["keypoints"][:6, 1] = points
    for u, v in points:
        cv2.circle(image, (round(u * 16), round(v * 16)), 3 * 16, (255,) * 3, -1, cv2.LINE_AA, 4)
    loaded["img"] = image
    np.random.seed(1)
    results = GEOMETRIC[name](loaded)
    found = 0
    for u, v in results["keypoints"][:6, 1]:
        window = results["img"][max(0, int(v) - 9) : int(v) + 10, max(0, int(u) - 9) : int(u) + 10]
        light = window[..., 0].astype(float)
        if window.shape != (19, 19, 3) or light.max() < 200 or light[[0, -1]].any():
            continue
        rows, columns = np.mgrid[-9:10, -9:10]
        center = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
        assert np.abs(center + np.array([int(u), int(v)]) - np.array([u, v])).max() < 0.35
        found += 1
    assert found >= 1


def test_resize_keeps_proportions_and_pads_right_and_below(loaded):
    results = SynLocResize((320, 192))(loaded)
    assert results["img"].shape == (192, 320, 3)
    assert (results["img"][180:] == 114).all()
    assert not (results["img"][:180] == 114).all(axis=-1).any(axis=1).all()
    assert np.allclose(results["image_homographies"][0][:2, :2], np.eye(2) / 12)


def test_mosaic_has_four_cameras_and_no_athlete_behind_a_seam(loaded):
    np.random.seed(0)
    results = SynLocMosaic(SIZE)(loaded)
    assert results["img"].shape == (384, 640, 3)
    assert len(results["cameras"]) == len(results["image_homographies"]) == 4
    assert set(results["camera_index"]) <= {0, 1, 2, 3}
    assert len(set(results["camera_index"])) > 1
    boxes, points = results["bbox"], results["keypoints"][:, 1]
    assert ((points >= boxes[:, :2] - 20) & (points <= boxes[:, 2:] + 20)).all()


def test_filter_drops_whose_feet_are_outside(loaded):
    loaded["bbox"][0] = [-10, 100, 30, 180]
    loaded["keypoints"][0] = [[10, 140], [-2, 175]]
    loaded["bbox"][1] = [600, 100, 650, 180]
    loaded["keypoints"][1] = [[660, 140], [625, 178]]
    loaded["bbox"][2] = [100, 100, 101, 103]
    count = len(loaded["bbox"])
    kept = loaded["positions"][[1, *range(3, count)]]
    results = SynLocFilterAthletes()(loaded)
    assert np.array_equal(results["positions"], kept)
    assert np.array_equal(results["bbox"][0], [600, 100, 639.5, 180])
    assert np.array_equal(results["keypoints_visible"][0], [0, 1])


def test_packed(loaded):
    packed = PackSynLocInputs()(SynLocResize(SIZE)(loaded))
    assert packed["inputs"].shape == (3, 192, 320)
    sample = packed["data_samples"]
    labels = sample.gt_instance_labels
    assert len(labels) == len(loaded["bbox"])
    assert labels.labels.sum() == 0
    assert sample.input_size == SIZE
    assert np.array_equal(sample.image_homography, sample.image_homographies[0])
    assert sample.camera["width"] == 3840


def test_same_seed_same_sample(loaded):
    for name in ("affine", "tile", "mosaic"):
        images = []
        for _ in range(2):
            np.random.seed(5)
            images.append(GEOMETRIC[name](copy.deepcopy(loaded))["img"])
        assert np.array_equal(*images)


def test_test_time_views_keep_their_draws(loaded):
    """MMEngine's TestTimeAug copies what it is given for each view."""
    init_default_scope("footmm")
    views = TRANSFORMS.build(
        dict(
            type="TestTimeAug",
            transforms=[
                [dict(type="SynLocResize", size=SIZE), dict(type="SynLocResize", size=(480, 288))],
                [dict(type="SynLocRandomFlip", prob=0.0), dict(type="SynLocRandomFlip", prob=1.0)],
                [dict(type="PackSynLocInputs")],
            ],
        )
    )(loaded)
    maps = [sample.image_homography for sample in views["data_samples"]]
    assert [np.sign(matrix[0, 0]) for matrix in maps] == [1, -1, 1, -1]
    assert np.allclose(maps[2][0, 0] / maps[0][0, 0], 1.5)
