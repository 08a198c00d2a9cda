"""What the command line tools that look at images and videos share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.frames import DEFAULT_RATE, FrameReader

#: Exit code where frames were skipped.
INCOMPLETE = 1


def add_inference_arguments(parser: argparse.ArgumentParser, batch_size: int) -> None:
    """Add what all tools for inference share besides the config and the inputs.

    Args:
        parser: Of the tool.
        batch_size: The default.
    """
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--overwrite", action="store_true", help="write into any folder")
    parser.add_argument("--show", action="store_true", help="show each result in a window")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: CUDA if there is one")
    parser.add_argument("--batch-size", type=int, default=batch_size)


def add_frame_arguments(
    parser: argparse.ArgumentParser, inputs: str = "an image, a folder of images or a video"
) -> None:
    """Add the config, the checkpoint, the input and how and where its results are made.

    Args:
        parser: Of the tool.
        inputs: What the input may be.
    """
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("input", help=inputs)
    add_inference_arguments(parser, batch_size=1)
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="write the results only, and no pictures of frames",
    )
    parser.add_argument(
        "--rate", type=float, help=f"frames a second (the video's own, {DEFAULT_RATE:g} of images)"
    )


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


def run_on_frames(
    args: argparse.Namespace,
    result_files: Sequence[str],
    infer: Callable[[argparse.Namespace, FrameReader], None],
    aspect_ratio: float | None = None,
) -> None:
    """Read the input, prepare the folder of the results, and leave with the right exit code.

    Args:
        args: Those of :func:`add_frame_arguments`.
        result_files: See :func:`footmm.apis.cli.prepare_folder`.
        infer: Does the work.
        aspect_ratio: See :class:`footmm.apis.frames.FrameReader`.
    """
    with report_errors():
        reader = FrameReader(args.input, aspect_ratio, args.rate)
        prepare_folder(args.out, result_files, args.overwrite)
        infer(args, reader)
        exit_if_incomplete(reader)


def exit_if_incomplete(reader: FrameReader) -> None:
    """Leave with :data:`INCOMPLETE` where frames were skipped."""
    if reader.unreadable:
        sys.exit(INCOMPLETE)
