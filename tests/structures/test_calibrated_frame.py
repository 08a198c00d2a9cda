from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from footmm.pitch.camera import Camera
from footmm.structures.calibrated_frame import CalibratedFrame, camera_for_image

CAMERA = Camera.look_at([0.0, -60.0, 18.0], [-20.0, 5.0, 0.0], 1400.0, (960, 540))


def predicted(camera=CAMERA, failure=None):
    sample = PoseDataSample(
        metainfo=dict(sample_id="a.jpg", ori_shape=(1080, 1920, 3), keypoint_set="kp29")
    )
    sample.pred_instances = InstanceData(
        keypoints=np.zeros((1, 29, 2), np.float32), keypoint_scores=np.ones((1, 29))
    )
    full = None if camera is None else camera.resized(1920, 1080).homography()
    sample.set_field(None if camera is None else camera.to_soccernet(), "pred_camera")
    sample.set_field(full, "pred_homography")
    sample.set_field(0.25, "pred_confidence")
    sample.set_field(failure, "pred_failure")
    return sample


def test_the_camera_is_for_the_frame():
    frame = CalibratedFrame.from_sample(predicted())
    assert frame.name == "a.jpg"
    assert frame.image_size == frame.camera.image_size == (1920, 1080)
    center = frame.camera.project([[-20.0, 5.0, 0.0]])
    np.testing.assert_allclose(center, [[959.5, 539.5]], atol=1e-9)
    mapped = frame.homography @ [-20.0, 5.0, 1.0]
    np.testing.assert_allclose(mapped[:2] / mapped[2], [959.5, 539.5], atol=1e-9)
    assert frame.keypoints.shape == (29, 2)
    assert frame.scores.shape == (29,)


def test_json_holds_the_camera_in_the_official_format():
    content = json.loads(json.dumps(CalibratedFrame.from_sample(predicted()).to_json()))
    assert content["image_size"] == [1920, 1080]
    assert content["camera"]["principal_point"] == pytest.approx([479.5, 269.5])
    assert content["camera"]["x_focal_length"] == pytest.approx(1400.0)
    assert np.shape(content["homography"]) == (3, 3)
    assert content["confidence"] == 0.25


def test_a_frame_without_camera():
    frame = CalibratedFrame.from_sample(predicted(None, "too little"))
    assert frame.camera is frame.homography is None
    content = frame.to_json()
    assert (content["camera"], content["homography"]) == (None, None)
    assert content["failure"] == "too little"


def test_camera_for_image():
    assert camera_for_image(None, (10, 10)) is None
    camera = camera_for_image(CAMERA.to_soccernet(), (480, 270))
    assert torch.allclose(
        camera.project([[-20.0, 5.0, 0.0]]), torch.tensor([239.5, 134.5]).double()
    )
