from __future__ import annotations

import json
from pathlib import Path

import pytest

from footmm.datasets.homography import SyntheticHomographyDataset
from footmm.datasets.transforms import LoadImageFromFile, PackPitchInputs
from footmm.errors import ConfigError
from footmm.simulation.export import SoccerNetCalibrationExport


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    for split in ("train", "valid"):
        SyntheticHomographyDataset(2, split, data_root=folder)
    return folder


def test_samples(root):
    pipeline = [LoadImageFromFile(), PackPitchInputs()]
    dataset = SyntheticHomographyDataset(2, data_root=root, pipeline=pipeline)
    assert len(dataset) == 2
    assert dataset[0]["inputs"].shape == (3, 540, 960)
    sample = dataset[1]["data_samples"]
    assert sample.ground_truth_camera["x_focal_length"] > 0
    assert sample.ground_truth_keypoints_visible[:, 1].all()
    assert len(sample.annotated_lines) >= 3
    assert dataset.metainfo["synthetic"] is True
    assert dataset.metainfo["data_source"] == "footmm synthetic frames"
    assert dataset.metainfo["task"] == "homography"


def test_splits_are_of_other_matches_and_cameras(root):
    files = [
        Path(SyntheticHomographyDataset(2, split, data_root=root).get_data_info(0)["img_path"])
        for split in ("train", "valid")
    ]
    assert [file.parent.name for file in files] == ["train", "valid"]
    assert files[0].read_bytes() != files[1].read_bytes()
    positions = [json.loads(file.with_suffix(".json").read_text()) for file in files]
    assert positions[0] != positions[1]


def test_no_two_splits_share_a_stream():
    names = set()
    for split in ("train", "valid", "test"):
        dataset = SyntheticHomographyDataset(100, split, lazy_init=True)
        units = SoccerNetCalibrationExport(dataset.settings).units()
        assert sum(map(len, units)) == 100
        assert {unit.scenes.split for unit in units} == {split}
        names |= {unit.name for unit in units}
    assert len(names) == 9


def test_written_once(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    SyntheticHomographyDataset(2, data_root=root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert len(list(root.glob("homography-*"))) == 2


def test_every_setting_has_a_folder_of_its_own(tmp_path):
    def folder(*args, **kwargs):
        dataset = SyntheticHomographyDataset(*args, data_root=tmp_path, lazy_init=True, **kwargs)
        return dataset.data_root

    assert folder(2) == folder(2, keypoint_set="kp57")
    assert len({folder(2), folder(3), folder(2, "test"), folder(2, seed=1)}) == 4


def test_same_seed_same_files(root, tmp_path):
    other = SyntheticHomographyDataset(2, "valid", data_root=tmp_path)
    for i in range(2):
        path = Path(other.get_data_info(i)["img_path"])
        assert path.read_bytes() == (root / path.relative_to(tmp_path)).read_bytes()


def test_drawing_is_announced(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(SyntheticHomographyDataset, "export", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        SyntheticHomographyDataset(1234, data_root=tmp_path)
    assert "drawing 1234 synthetic frames into" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [({"split": "challenge"}, "train, valid, test"), ({"num_samples": 0}, "num_samples=0")],
)
def test_wrong_arguments(tmp_path, arguments, problem):
    with pytest.raises(ConfigError, match=problem):
        SyntheticHomographyDataset(data_root=tmp_path, **arguments)
