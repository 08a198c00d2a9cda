"""The players, balls and referees of an image: those that were found, and those that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmdet.structures import DetDataSample

from footmm.structures.samples import predicted_arrays, required

CLASSES = ("player", "ball", "referee")
"""In the order of their labels; goalkeepers are players."""

PLAYER, BALL, REFEREE = range(len(CLASSES))

_OTHER_NAMES = {
    "goalkeeper": PLAYER,
    "football": BALL,
    "soccer ball": BALL,
    "sports ball": BALL,
}


def label_of_name(name: str) -> int | None:
    """Return the label that a data set's name of a class means; None if it is none of ours.

    Capitals, underscores and a plural make no difference.
    """
    name = " ".join(name.lower().replace("_", " ").replace("-", " ").split())
    names = {own: label for label, own in enumerate(CLASSES)} | _OTHER_NAMES
    return names.get(name, names.get(name.removesuffix("s")))


@dataclass(frozen=True, eq=False)
class TrueObjects:
    """The annotated objects of an image; pixels are those of the image file.

    Attributes:
        boxes: ``(G, 4)``, left, top, right, bottom, pixels.
        labels: ``(G,)``, in :data:`CLASSES`.
        areas: ``(G,)``, as annotated, square pixels.
        crowd: ``(G,)``, whether a box stands for a crowd.
    """

    boxes: np.ndarray
    labels: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray

    @classmethod
    def from_instances(cls, instances: Sequence[Mapping[str, Any]]) -> TrueObjects:
        """Read mmdet's ``instances``; where one has no ``area``, it is that of its box."""
        boxes = np.array([entry["bbox"] for entry in instances], float).reshape(-1, 4)
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        pairs = zip(instances, sizes, strict=True)
        return cls(
            boxes,
            np.array([entry["bbox_label"] for entry in instances], np.int64),
            np.array([entry.get("area", size) for entry, size in pairs], float),
            np.array([bool(entry.get("ignore_flag", 0)) for entry in instances], bool),
        )


@dataclass(frozen=True, eq=False)
class DetectedObjects:
    """What was found in an image; pixels are those of the image file.

    Attributes:
        image_id: Of the annotation file; for frames of a video their number.
        image_path: The image file, or the name of the frame.
        image_size: Width and height, pixels.
        boxes: ``(D, 4)``, left, top, right, bottom, pixels.
        scores: ``(D,)``, 0 to 1, falling.
        labels: ``(D,)``, in :data:`CLASSES`.
        truth: The annotated objects; None where the image is not annotated.
    """

    image_id: int
    image_path: str
    image_size: tuple[int, int]
    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    truth: TrueObjects | None = None

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any] | DetDataSample) -> DetectedObjects:
        """Read the predictions of a detector, and mmdet's ``instances`` where they are packed.

        Raises:
            DataFormatError: The sample lacks a key, or its arrays do not fit each other.
        """
        found = predicted_arrays(sample, {"bboxes": (4,), "scores": (), "labels": ()})
        height, width = required(sample, "ori_shape")[:2]
        scores = found["scores"]
        order = np.argsort(-scores, kind="stable")
        instances = sample.get("instances")
        return cls(
            int(required(sample, "img_id")),
            str(required(sample, "img_path")),
            (int(width), int(height)),
            found["bboxes"][order],
            scores[order],
            found["labels"].astype(np.int64)[order],
            None if instances is None else TrueObjects.from_instances(instances),
        )
