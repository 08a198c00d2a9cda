from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from footmm.datasets.transforms.common import (
    Albumentation,
    LoadImageFromFile,
    UnreadableImageError,
)
from footmm.errors import ConfigError, UnknownTypeError

RECIPE = [
    {"type": "HorizontalFlip", "p": 0.5},
    {"type": "Pad", "padding": 10},
    {"type": "RandomCrop", "height": 128, "width": 64},
    {"type": "ColorJitter", "brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05},
    {"type": "Downscale", "scale_range": (0.3, 0.8)},
    {"type": "MotionBlur", "blur_limit": (3, 7)},
    {"type": "ImageCompression", "quality_range": (30, 90)},
    {"type": "Erasing", "scale": (0.02, 0.4), "ratio": (0.3, 3.3), "fill": (124, 116, 104)},
]


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)


def augment(transforms, image):
    return Albumentation(transforms).transform({"img": image.copy()})


def test_load_image(tmp_path, image):
    path = str(tmp_path / "a.png")
    cv2.imwrite(path, image)
    results = LoadImageFromFile().transform({"img_path": path})
    np.testing.assert_array_equal(results["img"], image)
    assert results["img_shape"] == results["ori_shape"] == (128, 64)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"", "the file is empty"),
        (b"no image", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "not an image"),
    ],
)
def test_unreadable_image_is_named(tmp_path, content, reason):
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableImageError, match=f"bad.png.*{reason}"):
        LoadImageFromFile().transform({"img_path": str(path)})


def test_our_reader_takes_the_place_of_mmcvs():
    with DefaultScope.overwrite_default_scope("footmm"):
        pipeline = Compose([{"type": "LoadImageFromFile"}, {"type": "Resize", "scale": (64, 128)}])
    assert type(pipeline.transforms[0]) is LoadImageFromFile


@pytest.mark.parametrize("size", [(256, 128), (128, 64)])
def test_recipe_keeps_size_and_type(size):
    image = np.full((*size, 3), 100, np.uint8)
    transforms = [dict(t) for t in RECIPE]
    transforms[2] |= {"height": size[0], "width": size[1]}
    results = augment(transforms, image)
    assert results["img"].shape == (*size, 3)
    assert results["img"].dtype == np.uint8
    assert results["img_shape"] == size


def test_numpy_seed_decides(image):
    augmentation = Albumentation(RECIPE)

    def run(seed):
        np.random.seed(seed)
        return [augmentation.transform({"img": image})["img"] for _ in range(4)]

    first, again, other = run(1), run(1), run(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


def test_decisions_are_independent():
    # Channel 0 tells whether the flip ran, row order whether the other flip ran.
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 0] = 255
    augmentation = Albumentation(
        [
            {"type": "HorizontalFlip", "p": 0.5},
            {"type": "OneOf", "transforms": [{"type": "VerticalFlip", "p": 1.0}], "p": 0.5},
        ]
    )
    np.random.seed(0)
    counts = np.zeros((2, 2), int)
    for _ in range(2000):
        result = augmentation.transform({"img": image})["img"][..., 0]
        counts[np.unravel_index(result.argmax(), (2, 2))] += 1
    # 500 expected each; 5 standard deviations of a binomial are 97.
    assert np.abs(counts - 500).max() < 97


def test_colours_are_rgb(image):
    erase_all = {"type": "Erasing", "scale": (0.9, 1.0), "ratio": (0.5, 0.5), "p": 1.0}
    result = augment([erase_all | {"fill": (10, 20, 30)}], image)["img"]
    assert tuple(result[64, 32]) == (30, 20, 10)


def test_unknown_name_gets_suggestions():
    with pytest.raises(UnknownTypeError, match=r"'HorizontalFlop'.*did you mean 'HorizontalFlip'"):
        Albumentation([{"type": "HorizontalFlop"}])
    with pytest.raises(UnknownTypeError, match="type='None'"):
        Albumentation([{"p": 0.5}])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "CoarseDropout", "max_holes": 8}, "CoarseDropout.*'max_holes' are not valid"),
        ({"type": "MotionBlur", "blur_limit": "wide"}, "MotionBlur.*blur_limit"),
        ({"type": "RandomCrop"}, "RandomCrop.*height Field required.*width Field required"),
        ({"type": "OneOf", "transforms": [{"type": "Blur", "blur": 3}]}, "Blur.*'blur' are not"),
    ],
)
def test_wrong_arguments_are_errors(config, message):
    with pytest.raises(ConfigError, match=message):
        Albumentation([config])
