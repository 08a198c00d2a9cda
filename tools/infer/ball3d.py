"""The ball in 3D: tools/infer/ball3d.py CONFIG CHECKPOINT SEQUENCE CAMERAS --out FOLDER.

SEQUENCE is a folder in SoccerNet's tracking format (gt/gt.txt with the ball's boxes, gameinfo.ini,
seqinfo.ini; images only for models that look at them); CAMERAS is the cameras.json of
tools/infer/homography.py, or a folder of SoccerNet's camera_NNNNN.json. Writes to the folder --out:

* ball.csv: for each frame place, velocity, uncertainty, mode, and whether to trust them;
* flights.png: some windows from above, from the side and in the frame;
* flight.gif: the window in which the ball is highest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from footmm.apis.ball3d_inferencer import Ball3DInferencer
from footmm.apis.ball_path import BallPath3D
from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.frame_cli import add_inference_arguments


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("sequence", type=Path, help="folder in SoccerNet's tracking format")
    parser.add_argument("cameras", help="cameras.json, or a folder of camera_NNNNN.json")
    add_inference_arguments(parser, batch_size=32)
    parser.add_argument("--no-animation", action="store_true", help="leave flight.gif out")
    return parser.parse_args(argv)


def infer(args: argparse.Namespace) -> None:
    """Track the ball, write, draw and print."""
    config = load_config(args.config, args.cfg_options)
    inferencer = Ball3DInferencer(
        config, args.checkpoint, args.device, args.cameras, not args.no_animation
    )
    found = inferencer(args.sequence, args.batch_size, args.show, args.out, overwrite=True)
    path = BallPath3D.of(list(found))
    print(
        f"{len(path.frame_ids)} frames, {int(path.reliable.sum())} reliable, highest "
        f"{path.positions[path.reliable, 2].max(initial=0.0):.1f} m; written to {args.out}"
    )


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        prepare_folder(args.out, Ball3DInferencer.result_files, args.overwrite)
        infer(args)


if __name__ == "__main__":
    main()
