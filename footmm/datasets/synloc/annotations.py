"""The annotation files of Spiideo SynLoc: COCO json whose images carry their cameras."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footmm.datasets.base import read_json_object
from footmm.datasets.coco_json import (
    check_annotation,
    check_image,
    check_numbers,
    check_unique,
    integer,
    read_entries,
)
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera

CAMERA_KEYS = ("width", "height", "camera_matrix", "dist_poly", "undist_poly")
"""What describes the camera in an entry of ``images``."""

ANNOTATION_FILES = {
    "train": "train.json",
    "val": "val.json",
    "test": "test.json",
    "challenge_public": "challenge_public.json",
}
"""Annotation file by split, in the folder ``annotations``."""

IMAGE_FOLDERS = {
    "train": "train",
    "val": "val",
    "test": "test",
    "challenge_public": "challenge",
}
"""Folder of the images by split."""

KEYPOINT_NAMES = ("pelvis", "pelvis_ground")
"""The keypoints: the pelvis, and the ground straight below it."""

HOW_TO_GET = (
    "'tools/data/download.py synloc' fetches SynLoc into data/synloc (docs/data.md); archives that "
    "are there already are arranged by tools/data/prepare_synloc.py"
)

_HINT = f"is this one of SynLoc's annotation files ({', '.join(ANNOTATION_FILES.values())})?"


@dataclass(frozen=True)
class SynLocAnnotations:
    """The content of an annotation file, checked.

    Attributes:
        path: The file.
        images: Entries of its images: ``id``, ``file_name`` and :data:`CAMERA_KEYS`, the size
            being the one that everything is annotated for.
        annotations: Entries of the athletes by the id of their image, for every image: ``id``,
            ``bbox`` (left, top, width, height), ``keypoints`` ``(2, 3)`` (u, v, is visible),
            ``area`` (all in pixels of the annotated size) and ``position_on_pitch`` (metres,
            SynLoc's frame).
        is_annotated: False where the file gives cameras only, as that of the challenge does.
        category_ids: Ids of the categories.
    """

    path: Path
    images: tuple[dict[str, Any], ...]
    annotations: Mapping[int, list[dict[str, Any]]]
    is_annotated: bool
    category_ids: tuple[int, ...]


def read_synloc_annotations(path: str | os.PathLike[str]) -> SynLocAnnotations:
    """Read and check an annotation file.

    Args:
        path: E.g. ``annotations/train.json``.

    Raises:
        DatasetNotFoundError: The file is missing.
        DataFormatError: It is no such file, or an entry lacks a key, has a wrong value, or an id
            that is not unique or unknown.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetNotFoundError(f"{path} does not exist. {HOW_TO_GET}")
    content = read_json_object(path)
    images = read_entries(content, "images", path, _HINT)
    annotations: dict[int, list[dict[str, Any]]] = {}
    for image in images:
        image_id = _check_image(image, path)
        if image_id in annotations:
            raise DataFormatError(f"{path}: two images have the id {image_id}")
        annotations[image_id] = []
    athletes = []
    if content.get("annotations"):
        athletes = read_entries(content, "annotations", path, _HINT)
    check_unique((entry.get("id") for entry in athletes), "annotations", path)
    for athlete in athletes:
        _check_annotation(athlete, annotations, path)
        annotations[athlete["image_id"]].append(athlete)
    categories = read_entries(content, "categories", path, _HINT)
    ids = tuple(integer(category, "id", f"{path}: a category") for category in categories)
    return SynLocAnnotations(path, tuple(images), annotations, bool(athletes), ids)


def _check_image(image: dict[str, Any], path: Path) -> int:
    image_id = check_image(image, path)
    try:
        Camera.from_synloc(image)
    except DataFormatError as error:
        raise DataFormatError(f"{path}: image {image_id}: {error}") from error
    return image_id


def _check_annotation(entry: dict[str, Any], known: Mapping[int, Any], path: Path) -> None:
    place = check_annotation(entry, known, path)
    check_numbers(entry, "keypoints", (len(KEYPOINT_NAMES), 3), place)
    position = entry.get("position_on_pitch")
    length = 3 if isinstance(position, list) and len(position) == 3 else 2
    check_numbers(entry, "position_on_pitch", (length,), place)
    check_numbers(entry, "area", (), place)
