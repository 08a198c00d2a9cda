"""The ball of SoccerNet's tracking sequences."""

from __future__ import annotations

import json

import numpy as np
import pytest

from footmm.datasets.ball3d import SoccerNetBallDataset
from footmm.datasets.transforms import PackBall3DInputs
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError

FRAMES = 12


@pytest.fixture
def root(soccernet_ball_root):
    return soccernet_ball_root


def build(root, **arguments):
    settings = dict(num_frames=8, num_future=4, stride=2) | arguments
    return SoccerNetBallDataset(root, str(root / "cameras/{sequence}"), split="train", **settings)


def test_boxes_cameras_and_labels_become_windows(root):
    dataset = build(root)
    assert len(dataset) == 3
    sample = dataset[0]
    assert sample["frame_ids"].tolist() == list(range(1, 9))
    assert sample["detected"].all()
    # A box covers whole pixels, whose centres are at integers.
    assert sample["points"][0].tolist() == [901 + 8 - 0.5, 500 + 4.5 - 0.5]
    assert sample["diameters"][0] == 12.0
    assert sample["calibrated"].tolist() == [True] * 4 + [False] + [True] * 3
    assert sample["has_position"].tolist() == [False] * 2 + [True] * 4 + [False] * 2
    assert np.allclose(sample["positions"][3], [0.4, 2.0, 0.5])
    assert sample["has_velocity"].tolist() == [False] * 3 + [True] * 2 + [False] * 3
    assert np.allclose(sample["velocities"][3], [2.5, 0.0, 0.0], atol=1e-4)
    assert not sample["has_mode"].any()
    assert not sample["has_image_truth"].any()
    assert sample["img_paths"][7].endswith("SNMOT-060/img1/000008.jpg")
    last = dataset[2]
    assert not last["has_future"].any()
    assert not last["detected"][-1]
    sample["points"][0] = -1
    assert dataset[0]["points"][0, 0] > 0
    assert dataset.dropped_boxes == {
        "no positive size": 1,
        "outside the image": 1,
        "unknown track": 1,
    }
    packed = PackBall3DInputs().transform(sample)
    assert packed["inputs"]["observed"].sum() == 7


def test_real_windows_have_no_3d_without_labels(root):
    file = root / "train" / "SNMOT-060" / "gt" / "gt.txt"
    lines = [
        ",".join([*line.split(",")[:7], "-1", "-1", "-1"]) for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines))
    assert not any(sample["has_position"].any() for sample in build(root))


def test_missing_and_broken_files_are_named(root, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"download\.py soccernet-tracking"):
        SoccerNetBallDataset(tmp_path / "none", "cameras")
    with pytest.raises(DatasetNotFoundError, match=r"tools/infer/homography\.py"):
        SoccerNetBallDataset(root, str(root / "nowhere"), split="train")
    (tmp_path / "cameras.json").write_text(json.dumps({"frames": {"1.jpg": {"camera": None}}}))
    with pytest.raises(DataFormatError, match="none of the frames of SNMOT-060"):
        SoccerNetBallDataset(root, str(tmp_path / "cameras.json"), split="train")
    with pytest.raises(ConfigError, match="no sequence 'SNMOT-061'"):
        build(root, sequences=["SNMOT-061"])
    with pytest.raises(ConfigError, match="num_frames=0"):
        build(root, num_frames=0)
    with pytest.raises(ConfigError, match="min_observed=-1"):
        build(root, min_observed=-1)
    with pytest.raises(DataFormatError, match="lower min_observed"):
        build(root, min_observed=9)
    with pytest.raises(DataFormatError, match="none of 0 windows"):
        build(root, num_frames=13)
    file = root / "train" / "SNMOT-060" / "gt" / "gt.txt"
    file.write_text("1,2,900,500,16,9,1,a,2,3")
    with pytest.raises(DataFormatError, match=r"gt\.txt, line 1: fields 8 to 10"):
        build(root)
