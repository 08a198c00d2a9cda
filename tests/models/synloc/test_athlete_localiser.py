from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from footmm.registry import MODELS
from footmm.structures.localised_athletes import LocalisedAthletes


class PerfectHead(torch.nn.Module):
    """Finds what is annotated, and a second time less sure, a little aside."""

    def predict(self, feats, batch_data_samples, test_cfg):
        return [self._found(sample.gt_instance_labels) for sample in batch_data_samples]

    def _found(self, labels):
        count = len(labels)
        return InstanceData(
            bboxes=labels.bboxes.repeat(2, 1),
            bbox_scores=torch.cat([torch.full((count,), 0.9), torch.full((count,), 0.5)]),
            keypoints=torch.cat([labels.keypoints, labels.keypoints + 0.005]),
            keypoint_scores=torch.ones(2 * count, 2),
        )


@pytest.fixture
def model(config):
    model = MODELS.build(config).eval()
    model.head = PerfectHead()
    return model


def test_puts_athletes_on_the_pitch(model, batch):
    for sample in model.predict(**model.data_preprocessor(batch)):
        athletes = LocalisedAthletes.from_sample(sample)
        truth = athletes.truth
        kept = [int(np.argmin(np.abs(truth.bboxes - box).sum(axis=1))) for box in athletes.bboxes]
        best = athletes.scores > 0.8
        found = np.array(kept)[best]
        assert len(set(found)) == best.sum() > 3
        assert np.abs(athletes.keypoints[best] - truth.keypoints[found]).max() < 0.05
        errors = np.linalg.norm(athletes.positions[best] - truth.positions[found], axis=1)
        assert errors.max() < 0.1
        assert np.allclose(athletes.positions_from_keypoint(1), athletes.positions)


def test_ground_nms_keeps_one_detection_of_each(model, batch):
    data = model.data_preprocessor(batch)
    with_doubles = [len(sample.pred_instances) for sample in model.predict(**data)]
    model.test_cfg.ground_nms_radius = 0.05
    without = model.predict(**data)
    assert with_doubles == [2 * len(sample.pred_instances) for sample in without]
    assert all((sample.pred_instances.bbox_scores > 0.8).all() for sample in without)


def test_mirrored_input_gives_the_same_boxes(model, batch):
    data = model.data_preprocessor(batch)
    expected = model.predict(**data)[0].pred_instances.bboxes
    sample = data["data_samples"][0]
    mirror = np.array([[-1.0, 0.0, 319.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    sample.set_metainfo({"image_homography": mirror @ sample.image_homography})
    labels = sample.gt_instance_labels
    labels.bboxes = labels.bboxes * torch.tensor([-1, 1, -1, 1]) + torch.tensor([319, 0, 319, 0])
    labels.bboxes = labels.bboxes[:, [2, 1, 0, 3]]
    labels.keypoints = labels.keypoints * torch.tensor([-1, 1]) + torch.tensor([319, 0])
    assert torch.allclose(model.predict(**data)[0].pred_instances.bboxes, expected, atol=1e-3)


def test_no_athletes(model, batch):
    data = model.data_preprocessor(batch)
    for sample in data["data_samples"]:
        sample.gt_instance_labels = sample.gt_instance_labels[:0]
    model.test_cfg.ground_nms_radius = 0.5
    assert len(model.predict(**data)[0].pred_instances) == 0
