"""The annotation files of Spiideo SynLoc: COCO json whose images carry their cameras."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from footmm.datasets.base import read_json_object
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
    "Get SynLoc with SoccerNet's Downloader (task 'SpiideoSynLoc') and arrange it with "
    "tools/data/prepare_synloc.py"
)


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
    images = _entries(content, "images", path)
    annotations: dict[int, list[dict[str, Any]]] = {}
    for image in images:
        image_id = _check_image(image, path)
        if image_id in annotations:
            raise DataFormatError(f"{path}: two images have the id {image_id}")
        annotations[image_id] = []
    athletes = _entries(content, "annotations", path) if content.get("annotations") else []
    _check_unique((entry.get("id") for entry in athletes), path)
    for athlete in athletes:
        _check_annotation(athlete, annotations, path)
        annotations[athlete["image_id"]].append(athlete)
    categories = _entries(content, "categories", path)
    ids = tuple(_integer(category, "id", f"{path}: a category") for category in categories)
    return SynLocAnnotations(path, tuple(images), annotations, bool(athletes), ids)


def _entries(content: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    entries = content.get(key)
    if not isinstance(entries, list) or not entries:
        raise DataFormatError(
            f"{path}: '{key}' is {str(entries)[:40]}, not a list with entries; is this one of "
            f"SynLoc's annotation files ({', '.join(ANNOTATION_FILES.values())})?"
        )
    for entry in entries:
        if not isinstance(entry, dict):
            raise DataFormatError(f"{path}: '{key}' holds {str(entry)[:40]}, not an object")
    return entries


def _check_image(image: dict[str, Any], path: Path) -> int:
    image_id = _integer(image, "id", f"{path}: an image")
    place = f"{path}: image {image_id}"
    name = image.get("file_name")
    if not isinstance(name, str) or not _is_plain_name(name):
        raise DataFormatError(f"{place}: 'file_name' is {name!r}, not the name of a file")
    for key in ("width", "height"):
        if _integer(image, key, place) < 1:
            raise DataFormatError(f"{place}: {key!r} is {image[key]}")
    try:
        Camera.from_synloc(image)
    except DataFormatError as error:
        raise DataFormatError(f"{place}: {error}") from error
    return image_id


def _is_plain_name(name: str) -> bool:
    """Whether a name stays in the folder it is looked up in."""
    parts = name.replace("\\", "/").split("/")
    return all(part not in ("", ".", "..") for part in parts) and ":" not in name


def _check_unique(ids: Iterable[Any], path: Path) -> None:
    seen = set()
    for number in ids:
        if number in seen:
            raise DataFormatError(f"{path}: two annotations have the id {number}")
        seen.add(number)


def _check_annotation(entry: dict[str, Any], known: Mapping[int, Any], path: Path) -> None:
    place = f"{path}: annotation {_integer(entry, 'id', f'{path}: an annotation')}"
    if _integer(entry, "image_id", place) not in known:
        raise DataFormatError(f"{place}: there is no image {entry['image_id']}")
    _check_numbers(entry, "bbox", (4,), place)
    _check_numbers(entry, "keypoints", (len(KEYPOINT_NAMES), 3), place)
    position = entry.get("position_on_pitch")
    length = 3 if isinstance(position, list) and len(position) == 3 else 2
    _check_numbers(entry, "position_on_pitch", (length,), place)
    _check_numbers(entry, "area", (), place)


def _check_numbers(entry: dict[str, Any], key: str, shape: tuple[int, ...], place: str) -> None:
    if not _has_shape(entry.get(key), shape):
        wanted = "a number" if not shape else f"finite numbers of shape {shape}"
        raise DataFormatError(f"{place}: {key!r} is {str(entry.get(key))[:60]}, not {wanted}")


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    # Written out, not with NumPy: a million small arrays would take minutes.
    if not shape:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and math.isfinite(value)
    if not isinstance(value, list) or len(value) != shape[0]:
        return False
    return all(_has_shape(part, shape[1:]) for part in value)


def _integer(entry: Mapping[str, Any], key: str, place: str) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataFormatError(f"{place}: {key!r} is {value!r}, not a whole number")
    return value
