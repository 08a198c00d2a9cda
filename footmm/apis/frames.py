"""Reading the frames of images, folders and videos, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import mmcv
import numpy as np
from mmengine.logging import MMLogger

from footmm.datasets.transforms import LoadImageFromFile, UnreadableImageError
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm")

#: Frames a second of images in a folder, and of videos that do not state theirs.
DEFAULT_RATE = 25.0

Input = str | Path | np.ndarray


class Frame(NamedTuple):
    """A frame.

    Attributes:
        name: The image file's name, or number and name of the video or array.
        image: ``(H, W, 3)`` uint8, BGR.
        number: Its place among the inputs, from 1; images that cannot be read have one, too.
    """

    name: str
    image: np.ndarray
    number: int


@dataclass(frozen=True)
class UnreadableFrame:
    """An image that was skipped.

    Attributes:
        name: As the frame's would be.
        reason: What is wrong with it.
    """

    name: str
    reason: str


class FrameReader:
    """Reads frames lazily; may be iterated over more than once.

    Images that cannot be read are skipped with a warning and kept in :attr:`unreadable`.

    Args:
        inputs: An image array (BGR), the path of an image, of a folder of images or of a video, or
            a list of images (arrays or paths). Images of a folder are sorted as people count:
            2 before 10.
        aspect_ratio: Width by height to which every frame is stretched, for frames that were
            stored squeezed; None to leave them.

    Raises:
        DatasetNotFoundError: A path does not exist, or a folder holds no images.
        DataFormatError: A file is neither an image nor a video, an array is no image, or two images
            have the same name.
    """

    def __init__(self, inputs: Input | Sequence[Input], aspect_ratio: float | None = None) -> None:
        if aspect_ratio is not None and not aspect_ratio > 0:
            raise ConfigError(f"aspect_ratio is {aspect_ratio}, it must be positive")
        self.aspect_ratio = aspect_ratio
        self.unreadable: list[UnreadableFrame] = []
        self._video: Path | None = None
        self._images: list[tuple[str, Input]] = []
        if isinstance(inputs, (str, Path)) and Path(inputs).suffix.lower() in VIDEO_SUFFIXES:
            self._video = _existing(Path(inputs))
            self._open_video()
        else:
            self._images = _named_images(inputs)

    @property
    def is_video(self) -> bool:
        """Whether the frames come from a video file."""
        return self._video is not None

    @property
    def rate(self) -> float | None:
        """Frames a second that the video file states; None for images."""
        if self._video is None:
            return None
        rate = self._open_video().fps
        return rate if rate and np.isfinite(rate) else None

    def __len__(self) -> int:
        """Frames there are; a video may end before the number that it states."""
        return len(self._images) if self._video is None else self._open_video().frame_cnt

    def __iter__(self) -> Iterator[Frame]:
        self.unreadable.clear()
        frames = self._read_images() if self._video is None else self._read_video(self._video)
        for frame in frames:
            yield frame._replace(image=self._stretched(frame.image))

    def _read_images(self) -> Iterator[Frame]:
        load = LoadImageFromFile()
        for number, (name, image) in enumerate(self._images, start=1):
            if isinstance(image, np.ndarray):
                yield Frame(name, image, number)
                continue
            try:
                yield Frame(name, load.transform({"img_path": str(image)})["img"], number)
            except UnreadableImageError as error:
                self.unreadable.append(UnreadableFrame(name, str(error)))
                MMLogger.get_current_instance().warning(f"skipped: {error}")

    def _read_video(self, path: Path) -> Iterator[Frame]:
        video = self._open_video()
        # Until there are no more: files often state more frames than they hold.
        while (image := video.read()) is not None:
            yield Frame(f"{path.stem}_{video.position - 1:06d}", image, video.position)

    def _open_video(self) -> mmcv.VideoReader:
        reader = mmcv.VideoReader(str(self._video), cache_capacity=1)
        if not reader.opened:
            raise DataFormatError(f"'{self._video}' cannot be read as a video by OpenCV")
        return reader

    def _stretched(self, image: np.ndarray) -> np.ndarray:
        if self.aspect_ratio is None:
            return image
        height, width = image.shape[:2]
        # One side grows: the other way would lose pixels.
        if width < height * self.aspect_ratio:
            width = round(height * self.aspect_ratio)
        else:
            height = round(width / self.aspect_ratio)
        return cv2.resize(image, (width, height))


def _named_images(inputs: Input | Sequence[Input]) -> list[tuple[str, Input]]:
    if isinstance(inputs, (str, Path)) and Path(inputs).is_dir():
        paths = [p for p in Path(inputs).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
        if not paths:
            raise DatasetNotFoundError(
                f"folder '{inputs}' holds no images ({', '.join(IMAGE_SUFFIXES)})"
            )
        return [(path.name, path) for path in sorted(paths, key=_counting)]
    items = [inputs] if isinstance(inputs, (str, Path, np.ndarray)) else list(inputs)
    if not items:
        raise DatasetNotFoundError("the list of images is empty")
    images = [_named_image(item, number) for number, item in enumerate(items)]
    names = [name for name, _ in images]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataFormatError(
            f"two images of the list have the name '{min(twice)}'; results are told apart by names"
        )
    return images


def _named_image(item: Input, number: int) -> tuple[str, Input]:
    if isinstance(item, np.ndarray):
        if item.ndim != 3 or item.shape[2] != 3 or item.dtype != np.uint8 or item.size == 0:
            raise DataFormatError(
                f"image {number} is an array {item.shape} of {item.dtype}; images are (H, W, 3) "
                "uint8, BGR"
            )
        return f"image_{number:06d}", item
    path = _existing(Path(item))
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        known = ", ".join((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))
        raise DataFormatError(f"'{path}' is no image, folder or video; known suffixes: {known}")
    return path.name, path


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DatasetNotFoundError(f"'{path}' does not exist: give an image, a folder or a video")
    return path


def _counting(path: Path) -> list[tuple[int, str]]:
    """Sorting key in which numbers count as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
