"""Find players, balls and referees: tools/infer/detection.py CONFIG CHECKPOINT INPUT.

Writes to the folder --out:

* detections.txt: MOT csv for trackers, and detections.json: COCO; both are described in
  footmm/apis/detection_files.py;
* pictures/, or detections.mp4 of a video: the frames with what was found.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from footmm.apis.cli import prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.detection_files import write_coco, write_mot
from footmm.apis.detection_inferencer import DEFAULT_TILE_OVERLAP, DetectionInferencer
from footmm.apis.frame_cli import (
    INCOMPLETE,
    TimedResults,
    add_frame_arguments,
    print_frame_summary,
    write_pictures,
)
from footmm.apis.frames import FrameReader
from footmm.structures.detected_objects import CLASSES, DetectedObjects
from footmm.visualization.detection import draw_detections

MOT_FILE, COCO_FILE = "detections.txt", "detections.json"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find players, balls and referees.")
    add_frame_arguments(parser)
    parser.add_argument(
        "--min-score", type=float, default=0.3, help="objects below are left out (%(default)s)"
    )
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="write detections.txt and detections.json only",
    )
    tiles = parser.add_argument_group("frames that are larger than the model was trained with")
    tiles.add_argument(
        "--tile", type=tile_size, metavar="WxH", help="cut frames into tiles, e.g. 1920x1080"
    )
    tiles.add_argument(
        "--overlap",
        type=int,
        default=DEFAULT_TILE_OVERLAP,
        help="pixels that tiles share at least; more than people are high (%(default)s)",
    )
    tiles.add_argument(
        "--whole-frame", action="store_true", help="look at the whole frame besides its tiles"
    )
    args = parser.parse_args(argv)
    if args.tile is None and (args.whole_frame or args.overlap != DEFAULT_TILE_OVERLAP):
        parser.error("--overlap and --whole-frame are of no use without --tile")
    return args


def tile_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"'{text}' is no size such as 1920x1080")
    return int(width), int(height)


def write_results(
    out: Path, results: list[DetectedObjects], reader: FrameReader, complete: bool
) -> None:
    unreadable = {frame.name: frame.reason for frame in reader.unreadable}
    write_mot(out / MOT_FILE, results)
    write_coco(out / COCO_FILE, results, unreadable, complete)


def infer(args: argparse.Namespace, inferencer: DetectionInferencer, reader: FrameReader) -> bool:
    """Look at all frames, draw, and print a summary; return whether no frame was skipped."""
    results: list[DetectedObjects] = []
    complete = False
    timed = TimedResults(inferencer.with_images(reader), len(reader))
    with ExitStack() as files:
        files.callback(lambda: write_results(args.out, results, reader, complete))
        write = None
        if args.pictures:
            pictures = write_pictures(args.out, "pictures", "detections.mp4", reader, args.rate)
            write = files.enter_context(pictures)
        for frame, objects in timed:
            if write is not None:
                write(frame.name, draw_detections(frame.image, objects, args.min_score))
            results.append(objects)
        complete = True
    print_frame_summary(class_means(results), len(results), timed.seconds, reader)
    return not reader.unreadable


def class_means(results: list[DetectedObjects]) -> list[tuple[str, str]]:
    """Return how many objects of each class a frame has on average."""
    labels = np.concatenate([np.empty(0, np.int64), *(objects.labels for objects in results)])
    counts = np.bincount(labels, minlength=len(CLASSES))
    return [
        (f"{name}s per frame", f"{count / len(results):.2f}" if results else "-")
        for name, count in zip(CLASSES, counts, strict=True)
    ]


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        reader = FrameReader(args.input)
        prepare_folder(args.out, [COCO_FILE], args.overwrite)
        config = load_config(args.config, args.cfg_options)
        inferencer = DetectionInferencer(
            config,
            args.checkpoint,
            args.device,
            args.batch_size,
            args.tile,
            args.overlap,
            args.whole_frame,
            args.min_score,
        )
        if not infer(args, inferencer, reader):
            sys.exit(INCOMPLETE)


if __name__ == "__main__":
    main()
