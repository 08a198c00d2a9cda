"""Pictures of frames as files: one for each image, or a video of a video."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import cv2
import numpy as np

from footmm.apis.frames import DEFAULT_RATE, IMAGE_SUFFIXES, FrameReader
from footmm.apis.growing_files import temporary_name
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError

#: Takes a frame's name and its picture, ``(H, W, 3)`` uint8, (blue, green, red).
WritePicture = Callable[[str, np.ndarray], None]


def write_pictures(
    out: Path, folder: str, video: str, reader: FrameReader
) -> AbstractContextManager[WritePicture]:
    """Write a picture of each frame: into a folder, or as a video where the frames are a video's.

    Args:
        out: Folder of all results.
        folder: Name of the folder of pictures, which get their frames' names and formats; png
            where a frame was no file.
        video: Name of the video; it appears, whole, when the context ends, however it ends.
        reader: The frames.

    Returns:
        A context with what writes a picture.

    Raises:
        ConfigError: OpenCV cannot write the video.
    """
    if reader.is_video:
        return _write_video(out / video, reader.rate or DEFAULT_RATE)
    return nullcontext(_write_images(out / folder))


def _write_images(folder: Path) -> WritePicture:
    folder.mkdir(exist_ok=True)

    def write(name: str, picture: np.ndarray) -> None:
        path = folder / name
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            path = folder / f"{name}.png"
        data = cv2.imencode(path.suffix, picture)[1]
        AtomicLocalBackend().put(data.tobytes(), path)

    return write


@contextmanager
def _write_video(path: Path, rate: float) -> Iterator[WritePicture]:
    unfinished = temporary_name(path)
    writer = cv2.VideoWriter()

    def write(_: str, picture: np.ndarray) -> None:
        size = picture.shape[1::-1]
        if not writer.isOpened() and not writer.open(
            str(unfinished), cv2.VideoWriter_fourcc(*"mp4v"), rate, size
        ):
            raise ConfigError(f"OpenCV cannot write the video '{path}' ({size[0]} x {size[1]})")
        writer.write(picture)

    try:
        yield write
    finally:
        is_open = writer.isOpened()
        writer.release()
        if is_open:
            os.replace(unfinished, path)
