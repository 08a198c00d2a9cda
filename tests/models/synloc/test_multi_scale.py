from __future__ import annotations

import numpy as np
from mmengine.logging import MessageHub

from footmm.models.synloc import SyncRandomResize
from footmm.pitch.camera import Camera
from footmm.registry import MODELS


def test_labels_and_cameras_follow(config, batch):
    MessageHub.get_current_instance().update_info("iter", 0)
    data = MODELS.build(config.data_preprocessor)(batch, True)
    resize = SyncRandomResize(random_size_range=(256, 256), size_divisor=32, interval=1)
    inputs, samples = resize(data["inputs"], data["data_samples"])
    assert inputs.shape[-2:] == (192, 320)
    inputs, samples = resize(inputs, samples)
    assert inputs.shape[-2:] == (256, 416)
    for sample in samples:
        camera = Camera.from_synloc(sample.camera).warped(sample.image_homography, (416, 256))
        positions = sample.ground_truth_positions
        points = np.concatenate([positions, np.zeros((len(positions), 1))], axis=1)
        seen = camera.project(points).numpy()
        labels = sample.gt_instance_labels.keypoints[:, 1].numpy()
        assert len(labels) > 0
        distances = np.linalg.norm(seen[:, None] - labels, axis=-1).min(axis=0)
        assert distances.max() < 0.02
        assert sample.input_size == (416, 256)
