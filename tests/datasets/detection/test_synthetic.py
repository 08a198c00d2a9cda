from __future__ import annotations

import json
from pathlib import Path

import pytest

from footmm.datasets.detection import SyntheticDetectionDataset
from footmm.errors import ConfigError
from footmm.simulation.export import CocoExport

SIZE = (320, 180)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("synthetic")


def test_metainfo_and_objects(root):
    dataset = SyntheticDetectionDataset(4, image_size=SIZE, data_root=root)
    assert dataset.metainfo["synthetic"] is True
    assert dataset.metainfo["task"] == "detection"
    assert dataset.metainfo["data_source"] == "footmm synthetic frames"
    content = json.loads(Path(dataset.data_root, "annotations", "train.json").read_text())
    infos = [dataset.get_data_info(number) for number in range(4)]
    found = [(info["img_id"], i) for info in infos for i in info["instances"]]
    assert len(found) == len(content["annotations"]) > 10
    for (image, instance), entry in zip(found, content["annotations"], strict=True):
        left, top, width, height = entry["bbox"]
        assert (image, instance["bbox_label"] + 1) == (entry["image_id"], entry["category_id"])
        assert instance["bbox"] == pytest.approx([left, top, left + width, top + height])
    assert (infos[0]["width"], infos[0]["height"]) == SIZE
    assert dataset.dropped_boxes == {}


def test_hidden_objects_may_be_ignored(root):
    options = dict(image_size=SIZE, data_root=root, test_mode=True)
    dataset = SyntheticDetectionDataset(4, max_occluded_share=0.2, **options)
    content = json.loads(Path(dataset.data_root, "annotations", "train.json").read_text())
    hidden = [entry["occluded_share"] > 0.2 for entry in content["annotations"]]
    flags = [i["ignore_flag"] for info in dataset for i in info["instances"]]
    assert flags == hidden
    assert 0 < sum(flags) < len(flags)


def test_no_two_splits_share_a_stream():
    names = set()
    for split in ("train", "valid", "test"):
        dataset = SyntheticDetectionDataset(100, split, lazy_init=True)
        assert dataset.settings.image_size == (960, 540)
        names |= {unit.name for unit in CocoExport(dataset.settings).units()}
    assert len(names) == 9


def test_other_splits_read_their_own_files(root):
    dataset = SyntheticDetectionDataset(1, "test", image_size=(128, 72), data_root=root)
    path = dataset.get_data_info(0)["img_path"]
    assert path == str(Path(dataset.data_root, "test", "000000.jpg"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(num_samples=0), r"SyntheticDetectionDataset\(num_samples=0\): give 1 or more"),
        (dict(split="val"), "the splits are train, valid, test"),
        (dict(image_size=(10, 10)), "64 to 8192 pixels"),
    ],
)
def test_settings_are_checked(root, settings, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticDetectionDataset(**settings, data_root=root)
