"""SoccerNet's tracking sequences: who is who, and what is dropped."""

from __future__ import annotations

import pytest

from footmm.datasets.detection import SoccerNetTrackingDataset
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError

TRACKS = {
    1: "player team left;10",
    2: "goalkeepers team right;X",
    3: "ball;1",
    4: "referee;side top",
    5: "other;staff",
    6: "goalkeeper team left;y",
    7: "",
}


@pytest.fixture
def write(tmp_path, write_sequence):
    def write(lines, split="train", name="SNMOT-060"):
        write_sequence(tmp_path / split / name, lines, TRACKS)
        return tmp_path

    return write


def test_classes(write, instances_of):
    root = write([f"1,{track},{track},2,3,4" for track in TRACKS])
    dataset = SoccerNetTrackingDataset(root)
    info = dataset.get_data_info(0)
    assert [(i["bbox"][0], i["bbox_label"]) for i in info["instances"]] == [
        (1, 0),
        (2, 0),
        (3, 1),
        (4, 2),
        (6, 0),
    ]
    assert info["instances"][0] == {
        "bbox": [1, 2, 4, 6],
        "bbox_label": 0,
        "ignore_flag": 0,
        "area": 12,
    }
    assert info["img_path"] == str(root / "train" / "SNMOT-060" / "img1" / "000001.jpg")
    assert dataset.dropped_boxes == {}
    assert dataset.metainfo["data_source"] == "SoccerNet tracking"


def test_dropped_boxes(write, monkeypatch):
    said = []
    monkeypatch.setattr(
        "footmm.datasets.rejected_boxes.print_log",
        lambda text, logger, level: said.append(text.splitlines()),
    )
    root = write(["1,1,1,2,3,4", "1,8,1,2,3,4", "1,2,1,2,3,0", "2,9,1,2,3,4", "3,3,1,60,3,4"])
    dataset = SoccerNetTrackingDataset(root)
    assert dataset.dropped_boxes == {
        "unknown track": 2,
        "no positive size": 1,
        "outside the image": 1,
    }
    file = root / "train" / "SNMOT-060" / "gt" / "gt.txt"
    assert said[0] == [
        "SoccerNetTrackingDataset dropped 2 boxes (unknown track):",
        f"  {file}, line 2: track 8 has no entry in gameinfo.ini",
        f"  {file}, line 4: track 9 has no entry in gameinfo.ini",
    ]
    assert said[1][1].startswith(f"  {file}, line 3: '1,2,1,2,3,0'")
    assert said[2][1].startswith(f"  {file}, line 5: the box is 1, 60, 4, 64")
    assert sum(len(dataset.get_data_info(k)["instances"]) for k in range(len(dataset))) == 1


def test_splits(write):
    write(["1,1,1,2,3,4"], "test", "SNMOT-116")
    root = write(["1,1,1,2,3,4"])
    (info,) = SoccerNetTrackingDataset(root, "test", every=5)
    assert "/test/SNMOT-116/" in info["img_path"]
    assert len(SoccerNetTrackingDataset(root / "train", split=None)) == 5
    with pytest.raises(ConfigError, match="the splits are train, valid, test"):
        SoccerNetTrackingDataset(root, "challenge")
    with pytest.raises(DatasetNotFoundError, match=r"valid holds no folders.*soccernet-tracking"):
        SoccerNetTrackingDataset(root, "valid")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,1,1", "is no frame, track, left, top, width, height"),
        ("0,1,1,2,3,4", "frame 0 is not one of the 5"),
        ("1,1,1,2,3,4", "frame 1 of track 1 comes after its frame 1"),
    ],
)
def test_broken_files_are_errors(write, line, message):
    root = write(["1,1,1,2,3,4", line])
    with pytest.raises(DataFormatError, match=f"gt.txt, line 2: .*{message}"):
        SoccerNetTrackingDataset(root)


def test_missing_descriptions(write):
    root = write(["1,1,1,2,3,4"])
    (root / "train" / "SNMOT-060" / "gameinfo.ini").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"gameinfo.ini does not.*soccernet-tracking"):
        SoccerNetTrackingDataset(root)
