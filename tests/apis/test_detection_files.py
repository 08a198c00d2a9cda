from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from footmm.apis.detection_files import growing_coco, growing_mot
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE, DetectedObjects


def objects(number, *found):
    boxes, scores, labels = zip(*found, strict=True) if found else ((), (), ())
    return DetectedObjects(
        image_id=number,
        image_path=f"{number}.png",
        image_size=(192, 108),
        boxes=np.array(boxes, float).reshape(-1, 4),
        scores=np.array(scores, float),
        labels=np.array(labels, np.int64),
    )


@pytest.fixture
def frames():
    return [
        objects(1, ((10, 20, 40.004, 80.5), 0.9, PLAYER), ((5, 6, 8, 9), 1 / 3, BALL)),
        objects(2),
        objects(4, ((0.126, 0, 10, 30), 0.5, REFEREE)),
    ]


def write_all(context, frames, error=None):
    with context as write:
        for frame in frames:
            write(frame)
        if error is not None:
            raise error


def test_mot(frames, tmp_path):
    path = tmp_path / "detections.txt"
    write_all(growing_mot(path), frames)
    assert path.read_text().splitlines() == [
        "1,-1,10.0,20.0,30.0,60.5,0.9,1,-1",
        "1,-1,5.0,6.0,3.0,3.0,0.33333,2,-1",
        "4,-1,0.13,0.0,9.87,30.0,0.5,3,-1",
    ]
    assert np.loadtxt(path, delimiter=",").shape == (3, 9)
    write_all(growing_mot(path), [])
    assert path.read_text() == ""


def test_coco(frames, tmp_path):
    path = tmp_path / "detections.json"
    report = lambda: {"unreadable": {"3.png": "it is empty"}}  # noqa: E731
    with pytest.raises(KeyboardInterrupt):
        write_all(growing_coco(path, report), frames, KeyboardInterrupt)
    content = json.loads(path.read_text())
    assert content["info"] == {"complete": False, "unreadable": {"3.png": "it is empty"}}
    assert content["images"] == [
        {"id": number, "file_name": f"{number}.png", "width": 192, "height": 108}
        for number in (1, 2, 4)
    ]
    assert content["categories"] == [
        {"id": 1, "name": "player"},
        {"id": 2, "name": "ball"},
        {"id": 3, "name": "referee"},
    ]
    assert content["annotations"][0] == {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10.0, 20.0, 30.0, 60.5],
        "area": 1815.0,
        "iscrowd": 0,
        "score": 0.9,
    }


def test_coco_without_frames(tmp_path):
    write_all(growing_coco(tmp_path / "detections.json", dict), [])
    content = json.loads((tmp_path / "detections.json").read_text())
    assert (content["images"], content["annotations"]) == ([], [])
    assert content["info"] == {"complete": True}


def test_coco_reads_it_as_labels_and_as_results(frames, tmp_path):
    path = tmp_path / "detections.json"
    write_all(growing_coco(path, dict), frames)
    labels = COCO(str(path))
    results = labels.loadRes(json.loads(path.read_text())["annotations"])
    assert labels.getImgIds() == [1, 2, 4]
    assert [len(results.getAnnIds(number)) for number in (1, 2, 4)] == [2, 0, 1]
    (referee,) = results.loadAnns(results.getAnnIds(4))
    assert (referee["category_id"], referee["score"]) == (3, 0.5)
