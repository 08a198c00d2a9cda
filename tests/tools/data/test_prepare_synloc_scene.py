from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from footmm.datasets.synloc import SynLocDataset


@pytest.fixture
def frame(synloc_root, tmp_path):
    """One frame whose image has the annotated size, and its annotations."""
    content = json.loads((synloc_root / "annotations" / "train.json").read_text())
    content["images"] = content["images"][:1]
    content["images"][0].update(width=640, height=360)
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] == 0]
    path = tmp_path / "scene.json"
    path.write_text(json.dumps(content))
    return synloc_root / "fullhd" / "train" / "000000.jpg", path


@pytest.fixture
def run(tool):
    def run(frame, out):
        tool.main([str(frame[0]), str(frame[1]), "--out", str(out)])

    return run


def test_every_split_is_the_frame(run, frame, tmp_path):
    out = tmp_path / "data" / "scene"
    run(frame, out)
    for split in ("train", "val", "test"):
        dataset = SynLocDataset(out, split, images="4k")
        assert len(dataset) == 1
        assert Path(dataset.get_data_info(0)["img_path"]).read_bytes() == frame[0].read_bytes()
    assert sorted(path.name for path in out.parent.iterdir()) == ["scene"]


def test_nothing_is_overwritten(run, frame, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    with pytest.raises(SystemExit):
        run(frame, tmp_path / "out")
    assert "exists; remove it" in capsys.readouterr().err


def test_image_of_another_size_is_refused(run, frame, tmp_path, capsys):
    small = tmp_path / "small.png"
    Image.new("RGB", (320, 180)).save(small)
    with pytest.raises(SystemExit):
        run((small, frame[1]), tmp_path / "out")
    assert "is 320 x 180, annotated for 640 x 360" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_image_is_refused(run, frame, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run((frame[1], frame[1]), tmp_path / "out")
    assert "cannot read the image" in capsys.readouterr().err


def test_many_frames_are_refused(run, synloc_root, frame, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run((frame[0], synloc_root / "annotations" / "train.json"), tmp_path / "out")
    assert "has 3 images; give the json of one frame" in capsys.readouterr().err
