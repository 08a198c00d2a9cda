from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch

from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import STRAIGHT_LINE_CLASSES, PitchDimensions, Segment
from footmm.pitch.keypoints import KEYPOINT_SETS, PUBLISHED_NUMBERS

CAMERA = Camera.look_at([2.0, -68.0, 17.0], [-36.0, 2.0, 0.0], 1800.0, (960, 540), roll=0.005)
YARDS = np.diag([1.09361, 1.09361, 1.0]) @ [[1, 0, 52.5], [0, -1, 34], [0, 0, 1]]


def seen_ends():
    """The ends, as shares of 960 x 540, of the part of each straight line that is in view."""
    lines = {}
    for name, marking in PitchDimensions().markings.items():
        points = marking.sample(0.2)
        pixels = CAMERA.project(points)[CAMERA.visible(points)].numpy()
        if isinstance(marking, Segment) and len(pixels) > 5:
            lines[name] = pixels[[0, -1]]
    return lines


def write_detections(path):
    keypoints = KEYPOINT_SETS["kp57"]
    pixels, visible = CAMERA.project(keypoints.world()), CAMERA.visible(keypoints.world())
    points = {
        str(PUBLISHED_NUMBERS[name]): {"x": float(u) / 960, "y": float(v) / 540, "p": 0.7}
        for name, (u, v), seen in zip(keypoints.names, pixels, visible, strict=True)
        if seen
    }
    lines = {
        str(1 + STRAIGHT_LINE_CLASSES.index(name)): {
            **{f"x_{end}": ends[end - 1][0] / 960 for end in (1, 2)},
            **{f"y_{end}": ends[end - 1][1] / 540 for end in (1, 2)},
            **{f"p_{end}": 0.6 for end in (1, 2)},
        }
        for name, ends in seen_ends().items()
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("test/10.json", json.dumps({"kp": points, "lines": lines}))
        archive.writestr("test/11.json", json.dumps([points]))
        archive.writestr("test/12.json", json.dumps([{}]))


def write_annotations(folder):
    folder.mkdir()
    for frame in ("10", "11", "12"):
        lines = {
            name.replace("left post left", "left post left "): [
                {"x": u / 959, "y": v / 539} for u, v in ends
            ]
            for name, ends in seen_ends().items()
        }
        lines["Line unknown"] = [{"x": 0.1, "y": 0.2}]
        (folder / f"{frame}.json").write_text(json.dumps(lines), encoding="utf-8")


def write_truth(folder):
    """Homographies from images of 1280 x 720 to yards, known up to a factor."""
    folder.mkdir()
    larger = np.diag([4 / 3, 4 / 3, 1.0]) @ CAMERA.homography().numpy()
    to_yards = -YARDS @ np.linalg.inv(larger)
    for frame in ("10", "11"):
        np.savetxt(folder / f"{frame}.homographyMatrix", to_yards)
    matrix = np.linalg.inv(to_yards).tolist()
    return {"homographies": {"10": matrix, "11": matrix}}


@pytest.fixture
def files(tmp_path):
    write_detections(tmp_path / "keypoints.zip")
    write_annotations(tmp_path / "annotations")
    truth = write_truth(tmp_path / "truth")
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    return tmp_path


def rows(text):
    """Title to number of what the tool prints."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.strip().rpartition(" ")
        found[name.strip()] = value
    return found


@pytest.mark.parametrize("truth", ["truth", "truth.json"])
def test_detections(tool, files, capsys, truth):
    tool.main(
        [
            *("--detections", str(files / "keypoints.zip"), "--failures"),
            *("--annotations", str(files / "annotations")),
            *("--homographies", str(files / truth)),
        ]
    )
    printed = capsys.readouterr().out
    found = rows(printed)
    assert found["frames"] == "3"
    assert found["completeness"] == "0.6667"
    assert float(found["IoU whole, mean"]) > 0.98
    assert float(found["IoU part, mean"]) > 0.98
    assert float(found["JaC@20"]) > 0.75
    assert "12: too little of the pitch was found" in printed


def test_annotations(tool, files, capsys):
    tool.main(["--annotations", str(files / "annotations")])
    found = rows(capsys.readouterr().out)
    assert (found["frames"], found["completeness"]) == ("3", "1.0000")
    assert "IoU part, mean" not in found


def test_read_detections(tool, files):
    frames = tool.read_detections(files / "keypoints.zip")
    keypoints = KEYPOINT_SETS["kp57"]
    visible = CAMERA.visible(keypoints.world()).numpy()
    np.testing.assert_allclose(
        frames["10"].keypoints[visible], CAMERA.project(keypoints.world()).numpy()[visible]
    )
    np.testing.assert_array_equal(frames["10"].scores, np.where(visible, 0.7, 0.0))
    assert np.isnan(frames["10"].keypoints[~visible]).all()
    assert frames["10"].lines.keys() == seen_ends().keys()
    np.testing.assert_allclose(frames["10"].lines["Side line left"], seen_ends()["Side line left"])
    assert frames["11"].lines == {}


def test_read_homographies(tool, files):
    larger = np.diag([4 / 3, 4 / 3, 1.0]) @ CAMERA.homography().numpy()
    for source in ("truth", "truth.json"):
        found = tool.read_homographies(files / source)["11"]
        np.testing.assert_allclose(
            found / np.linalg.norm(found), larger / np.linalg.norm(larger), atol=1e-9
        )
    assert torch.det(torch.from_numpy(found)) < 0


def test_errors_name_the_file(tool, files, capsys):
    (files / "annotations" / "11.json").write_text('{"Midle line": [{"x": 0, "y": 0}]}')
    with pytest.raises(DataFormatError, match=r"11\.json: unknown line class 'Midle line'"):
        tool.read_annotations(files / "annotations")
    (files / "annotations" / "11.json").write_text('{"Middle line": [{"x": 0}]}')
    with pytest.raises(DataFormatError, match=r"11\.json: .Middle line. is .*not a list of points"):
        tool.read_annotations(files / "annotations")
    (files / "annotations" / "11.json").write_text("{")
    with pytest.raises(DataFormatError, match=r"11\.json: Expecting"):
        tool.read_annotations(files / "annotations")
    for read in (tool.read_annotations, tool.read_homographies):
        with pytest.raises(DatasetNotFoundError, match="nowhere"):
            read(files / "nowhere")
    with pytest.raises(SystemExit):
        tool.main([])
    assert "nothing to do" in capsys.readouterr().err
