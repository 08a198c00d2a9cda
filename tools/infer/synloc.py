"""Athletes on the pitch: tools/infer/synloc.py CONFIG CHECKPOINT INPUT --cameras FILE --out FOLDER.

FILE is SynLoc's json, whose images carry their cameras, or a json of one camera for all frames
(width, height, camera_matrix, dist_poly, undist_poly). Writes to the folder --out:

* positions.csv, positions.json: the athletes of each frame, with their places in metres (origin at
  the centre spot, x along the pitch, y across it);
* pictures/ and top_views/, or athletes.mp4 and top_view.mp4 of a video: the frames with what was
  found, and the pitch from above.
"""

from __future__ import annotations

import argparse

from footmm.apis.config import load_config
from footmm.apis.frame_cli import add_frame_arguments, print_frame_summary, run_on_frames
from footmm.apis.frames import FrameReader
from footmm.apis.synloc_inferencer import SynLocInferencer


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_frame_arguments(parser)
    parser.add_argument("--cameras", help="SynLoc's json, or a json of one camera")
    parser.add_argument(
        "--min-score",
        type=float,
        help="athletes below are left out (what validation put into the checkpoint, or 0.5)",
    )
    return parser.parse_args(argv)


def infer(args: argparse.Namespace, reader: FrameReader) -> None:
    """Look at all frames, draw, and print a summary."""
    inferencer = SynLocInferencer(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        args.device,
        args.cameras,
        args.min_score,
        args.pictures,
    )
    found = inferencer(reader, args.batch_size, args.show, args.out, overwrite=True)
    counts = [len(athletes.scores) for athletes in found]
    rows = [
        ("athletes per frame", f"{sum(counts) / len(counts):.2f}" if counts else "-"),
        ("score threshold", f"{inferencer.min_score:.3f}"),
    ]
    print_frame_summary(rows, len(counts), found.seconds, reader)


def main(argv: list[str] | None = None) -> None:
    run_on_frames(parse_args(argv), SynLocInferencer.result_files, infer)


if __name__ == "__main__":
    main()
