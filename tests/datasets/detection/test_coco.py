"""COCO json: categories by their names, checked entries, hidden objects."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from mmdet.datasets import CocoDataset

from footmm.datasets.detection import CocoDetectionDataset
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError


@pytest.fixture
def content():
    return {
        "categories": [
            {"id": 4, "name": "referee"},
            {"id": 2, "name": "goalkeeper"},
            {"id": 9, "name": "stick"},
            {"id": 0, "name": "football"},
            {"id": 1, "name": "player"},
        ],
        "images": [{"id": 0, "file_name": "000000.png", "width": 100, "height": 50}],
        "annotations": [
            {"id": number, "image_id": 0, "category_id": category, "bbox": [10, 10, 5.5, 20]}
            for number, category in enumerate([0, 1, 2, 4, 9])
        ],
    }


@pytest.fixture
def root(tmp_path, write_image):
    write_image(tmp_path / "train" / "000000.png")
    return tmp_path


def write(root, content):
    path = root / "annotations" / "train.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_labels_follow_the_names(root, content, instances_of):
    write(root, content)
    dataset = CocoDetectionDataset(root, "train")
    assert isinstance(dataset, CocoDataset)
    info = dataset.get_data_info(0)
    assert info["img_path"] == str(root / "train" / "000000.png")
    assert (info["img_id"], info["width"], info["height"]) == (0, 100, 50)
    box = (0, 10, 10, 15.5, 30)
    assert instances_of(info) == [(label, *box) for label in (1, 0, 0, 2)]


def test_crowds_areas_and_hidden_objects(root, content):
    first, second, third, *_ = content["annotations"]
    first |= {"iscrowd": 1, "area": 33}
    second |= {"occluded_share": 0.8}
    third |= {"occluded_share": 0.81}
    write(root, content)
    for share, flags in ((1.0, [1, 0, 0, 0]), (0.8, [1, 0, 1, 0])):
        dataset = CocoDetectionDataset(root, "train", max_occluded_share=share)
        instances = dataset.get_data_info(0)["instances"]
        assert [instance["ignore_flag"] for instance in instances] == flags
        assert [instance["area"] for instance in instances] == [33, 110, 110, 110]


def test_other_layouts(root, content, write_image):
    path = write(root, content)
    path.rename(root / "train" / "_annotations.coco.json")
    dataset = CocoDetectionDataset(
        root, ann_file="train/_annotations.coco.json", data_prefix=dict(img="train")
    )
    assert dataset.get_data_info(0)["img_path"] == str(root / "train" / "000000.png")
    absolute = str(root / "train" / "_annotations.coco.json")
    assert len(CocoDetectionDataset(root / "train", ann_file=absolute)) == 1


def test_a_small_box_is_kept(root, content):
    """mmdet leaves out boxes of less than a pixel in silence."""
    content["annotations"][0]["bbox"] = [10, 10, 0.5, 0.5]
    write(root, content)
    instances = CocoDetectionDataset(root, "train").get_data_info(0)["instances"]
    assert instances[0]["bbox"] == [10, 10, 10.5, 10.5]


def test_no_annotations_are_no_error(root, content):
    write(root, content | {"annotations": []})
    assert CocoDetectionDataset(root, "train").get_data_info(0)["instances"] == []


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("images", "id", "a", "an image: 'id' is 'a', not a whole number"),
        ("images", "file_name", None, "image 0: 'file_name' is None, not the name of a file"),
        ("images", "file_name", "../x.jpg", "not the name of a file"),
        ("images", "height", 0, "image 0: 'height' is 0"),
        ("categories", "name", 5, "category 4: 'name' is 5, not a text"),
        ("categories", "id", 2, "two categories have the id 2"),
        ("categories", "id", None, "a category: 'id' is None"),
        ("annotations", "id", 1, "two annotations have the id 1"),
        ("annotations", "image_id", 5, "annotation 0: there is no image 5"),
        ("annotations", "category_id", 5, "annotation 0: there is no category 5"),
        ("annotations", "category_id", None, "annotation 0: 'category_id' is None"),
        ("annotations", "bbox", [1, 2, 3], "annotation 0: 'bbox' is [1, 2, 3]"),
        ("annotations", "bbox", None, "annotation 0: 'bbox' is None"),
        ("annotations", "area", "much", "annotation 0: 'area' is much, not a number"),
        ("annotations", "occluded_share", [], "annotation 0: 'occluded_share' is []"),
    ],
)
def test_broken_entries_are_named(root, content, part, key, value, message):
    content[part][0][key] = value
    path = write(root, content)
    with pytest.raises(DataFormatError) as error:
        CocoDetectionDataset(root, "train")
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"images": [', "is not valid JSON"),
        ("[]", "holds a list, not an object"),
        ("{}", "'images' is None, not a list with entries; is this an annotation file"),
        ('{"images": 5}', "'images' is 5, not a list"),
        ('{"images": [5]}', "'images' holds 5, not an object"),
    ],
)
def test_other_files_are_refused(root, text, message):
    write(root, text)
    with pytest.raises(DataFormatError, match=rf"train.json.*{message}"):
        CocoDetectionDataset(root, "train")


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_missing_keys_are_named(root, content, key):
    del content[key]
    write(root, content)
    with pytest.raises(DataFormatError, match=f"'{key}' is None, not a list"):
        CocoDetectionDataset(root, "train")


def test_categories_of_something_else(root, content):
    content["categories"] = [{"id": 0, "name": "dog"}, {"id": 1, "name": "cat"}]
    write(root, content)
    with pytest.raises(DataFormatError, match=r"train.json: none of its categories \(dog, cat\)"):
        CocoDetectionDataset(root, "train")


def test_missing_files(root, content, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"train.json does not exist.*simulate.py"):
        CocoDetectionDataset(root, "train")
    content["images"].append(content["images"][0] | {"id": 1, "file_name": "000001.png"})
    write(root, content)
    with pytest.raises(DataFormatError, match=r"1 of the 2 images .*first: .*train/000001.png"):
        CocoDetectionDataset(root, "train")
    (root / "train").rename(root / "pictures")
    with pytest.raises(DatasetNotFoundError, match="train does not exist"):
        CocoDetectionDataset(root, "train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"split=None, ann_file=None\): give one of them"),
        (dict(split="train", ann_file="a.json"), "give one of them"),
        (dict(split="train", max_occluded_share=1.1), "max_occluded_share=1.1.*0 to 1"),
    ],
)
def test_arguments_are_checked(root, options, message):
    with pytest.raises(ConfigError, match=message):
        CocoDetectionDataset(root, **options)


@pytest.mark.realdata
def test_real_frames(football_frames):
    dataset = CocoDetectionDataset(
        football_frames, ann_file="gt.json", data_prefix=dict(img="images"), test_mode=True
    )
    content = json.loads((football_frames / "gt.json").read_text())
    of_category = Counter(entry["category_id"] for entry in content["annotations"])
    by_name = {entry["name"]: of_category[entry["id"]] for entry in content["categories"]}
    infos = [dataset.get_data_info(number) for number in range(len(dataset))]
    counts = Counter(i["bbox_label"] for info in infos for i in info["instances"])
    assert (len(dataset), dataset.dropped_boxes) == (24, {})
    assert counts == {
        0: by_name["player"] + by_name["goalkeeper"],
        1: by_name["football"],
        2: by_name["referee"],
    }
    assert counts == {0: 490, 1: 21, 2: 27}
