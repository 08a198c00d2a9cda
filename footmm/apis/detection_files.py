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
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from footmm.apis.growing_files import growing_file
from footmm.structures.detected_objects import CLASSES, DetectedObjects

#: Takes what was found in a frame.
WriteObjects = Callable[[DetectedObjects], None]

_PIXEL_DIGITS, _SCORE_DIGITS = 2, 5


@contextmanager
def growing_mot(path: Path) -> Iterator[WriteObjects]:
    """Write the file for trackers, frame by frame; it is there when the context ends.

    Args:
        path: The file.

    Yields:
        What writes the objects of a frame.
    """
    with growing_file(path) as file:

        def write(frame: DetectedObjects) -> None:
            for box, score, category in _objects(frame):
                sides = ",".join(map(str, box))
                file.write(f"{frame.image_id},-1,{sides},{score},{category},-1\n")

        yield write


@contextmanager
def growing_coco(
    path: Path, report: Callable[[], Mapping[str, Mapping[str, str]]]
) -> Iterator[WriteObjects]:
    """Write COCO's file, frame by frame; it is there when the context ends.

    Args:
        path: The file.
        report: Tells at the end which images could not be read, under ``unreadable``.

    Yields:
        What writes the objects of a frame.
    """
    categories = [{"id": 1 + label, "name": name} for label, name in enumerate(CLASSES)]
    # The list of images is followed by that of their objects, which grow together.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as objects:

        def finish(file: TextIO, complete: bool) -> None:
            file.write('], "annotations": [')
            objects.seek(0)
            shutil.copyfileobj(objects, file)
            file.write(f'], "info": {json.dumps({"complete": complete, **report()})}}}')

        with growing_file(path, finish) as file:
            file.write(f'{{"categories": {json.dumps(categories)}, "images": [')
            images, annotations = _Listed(file), _Listed(objects)

            def write(frame: DetectedObjects) -> None:
                images.write(_image(frame))
                for box, score, category in _objects(frame):
                    annotations.write(
                        {
                            "id": annotations.count + 1,
                            "image_id": frame.image_id,
                            "category_id": category,
                            "bbox": box,
                            "area": round(box[2] * box[3], _PIXEL_DIGITS),
                            "iscrowd": 0,
                            "score": score,
                        }
                    )

            yield write


class _Listed:
    """Entries of a json list in a file."""

    def __init__(self, file: TextIO) -> None:
        self.file, self.count = file, 0

    def write(self, entry: Mapping[str, Any]) -> None:
        self.file.write((",\n" if self.count else "\n") + json.dumps(entry))
        self.count += 1


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
