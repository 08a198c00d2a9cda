"""Animations: pictures that follow each other, in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from footmm.errors import ConfigError


def write_animation(
    path: str | os.PathLike[str], pictures: Iterator[np.ndarray], rate: float
) -> None:
    """Write pictures as an animation.

    Args:
        path: A ``.gif`` or ``.mp4``; it has its old content or the new one, never a part of it.
        pictures: ``(H, W, 3)`` RGB, uint8, all of one size; a video wants even sides.
        rate: Pictures a second.

    Raises:
        ConfigError: The file has another suffix, or it cannot be written.
    """
    path = Path(path)
    if path.suffix not in _WRITERS:
        raise ConfigError(
            f"the animation '{path}' has to be one of {', '.join(_WRITERS)}; change its suffix"
        )
    # The suffix tells OpenCV the format.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        _WRITERS[path.suffix](temporary, pictures, rate)
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"the animation '{path}' cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_gif(path: Path, pictures: Iterator[np.ndarray], rate: float) -> None:
    first, *rest = (
        Image.fromarray(picture).quantize(method=Image.Quantize.FASTOCTREE) for picture in pictures
    )
    first.save(path, save_all=True, append_images=rest, duration=round(1000 / rate), loop=0)


def _write_mp4(path: Path, pictures: Iterator[np.ndarray], rate: float) -> None:
    writer = cv2.VideoWriter()
    try:
        for picture in pictures:
            size = picture.shape[1::-1]
            codec = cv2.VideoWriter_fourcc(*"mp4v")
            if not writer.isOpened() and not writer.open(str(path), codec, rate, size):
                raise ConfigError(f"OpenCV cannot write the video '{path}' ({size[0]} x {size[1]})")
            writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()


_WRITERS: Mapping[str, Callable[[Path, Iterator[np.ndarray], float], None]] = {
    ".gif": _write_gif,
    ".mp4": _write_mp4,
}
