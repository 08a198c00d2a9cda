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
from contextlib import ExitStack
from pathlib import Path

from footmm.apis.cli import prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.frame_cli import (
    INCOMPLETE,
    TimedResults,
    add_frame_arguments,
    print_frame_summary,
    write_pictures,
)
from footmm.apis.frames import FrameReader
from footmm.apis.homography_inferencer import HomographyInferencer
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.structures.calibrated_frame import CalibratedFrame
from footmm.visualization.homography import draw_calibration, draw_top_view

RESULTS_FILE = "cameras.json"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find the cameras of images or of a video.")
    add_frame_arguments(parser)
    parser.add_argument(
        "--smooth", action="store_true", help="the frames are a video's: smooth their cameras"
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
    complete = False
    timed = TimedResults(inferencer.with_images(reader, args.rate), len(reader))
    with ExitStack() as files:
        files.callback(lambda: write_results(args.out / RESULTS_FILE, results, reader, complete))
        write_overlay, write_top_view = (
            files.enter_context(write_pictures(args.out, *names, reader, args.rate))
            for names in (("overlays", "overlay.mp4"), ("top_views", "top_view.mp4"))
        )
        for frame, result in timed:
            write_overlay(frame.name, draw_calibration(frame.image, result))
            write_top_view(frame.name, draw_top_view(result))
            results.append(result)
        complete = True
    confidences = [frame.confidence for frame in results if frame.camera is not None]
    rows = [
        ("calibrated", str(len(confidences))),
        ("median confidence", f"{statistics.median(confidences):.2f}" if confidences else "-"),
    ]
    print_frame_summary(rows, len(results), timed.seconds, reader)
    return not reader.unreadable


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
