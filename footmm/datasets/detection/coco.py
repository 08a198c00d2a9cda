"""Players, balls and referees in COCO json."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdet.datasets.api_wrappers import COCO
from mmdet.datasets.coco import CocoDataset

from footmm.datasets.base import read_json_object
from footmm.datasets.coco_json import (
    check_annotation,
    check_image,
    check_numbers,
    check_unique,
    integer,
    read_entries,
)
from footmm.datasets.detection.base import DetectionDataset, labels_of_categories
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS
from footmm.structures.detected_objects import CLASSES

_HINT = "is this an annotation file of COCO's object detection (images, annotations, categories)?"
_HOW_TO_GET = (
    "Make such data with 'tools/data/simulate.py --format coco' or with "
    "tools/data/tracking_to_coco.py, or set data_root, ann_file and data_prefix=dict(img=FOLDER) "
    "to the places of your own"
)


class _FootballCOCO(COCO):
    """mmdet's index of a file that was checked, with our categories."""

    def __init__(self, annotation_file: str) -> None:
        super().__init__()
        self.dataset = _read_content(Path(annotation_file))
        self.createIndex()


@DATASETS.register_module()
class CocoDetectionDataset(DetectionDataset, CocoDataset):
    """Images with objects in COCO json, mmdet's ``CocoDataset`` with our three classes.

    Categories are told by their names, whatever their ids: goalkeepers are players, a football is
    a ball. Objects of other categories are ignored. Crowds (``iscrowd``) get ``ignore_flag`` 1.

    Synthetic frames tell how much of an object is hidden by others (``occluded_share``, 0 to 1).

    Args:
        data_root: Folder of the dataset.
        split: Reads ``annotations/<split>.json`` and the images in ``<split>/``.
        ann_file: For other layouts, instead of ``split``: the annotation file in ``data_root``.
        data_prefix: mmdet's: ``img`` is the folder of the images in ``data_root``; ``data_root``
            itself, or that of the split, if not given.
        max_occluded_share: Objects of which more is hidden get ``ignore_flag`` 1.
        **kwargs: Further arguments of :class:`footmm.datasets.detection.base.DetectionDataset` and
            mmdet's ``CocoDataset``.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: The annotation file or the folder of the images is not there.
        DataFormatError: The file is broken, has none of our classes, or names missing images.
    """

    METAINFO: dict = DetectionDataset.METAINFO | {"data_source": "COCO json"}
    COCOAPI = _FootballCOCO

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str | None = None,
        ann_file: str | None = None,
        data_prefix: Mapping[str, str] | None = None,
        max_occluded_share: float = 1.0,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if (split is None) == (ann_file is None):
            raise ConfigError(f"{name}(split={split!r}, ann_file={ann_file!r}): give one of them")
        if not 0 <= max_occluded_share <= 1:
            raise ConfigError(f"{name}(max_occluded_share={max_occluded_share}): give 0 to 1")
        self.max_occluded_share = max_occluded_share
        super().__init__(
            data_root,
            split,
            ann_file=ann_file or f"annotations/{split}.json",
            data_prefix=dict(data_prefix or {"img": split or ""}),
            **kwargs,
        )

    def read_samples(self) -> list[dict]:
        """Return the samples in the order of the file."""
        folder = self.data_prefix["img"]
        for path, is_there in ((self.ann_file, os.path.isfile), (folder, os.path.isdir)):
            if not is_there(path):
                raise DatasetNotFoundError(f"{path} does not exist. {_HOW_TO_GET}")
        samples = CocoDataset.load_data_list(self)
        missing = [s["img_path"] for s in samples if not os.path.isfile(s["img_path"])]
        if missing:
            raise DataFormatError(
                f"{len(missing)} of the {len(samples)} images of {self.ann_file} do not exist "
                f"(first: {missing[0]}); restore them, remove them from the file, or set "
                "data_prefix=dict(img=FOLDER) to their folder"
            )
        return samples

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """Return a sample of an image and its annotations; called by mmdet's ``CocoDataset``."""
        # mmdet would leave out boxes in silence.
        sample = super().parse_data_info(raw_data_info | {"raw_ann_info": []})
        sample["instances"] = [self._instance(entry) for entry in raw_data_info["raw_ann_info"]]
        return sample

    def _instance(self, annotation: Mapping[str, Any]) -> dict[str, Any]:
        left, top, width, height = annotation["bbox"]
        is_hidden = annotation.get("occluded_share", 0) > self.max_occluded_share
        instance = {
            "bbox": [left, top, left + width, top + height],
            "bbox_label": annotation["category_id"],
            "ignore_flag": int(bool(annotation.get("iscrowd")) or is_hidden),
            "place": f"{self.ann_file}, annotation {annotation['id']}",
        }
        return instance | ({"area": float(annotation["area"])} if "area" in annotation else {})


def _read_content(path: Path) -> dict[str, Any]:
    """Return the content of a file, checked; its categories are :data:`CLASSES`, numbered from 0.

    Raises:
        DataFormatError: An entry lacks a key or has a wrong value, or there is none of our classes.
    """
    content = read_json_object(path)
    images = read_entries(content, "images", path, _HINT)
    check_unique((check_image(image, path) for image in images), "images", path)
    labels, known = _read_categories(content, path)
    annotations = read_entries(content, "annotations", path, _HINT, may_be_empty=True)
    image_ids = {image["id"] for image in images}
    for annotation in annotations:
        _check_object(annotation, image_ids, known, path)
    check_unique((annotation["id"] for annotation in annotations), "annotations", path)
    return {
        "images": images,
        "annotations": [
            annotation | {"category_id": labels[annotation["category_id"]]}
            for annotation in annotations
            if annotation["category_id"] in labels
        ],
        "categories": [{"id": label, "name": name} for label, name in enumerate(CLASSES)],
    }


def _read_categories(content: Mapping[str, Any], path: Path) -> tuple[dict[int, int], set[int]]:
    """Return the labels of the categories that are ours by their ids, and the ids of all."""
    names = {}
    categories = read_entries(content, "categories", path, _HINT)
    check_unique((category.get("id") for category in categories), "categories", path)
    for category in categories:
        number = integer(category, "id", f"{path}: a category")
        if not isinstance(category.get("name"), str):
            raise DataFormatError(
                f"{path}: category {number}: 'name' is {category.get('name')!r}, not a text"
            )
        names[number] = category["name"]
    return labels_of_categories(names, path), set(names)


def _check_object(
    annotation: Mapping[str, Any], images: set[int], categories: set[int], path: Path
) -> None:
    place = check_annotation(annotation, images, path)
    if integer(annotation, "category_id", place) not in categories:
        raise DataFormatError(f"{place}: there is no category {annotation['category_id']}")
    for key in ("area", "occluded_share"):
        if key in annotation:
            check_numbers(annotation, key, (), place)
