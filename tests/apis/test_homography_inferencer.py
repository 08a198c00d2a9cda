from __future__ import annotations

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import nn

import footmm.apis
from footmm.apis.frames import FrameReader
from footmm.apis.homography_inferencer import HomographyInferencer
from footmm.errors import ConfigError, DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.camera_smoothing import CameraSmoothingSettings
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import MODELS


@MODELS.register_module()
class InferencerTestModel(BaseModel):
    """Reads the pan, in tenths of a degree, off the colour of an image; black has no camera."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.head = SimpleNamespace(keypoint_set=KEYPOINT_SETS["kp29"])
        self.batch_sizes = []

    def forward(self, inputs, data_samples, mode):
        self.batch_sizes.append(len(inputs))
        for image, sample in zip(inputs, data_samples, strict=True):
            assert image.shape == (3, 32, 64)
            assert not self.training
            assert not torch.is_grad_enabled()
            self.add_prediction(int(image[0, 0, 0]), sample)
        return data_samples

    def add_prediction(self, color, sample):
        sample.pred_instances = InstanceData(
            keypoints=np.zeros((1, 29, 2), np.float32), keypoint_scores=np.zeros((1, 29))
        )
        height, width = sample.ori_shape[:2]
        camera = camera_of(color)
        sample.set_field(camera.to_soccernet() if color else None, "pred_camera")
        full = camera.resized(width, height).homography() if color else None
        sample.set_field(full, "pred_homography")
        sample.set_field(0.8 if color else 0.0, "pred_confidence")
        sample.set_field(None if color else "it is black", "pred_failure")


def camera_of(color):
    pan = np.deg2rad(color / 10)
    return Camera.from_pan_tilt_roll([0.0, -60.0, 15.0], pan, 0.2, 0.0, 1500.0, (960, 540))


def pan_of(camera):
    return float(np.rad2deg(camera.pan_tilt_roll()[0]) * 10)


def image(color, size=(96, 54)):
    return np.full((size[1], size[0], 3), color, np.uint8)


def config(first="LoadImageFromFile"):
    pipeline = [
        dict(type=first),
        dict(type="PitchResize", size=(64, 32)),
        dict(type="PackPitchInputs"),
    ]
    return Config(dict(model=dict(type="InferencerTestModel"), test_pipeline=pipeline))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(InferencerTestModel().state_dict(), path)
    return path


@pytest.fixture
def make(checkpoint):
    def make(**options):
        return HomographyInferencer(config(), checkpoint, "cpu", **options)

    return make


def test_is_exported():
    assert footmm.apis.HomographyInferencer is HomographyInferencer


def test_an_image_without_annotation(make):
    (frame,) = make()(image(50, (192, 108)))
    assert frame.name == "image_000000"
    assert frame.image_size == frame.camera.image_size == (192, 108)
    assert pan_of(frame.camera) == pytest.approx(50)
    np.testing.assert_allclose(frame.homography, frame.camera.homography(), atol=1e-6)
    assert (frame.confidence, frame.failure) == (0.8, None)
    assert frame.keypoints.shape == (29, 2)


def test_a_folder_in_batches(make, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, color in enumerate((10, 0, 30)):
        cv2.imwrite(str(folder / f"{number}.png"), image(color))
    (folder / "1b.png").write_bytes(b"broken")
    inferencer, reader = make(), FrameReader(folder)
    frames = list(inferencer(reader, batch_size=2))
    assert [frame.name for frame in frames] == ["0.png", "1.png", "2.png"]
    assert [frame.camera is None for frame in frames] == [False, True, False]
    assert frames[1].failure == "it is black"
    assert inferencer.model.batch_sizes == [2, 1]
    assert [frame.name for frame in reader.unreadable] == ["1b.png"]


def test_frames_are_read_when_they_are_needed(make):
    inferencer = make()
    results = inferencer([image(10), image(20), image(30)])
    assert inferencer.model.batch_sizes == []
    next(results)
    assert inferencer.model.batch_sizes == [1]


def test_frames_with_their_results(make):
    reader = FrameReader([image(10), image(20)])
    for smooth in (False, True):
        pairs = list(make(smooth=smooth).predict(reader, batch_size=1, drawn=True))
        assert [frame.image[0, 0, 0] for frame, _ in pairs] == [10, 20]
        assert [round(pan_of(result.camera)) for _, result in pairs] == [10, 20]


@pytest.mark.parametrize("smooth", [False, True])
def test_results_are_written(make, tmp_path, smooth):
    found = list(make(smooth=smooth)([image(10), image(20)], out_dir=tmp_path / "out"))
    content = json.loads((tmp_path / "out" / "cameras.json").read_text())
    assert content["complete"]
    assert content["frames"] == {frame.name: frame.to_json() for frame in found}
    for folder in ("overlays", "top_views"):
        names = sorted(path.name for path in (tmp_path / "out" / folder).iterdir())
        assert names == ["image_000000.png", "image_000001.png"]


def test_smoothed_frames_are_read_again_to_be_drawn_only(make, tmp_path):
    class Counting(FrameReader):
        passes = 0

        def __iter__(self):
            self.passes += 1
            return super().__iter__()

    reader = Counting([image(10), image(20)])
    assert len(list(make(smooth=True)(reader))) == 2
    assert reader.passes == 1
    list(make(smooth=True)(reader, out_dir=tmp_path / "out"))
    assert reader.passes == 3
    stream = iter([image(10), image(20)])
    with pytest.raises(ConfigError, match="frames of an iterator are read once"):
        make(smooth=True)(stream, out_dir=tmp_path / "out")
    found = list(make(smooth=True, pictures=False)(stream, out_dir=tmp_path / "out"))
    assert [round(pan_of(frame.camera)) for frame in found] == [10, 20]


class TestSmoothing:
    def test_gaps_are_bridged(self, make):
        colors = [40, 41, 42, 0, 44, 45, 46]
        frames = list(make(smooth=True)([image(color) for color in colors]))
        assert [round(pan_of(frame.camera)) for frame in frames] == list(range(40, 47))
        assert frames[3].failure is None
        np.testing.assert_allclose(frames[3].homography, frames[3].camera.homography())

    def test_settings_and_rate(self, make):
        images = [image(color) for color in (40, 41, 42, 0, 44, 45, 46)]
        settings = CameraSmoothingSettings(max_gap=0.5)
        found = list(make(smooth=settings)(FrameReader(images, rate=1.0)))
        assert [frame.camera is None for frame in found] == [n == 3 for n in range(7)]

    def test_frames_of_different_sizes(self, make):
        with pytest.raises(DataFormatError, match="camera 1"):
            list(make(smooth=True)([image(10), image(11, (48, 27))]))


def test_wrong_pipeline(checkpoint):
    with pytest.raises(ConfigError, match="test_pipeline that begins with LoadImageFromFile"):
        HomographyInferencer(config("PitchResize"), checkpoint, "cpu")
