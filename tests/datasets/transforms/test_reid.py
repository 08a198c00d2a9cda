from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from footmm.datasets.transforms.reid import ComputeColorHistogram, PackReIDInputs


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)


def test_pack_everything(image):
    results = {
        "img": image,
        "img_path": "a.png",
        "img_shape": (128, 64),
        "sample_id": 7,
        "person_id": 5,
        "action_id": 3,
        "game": "not packed",
        "role": "train",
        "label": 2,
        "jersey": 10,
        "body_shape": (1.8, 1.05),
    }
    packed = PackReIDInputs().transform(results)
    inputs, sample = packed["inputs"], packed["data_samples"]
    assert inputs.dtype == torch.uint8
    np.testing.assert_array_equal(inputs.numpy(), image.transpose(2, 0, 1))
    assert sample.metainfo == {
        "img_path": "a.png",
        "img_shape": (128, 64),
        "sample_id": 7,
        "person_id": 5,
        "action_id": 3,
        "role": "train",
    }
    assert sample.gt_label.label.tolist() == [2]
    assert sample.gt_jersey.dtype == torch.int64
    assert sample.gt_jersey.shape == ()
    assert sample.gt_jersey.item() == 10
    assert sample.gt_body_shape.dtype == torch.float32
    torch.testing.assert_close(sample.gt_body_shape, torch.tensor([1.8, 1.05]))
    assert "color_histogram" not in sample


def test_absent_labels_are_absent_fields(image):
    sample = PackReIDInputs().transform({"img": image, "role": "query"})["data_samples"]
    assert sample.keys() == []
    assert "person_id" not in sample


def test_color_histogram():
    # Pure blue: hue 120 of 180, full saturation and value.
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 0] = 255
    image[:2] = 0
    results = ComputeColorHistogram(bins=(6, 2, 2)).transform({"img": image})
    expected = np.zeros((6, 2, 2), np.float32)
    expected[4, 1, 1] = expected[0, 0, 0] = 0.5
    assert results["color_histogram"].dtype == np.float32
    np.testing.assert_array_equal(results["color_histogram"], expected.ravel())
    sample = PackReIDInputs().transform(results)["data_samples"]
    torch.testing.assert_close(sample.color_histogram, torch.from_numpy(expected.ravel()))


def test_test_time_augmentation(tmp_path, image):
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, image)
    flips = [{"type": "RandomFlip", "prob": 0.0}, {"type": "RandomFlip", "prob": 1.0}]
    with DefaultScope.overwrite_default_scope("footmm"):
        pipeline = Compose(
            [
                {"type": "LoadImageFromFile"},
                {"type": "Resize", "scale": (128, 256)},
                {"type": "TestTimeAug", "transforms": [flips, [{"type": "PackReIDInputs"}]]},
            ]
        )
    packed = pipeline({"img_path": path, "role": "query", "sample_id": 0})
    plain, flipped = packed["inputs"]
    assert plain.shape == (3, 256, 128)
    torch.testing.assert_close(flipped, plain.flip(-1))
    assert [s.metainfo["flip"] for s in packed["data_samples"]] == [False, True]
    assert packed["data_samples"][1].flip_direction == "horizontal"
    assert packed["data_samples"][0].ori_shape == (128, 64)
