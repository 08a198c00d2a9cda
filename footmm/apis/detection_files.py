"""Files of detected objects: one for trackers, one for evaluation and all the rest.

``detections.txt`` has MOT Challenge's columns, one object a line, without a head:

========== ========================================================================
frame      number of the frame, from 1
id         -1: not tracked
left, top  of the box, pixels; the image's own corner is (0, 0), as in SoccerNet's files
width      of the box, pixels
height     of the box, pixels
confidence score of the detector, 0 to 1
class      1 player, 2 ball, 3 referee
visibility -1: unknown
========== ========================================================================

``detections.json`` is COCO's: ``images`` (``id`` is the frame's number of ``detections.txt``,
``file_name``, ``width``, ``height``), ``categories`` (ids as above) and ``annotations`` with
``score``, which are a list of results as COCO's ``loadRes`` takes it. ``info`` tells whether all
frames were looked at (``complete``), and which could not be read and why (``unreadable``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.structures.detected_objects import CLASSES, DetectedObjects

_PIXEL_DIGITS, _SCORE_DIGITS = 2, 5


def write_mot(path: Path, frames: Sequence[DetectedObjects]) -> None:
    """Write the file for trackers.

    Args:
        path: The file.
        frames: What was found in each frame.
    """
    lines = [
        f"{frame.image_id},-1,{','.join(map(str, box))},{score},{category},-1\n"
        for frame in frames
        for box, score, category in _objects(frame)
    ]
    AtomicLocalBackend().put_text("".join(lines), path)


def write_coco(
    path: Path, frames: Sequence[DetectedObjects], unreadable: Mapping[str, str], complete: bool
) -> None:
    """Write COCO's file.

    Args:
        path: The file.
        frames: What was found in each frame.
        unreadable: Names of images that could not be read, and why.
        complete: Whether these are all frames.
    """
    objects = [(frame.image_id, *found) for frame in frames for found in _objects(frame)]
    content = {
        "info": {"complete": complete, "unreadable": dict(unreadable)},
        "images": [_image(frame) for frame in frames],
        "categories": [{"id": 1 + label, "name": name} for label, name in enumerate(CLASSES)],
        "annotations": [
            {
                "id": number,
                "image_id": image_id,
                "category_id": category,
                "bbox": box,
                "area": round(box[2] * box[3], _PIXEL_DIGITS),
                "iscrowd": 0,
                "score": score,
            }
            for number, (image_id, box, score, category) in enumerate(objects, start=1)
        ],
    }
    AtomicLocalBackend().put_text(json.dumps(content), path)


def _image(frame: DetectedObjects) -> dict[str, Any]:
    width, height = frame.image_size
    return {"id": frame.image_id, "file_name": frame.image_path, "width": width, "height": height}


def _objects(frame: DetectedObjects) -> Iterator[tuple[list[float], float, int]]:
    """Yield left, top, width and height, score and category of the objects of a frame."""
    for box, score, label in zip(frame.boxes, frame.scores, frame.labels, strict=True):
        left, top, right, bottom = box.tolist()
        sides = [left, top, right - left, bottom - top]
        yield (
            [round(side, _PIXEL_DIGITS) for side in sides],
            round(float(score), _SCORE_DIGITS),
            1 + int(label),
        )
