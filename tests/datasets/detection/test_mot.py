"""Any MOT folder; the real sequences of SportsMOT."""

from __future__ import annotations

import json
import zipfile

import pytest

from footmm.datasets.detection import MOTDataset
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError


def test_all_boxes_are_of_one_class(tmp_path, write_sequence, instances_of):
    lines = ["1, 0, 10, 20, 5, 6, 1, 1, 1", "1, 1, 95, 0, 10, 9, 1, 1, 1"]
    write_sequence(tmp_path / "val" / "a", lines)
    dataset = MOTDataset(tmp_path / "val")
    assert instances_of(dataset.get_data_info(0)) == [(0, 0, 10, 20, 15, 26), (0, 0, 95, 0, 100, 9)]
    dataset = MOTDataset(tmp_path, "ball", split="val")
    assert [box[0] for box in instances_of(dataset.get_data_info(0))] == [1, 1]
    assert MOTDataset(tmp_path / "val", "Goalkeepers")[0]["instances"][0]["bbox_label"] == 0


def test_unusable_boxes_are_dropped_and_counted(tmp_path, write_sequence):
    lines = ["1,0,10,20,0,6", "1,1,100,0,10,9", "1,2,1,2,3,4", "2,0,10,20,5,0"]
    dataset = MOTDataset(write_sequence(tmp_path / "root" / "a", lines).parent)
    assert dataset.dropped_boxes == {"no positive size": 2, "outside the image": 1}
    assert [len(dataset.get_data_info(number)["instances"]) for number in range(2)] == [1, 0]
    # The boxes of frames that are not chosen do not count.
    assert MOTDataset(tmp_path / "root", every=2).dropped_boxes == {
        "no positive size": 1,
        "outside the image": 1,
    }


def test_errors(tmp_path, write_sequence):
    with pytest.raises(ConfigError, match=r"category='horse'\): the classes are player, ball, ref"):
        MOTDataset(tmp_path, "horse")
    with pytest.raises(DatasetNotFoundError, match="SportsMOT"):
        MOTDataset(tmp_path / "none")
    write_sequence(tmp_path / "a", ["6,0,10,20,5,6"])
    with pytest.raises(DataFormatError, match=r"gt.txt, line 1: frame 6 is not one of the 5"):
        MOTDataset(tmp_path)


@pytest.mark.realdata
def test_sportsmot(realdata, tmp_path):
    folder = realdata / "mot_sportsmot"
    with zipfile.ZipFile(folder / "gt.zip") as archive:
        archive.extractall(tmp_path)
    expected = json.loads((folder / "expected.json").read_text())["sequences"]
    del expected["COMBINED_SEQ"]
    for name, numbers in expected.items():
        dataset = MOTDataset(tmp_path, sequences=[name])
        instances = [
            i for info in map(dataset.get_data_info, range(len(dataset))) for i in info["instances"]
        ]
        assert (len(dataset), len(instances)) == (numbers["Frames"], numbers["GT_Dets"])
        assert dataset.dropped_boxes == {}
