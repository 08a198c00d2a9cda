"""What all datasets of detection do, seen at the one of COCO json."""

from __future__ import annotations

import json

import pytest

from footmm.datasets.detection import CocoDetectionDataset
from footmm.datasets.detection.base import labels_of_categories
from footmm.datasets.transforms import LoadImageFromFile
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import DATASETS, TRANSFORMS
from footmm.structures.detected_objects import CLASSES

PREFIX = dict(ann_file="gt.json", data_prefix=dict(img="images"))


@pytest.fixture
def make(tmp_path, write_image):
    """Make a dataset of images of 100 x 50, given their boxes of players by name."""

    def make(boxes, **options):
        images, annotations = [], []
        for number, (name, of_image) in enumerate(boxes.items()):
            write_image(tmp_path / "images" / name)
            images.append({"id": number, "file_name": name, "width": 100, "height": 50})
            for box in of_image:
                ids = {"id": len(annotations), "image_id": number, "category_id": 7}
                annotations.append(ids | {"bbox": box})
        categories = [{"id": 7, "name": "player"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (tmp_path / "gt.json").write_text(json.dumps(content))
        return CocoDetectionDataset(tmp_path, **PREFIX, **options)

    return make


def names(dataset):
    paths = [dataset.get_data_info(number)["img_path"] for number in range(len(dataset))]
    return [path.rpartition("/")[2] for path in paths]


def test_metainfo(make):
    dataset = make({"a.png": []})
    assert dataset.metainfo["classes"] == CLASSES
    assert len(dataset.metainfo["palette"]) == len(CLASSES)
    assert dataset.metainfo["task"] == "detection"
    assert dataset.metainfo["synthetic"] is False


def test_boxes_are_cut_at_the_border(make):
    dataset = make({"a.png": [[-10, -5, 20, 15], [90, 40, 30.5, 30]]})
    instances = dataset.get_data_info(0)["instances"]
    assert [instance["bbox"] for instance in instances] == [[0, 0, 10, 10], [90, 40, 100, 50]]
    assert [instance["area"] for instance in instances] == [100, 100]
    assert dataset.dropped_boxes == {}


def test_unusable_boxes_are_dropped_and_counted(make):
    outside = [[100, 0, 5, 5], [-5, 0, 5, 5], [0, 50, 5, 5], [0, -9, 5, 9]]
    dataset = make({"a.png": [*outside, [1, 1, 0, 5]], "b.png": [[1, 1, 5, -5], [1, 2, 3, 4]]})
    assert dataset.dropped_boxes == {"outside the image": 4, "no positive size": 2}
    kept = [[i["bbox"] for i in dataset.get_data_info(k)["instances"]] for k in range(2)]
    assert kept == [[], [[1, 2, 4, 6]]]


def test_warnings_name_file_and_entry(make, monkeypatch):
    said = []
    monkeypatch.setattr(
        "footmm.datasets.rejected_boxes.print_log",
        lambda text, logger, level: said.append(text),
    )
    make({"a.png": [[1, 2, 3, 4], [100, 0, 5, 5]]})
    assert len(said) == 1
    assert said[0].startswith("CocoDetectionDataset dropped 1 boxes (outside the image):")
    assert said[0].endswith(
        "gt.json, annotation 1: the box is 100, 0, 105, 5 (left, top, right, bottom), the image "
        "100 x 50"
    )


def test_prefixes(make):
    boxes = {"a1.png": [], "b1.png": [[100, 0, 5, 5]], "a2.png": [], "c.png": []}
    dataset = make(boxes, prefixes=("a", "c"))
    assert names(dataset) == ["a1.png", "a2.png", "c.png"]
    assert [dataset.get_data_info(number)["img_id"] for number in range(3)] == [0, 2, 3]
    # What is not chosen is not missed.
    assert dataset.dropped_boxes == {}
    assert names(make(boxes, prefixes="a1")) == ["a1.png"]
    with pytest.raises(ConfigError, match=r"none of the 4 images .* begins with 'd'"):
        make(boxes, prefixes=("a", "d"))


def test_images_without_objects(make):
    boxes = {"a.png": [[1, 2, 3, 4]], "b.png": []}
    assert names(make(boxes)) == ["a.png", "b.png"]
    filtered = dict(filter_cfg=dict(filter_empty_gt=True))
    assert names(make(boxes, **filtered)) == ["a.png"]
    assert names(make(boxes, **filtered, test_mode=True)) == ["a.png", "b.png"]
    with pytest.raises(ConfigError, match=r"filter_cfg=.*51.* leaves none of 2 images"):
        make(boxes, filter_cfg=dict(min_size=51))


def test_unreadable_image_is_replaced_in_training(make, tmp_path):
    boxes = {"a.png": [[1, 2, 3, 4]], "b.png": []}
    dataset = make(boxes, pipeline=[LoadImageFromFile()])
    (tmp_path / "images" / "a.png").write_bytes(b"no image")
    assert dataset[0]["img_path"].endswith("b.png")
    assert dataset.num_skipped_images == 1
    (tmp_path / "images" / "b.png").write_bytes(b"")
    with pytest.raises(DataFormatError, match=r"none of the images .*a\.png can be read"):
        dataset[0]


def test_training_and_test_samples(make):
    boxes = {"a.png": [[10, 20, 30, 20], [0, 0, 4, 4]]}
    resize = dict(type="mmdet.Resize", scale=(200, 100), keep_ratio=True)
    load = dict(type="LoadImageFromFile")
    training = [load, dict(type="mmdet.LoadAnnotations", with_bbox=True), resize]
    training = [TRANSFORMS.build(step) for step in (*training, dict(type="mmdet.PackDetInputs"))]
    sample = make(boxes, pipeline=training)[0]["data_samples"]
    assert sample.gt_instances.bboxes.tensor.tolist() == [[20, 40, 80, 80], [0, 0, 8, 8]]
    assert sample.gt_instances.labels.tolist() == [0, 0]
    pack = dict(type="mmdet.PackDetInputs", meta_keys=("img_id", "instances", "scale_factor"))
    test = [TRANSFORMS.build(step) for step in (load, resize, pack)]
    sample = make(boxes, pipeline=test, test_mode=True)[0]["data_samples"]
    assert [entry["bbox"] for entry in sample.instances] == [[10, 20, 40, 40], [0, 0, 4, 4]]


def test_class_balance_of_mmdet(make):
    dataset = make({"a.png": [[1, 2, 3, 4]] * 2})
    assert dataset.get_cat_ids(0) == [0, 0]


def test_fallback_to_synthetic_frames(tmp_path):
    config = dict(
        type="SyntheticFallback",
        real=dict(type="SoccerNetTrackingDataset", data_root=str(tmp_path / "none")),
        synthetic=dict(
            type="SyntheticDetectionDataset",
            num_samples=1,
            image_size=(128, 72),
            data_root=str(tmp_path),
        ),
    )
    dataset = DATASETS.build(config)
    assert (len(dataset), dataset.metainfo["synthetic_fallback"]) == (1, True)
    assert dataset.metainfo["data_source"] == "footmm synthetic frames"


def test_names_of_categories(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "footmm.datasets.detection.base.print_log", lambda text, logger: said.append(text)
    )
    names = {0: "football", 3: "Goalkeeper", 4: "referees", 9: "crowd", 5: "player"}
    assert labels_of_categories(names, tmp_path / "a.json") == {0: 1, 3: 0, 4: 2, 5: 0}
    assert said == [f"{tmp_path / 'a.json'}: objects of crowd are ignored"]
    with pytest.raises(DataFormatError, match=r"none of its categories \(dog, cat\) is one of"):
        labels_of_categories({0: "dog", 1: "cat"}, tmp_path / "a.json")
