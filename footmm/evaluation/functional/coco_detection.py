"""COCO's twelve figures of detected boxes, over all classes and of each class.

Source: ``COCOeval`` (bbox) of pycocotools 2.0.11, which these functions reproduce to 1e-9 on
faster-coco-eval: average precision at 101 recalls over ten IoU 0.50:0.05:0.95, with at most 100
detections of a class in an image. The corners of both:

* A figure over all classes leaves out the classes without truth. Where nothing is left to measure
  (no true object of a class or of a size) it is nan here, -1 in COCO.
* Small is up to 32², large from 96² square pixels of the image file, by the annotated area of a
  true object and the box of a detection; either limit belongs to both sides.
* Crowds, which take any number of detections, and objects of other sizes are only taken for want
  of others. Such a match counts neither as right nor as wrong, and no more does an unmatched
  detection whose own size is another.
* Detections of equal scores are ranked in the order of their images, then as listed in them. Of two
  objects at the same IoU the one listed later is taken.

Where the two libraries differ:

* No detection in any image is 0 here and in faster-coco-eval; ``loadRes`` of pycocotools fails.
* Annotations must not be numbered from below 1 (0 means unmatched in both, a negative number only
  in faster-coco-eval), and both take images of one id for one. We number images and annotations
  ourselves, so ids make no difference, not even those that frames of several videos share.
* A detection whose box holds nan matches any object in pycocotools and none in faster-coco-eval; a
  score that is nan comes last in pycocotools and is refused by faster-coco-eval. Both are refused
  here, and so is a label of no class, whose objects both libraries leave out in silence.
* Precision is taken with a divisor that is larger by 2e-16 in pycocotools.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from footmm.errors import DataFormatError
from footmm.structures.detected_objects import CLASSES, DetectedObjects

#: COCO's names: average precision (AP), over IoU 0.50:0.05:0.95 or at one IoU, and average recall
#: (AR) with the surest 1, 10, 100 detections of a class in an image; s, m, l are the sizes.
COCO_FIGURES = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)

#: Places of IoU 0.5 and 0.75 among the thresholds.
_IOU_50, _IOU_75 = 0, 5
#: Places of the sizes among the area ranges, whose first is all of them.
_SIZES = (1, 2, 3)


@dataclass(frozen=True)
class CocoScores:
    """COCO's figures of a data set, as fractions; nan where there is nothing to measure.

    Attributes:
        overall: By :data:`COCO_FIGURES`, the means over the classes that have truth.
        per_class: The same of each class, in the order of the labels.
    """

    overall: dict[str, float]
    per_class: tuple[dict[str, float], ...]


def coco_scores(images: Sequence[DetectedObjects], num_classes: int = len(CLASSES)) -> CocoScores:
    """Score the detections of a data set.

    Args:
        images: All of them annotated, in the order in which detections of equal scores are ranked;
            COCO's is that of the image ids.
        num_classes: Labels are below it.

    Raises:
        DataFormatError: There are no images, or one is as :func:`check_objects` refuses it.
    """
    if not images:
        raise DataFormatError("no images to score: COCO's figures are means over images")
    for image in images:
        check_objects(image, num_classes)
    evaluation = COCOeval_faster(
        _coco(_true_entries(images), len(images), num_classes),
        _coco(_found_entries(images), len(images), num_classes),
        "bbox",
        print_function=_say_nothing,
    )
    evaluation.evaluate()
    evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    classes = [slice(label, label + 1) for label in range(num_classes)]
    return CocoScores(
        _figures(precision, recall),
        tuple(_figures(precision[:, :, which], recall[:, which]) for which in classes),
    )


def check_objects(image: DetectedObjects, num_classes: int = len(CLASSES)) -> None:
    """Refuse an image that cannot be scored.

    Raises:
        DataFormatError: It is not annotated, its arrays do not fit each other, a score is nan, a
            box is not finite, or a label is outside of the classes.
    """
    truth = image.truth
    if truth is None:
        raise _refusal(image, "it is not annotated, so nothing can be scored")
    found = {"boxes": image.boxes, "labels": image.labels, "scores": image.scores}
    annotated = {
        "true boxes": truth.boxes,
        "true labels": truth.labels,
        "true areas": truth.areas,
        "true crowd": truth.crowd,
    }
    for arrays in (found, annotated):
        _check_shapes(image, arrays)
    if np.isnan(image.scores).any():
        raise _refusal(image, "a score is nan; the model diverged, or its checkpoint is damaged")
    for name, boxes in (("box", image.boxes), ("true box", truth.boxes)):
        if not np.isfinite(boxes).all():
            raise _refusal(image, f"a {name} holds nan or infinity")
    for name, labels in (("label", image.labels), ("true label", truth.labels)):
        outside = labels[(labels < 0) | (labels >= num_classes)]
        if len(outside):
            raise _refusal(
                image,
                f"the {name} {outside[0]} is outside of the {num_classes} classes (0 to "
                f"{num_classes - 1}); look at num_classes of the model and the dataset's classes",
            )


def _check_shapes(image: DetectedObjects, arrays: dict[str, np.ndarray]) -> None:
    count = len(next(iter(arrays.values())))
    for name, array in arrays.items():
        needed = (count, 4) if name.endswith("boxes") else (count,)
        if array.shape != needed:
            raise _refusal(image, f"{name} have the shape {array.shape}, need {needed}")


def _refusal(image: DetectedObjects, reason: str) -> DataFormatError:
    return DataFormatError(f"image {image.image_id} ({image.image_path}): {reason}")


def _coco(entries: Iterable[dict[str, Any]], num_images: int, num_classes: int) -> COCO:
    dataset = {
        "images": [{"id": number} for number in range(num_images)],
        "categories": [{"id": label} for label in range(num_classes)],
        "annotations": [{**entry, "id": number} for number, entry in enumerate(entries, start=1)],
    }
    return COCO(dataset, print_function=_say_nothing)


def _true_entries(images: Sequence[DetectedObjects]) -> Iterator[dict[str, Any]]:
    for number, image in enumerate(images):
        truth = image.truth
        columns = truth.labels, _corners_and_sizes(truth.boxes), truth.areas, truth.crowd
        for label, box, area, crowd in zip(*(column.tolist() for column in columns), strict=True):
            common = {"image_id": number, "category_id": label, "bbox": box}
            yield {**common, "area": area, "iscrowd": int(crowd)}


def _found_entries(images: Sequence[DetectedObjects]) -> Iterator[dict[str, Any]]:
    for number, image in enumerate(images):
        columns = image.labels, _corners_and_sizes(image.boxes), image.scores
        for label, box, score in zip(*(column.tolist() for column in columns), strict=True):
            common = {"image_id": number, "category_id": label, "bbox": box}
            yield {**common, "area": box[2] * box[3], "score": score}


def _corners_and_sizes(boxes: np.ndarray) -> np.ndarray:
    """Return left, top, width, height, ``(N, 4)``."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def _figures(precision: np.ndarray, recall: np.ndarray) -> dict[str, float]:
    """Take the means of COCO's tables, by :data:`COCO_FIGURES`.

    Args:
        precision: ``(T, R, K, A, M)``: IoUs, recalls, classes, area ranges, detections an image; -1
            where there is nothing to measure.
        recall: ``(T, K, A, M)``, likewise.
    """
    every = precision[..., 0, -1]
    values = (
        *(every, every[_IOU_50], every[_IOU_75]),
        *(precision[..., size, -1] for size in _SIZES),
        *np.moveaxis(recall[..., 0, :], -1, 0),
        *(recall[..., size, -1] for size in _SIZES),
    )
    return {name: _mean(value) for name, value in zip(COCO_FIGURES, values, strict=True)}


def _mean(values: np.ndarray) -> float:
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else math.nan


def _say_nothing(*_: object) -> None:
    """The library's way of printing."""
