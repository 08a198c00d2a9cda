"""What the command line tools that look at images and videos share."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from footmm.apis.cli import add_config_arguments
from footmm.apis.frames import DEFAULT_RATE, FrameReader
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError

#: Exit code where frames were skipped.
INCOMPLETE = 1

Result = TypeVar("Result")

#: Takes a frame's name and its picture.
Write = Callable[[str, np.ndarray], None]


def add_frame_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config, the checkpoint, the input and how and where its results are made."""
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("input", help="an image, a folder of images or a video")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--overwrite", action="store_true", help="write into any folder")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: CUDA if there is one")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument(
        "--rate", type=float, help=f"frames a second (the video's own, {DEFAULT_RATE:g} of images)"
    )


class TimedResults(Generic[Result]):
    """Shows on stderr how many results have come, and measures how long it took to make them.

    Args:
        results: One for each frame.
        total: Number of frames.

    Attributes:
        seconds: That were spent on results so far, without what is done with them.
    """

    def __init__(self, results: Iterable[Result], total: int) -> None:
        self.results, self.total = results, total
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Result]:
        bar = ProgressBar(self.total, file=sys.stderr)
        start = time.perf_counter()
        for result in self.results:
            self.seconds += time.perf_counter() - start
            yield result
            bar.update()
            start = time.perf_counter()


def write_pictures(
    out: Path, folder: str, video: str, reader: FrameReader, rate: float | None = None
) -> AbstractContextManager[Write]:
    """Write a picture of each frame: into a folder, or as a video where the frames are a video's.

    Args:
        out: Folder of all results.
        folder: Name of the folder of pictures, which get their frames' names and formats.
        video: Name of the video; it appears, whole, when the context ends, however it ends.
        reader: The frames.
        rate: Of the video, frames a second; without it that of the frames.

    Returns:
        A context with what writes a picture.

    Raises:
        ConfigError: OpenCV cannot write the video.
    """
    if reader.is_video:
        return _write_video(out / video, rate or reader.rate or DEFAULT_RATE)
    return nullcontext(_write_images(out / folder))


def _write_images(folder: Path) -> Write:
    folder.mkdir(exist_ok=True)

    def write(name: str, picture: np.ndarray) -> None:
        path = folder / name
        data = cv2.imencode(path.suffix, picture)[1]
        AtomicLocalBackend().put(data.tobytes(), path)

    return write


@contextmanager
def _write_video(path: Path, rate: float) -> Iterator[Write]:
    # OpenCV chooses the container by the suffix.
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
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


def print_frame_summary(
    rows: Sequence[tuple[str, str]], num_frames: int, seconds: float, reader: FrameReader
) -> None:
    """Print a table of results, and what was skipped.

    Args:
        rows: Names and values that only this tool has.
        num_frames: Frames with results.
        seconds: What they took.
        reader: The frames.
    """
    rows = [
        ("frames", str(num_frames)),
        *rows,
        ("ms per frame", f"{1000 * seconds / num_frames:.1f}" if num_frames else "-"),
        ("unreadable", str(len(reader.unreadable))),
    ]
    print()
    for name, value in rows:
        print(f"{name:<22}{value:>8}")
    for frame in reader.unreadable:
        print(f"skipped: {frame.reason}")
