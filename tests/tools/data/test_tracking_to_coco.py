"""Tracking sequences as COCO json, and back."""

from __future__ import annotations

import json
import runpy
import zipfile
from pathlib import Path

import pytest

from footmm.datasets.detection import (
    CocoDetectionDataset,
    MOTDataset,
    SoccerNetTrackingDataset,
)
from footmm.simulation.export import (
    SoccerNetTrackingExport,
    TrackingExportSettings,
    write_folder,
)

SCRIPT = Path(__file__).parents[3] / "tools" / "data" / "tracking_to_coco.py"
INFO = "[Sequence]\nframeRate=25\nseqLength=3\nimWidth=100\nimHeight=50\n"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    settings = TrackingExportSettings(
        seed=2, num_sequences=2, num_frames=3, image_size=(320, 180), split_shares=(1.0, 0.0, 0.0)
    )
    return write_folder(tmp_path_factory.mktemp("data") / "set", SoccerNetTrackingExport(settings))


@pytest.fixture
def sequences(tmp_path):
    """A sequence with a box of each class, and three to be dropped."""
    folder = tmp_path / "sequences" / "SNMOT-060"
    (folder / "gt").mkdir(parents=True)
    rows = ["1,1,10,20,5.5,6", "1,2,-3,20,5,6", "1,3,5,5,2,2", "1,4,5,5,2,2", "1,5,5,5,2,2"]
    rows += ["3,1,100,20,5,6", "3,2,10,20,0,6"]
    (folder / "gt" / "gt.txt").write_text("\n".join(f"{row},1,-1,-1,-1" for row in rows))
    (folder / "gameinfo.ini").write_text(
        "[Sequence]\ntrackletID_1= player team left;1\ntrackletID_2= goalkeeper team left;2\n"
        "trackletID_3= ball;1\ntrackletID_4= referee;main\n"
    )
    (folder / "seqinfo.ini").write_text(INFO)
    return folder.parent


def refused(main, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(list(map(str, arguments)))
    assert caught.value.code == 2
    return capsys.readouterr().err


def samples_of(dataset):
    return [dataset.get_data_info(number) for number in range(len(dataset))]


def test_content(main, sequences, tmp_path, capsys):
    out = tmp_path / "new" / "train.json"
    arguments = [str(sequences), "--every", "2", "--out", str(out)]
    main(arguments)
    *table, last = [line for line in capsys.readouterr().out.splitlines() if "INFO" not in line]
    assert [line.split() for line in table[-6:]] == [
        ["player", "2"],
        ["ball", "1"],
        ["referee", "1"],
        ["dropped:", "unknown", "track", "1"],
        ["dropped:", "no", "positive", "size", "1"],
        ["dropped:", "outside", "the", "image", "1"],
    ]
    assert last == (
        f"wrote 2 images to {out}; read it with CocoDetectionDataset(data_root='{sequences}', "
        f"ann_file='{out}')"
    )
    content = json.loads(out.read_text())
    assert content["images"][1] == {
        "id": 1000003,
        "file_name": "SNMOT-060/img1/000003.jpg",
        "width": 100,
        "height": 50,
    }
    assert [category["name"] for category in content["categories"]] == ["player", "ball", "referee"]
    assert [category["id"] for category in content["categories"]] == [1, 2, 3]
    assert [entry["category_id"] for entry in content["annotations"]] == [1, 1, 2, 3]
    # A box that reaches out of the image is cut.
    assert content["annotations"][1] == {
        "id": 2,
        "image_id": 1000001,
        "category_id": 1,
        "bbox": [0, 20, 2, 6],
        "area": 12,
        "iscrowd": 0,
    }
    assert "exists; replace it with --overwrite" in refused(main, arguments, capsys)
    main([*arguments, "--overwrite"])
    assert json.loads(out.read_text()) == content


@pytest.mark.parametrize("every", [1, 2])
def test_the_json_holds_the_same_instances(main, exported, tmp_path, every):
    out, folder = tmp_path / "train.json", exported / "train"
    main([str(folder), "--every", str(every), "--out", str(out)])
    frames = samples_of(SoccerNetTrackingDataset(exported, every=every, test_mode=True))
    found = samples_of(CocoDetectionDataset(folder, ann_file=str(out), test_mode=True))
    assert len(frames) == 2 * len(range(0, 3, every))
    assert sum(len(frame["instances"]) for frame in frames) > 10
    keys = ("img_id", "img_path", "width", "height", "instances")
    assert [[sample[key] for key in keys] for sample in found] == [
        [sample[key] for key in keys] for sample in frames
    ]


def test_chosen_sequences(main, exported, tmp_path):
    out = tmp_path / "train.json"
    main([str(exported / "train"), "--sequences", "SNMOT-002", "--out", str(out)])
    ids = [image["id"] for image in json.loads(out.read_text())["images"]]
    assert ids == [2000001, 2000002, 2000003]


def test_folders_without_descriptions(main, sequences, tmp_path, capsys):
    (sequences / "SNMOT-060" / "gameinfo.ini").unlink()
    arguments = [sequences, "--out", tmp_path / "out.json"]
    assert "has a gameinfo.ini; give --category" in refused(main, arguments, capsys)
    main([*map(str, arguments), "--category", "ball"])
    annotations = json.loads((tmp_path / "out.json").read_text())["annotations"]
    assert [entry["category_id"] for entry in annotations] == [2] * 5


def test_what_goes_wrong_is_said(main, sequences, tmp_path, capsys):
    out = ["--out", tmp_path / "out.json"]
    assert "holds no folders of sequences" in refused(main, [tmp_path / "none", *out], capsys)
    assert "every=0" in refused(main, [sequences, "--every", "0", *out], capsys)
    (tmp_path / "file").touch()
    error = refused(main, [sequences, "--out", tmp_path / "file" / "out.json"], capsys)
    assert "cannot be written" in error
    (sequences / "SNMOT-060" / "gt" / "gt.txt").write_text("1,1,5")
    assert "gt.txt, line 1" in refused(main, [sequences, *out], capsys)
    assert not (tmp_path / "out.json").exists()


@pytest.mark.realdata
def test_sportsmot(main, realdata, tmp_path):
    with zipfile.ZipFile(realdata / "mot_sportsmot" / "gt.zip") as archive:
        archive.extractall(tmp_path / "val")
    out = tmp_path / "val.json"
    main([str(tmp_path / "val"), "--category", "player", "--every", "25", "--out", str(out)])
    content = json.loads(out.read_text())
    frames = samples_of(MOTDataset(tmp_path / "val", every=25))
    assert [image["id"] for image in content["images"]] == [frame["img_id"] for frame in frames]
    assert len(content["annotations"]) == sum(len(frame["instances"]) for frame in frames) > 1000
