"""Find the cameras of images or of a video: tools/infer/homography.py CONFIG CHECKPOINT INPUT.

Writes to the folder --out:

* cameras.json: camera (SoccerNet's format), homography, confidence or failure by frame;
* overlays/ and top_views/, or overlay.mp4 and top_view.mp4 of a video: the pitch drawn over each
  frame, and the ground that the frame shows.
"""

from __future__ import annotations

import argparse
import statistics

from footmm.apis.config import load_config
from footmm.apis.frame_cli import add_frame_arguments, print_frame_summary, run_on_frames
from footmm.apis.frames import FrameReader
from footmm.apis.homography_inferencer import HomographyInferencer


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


def infer(args: argparse.Namespace, reader: FrameReader) -> None:
    """Calibrate and draw all frames and print a summary."""
    config = load_config(args.config, args.cfg_options)
    inferencer = HomographyInferencer(
        config, args.checkpoint, args.device, args.smooth, args.pictures
    )
    found = inferencer(reader, args.batch_size, args.show, args.out, overwrite=True)
    cameras = [(frame.camera is not None, frame.confidence) for frame in found]
    confidences = [confidence for is_calibrated, confidence in cameras if is_calibrated]
    rows = [
        ("calibrated", str(len(confidences))),
        ("median confidence", f"{statistics.median(confidences):.2f}" if confidences else "-"),
    ]
    print_frame_summary(rows, len(cameras), found.seconds, reader)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    run_on_frames(args, HomographyInferencer.result_files, infer, args.aspect_ratio)


if __name__ == "__main__":
    main()
