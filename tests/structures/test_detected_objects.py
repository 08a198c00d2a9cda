from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from footmm.errors import DataFormatError
from footmm.simulation.export.coco import CATEGORIES
from footmm.structures.detected_objects import (
    BALL,
    CLASSES,
    PLAYER,
    REFEREE,
    DetectedObjects,
    TrueObjects,
    label_of_name,
)

FOUND = InstanceData(
    bboxes=torch.tensor([[0.0, 0.0, 10.0, 20.0], [5.0, 5.0, 9.0, 9.0]]),
    scores=torch.tensor([0.25, 0.75]),
    labels=torch.tensor([PLAYER, BALL]),
)


def sample(**metainfo) -> DetDataSample:
    given = dict(img_id=7, img_path="a/frame.jpg", ori_shape=(90, 160)) | metainfo
    return DetDataSample(metainfo=given, pred_instances=FOUND)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("player", PLAYER),
        ("Goalkeepers", PLAYER),
        ("football", BALL),
        ("Soccer-Ball", BALL),
        ("sports_ball", BALL),
        ("REFEREE", REFEREE),
        ("person", None),
        ("", None),
    ],
)
def test_names_of_classes(name, label):
    assert label_of_name(name) == label


def test_classes_are_those_of_the_synthetic_frames():
    assert CLASSES == CATEGORIES


def test_from_sample_sorts_by_score():
    found = DetectedObjects.from_sample(sample())
    assert (found.image_id, found.image_path, found.image_size) == (7, "a/frame.jpg", (160, 90))
    assert found.scores.tolist() == [0.75, 0.25]
    assert found.labels.tolist() == [BALL, PLAYER]
    assert found.boxes.tolist() == [[5.0, 5.0, 9.0, 9.0], [0.0, 0.0, 10.0, 20.0]]
    assert found.boxes.dtype == np.float64
    assert found.truth is None


def test_from_sample_reads_what_was_dumped():
    dumped = sample().to_dict() | {"pred_instances": FOUND.to_dict()}
    assert DetectedObjects.from_sample(dumped).scores.tolist() == [0.75, 0.25]


def test_truth_takes_the_area_of_the_box_where_there_is_none():
    box = [1.0, 2.0, 4.0, 6.0]
    truth = TrueObjects.from_instances(
        [
            dict(bbox=box, bbox_label=BALL, ignore_flag=1),
            dict(bbox=box, bbox_label=PLAYER, area=5.5),
        ]
    )
    assert truth.areas.tolist() == [12.0, 5.5]
    assert truth.crowd.tolist() == [True, False]
    assert truth.labels.tolist() == [BALL, PLAYER]


def test_image_without_objects_is_annotated_all_the_same():
    truth = DetectedObjects.from_sample(sample(instances=[])).truth
    assert truth is not None
    assert truth.boxes.shape == (0, 4)


def test_missing_key_is_named():
    with pytest.raises(DataFormatError, match=r"sample 7 \(a/frame.jpg\) has no 'pred_instances'"):
        DetectedObjects.from_sample(DetDataSample(metainfo=sample().metainfo))
