from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from footmm.datasets.synloc import SynLocDataset
from footmm.datasets.transforms import LoadSynLocImage, PackSynLocInputs
from footmm.errors import DataFormatError
from footmm.structures.localised_athletes import AthleteTruth, LocalisedAthletes


@pytest.fixture
def sample(synloc_root):
    """A frame in which what is annotated was found."""
    pipeline = [LoadSynLocImage(), PackSynLocInputs()]
    sample = SynLocDataset(synloc_root, pipeline=pipeline, test_mode=True)[0]["data_samples"]
    count = len(sample.ground_truth_ids)
    sample.pred_instances = InstanceData(
        bboxes=torch.as_tensor(sample.ground_truth_bboxes).float(),
        bbox_scores=torch.linspace(0.9, 0.1, count),
        keypoints=torch.as_tensor(sample.ground_truth_keypoints),
        keypoint_scores=torch.ones(count, 2),
        positions=torch.as_tensor(sample.ground_truth_positions),
    )
    return sample


@pytest.mark.parametrize("form", ["data sample", "dict"])
def test_reads_predictions_and_truth(sample, form):
    athletes = LocalisedAthletes.from_sample(sample if form == "data sample" else sample.to_dict())
    assert athletes.image_id == 0
    assert athletes.camera.image_size == (3840, 2160)
    assert np.array_equal(athletes.positions, athletes.truth.positions)
    assert athletes.scores.dtype == athletes.bboxes.dtype == np.float64
    assert athletes.truth.crowd.dtype == bool


def test_places_on_the_pitch(sample):
    athletes = LocalisedAthletes.from_sample(sample)
    ground = athletes.positions_from_keypoint()
    assert np.abs(ground - athletes.truth.positions).max() < 0.06
    pelvis = athletes.positions_from_keypoint(0)
    assert np.linalg.norm(pelvis - athletes.truth.positions, axis=1).min() > 0.5
    left, _, right, bottom = athletes.bboxes[0]
    (expected,) = athletes.camera.image_to_ground([[(left + right) / 2, bottom]]).numpy()
    assert np.allclose(athletes.positions_from_boxes()[0], expected)


def test_frame_that_is_not_annotated(sample):
    sample.set_metainfo({"ground_truth_positions": None})
    assert AthleteTruth.from_sample(sample) is None


@pytest.mark.parametrize("key", ["camera", "pred_instances", "ground_truth_areas"])
def test_what_is_missing_is_named(sample, key):
    content = sample.to_dict()
    del content[key]
    with pytest.raises(DataFormatError, match=f"sample 0 .* has no '{key}'"):
        LocalisedAthletes.from_sample(content)


def test_no_detections(sample):
    sample.pred_instances = sample.pred_instances[:0]
    athletes = LocalisedAthletes.from_sample(sample)
    assert athletes.positions_from_boxes().shape == (0, 2)
    assert athletes.keypoints.shape == (0, 2, 2)
