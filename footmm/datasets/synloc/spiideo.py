"""Spiideo SynLoc, SoccerNet's athlete localisation challenge."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from footmm.datasets.base import ImageDataset
from footmm.datasets.synloc.annotations import (
    ANNOTATION_FILES,
    CAMERA_KEYS,
    HOW_TO_GET,
    IMAGE_FOLDERS,
    KEYPOINT_NAMES,
    read_synloc_annotations,
)
from footmm.errors import ConfigError, DatasetNotFoundError
from footmm.pitch.frames import synloc_to_world
from footmm.registry import DATASETS

IMAGE_VERSIONS = ("fullhd", "4k")
"""Folders of the images, by their resolution."""


def _metainfo() -> dict[str, Any]:
    keypoints = {
        number: dict(name=name, id=number, color=[255, 220, 60], type="lower", swap="")
        for number, name in enumerate(KEYPOINT_NAMES)
    }
    return {
        "dataset_name": "synloc",
        "keypoint_info": keypoints,
        "skeleton_info": {0: dict(link=KEYPOINT_NAMES, id=0, color=[255, 220, 60])},
        "joint_weights": [1.0] * len(KEYPOINT_NAMES),
        "sigmas": [0.05] * len(KEYPOINT_NAMES),
    }


@DATASETS.register_module()
class SynLocDataset(ImageDataset, BaseCocoStyleDataset):
    """Frames of Spiideo SynLoc with their cameras, athletes and positions.

    .. code-block:: none

        data_root/
          annotations/<split>.json
          <images>/<folder>/<file_name>

    The folder of a split's images has its name, that of 'challenge_public' is 'challenge'.
    Everything is annotated for 3840 x 2160 pixels, whatever size the image files have: the
    transform ``LoadSynLocImage`` finds the scale from the image and checks it. Frames without
    athletes are kept, in training too.

    A sample holds, before the pipeline, in pixels of the annotated size:

    * ``img_path``, ``img_id`` and ``camera``: the keys of the json that describe it;
    * for training, moved by all geometric transforms: ``bbox`` ``(N, 4)`` (left, top, right,
      bottom), ``keypoints`` ``(N, 2, 2)`` and ``keypoints_visible`` ``(N, 2)`` (pelvis, and the
      ground below it), ``area`` ``(N,)``, all float32;
    * ``positions`` ``(N, 2)``, metres, world frame, which no transform changes;
    * for the metrics, left alone by all transforms, float64, None where the split is not
      annotated: ``ground_truth_positions`` ``(G, 2)``, metres, world frame,
      ``ground_truth_bboxes`` ``(G, 4)``, ``ground_truth_keypoints`` ``(G, 2, 2)``,
      ``ground_truth_areas``, ``ground_truth_ids`` and ``ground_truth_crowd`` ``(G,)``.

    Source: https://github.com/Spiideo/sskit

    Args:
        data_root: The folder that holds ``annotations`` and the images.
        split: 'train', 'val', 'test' or 'challenge_public'.
        images: Folder of the images: 'fullhd' or '4k'.
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split or folder of images, or a split without annotations
            is to be trained on.
        DatasetNotFoundError: The annotations or the images are not there.
        DataFormatError: The annotation file is broken.
    """

    METAINFO: dict = _metainfo()
    DATA_SOURCE = "Spiideo SynLoc"
    IS_SYNTHETIC = False
    SPLITS = tuple(ANNOTATION_FILES)

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str = "train",
        images: str = "fullhd",
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if images not in IMAGE_VERSIONS:
            raise ConfigError(
                f"{type(self).__name__}(images='{images}'): the folders of images are "
                f"{', '.join(IMAGE_VERSIONS)}"
            )
        self.images = images
        super().__init__(
            data_root=data_root,
            split=split,
            pipeline=pipeline,
            test_mode=test_mode,
            data_mode="bottomup",
            **kwargs,
        )
        self._metainfo |= {
            "task": "synloc",
            "data_source": self.DATA_SOURCE,
            "synthetic": self.IS_SYNTHETIC,
        }

    def load_data_list(self) -> list[dict]:
        """Return the samples of the split in the order of the file."""
        root = Path(self.data_root)
        annotations = read_synloc_annotations(root / "annotations" / ANNOTATION_FILES[self.split])
        if not annotations.is_annotated and not self.test_mode:
            raise ConfigError(
                f"{annotations.path} has no athletes: '{self.split}' cannot be trained on"
            )
        folder = root / self.images / IMAGE_FOLDERS[self.split]
        if not folder.is_dir():
            raise DatasetNotFoundError(f"{folder} does not exist. {HOW_TO_GET}")
        athletes = annotations.annotations if annotations.is_annotated else {}
        samples = [
            {
                "img_id": image["id"],
                "img_path": str(folder / image["file_name"]),
                "camera": {key: image[key] for key in CAMERA_KEYS},
                **_labels(athletes.get(image["id"])),
            }
            for image in annotations.images
        ]
        print_log(f"{type(self).__name__}(split='{self.split}'): {len(samples)} images", "current")
        return samples


def _labels(entries: list[Mapping[str, Any]] | None) -> dict[str, Any]:
    """Return the labels of an image from the entries of its athletes; None: not annotated."""
    known = entries or []
    keypoints = np.array([entry["keypoints"] for entry in known], float).reshape(-1, 2, 3)
    corners = np.array([entry["bbox"] for entry in known], float).reshape(-1, 4)
    boxes = np.concatenate([corners[:, :2], corners[:, :2] + corners[:, 2:]], axis=1)
    areas = np.array([entry["area"] for entry in known], float)
    positions = np.array([entry["position_on_pitch"][:2] for entry in known], float).reshape(-1, 2)
    truth = {
        "positions": synloc_to_world(positions),
        "bboxes": boxes,
        "keypoints": keypoints[..., :2],
        "areas": areas,
        "ids": np.array([entry["id"] for entry in known], np.int64),
        "crowd": np.array([bool(entry.get("iscrowd")) for entry in known], bool),
    }
    if entries is None:
        return {f"ground_truth_{key}": None for key in truth}
    return {
        **{f"ground_truth_{key}": values for key, values in truth.items()},
        "bbox": boxes.astype(np.float32),
        "keypoints": keypoints[..., :2].astype(np.float32),
        "keypoints_visible": np.minimum(keypoints[..., 2], 1).astype(np.float32),
        "positions": truth["positions"],
        "area": areas.astype(np.float32),
    }
