"""Players, balls and referees in YOLO's text files, as Roboflow exports them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from footmm.datasets.base import IMAGE_SUFFIXES
from footmm.datasets.detection.base import DetectionDataset, labels_of_categories
from footmm.datasets.transforms.common import UnreadableImageError
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS

_DATA_FILE = "data.yaml"
_NUM_FIELDS = 5
# EXIF's tag of the orientation; from 5 on a picture lies on its side.
_ORIENTATION, _FIRST_ON_SIDE = 0x0112, 5
_HOW_TO_GET = (
    "Give the folder of data.yaml; without a split it also holds images/ and labels/. Roboflow "
    "exports such folders ('YOLOv8'), e.g. of https://universe.roboflow.com/"
    "workspace1-8owu3/football-players-detection-3zvbc-bf79d"
)


@DATASETS.register_module()
class YOLODataset(DetectionDataset):
    """Images with objects in YOLO's format.

    .. code-block:: none

        data_root/
          data.yaml                   names of the classes; folders of the splits
          images/*.jpg                or the folder of the split, e.g. train/images
          labels/*.txt                where that folder has 'images', e.g. train/labels

    A line of a text file is the number of a class, and centre x, centre y, width and height of a
    box as shares of the image. An image without a text file has no objects. Classes are told by
    their names: goalkeepers are players, a football is a ball; others are ignored.

    Args:
        data_root: Folder of ``data.yaml``.
        split: 'train', 'val' or 'test', whose folder ``data.yaml`` states; None for ``images``.
        **kwargs: Further arguments of :class:`footmm.datasets.detection.base.DetectionDataset`.

    Raises:
        ConfigError: There is no such split, or no image with a prefix.
        DatasetNotFoundError: A file or folder is missing.
        DataFormatError: A file breaks its format, or has none of our classes.
    """

    METAINFO: dict = DetectionDataset.METAINFO | {"data_source": "YOLO labels"}
    SPLITS = ("train", "val", "test")

    def read_samples(self) -> Iterator[dict]:
        """Yield the samples by file name; ``img_id`` is their number, from 1."""
        file = Path(self.data_root, _DATA_FILE)
        content = _read_yaml(file)
        names = _class_names(content, file)
        labels = labels_of_categories(names, file)
        folder = self._image_folder(content, file)
        images = _images(folder)
        label_folder = _label_folder(folder)
        for number, image in enumerate(images, start=1):
            width, height = _image_size(image)
            objects = list(_read_objects(label_folder / f"{image.stem}.txt", names))
            yield {
                "img_id": number,
                "img_path": str(image),
                "height": height,
                "width": width,
                "instances": [
                    {
                        "bbox": _to_corners(box, width, height),
                        "bbox_label": labels[category],
                        "place": place,
                    }
                    for place, category, box in objects
                    if category in labels
                ],
            }

    def _image_folder(self, content: Mapping[str, Any], file: Path) -> Path:
        if self.split is None:
            return file.parent / "images"
        stated = content.get(self.split)
        if not isinstance(stated, str) or not stated:
            raise DataFormatError(f"{file}: '{self.split}' is {stated!r}, not a folder of images")
        root = file.parent / str(content.get("path", ""))
        # Roboflow writes '../train/images' for the 'train/images' beside the file.
        folders = [root / stated, root / stated.removeprefix("../")]
        # Unlike Path.is_dir, false as well for names that no disk takes.
        return next(filter(os.path.isdir, folders), folders[-1])


def _read_yaml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise DatasetNotFoundError(f"{file} does not exist. {_HOW_TO_GET}")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    # ValueError: no text, or a date that is none.
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise DataFormatError(f"{file} is not valid YAML ({error}); export it again") from error
    if not isinstance(content, dict):
        raise DataFormatError(f"{file} holds a {type(content).__name__}, not keys and values")
    return content


def _class_names(content: Mapping[str, Any], file: Path) -> dict[int, str]:
    """Return the names of the classes by their numbers."""
    names = content.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    is_valid = (
        isinstance(names, dict)
        and names
        and all(isinstance(number, int) for number in names)
        and all(isinstance(name, str) for name in names.values())
    )
    if not is_valid:
        raise DataFormatError(
            f"{file}: 'names' is {str(names)[:60]}, neither a list of the classes' names nor names "
            "by number"
        )
    return names


def _label_folder(images: Path) -> Path:
    """Return the folder of the text files: the last 'images' of the path is 'labels'."""
    parts = list(images.parts)
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        parts[last] = "labels"
    folder = Path(*parts)
    if not folder.is_dir():
        raise DatasetNotFoundError(f"{folder}, with the labels of {images}, does not exist")
    return folder


def _images(folder: Path) -> list[Path]:
    paths = sorted(folder.iterdir()) if os.path.isdir(folder) else []
    images = [
        path
        for path in paths
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    if not images:
        raise DatasetNotFoundError(f"{folder} holds no images. {_HOW_TO_GET}")
    return images


def _image_size(path: Path) -> tuple[int, int]:
    """Return width and height as the image will be loaded; only its header is read."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            is_on_side = image.getexif().get(_ORIENTATION, 1) >= _FIRST_ON_SIDE
    # A damaged file makes Pillow fail in any way there is.
    except Exception as error:
        raise UnreadableImageError(
            f"{path}: the image cannot be read ({error}); restore it, or remove it with its labels"
        ) from error
    return (height, width) if is_on_side else (width, height)


def _read_objects(
    file: Path, names: Mapping[int, str]
) -> Iterator[tuple[str, int, tuple[float, ...]]]:
    """Yield file and line, class, and centre x, y, width, height as shares of the image."""
    if not file.is_file():
        return
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{file} is no text ({error}); export it again") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{file}, line {number}"
        category, *box = _parse_line(line, place)
        if category not in names:
            raise DataFormatError(
                f"{place}: there is no class {category:g} in {_DATA_FILE}, which has "
                f"{', '.join(map(str, names))}"
            )
        yield place, int(category), tuple(box)


def _parse_line(line: str, place: str) -> list[float]:
    try:
        values = [float(text) for text in line.split()]
    except ValueError:
        values = []
    if len(values) != _NUM_FIELDS or not all(map(math.isfinite, values)):
        raise DataFormatError(
            f"{place}: '{line[:80]}' is not the number of a class and centre x, centre y, width, "
            "height of a box; polygons need to be exported as boxes"
        )
    return values


def _to_corners(box: tuple[float, ...], width: int, height: int) -> list[float]:
    """Return left, top, right, bottom, pixels."""
    x, y, box_width, box_height = box
    return [
        (x - box_width / 2) * width,
        (y - box_height / 2) * height,
        (x + box_width / 2) * width,
        (y + box_height / 2) * height,
    ]
