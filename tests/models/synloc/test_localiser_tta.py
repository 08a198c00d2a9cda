from __future__ import annotations

import numpy as np
import torch
from mmengine.structures import InstanceData

from footmm.models.synloc import LocaliserTTAModel
from footmm.models.synloc.localiser_tta import athlete_shares
from footmm.pitch.camera import Camera


def test_who_is_one_athlete():
    positions = torch.tensor(
        [[0.0, 0.0], [0.3, 0.0], [0.1, 0.0], [5.0, 5.0], [torch.nan, 0.0]], dtype=torch.float64
    )
    scores = torch.tensor([0.9, 0.4, 0.6, 0.8, 0.7])
    views = torch.tensor([0, 1, 1, 1, 0])
    shares = athlete_shares(positions, scores, views, radius=0.5)
    # Of the second view the nearer one joins the first; the other one stays by itself.
    expected = torch.zeros(4, 5, dtype=torch.float64)
    expected[0, [0, 2]] = scores[[0, 2]].double()
    expected[1, 3] = scores[3].double()
    expected[2, 4] = scores[4].double()
    expected[3, 1] = scores[1].double()
    assert torch.allclose(shares, expected)


def test_fuses_views(config, batch):
    model = LocaliserTTAModel(module=config, radius=1.0)
    sample = batch["data_samples"][0]
    camera = Camera.from_synloc(sample.camera)
    truth = sample.ground_truth_keypoints
    offsets = (-2.0, 2.0)
    views = [sample.clone() for _ in offsets]
    for view, offset in zip(views, offsets, strict=True):
        keypoints = torch.as_tensor(truth + np.array([0.0, offset]))
        view.pred_instances = InstanceData(
            bboxes=torch.as_tensor(sample.ground_truth_bboxes),
            bbox_scores=torch.full((len(truth),), 0.8),
            keypoints=keypoints,
            keypoint_scores=torch.ones(len(truth), 2),
            positions=camera.image_to_ground(keypoints[:, 1]),
        )
    (merged,) = model.merge_preds([views])
    found = merged.pred_instances
    distances = torch.cdist(found.keypoints[:, 1], torch.as_tensor(truth[:, 1]))
    both = torch.isclose(found.bbox_scores, torch.tensor(0.8))
    assert both.sum() > len(truth) / 2
    assert distances[both].amin(dim=1).max() < 0.1
    assert torch.allclose(camera.image_to_ground(found.keypoints[:, 1]), found.positions)
    assert (found.bbox_scores.diff() <= 0).all()


def test_no_detections_in_any_view(config, batch):
    model = LocaliserTTAModel(module=config)
    nothing = InstanceData(
        bboxes=torch.zeros(0, 4),
        bbox_scores=torch.zeros(0),
        keypoints=torch.zeros(0, 2, 2),
        keypoint_scores=torch.zeros(0, 2),
        positions=torch.zeros(0, 2, dtype=torch.float64),
    )
    views = [batch["data_samples"][0].clone() for _ in range(2)]
    for view in views:
        view.pred_instances = nothing
    assert len(model.merge_preds([views])[0].pred_instances) == 0
