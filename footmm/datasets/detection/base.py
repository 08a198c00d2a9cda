"""What the detection datasets share: classes, checked boxes, choice of images."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmdet.datasets.base_det_dataset import BaseDetDataset
from mmengine.logging import print_log

from footmm.datasets.base import ImageDataset
from footmm.datasets.rejected_boxes import NO_POSITIVE_SIZE, OUTSIDE_IMAGE, RejectedBoxes
from footmm.errors import ConfigError, DataFormatError
from footmm.structures.detected_objects import CLASSES, label_of_name


class DetectionDataset(ImageDataset, BaseDetDataset):
    """Base of the datasets of players, balls and referees.

    A sample holds, before the pipeline, what mmdet's datasets give: ``img_id``, ``img_path``,
    ``height``, ``width`` and ``instances``, a list of dicts with

    * ``bbox``: left, top, right, bottom, pixels of the image file, inside the image;
    * ``bbox_label``: 0 player, 1 ball, 2 referee; goalkeepers are players;
    * ``ignore_flag``: 1 where it counts neither as missed nor as found wrongly;
    * ``area``: as annotated, or that of the box, square pixels.

    Boxes that reach out of the image are cut at its border. Boxes that lie outside it or have no
    positive size are dropped, named in a warning and counted in :attr:`dropped_boxes`. In training
    an image that cannot be read is replaced by another one.

    Args:
        data_root: Folder of the dataset.
        split: One of :attr:`SPLITS`; any name where there are none.
        prefixes: Only the images whose file names begin with one of these are used; all if empty.
        **kwargs: Further arguments of :class:`footmm.datasets.base.ImageDataset` and mmdet's
            ``BaseDetDataset``; of ``filter_cfg``, which holds in training only, ``filter_empty_gt``
            leaves out images without objects and ``min_size`` images with a shorter side.

    Raises:
        ConfigError: There is no such split, no image with a prefix, or ``filter_cfg`` leaves none.
    """

    METAINFO: dict = {
        "classes": CLASSES,
        "palette": [(0, 114, 178), (230, 159, 0), (213, 94, 0)],
        "task": "detection",
        "synthetic": False,
    }

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str | None = None,
        prefixes: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.prefixes = (prefixes,) if isinstance(prefixes, str) else tuple(prefixes)
        self._rejected = RejectedBoxes()
        super().__init__(data_root, split, **kwargs)

    @classmethod
    def check_split(cls, split: str | None) -> None:
        """Refuse splits that the dataset does not have.

        Raises:
            ConfigError: See above.
        """
        if split is not None and cls.SPLITS:
            super().check_split(split)

    @property
    def dropped_boxes(self) -> Counter[str]:
        """Number of boxes that could not be used, by kind of problem."""
        self.full_init()
        return self._rejected.counts

    @abstractmethod
    def read_samples(self) -> Iterable[dict]:
        """Return the samples as they are annotated.

        Their instances have a ``place`` (file and line) and may lack ``area`` and ``ignore_flag``;
        their boxes may lie anywhere. Boxes that are unusable in a way of the format's own go to
        ``self._rejected``.
        """

    def load_data_list(self) -> list[dict]:
        """Return the samples of the chosen images with usable boxes."""
        name = type(self).__name__
        samples = self._choose(list(self.read_samples()))
        for sample in samples:
            sample["instances"] = self._usable_instances(sample)
        self._rejected.report(name)
        labels = Counter(i["bbox_label"] for sample in samples for i in sample["instances"])
        counts = ", ".join(f"{labels[label]} {kind}" for label, kind in enumerate(CLASSES))
        print_log(f"{name}({self.data_root}): {len(samples)} images; boxes: {counts}", "current")
        return samples

    def filter_data(self) -> list[dict]:
        """Leave out, in training, what ``filter_cfg`` asks for."""
        if self.test_mode or not self.filter_cfg:
            return self.data_list
        without_empty = self.filter_cfg.get("filter_empty_gt", False)
        min_size = self.filter_cfg.get("min_size", 0)
        kept = [
            sample
            for sample in self.data_list
            if min(sample["width"], sample["height"]) >= min_size
            and (sample["instances"] or not without_empty)
        ]
        if not kept:
            raise ConfigError(
                f"{type(self).__name__}(filter_cfg={self.filter_cfg}) leaves none of "
                f"{len(self.data_list)} images to train on"
            )
        return kept

    def _choose(self, samples: list[dict]) -> list[dict]:
        if not self.prefixes:
            return samples
        names = [os.path.basename(sample["img_path"]) for sample in samples]
        for prefix in self.prefixes:
            if not any(name.startswith(prefix) for name in names):
                raise ConfigError(
                    f"{type(self).__name__}(prefixes={self.prefixes}): none of the {len(names)} "
                    f"images of {self.data_root} begins with {prefix!r}"
                )
        return [
            sample
            for sample, name in zip(samples, names, strict=True)
            if name.startswith(self.prefixes)
        ]

    def _usable_instances(self, sample: Mapping[str, Any]) -> list[dict]:
        """Return the instances whose boxes lie in the image, cut at its border."""
        size = sample["width"], sample["height"]
        usable = []
        for instance in sample["instances"]:
            place = instance.pop("place")
            box = instance["bbox"]
            inside = _cut(box, size)
            if not _has_size(box):
                self._rejected.add(NO_POSITIVE_SIZE, place, f"the box is {_describe(box)}")
            elif not _has_size(inside):
                problem = f"the box is {_describe(box)}, the image {size[0]} x {size[1]}"
                self._rejected.add(OUTSIDE_IMAGE, place, problem)
            else:
                area = (inside[2] - inside[0]) * (inside[3] - inside[1])
                usable.append({"ignore_flag": 0, "area": area} | instance | {"bbox": inside})
        return usable


def labels_of_categories(names: Mapping[int, str], file: Path) -> dict[int, int]:
    """Return the label of each category that is one of ours; the log tells which are not.

    Args:
        names: Names of the file's categories, by their number.
        file: The file.

    Raises:
        DataFormatError: None is one of ours.
    """
    labels = {number: label_of_name(name) for number, name in names.items()}
    ignored = [names[number] for number, label in labels.items() if label is None]
    if len(ignored) == len(names):
        raise DataFormatError(
            f"{file}: none of its categories ({', '.join(ignored)}) is one of "
            f"{', '.join(CLASSES)}; rename them in the file"
        )
    if ignored:
        print_log(f"{file}: objects of {', '.join(ignored)} are ignored", "current")
    return {number: label for number, label in labels.items() if label is not None}


def _cut(box: Sequence[float], image_size: tuple[int, int]) -> list[float]:
    """Return what of a box lies in the image; of no size where nothing does."""
    left, top, right, bottom = map(float, box)
    width, height = map(float, image_size)
    return [max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)]


def _has_size(box: Sequence[float]) -> bool:
    left, top, right, bottom = box
    return left < right and top < bottom


def _describe(box: Sequence[float]) -> str:
    left, top, right, bottom = box
    return f"{left:g}, {top:g}, {right:g}, {bottom:g} (left, top, right, bottom)"
