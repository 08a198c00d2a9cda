"""SoccerNet Re-Identification (2022 and 2023; the data is the same)."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from footmm.datasets.base import read_json_object
from footmm.datasets.reid.base import ReIDDataset, find_images
from footmm.datasets.transforms.reid import JERSEY_NOT_VISIBLE
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS

_FILE_NAME = re.compile(
    r"(?P<bbox_idx>\d+)-(?P<action_idx>\d+)"
    r"(?:-(?P<person_uid>\d+)-(?P<frame_idx>\d+)-(?P<clazz>[^-]+)-(?P<id>[^-]*)-(?P<UAI>[^-]+))?"
    r"-(?P<height>\d+)x(?P<width>\d+)\.png"
)
_FILE_NAME_SHAPE = (
    "<bbox_idx>-<action_idx>-<person_uid>-<frame_idx>-<class>-<ID>-<UAI>-<height>x<width>.png, "
    "or <bbox_idx>-<action_idx>-<height>x<width>.png where the labels are hidden"
)
_INTEGERS = ("bbox_idx", "action_idx", "person_uid")
_BODY = ("height_m", "build")


@DATASETS.register_module()
class SoccerNetReIDDataset(ReIDDataset):
    """SoccerNet-ReID in its official layout.

    .. code-block:: none

        data_root/
          train/<championship>/<season>/<game>/<action>/*.png, train_bbox_info.json
          valid/{query,gallery}/<championship>/<season>/<game>/<action>/*.png, bbox_info.json
          test/       like valid
          challenge/{query,gallery}/*.png

    The labels are read from the file names. The annotation file (``<split>_bbox_info.json`` or
    ``bbox_info.json`` in the split's folder, or the first in ``data_root``) is optional; where it
    is present, it has to list exactly the files on disk and to agree with their names, and it adds
    the labels that a name hides. A numeric ID of at most two digits is the jersey number; of a
    letter or ``None`` nothing is known.

    Persons are told apart within ONE action only, so a training identity is a person of an action.

    Source: https://github.com/SoccerNet/sn-reid

    Args:
        data_root: The folder that holds ``train``, ``valid``, ``test`` and ``challenge``.
        split: 'train', 'valid', 'test' or 'challenge'.
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split, or it has no labels to train on.
        DatasetNotFoundError: The images are not there.
        DataFormatError: A file name or the annotation file breaks the format, or a query has no
            match in the gallery of its action.
    """

    METAINFO: dict = ReIDDataset.METAINFO | {"data_source": "SoccerNet-ReID"}
    SPLITS = ("train", "valid", "test", "challenge")

    def load_data_list(self) -> list[dict]:
        """Return the samples of the split, by role and box index."""
        roles = ("train",) if self.split == "train" else ("query", "gallery")
        folders = {role: self._image_folder(role) for role in roles}
        annotation_file = self._annotation_file()
        annotations = read_json_object(annotation_file) if annotation_file else {}
        samples = []
        for role, folder in folders.items():
            images = self._read_names(folder)
            if annotation_file:
                _merge_annotations(images, annotations, role, annotation_file)
            samples.extend(_sample(image, role) for image in images.values())
        self._check_labels(samples)
        return samples

    def _identity_key(self, info: dict) -> tuple[int, int] | None:
        return (info["action_id"], info["person_id"]) if "person_id" in info else None

    def _image_folder(self, role: str) -> Path:
        split_folder = Path(self.data_root) / self.split
        folder = split_folder if role == "train" else split_folder / role
        if folder.is_dir():
            return folder
        archive = Path(self.data_root) / f"{self.split}.zip"
        if archive.is_file():
            raise DatasetNotFoundError(
                f"{folder} does not exist, but {archive} does: unzip it in {self.data_root}"
            )
        raise DatasetNotFoundError(f"{folder} does not exist. {self._how_to_get()}")

    def _how_to_get(self) -> str:
        return (
            "SoccerNet-ReID is free for research: 'tools/data/download.py reid' fetches it into "
            "data/soccernet/reid-2023 (docs/data.md); set data_root to that folder"
        )

    def _annotation_file(self) -> Path | None:
        root, name = Path(self.data_root), f"{self.split}_bbox_info.json"
        candidates = (root / self.split / name, root / self.split / "bbox_info.json", root / name)
        return next((path for path in candidates if path.is_file()), None)

    def _read_names(self, folder: Path) -> dict[int, dict]:
        """Return what the image names below a folder say, by box index, ascending."""
        images: dict[int, dict] = {}
        for parent, name in find_images(folder):
            image = _parse_name(parent, name)
            image["game"] = os.path.dirname(os.path.relpath(parent, folder))
            other = images.setdefault(image["bbox_idx"], image)
            if other is not image:
                raise DataFormatError(
                    f"{image['img_path']} and {other['img_path']} have the same bbox_idx "
                    f"{image['bbox_idx']}, which must be unique in {folder}"
                )
        if not images:
            raise DatasetNotFoundError(f"{folder} holds no images. {self._how_to_get()}")
        return dict(sorted(images.items()))

    def _check_labels(self, samples: list[dict]) -> None:
        """Check that identities are known and every query has a match, challenge excepted."""
        hidden = [s["img_path"] for s in samples if "person_id" not in s]
        if hidden and self.split != "challenge":
            raise DataFormatError(
                f"{len(hidden)} file names hide the person (first: {hidden[0]}) and no annotation "
                f"file tells it; download {self.split}_bbox_info.json (SoccerNet.Downloader, split "
                f"'{self.split}_labels') into {Path(self.data_root) / self.split}"
            )
        if hidden:
            return
        gallery = {self._identity_key(s) for s in samples if s["role"] == "gallery"}
        lonely = [
            s for s in samples if s["role"] == "query" and self._identity_key(s) not in gallery
        ]
        if lonely:
            raise DataFormatError(
                f"{len(lonely)} queries have no match in the gallery of their action; first: "
                f"{lonely[0]['img_path']} (person_uid {lonely[0]['person_id']}, action_idx "
                f"{lonely[0]['action_id']}); restore the missing gallery images or remove the query"
            )


def _parse_name(parent: str, name: str) -> dict[str, Any]:
    match = _FILE_NAME.fullmatch(name)
    path = os.path.join(parent, name)
    if match is None:
        raise DataFormatError(
            f"{path}: the file name does not have the shape {_FILE_NAME_SHAPE}; rename or remove "
            "the file"
        )
    fields: dict[str, Any] = {k: v for k, v in match.groupdict().items() if v is not None}
    for key in _INTEGERS:
        if key in fields:
            fields[key] = int(fields[key])
    return fields | {"img_path": path}


def _merge_annotations(
    images: dict[int, dict], annotations: dict, role: str, annotation_file: Path
) -> None:
    """Add an annotation file's fields to the images in place; what both tell must agree."""
    by_index = _annotated_boxes(annotations, role, annotation_file)
    for problem, indices in (
        ("lists boxes without an image", by_index.keys() - images.keys()),
        ("does not list images that exist", images.keys() - by_index.keys()),
    ):
        if indices:
            raise DataFormatError(
                f"{annotation_file} {problem}: {len(indices)} of role '{role}', first bbox_idx "
                f"{min(indices)}; unzip the archive again so that file and folder fit"
            )
    for index, image in images.items():
        fields = by_index[index]
        for key in _INTEGERS:
            if key in image and key in fields and fields[key] != image[key]:
                raise DataFormatError(
                    f"{annotation_file}: '{role}' box {index} has {key} {fields[key]}, but the "
                    f"name of {image['img_path']} says {image[key]}; one of them is wrong"
                )
        images[index] = fields | image


def _annotated_boxes(annotations: dict, role: str, annotation_file: Path) -> dict[int, dict]:
    # The official train file is flat, box index -> fields; the others have a level for the role.
    flat = role == "train" and "train" not in annotations
    section = annotations if flat else annotations.get(role)
    try:
        return {int(key): _fields(entry) for key, entry in section.items()}
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise DataFormatError(
            f"{annotation_file} does not map '{role}' to an object of bbox_idx -> fields ({error}; "
            f"its keys start with {list(annotations)[:3]}); download it again"
        ) from error


def _fields(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of a box with numbers where they are needed."""
    integers = {key: int(entry[key]) for key in _INTEGERS if key in entry}
    body = {key: float(entry[key]) for key in _BODY if key in entry}
    if not all(map(math.isfinite, body.values())):
        raise ValueError(f"{body} holds something else than numbers")
    return {**entry, **integers, **body}


def _sample(fields: dict, role: str) -> dict:
    """Return the sample of one image: what is not known is absent."""
    sample = {
        "img_path": fields["img_path"],
        "sample_id": fields["bbox_idx"],
        "action_id": fields["action_idx"],
        "game": fields["game"],
        "role": role,
    }
    if "person_uid" in fields:
        sample["person_id"] = fields["person_uid"]
    number = str(fields.get("id", ""))
    if not fields.get("jersey_visible", True):
        sample["jersey"] = JERSEY_NOT_VISIBLE
    elif number.isdecimal() and len(number) <= 2:
        sample["jersey"] = int(number)
    if all(key in fields for key in _BODY):
        sample["body_shape"] = tuple(fields[key] for key in _BODY)
    return sample
