"""Hawk-Eye's ball."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from footmm.datasets.ball3d import HawkEyeBallDataset, read_hawkeye_ball
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError


def content(positions: np.ndarray, time: np.ndarray) -> str:
    samples = [
        {"pos": position, "time": at}
        for position, at in zip(positions.tolist(), time.tolist(), strict=True)
    ]
    return json.dumps({"samples": {"ball": samples}})


def test_files_and_zips_are_read_and_cut_at_gaps(tmp_path):
    positions = np.arange(30.0).reshape(10, 3)
    time = np.arange(10) / 50.0
    time[6:] += 1.0
    plain, archive = tmp_path / "a.samples.ball", tmp_path / "a.zip"
    plain.write_text(content(positions, time))
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(plain, "inner/a.samples.ball")
    for path in (plain, archive):
        runs = read_hawkeye_ball(path)
        assert [len(run) for run in runs] == [6, 4]
        assert np.array_equal(np.concatenate(runs), positions)


def test_wrong_files_are_named(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"none\.zip.*kloppy"):
        read_hawkeye_ball(tmp_path / "none.zip")
    for wrong_content in ("{}", "no json", '{"samples": {"ball": [{"time": 1}]}}'):
        wrong = tmp_path / "b.samples.ball"
        wrong.write_text(wrong_content)
        with pytest.raises(DataFormatError, match=r"b\.samples\.ball"):
            read_hawkeye_ball(wrong)
    with zipfile.ZipFile(tmp_path / "c.zip", "w"):
        pass
    with pytest.raises(DataFormatError, match=r"c\.zip"):
        read_hawkeye_ball(tmp_path / "c.zip")


def test_windows_of_a_ball_are_filmed(tmp_path):
    time = np.arange(120) / 50.0
    positions = np.column_stack([10.0 * time, 2.0 * time, 0.11 + 5 * time - 2 * time**2])
    path = tmp_path / "a.samples.ball"
    path.write_text(content(positions, time))
    dataset = HawkEyeBallDataset(path, num_frames=30, num_future=10, stride=10)
    assert len(dataset) == 3
    sample = dataset[1]
    assert np.allclose(sample["positions"], positions[20:80:2], atol=1e-5)
    assert np.allclose(sample["velocities"][1:-1, 0], 10.0, atol=1e-3)
    assert not sample["has_mode"].any()
    assert sample["has_position"].all()
    assert sample["visible"].mean() >= 0.5
    again = HawkEyeBallDataset(path, num_frames=30, num_future=10, stride=10)[1]
    assert np.array_equal(again["true_points"], sample["true_points"])
    with pytest.raises(DataFormatError, match="no run of 60 frames"):
        HawkEyeBallDataset(path, num_frames=60)
    with pytest.raises(ConfigError, match="50 a multiple of rate"):
        HawkEyeBallDataset(path, rate=30.0)


@pytest.mark.realdata
def test_real_minute_gives_windows(realdata):
    path = realdata / "ball3d" / "hawkeye.zip"
    expected = json.loads((realdata / "ball3d" / "expected.json").read_text())
    (run,) = read_hawkeye_ball(path)
    assert len(run) == expected["n_samples"]
    assert np.allclose(run.min(0), expected["pos_min"])
    assert np.allclose(run.max(0), expected["pos_max"])
    dataset = HawkEyeBallDataset(path, stride=500, pitch_size=(104.0, 67.0))
    assert len(dataset) == 3
    assert dataset[2]["visible"].mean() >= 0.5
