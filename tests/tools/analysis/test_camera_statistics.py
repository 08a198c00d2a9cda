from __future__ import annotations

import json
import math
import zipfile

import numpy as np
import pytest

from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera


def _camera(pan=10.0, height=15.0, focal_length=2000.0):
    return Camera.from_pan_tilt_roll(
        [1.0, -60.0, height],
        math.radians(pan),
        math.radians(12.0),
        math.radians(0.5),
        focal_length,
        (960, 540),
    )


def _write(folder, cameras):
    folder.mkdir(parents=True)
    for number, camera in enumerate(cameras):
        path = folder / f"camera_{number:05d}.json"
        path.write_text(json.dumps(camera.to_soccernet()), encoding="utf-8")
    return folder


def test_measures_are_in_metres_degrees_and_pixels_of_960(tool):
    measures = tool.measure(Camera.stack([_camera().resized(1920, 1080)]))
    expected = (1, 60, 15, 14.036, 10, 12, 0.5, 2000, 26.991, 34.630)
    assert [float(values[0]) for values in measures.values()] == pytest.approx(expected, abs=1e-3)


def test_cameras_that_see_no_ground_have_no_view_width(tool):
    sky = Camera.from_pan_tilt_roll([0.0, -60.0, 15.0], 0.0, -0.1, 0.0, 2000.0, (960, 540))
    *_, width = tool.measure(Camera.stack([_camera(), sky])).values()
    assert width.shape == (1,)


def test_folders_and_zip_files_hold_the_same_cameras(tool, tmp_path):
    folder = _write(tmp_path / "predictions", [_camera(pan) for pan in (-5.0, 5.0)])
    (folder / "00000.json").write_text("{}", encoding="utf-8")  # annotations lie beside them
    with zipfile.ZipFile(tmp_path / "cameras.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"test/{path.name}")
    pans = [
        [float(camera.pan_tilt_roll()[0].rad2deg()) for camera in tool.read_cameras(source)]
        for source in (folder, tmp_path / "cameras.zip")
    ]
    assert pans[0] == pytest.approx([-5.0, 5.0])
    assert pans[1] == pans[0]


def test_missing_and_damaged_cameras_are_named(tool, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no cameras in .*nowhere"):
        tool.read_cameras(tmp_path / "nowhere")
    folder = _write(tmp_path / "damaged", [_camera()])
    (folder / "camera_00000.json").write_text('{"pan_degrees": 3}', encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"camera_00000.json: the camera has no"):
        tool.read_cameras(folder)
    (folder / "camera_00000.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataFormatError, match=r"camera_00000.json: Expecting"):
        tool.read_cameras(folder)


def test_prints_real_beside_simulated(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "MATCH_SECONDS", 4.0)
    folder = _write(tmp_path / "real", [_camera(height=height) for height in (10.0, 15.0, 20.0)])
    tool.main([str(folder), "--num", "3", "--seed", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert "real, 3 frames" in lines[0]
    assert "simulated, 6 frames of 3 cameras" in lines[0]
    assert lines[1].split() == ["2%", "25%", "50%", "75%", "98%"] * 2
    height = next(line for line in lines if line.startswith("height"))
    values = np.array(height.removeprefix("height (m)").split(), float)
    assert values[:5] == pytest.approx([10.2, 12.5, 15.0, 17.5, 19.8])
    assert (values[5:] >= 9.37).all()
    assert (values[5:] <= 24.24).all()


def test_no_cameras_to_simulate(tool, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        tool.main([str(tmp_path), "--num", "0"])
    assert stop.value.code == 2
    assert "--num 0" in capsys.readouterr().err
