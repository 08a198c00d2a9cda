"""The calibration submission, from dumped predictions to the zip."""

from __future__ import annotations

import json
import pickle
import runpy
import zipfile
from pathlib import Path

import numpy as np
import pytest
from mmengine.evaluator import DumpResults, Evaluator
from mmpose.structures import PoseDataSample
from SoccerNet.Evaluation.CameraCalibration import evaluate

from footmm.pitch.camera import Camera
from footmm.simulation.export.soccernet_calibration import annotate_lines

SCRIPT = Path(__file__).parents[3] / "tools" / "data" / "make_calibration_submission.py"


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


def camera(pan: float = 0.2) -> Camera:
    return Camera.from_pan_tilt_roll((0.0, -60.0, 15.0), pan, 0.2, 0.01, 1500.0, (960, 540))


@pytest.fixture
def split(tmp_path):
    """Four annotated frames: two with a camera, one without, one that was not predicted."""
    folder = tmp_path / "test"
    folder.mkdir()
    for index in range(4):
        lines = annotate_lines(camera(0.1 * index))
        (folder / f"0000{index}.json").write_text(json.dumps(lines))
    (folder / "match_info.json").write_text("{}")
    return folder


def write_results(folder, predictions):
    samples = [{"sample_id": name, "pred_camera": value} for name, value in predictions]
    (folder / "results.pkl").write_bytes(pickle.dumps(samples))


def run(main, split, out="cameras.zip"):
    folder = split.parent
    main([str(folder / "results.pkl"), f"--images={split}", f"--out={folder / out}"])
    return folder / out


def refused(main, split, capsys):
    with pytest.raises(SystemExit) as caught:
        run(main, split)
    assert caught.value.code == 2
    assert not (split.parent / "cameras.zip").exists()
    return capsys.readouterr().err


def test_writes_what_the_official_evaluation_reads(main, split, capsys):
    """From tools/test.py's dump to the scores of the SoccerNet package."""
    samples = []
    for index in (2, 0, 1):
        sample = PoseDataSample(metainfo={"sample_id": f"0000{index}", "img_path": "x.jpg"})
        sample.pred_camera = None if index == 1 else camera(0.1 * index).to_soccernet()
        samples.append(sample)
    evaluator = Evaluator([DumpResults(str(split.parent / "results.pkl"))])
    evaluator.process(samples)
    evaluator.evaluate(len(samples))
    submission = run(main, split)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "completeness 0.500 of 4 frames: 1 without a camera, 1 not predicted"
    )
    with zipfile.ZipFile(submission) as archive:
        assert archive.namelist() == ["camera_00000.json", "camera_00002.json"]
        assert json.loads(archive.read("camera_00002.json")) == camera(0.2).to_soccernet()
    with zipfile.ZipFile(split.parent / "labels.zip", "w") as archive:
        for path in split.glob("0*.json"):
            archive.write(path, f"test/{path.name}")
    with np.errstate(all="ignore"):
        scores = evaluate(split.parent / "labels.zip", submission, threshold=5)
    assert (scores["completeness"], scores["meanAccuracies"]) == (0.5, 1)


def test_equal_cameras_make_equal_files(main, split):
    cameras = [(f"0000{index}", camera(0.1 * index).to_soccernet()) for index in range(3)]
    write_results(split.parent, cameras)
    first = run(main, split).read_bytes()
    write_results(split.parent, reversed(cameras))
    assert run(main, split, "again.zip").read_bytes() == first


def test_takes_arrays_and_images(main, split):
    arrays = {key: np.asarray(value) for key, value in camera().to_soccernet().items()}
    write_results(split.parent, [("00007", arrays)])
    (split / "00007.jpg").touch()
    with zipfile.ZipFile(run(main, split)) as archive:
        assert json.loads(archive.read("camera_00007.json")) == camera().to_soccernet()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_focal_length": -5.0}, "x_focal_length is -5.0, needs to be positive"),
        ({"y_focal_length": 0.0}, "y_focal_length is 0.0, needs to be positive"),
        ({"tilt_degrees": 200.0}, "tilt_degrees is 200.0, needs to be from -180 to 180"),
        ({"pan_degrees": float("nan")}, "pan_degrees is nan, not finite"),
        ({"position_meters": [0.0, float("inf"), 0.0]}, "position_meters is [0.0, inf, 0.0], not"),
        ({"position_meters": [0.0, 1.0]}, "position_meters has the shape (2,), needs (3,)"),
        ({"principal_point": "centre"}, "principal_point is 'centre', not numbers"),
        ({"roll_degrees": 3.0}, "rotation_matrix is up to 0.041 off the rotation by pan, tilt"),
        ({"lens": 1}, "the camera lacks [] and has the unknown keys ['lens']"),
    ],
)
def test_refuses_cameras_that_would_be_misread(main, split, capsys, changes, message):
    write_results(split.parent, [("00001", camera().to_soccernet() | changes)])
    error = refused(main, split, capsys)
    assert error.startswith("error: frame '00001': ")
    assert message in error


def test_refuses_a_camera_without_rotation_matrix(main, split, capsys):
    parameters = camera().to_soccernet()
    del parameters["rotation_matrix"]
    write_results(split.parent, [("00001", parameters)])
    assert "lacks ['rotation_matrix'] and has the unknown keys []" in refused(main, split, capsys)


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([("00001", None), ("00001", None)], "frame '00001' is predicted twice"),
        ([("00009", None)], "frame '00009' is predicted, but is not among the 4 frames"),
        ([("../0001", None)], "frame '../0001' is predicted, but is not among"),
        ([("00001", None)], "none of the 1 predictions has a camera"),
        ([("00001", 5.0)], "the camera is 5.0, not a dict"),
        ([], "none of the 0 predictions has a camera"),
    ],
)
def test_refuses_predictions_of_other_frames(main, split, capsys, predictions, message):
    write_results(split.parent, predictions)
    assert message in refused(main, split, capsys)


def test_refuses_other_folders(main, split, capsys):
    write_results(split.parent, [("00001", camera().to_soccernet())])
    assert "is no folder" in refused(main, split / "none", capsys)
    (split / "empty").mkdir()
    assert "holds no frames" in refused(main, split / "empty", capsys)


def test_refuses_other_files(main, split, capsys):
    (split.parent / "results.pkl").write_bytes(b"no pickle")
    assert "cannot read predictions" in refused(main, split, capsys)


@pytest.mark.realdata
def test_accepts_the_cameras_of_a_published_method(main, realdata, tmp_path, capsys):
    folder = realdata / "calibration_sn22"
    with zipfile.ZipFile(folder / "annotations.zip") as archive:
        archive.extractall(tmp_path / "test")
    with zipfile.ZipFile(folder / "cameras_pnlcalib.zip") as archive:
        cameras = {
            name[len("camera_") : -len(".json")]: json.loads(archive.read(name))
            for name in archive.namelist()
        }
    write_results(tmp_path, cameras.items())
    with zipfile.ZipFile(run(main, tmp_path / "test")) as archive:
        written = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    assert written == {f"camera_{name}.json": value for name, value in cameras.items()}
    assert "completeness 0.980 of 300 frames" in capsys.readouterr().out
