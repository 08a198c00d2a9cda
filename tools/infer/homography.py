"""Find the cameras of images or of a video: tools/infer/homography.py CONFIG CHECKPOINT INPUT.

Writes to the folder --out:

* cameras.json: camera (SoccerNet's format), homography, confidence or failure by frame;
* overlays/ and top_views/, or overlay.mp4 and top_view.mp4 of a video: the pitch drawn over each
  frame, and the ground that the frame shows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.frames import FrameReader
from footmm.apis.homography_inferencer import DEFAULT_RATE, HomographyInferencer
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError
from footmm.structures.calibrated_frame import CalibratedFrame
from footmm.visualization.homography import draw_calibration, draw_top_view

RESULTS_FILE = "cameras.json"

#: Exit code where frames were skipped.
INCOMPLETE = 1

#: Takes a frame's name and its picture.
Write = Callable[[str, np.ndarray], None]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find the cameras of images or of a video.")
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("input", help="an image, a folder of images or a video")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--overwrite", action="store_true", help="write into any folder")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: CUDA if there is one")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument(
        "--smooth", action="store_true", help="the frames are a video's: smooth their cameras"
    )
    parser.add_argument(
        "--rate", type=float, help=f"frames a second (the video's own, {DEFAULT_RATE:g} of images)"
    )
    parser.add_argument(
        "--aspect-ratio",
        type=aspect_ratio,
        metavar="16:9",
        help="stretch frames that were stored squeezed back to this shape",
    )
    return parser.parse_args(argv)


def aspect_ratio(text: str) -> float:
    width, _, height = text.partition(":")
    try:
        ratio = float(width) / float(height or 1)
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 0 < ratio < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no ratio such as 16:9")
    return ratio


def write_images(folder: Path) -> Write:
    """Return what writes pictures into a folder, in the format that their names tell."""
    folder.mkdir(exist_ok=True)

    def write(name: str, picture: np.ndarray) -> None:
        path = folder / name
        data = cv2.imencode(path.suffix, picture)[1]
        AtomicLocalBackend().put(data.tobytes(), path)

    return write


@contextmanager
def write_video(path: Path, rate: float) -> Iterator[Write]:
    """Write pictures as a video, which is complete when the context ends, however it ends."""
    writer = cv2.VideoWriter()

    def write(_: str, picture: np.ndarray) -> None:
        size = picture.shape[1::-1]
        if not writer.isOpened() and not writer.open(
            str(path), cv2.VideoWriter_fourcc(*"mp4v"), rate, size
        ):
            raise ConfigError(f"OpenCV cannot write the video '{path}' ({size[0]} x {size[1]})")
        writer.write(picture)

    try:
        yield write
    finally:
        writer.release()


def write_results(
    path: Path, results: list[CalibratedFrame], reader: FrameReader, complete: bool
) -> None:
    content = {
        "complete": complete,
        "frames": {frame.name: frame.to_json() for frame in results},
        "unreadable": {frame.name: frame.reason for frame in reader.unreadable},
    }
    AtomicLocalBackend().put_text(json.dumps(content, indent=1), path)


def infer(args: argparse.Namespace, inferencer: HomographyInferencer, reader: FrameReader) -> bool:
    """Calibrate and draw all frames and print a summary; return whether no frame was skipped."""
    results: list[CalibratedFrame] = []
    seconds, complete = 0.0, False
    bar = ProgressBar(len(reader), file=sys.stderr)
    with ExitStack() as files:
        files.callback(lambda: write_results(args.out / RESULTS_FILE, results, reader, complete))
        if reader.is_video:
            rate = args.rate or reader.rate or DEFAULT_RATE
            write_overlay, write_top_view = (
                files.enter_context(write_video(args.out / f"{name}.mp4", rate))
                for name in ("overlay", "top_view")
            )
        else:
            write_overlay, write_top_view = (
                write_images(args.out / name) for name in ("overlays", "top_views")
            )
        start = time.perf_counter()
        for frame, result in inferencer.with_images(reader, args.rate):
            seconds += time.perf_counter() - start
            write_overlay(frame.name, draw_calibration(frame.image, result))
            write_top_view(frame.name, draw_top_view(result))
            results.append(result)
            bar.update()
            start = time.perf_counter()
        complete = True
    print_summary(results, reader, seconds)
    return not reader.unreadable


def print_summary(results: list[CalibratedFrame], reader: FrameReader, seconds: float) -> None:
    confidences = [frame.confidence for frame in results if frame.camera is not None]
    rows = [
        ("frames", str(len(results))),
        ("calibrated", str(len(confidences))),
        ("median confidence", f"{statistics.median(confidences):.2f}" if confidences else "-"),
        ("ms per frame", f"{1000 * seconds / len(results):.1f}" if results else "-"),
        ("unreadable", str(len(reader.unreadable))),
    ]
    print()
    for name, value in rows:
        print(f"{name:<18}{value:>8}")
    for frame in reader.unreadable:
        print(f"skipped: {frame.reason}")


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        reader = FrameReader(args.input, args.aspect_ratio)
        prepare_folder(args.out, [RESULTS_FILE], args.overwrite)
        config = load_config(args.config, args.cfg_options)
        inferencer = HomographyInferencer(
            config, args.checkpoint, args.device, args.smooth, args.batch_size
        )
        if not infer(args, inferencer, reader):
            sys.exit(INCOMPLETE)


if __name__ == "__main__":
    main()
