from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from footmm.apis.config import load_config
from footmm.apis.homography_inferencer import HomographyInferencer
from footmm.pitch.camera import Camera
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import MODELS
from footmm.structures.calibrated_frame import CalibratedFrame

ROOT = Path(__file__).resolve().parents[3]
CONFIG = str(ROOT / "configs" / "homography" / "resnet50_kp29.py")


class FakeInferencer(HomographyInferencer):
    """Sees every frame by the same camera, but black ones by none."""

    def __init__(self, config, checkpoint, device, smooth, pictures):
        self.writes_pictures = pictures

    def predict(self, source, batch_size, drawn):
        for frame in source:
            if frame.image[0, 0, 0] == 255:
                raise KeyboardInterrupt
            yield frame, calibrated(frame)


def calibrated(frame):
    keypoints = KEYPOINT_SETS["kp29"]
    height, width = frame.image.shape[:2]
    camera = Camera.look_at([0.0, -60.0, 18.0], [0.0, 0.0, 0.0], 1.2 * width, (width, height))
    found = frame.image[0, 0, 0] > 0
    return CalibratedFrame(
        name=frame.name,
        image_size=(width, height),
        camera=camera if found else None,
        homography=camera.homography().numpy() if found else None,
        confidence=0.5 if found else 0.0,
        failure=None if found else "it is black",
        keypoint_set=keypoints,
        keypoints=camera.project(keypoints.world()).numpy(),
        scores=np.zeros(len(keypoints)),
    )


@pytest.fixture
def run(tool, run_tool, monkeypatch):
    monkeypatch.setattr(tool, "HomographyInferencer", FakeInferencer)
    monkeypatch.setattr(tool, "load_config", lambda path, options: None)

    return partial(run_tool, tool, CONFIG)


def content(out):
    return json.loads((out / "cameras.json").read_text())


def test_a_folder_of_images(run, folder, capsys, files):
    code, out = run(folder)
    assert code == 0
    assert files(out) == [
        "cameras.json",
        *(f"overlays/{name}" for name in ("1.png", "10.png", "2.jpg")),
        *(f"top_views/{name}" for name in ("1.png", "10.png", "2.jpg")),
    ]
    assert cv2.imread(str(out / "overlays" / "1.png")).shape == (108, 192, 3)
    results = content(out)
    assert results["complete"]
    assert list(results["frames"]) == ["1.png", "2.jpg", "10.png"]
    assert results["frames"]["2.jpg"] == {
        "image_size": [192, 108],
        "camera": None,
        "homography": None,
        "confidence": 0.0,
        "failure": "it is black",
    }
    Camera.from_soccernet(results["frames"]["1.png"]["camera"])
    printed = capsys.readouterr().out.split("\n")
    assert [
        line.split()[-1] for line in printed if line.startswith(("frames", "calib", "median"))
    ] == [
        "3",
        "2",
        "0.50",
    ]


def test_a_video(run, video, files):
    code, out = run(video)
    assert code == 0
    assert files(out) == ["cameras.json", "overlay.mp4", "top_view.mp4"]
    video = cv2.VideoCapture(str(out / "overlay.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(12.0)
    assert list(content(out)["frames"]) == ["clip_000000", "clip_000001", "clip_000002"]


def test_squeezed_frames(run, tmp_path, image):
    source = tmp_path / "square.png"
    cv2.imwrite(str(source), image(90, (90, 90)))
    _, out = run(source, "--aspect-ratio", "16:9")
    assert content(out)["frames"]["square.png"]["image_size"] == [160, 90]


def test_unreadable_images_show_in_the_exit_code(run, folder, capsys):
    (folder / "3.png").write_bytes(b"broken")
    code, out = run(folder)
    assert code == 1
    assert list(content(out)["unreadable"]) == ["3.png"]
    assert len(content(out)["frames"]) == 3
    assert "3.png: the image cannot be read" in capsys.readouterr().out


def test_interrupted(run, folder, files, image):
    cv2.imwrite(str(folder / "2.jpg"), image(255))
    code, out = run(folder)
    assert code == 130
    assert not content(out)["complete"]
    assert list(content(out)["frames"]) == ["1.png"]
    assert files(out) == ["cameras.json", "overlays/1.png", "top_views/1.png"]


def test_foreign_folders_are_left_alone(run, folder, tmp_path, capsys, files):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("my own")
    code, out = run(folder)
    assert code == 2
    assert "holds files, and no cameras.json" in capsys.readouterr().err
    assert files(out) == ["thesis.txt"]
    assert run(folder, "--overwrite")[0] == 0
    assert run(folder)[0] == 0
    assert (out / "thesis.txt").read_text() == "my own"


def test_out_is_a_file(run, folder, tmp_path, capsys):
    (tmp_path / "out").write_text("")
    assert run(folder)[0] == 2
    assert "is no folder to write to" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["16:0", "wide", "-1", "inf"])
def test_wrong_aspect_ratio(run, folder, text):
    assert run(folder, f"--aspect-ratio={text}")[0] == 2


def test_the_shipped_config_with_untrained_weights(tool, folder, tmp_path):
    options = ["input_size=(64,96)"]
    config = load_config(CONFIG, {"input_size": (64, 96)})
    init_default_scope("footmm")
    weights = tmp_path / "weights.pth"
    torch.save(MODELS.build(config.model).state_dict(), weights)
    out = tmp_path / "out"
    arguments = [CONFIG, str(weights), str(folder), "--out", str(out), "--smooth"]
    tool.main([*arguments, "--batch-size", "2", "--device", "cpu", "--cfg-options", *options])
    assert list(content(out)["frames"]) == ["1.png", "2.jpg", "10.png"]
