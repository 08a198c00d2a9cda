"""Reading the frames of images, folders and videos, one after the other."""

from __future__ import annotations

import re
from collections import Counter
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
    """Reads frames lazily; may be iterated over more than once, unless it reads an iterator.

    Images that cannot be read are skipped with a warning and kept in :attr:`unreadable`.

    Args:
        inputs: An image array ``(H, W, 3)``, uint8, (blue, green, red), the path of an image, of a
            folder of images or of a video, a list of images (arrays or paths), or an iterator of
            arrays, such as a camera's. Images of a folder are sorted as people count: 2 before 10.
        aspect_ratio: Width by height to which every frame is stretched, for frames that were
            stored squeezed; None to leave them.
        rate: Frames a second; None takes what the video file states.

    Raises:
        ConfigError: The aspect ratio or the rate is not positive.
        DatasetNotFoundError: A path does not exist, or a folder holds no images.
        DataFormatError: A file is neither an image nor a video, an array is no image, or two images
            have the same name.
    """

    def __init__(
        self,
        inputs: Input | Sequence[Input] | Iterator[np.ndarray],
        aspect_ratio: float | None = None,
        rate: float | None = None,
    ) -> None:
        for name, value in {"aspect_ratio": aspect_ratio, "rate": rate}.items():
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value}, it must be positive")
        self.aspect_ratio = aspect_ratio
        self.unreadable: list[UnreadableFrame] = []
        self._rate = rate
        self._video: Path | None = None
        self._images: list[tuple[str, Input]] = []
        self._stream: Iterator[np.ndarray] | None = None
        if isinstance(inputs, Iterator):
            self._stream = inputs
        elif isinstance(inputs, (str, Path)) and _is_video(Path(inputs)):
            self._video = _existing(Path(inputs))
            self._open_video()
        else:
            self._images = _named_images(inputs)

    @property
    def is_video(self) -> bool:
        """Whether the frames come from a video file."""
        return self._video is not None

    @property
    def is_stream(self) -> bool:
        """Whether the frames come from an iterator, and can be read only once."""
        return self._stream is not None

    @property
    def names(self) -> list[str] | None:
        """Names of the images; None for a video and an iterator."""
        if self._video is not None or self._stream is not None:
            return None
        return [name for name, _ in self._images]

    @property
    def paths(self) -> dict[str, Path]:
        """Files of the images that are one each, by their names."""
        return {
            name: Path(image) for name, image in self._images if not isinstance(image, np.ndarray)
        }

    @property
    def rate(self) -> float | None:
        """Frames a second, as given, or as the video file states; None where neither is."""
        if self._video is None or self._rate is not None:
            return self._rate
        rate = self._open_video().fps
        return rate if rate and np.isfinite(rate) else None

    def __len__(self) -> int:
        """Frames there are; a video may end earlier, an iterator's are not known and 0."""
        return len(self._images) if self._video is None else self._open_video().frame_cnt

    def report(self) -> dict[str, dict[str, str]]:
        """Tell for results files which images could not be read so far, and why."""
        return {"unreadable": {frame.name: frame.reason for frame in self.unreadable}}

    def __iter__(self) -> Iterator[Frame]:
        self.unreadable.clear()
        for frame in self._read():
            yield frame._replace(image=self._stretched(frame.image))

    def _read(self) -> Iterator[Frame]:
        if self._video is not None:
            return self._read_video(self._video)
        return self._read_images() if self._stream is None else self._read_stream(self._stream)

    def _read_stream(self, stream: Iterator[np.ndarray]) -> Iterator[Frame]:
        for number, image in enumerate(stream):
            yield Frame(*_named_array(image, number), number + 1)

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
    is_one = isinstance(inputs, str) or not isinstance(inputs, Sequence)
    items = [inputs] if is_one else list(inputs)
    if not items:
        raise DatasetNotFoundError("the list of images is empty")
    images = [_named_image(item, number) for number, item in enumerate(items)]
    counts = Counter(name for name, _ in images)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise DataFormatError(
            f"two images of the list have the name '{min(twice)}'; results are told apart by names"
        )
    return images


def _named_image(item: Input, number: int) -> tuple[str, Input]:
    if isinstance(item, np.ndarray):
        return _named_array(item, number)
    if not isinstance(item, (str, Path)):
        raise DataFormatError(
            f"image {number} is a {type(item).__name__}; give arrays (H, W, 3) uint8, BGR, or paths"
        )
    path = _existing(Path(item))
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        known = ", ".join((*IMAGE_SUFFIXES, *VIDEO_SUFFIXES))
        raise DataFormatError(f"'{path}' is no image, folder or video; known suffixes: {known}")
    return path.name, path


def _named_array(image: np.ndarray, number: int) -> tuple[str, np.ndarray]:
    wanted = isinstance(image, np.ndarray) and image.ndim == 3 and image.dtype == np.uint8
    if not wanted or image.shape[2] != 3 or image.size == 0:
        found = getattr(image, "shape", ""), getattr(image, "dtype", type(image).__name__)
        raise DataFormatError(
            f"image {number} is an array {found[0]} of {found[1]}; images are (H, W, 3) uint8, BGR"
        )
    return f"image_{number:06d}", image


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.is_dir()


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DatasetNotFoundError(f"'{path}' does not exist: give an image, a folder or a video")
    return path


def _counting(path: Path) -> list[tuple[int, str]]:
    """Sorting key in which numbers count as numbers."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
