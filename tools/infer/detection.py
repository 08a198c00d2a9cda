"""Find players, balls and referees: tools/infer/detection.py CONFIG CHECKPOINT INPUT.

Writes to the folder --out:

* detections.txt: MOT csv for trackers, and detections.json: COCO; both are described in
  footmm/apis/detection_files.py;
* pictures/, or detections.mp4 of a video: the frames with what was found.
"""

from __future__ import annotations

import argparse

import numpy as np

from footmm.apis.config import load_config
from footmm.apis.detection_inferencer import DEFAULT_TILE_OVERLAP, DetectionInferencer
from footmm.apis.frame_cli import add_frame_arguments, print_frame_summary, run_on_frames
from footmm.apis.frames import FrameReader
from footmm.structures.detected_objects import CLASSES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find players, balls and referees.")
    add_frame_arguments(parser)
    parser.add_argument(
        "--min-score", type=float, default=0.3, help="objects below are left out (%(default)s)"
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


def infer(args: argparse.Namespace, reader: FrameReader) -> None:
    """Look at all frames, draw, and print a summary."""
    inferencer = DetectionInferencer(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        args.device,
        args.tile,
        args.overlap,
        args.whole_frame,
        args.min_score,
        args.pictures,
    )
    found = inferencer(reader, args.batch_size, args.show, args.out, overwrite=True)
    counts = np.array([np.bincount(objects.labels, minlength=len(CLASSES)) for objects in found])
    rows = [
        (f"{name}s per frame", f"{counts[:, label].mean():.2f}" if len(counts) else "-")
        for label, name in enumerate(CLASSES)
    ]
    print_frame_summary(rows, len(counts), found.seconds, reader)


def main(argv: list[str] | None = None) -> None:
    run_on_frames(parse_args(argv), DetectionInferencer.result_files, infer)


if __name__ == "__main__":
    main()
