from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest

from footmm.datasets.reid.market1501 import Market1501Dataset
from footmm.datasets.transforms import LoadImageFromFile, PackReIDInputs
from footmm.errors import DataFormatError, DatasetNotFoundError

FILES = {
    "bounding_box_train": ["0002_c1s1_000451_03.jpg", "0007_c3s2_000001_01.png"],
    "query": ["0003_c1s1_000001_00.jpg"],
    "bounding_box_test": [
        "-1_c1s1_000401_03.jpg",
        "0000_c1s1_000151_01.jpg",
        "0003_c2s1_000001_00.jpg",
    ],
}


@pytest.fixture
def root(tmp_path):
    for folder, names in FILES.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Thumbs.db").touch()
        for name in names:
            cv2.imwrite(str(tmp_path / folder / name), np.zeros((8, 4, 3), np.uint8))
    return tmp_path


def test_train(root):
    dataset = Market1501Dataset(root)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [(i["person_id"], i["camera_id"], i["label"]) for i in infos] == [(2, 1, 0), (7, 3, 1)]
    assert dataset.num_identities == 2
    assert dataset.metainfo["data_source"] == "Market-1501"


def test_junk_and_distractors_are_kept_for_the_metric_only(root):
    dataset = Market1501Dataset(root, split="test", test_mode=True)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [i["role"] for i in infos] == ["query", "gallery", "gallery", "gallery"]
    assert [i["person_id"] for i in infos] == [3, -1, 0, 3]
    assert [i["sample_id"] for i in infos] == [0, 0, 1, 2]
    assert Market1501Dataset(root, split="test").num_identities == 1


def test_errors(root):
    (root / "query/0003_1.jpg").touch()
    with pytest.raises(DataFormatError, match=r"0003_1\.jpg.*<person>_c<camera>"):
        Market1501Dataset(root, split="test", test_mode=True)
    with pytest.raises(DatasetNotFoundError, match="bounding_box_train does not exist"):
        Market1501Dataset(root / "nowhere")


@pytest.mark.realdata
def test_real_crops(realdata, tmp_path):
    with zipfile.ZipFile(realdata / "reid/soccertrack_crops_market1501_layout.zip") as archive:
        archive.extractall(tmp_path)
    pipeline = [LoadImageFromFile(), PackReIDInputs()]
    train = Market1501Dataset(tmp_path, pipeline=pipeline)
    test = Market1501Dataset(tmp_path, split="test", pipeline=pipeline, test_mode=True)
    assert (len(train), train.num_identities) == (77, 11)
    samples = [sample["data_samples"] for sample in test]
    assert sum(s.role == "query" for s in samples) == 22
    assert sum(s.role == "gallery" for s in samples) == 176
    assert {s.camera_id for s in samples} == {1, 2}
    assert min(train[i]["inputs"].shape[1] for i in range(77)) > 20
