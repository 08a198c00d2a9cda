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

from footmm.apis.ball3d_inferencer import Ball3DInferencer, BallPath3D
from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.engine.hooks.validation_pictures import write_png
from footmm.structures.ball_track import BallTrack
from footmm.visualization.ball3d import animate_flight, choose_tracks, draw_flights

RESULTS = "ball.csv"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("sequence", type=Path, help="folder in SoccerNet's tracking format")
    parser.add_argument("cameras", help="cameras.json, or a folder of camera_NNNNN.json")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--overwrite", action="store_true", help="write into any folder")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: CUDA if there is one")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--no-animation", action="store_true", help="leave flight.gif out")
    return parser.parse_args(argv)


def draw(tracks: list[BallTrack], out: Path, animation: bool) -> None:
    title = f"The ball in {len(tracks)} overlapping windows"
    write_png(out / "flights.png", draw_flights(choose_tracks(tracks, 4), title))
    if animation:
        animate_flight(max(tracks, key=height), out / "flight.gif")


def height(track: BallTrack) -> float:
    """Metres that the ball is high in the frames that can be trusted."""
    return float(track.pred_positions[track.pred_reliable, 2].max(initial=0.0))


def infer(args: argparse.Namespace, inferencer: Ball3DInferencer) -> None:
    """Track the ball, write, draw and print."""
    tracks = list(inferencer(inferencer.read_sequence(args.sequence, args.cameras)))
    path = BallPath3D.of(tracks)
    path.write(args.out / RESULTS)
    draw(tracks, args.out, not args.no_animation)
    print(
        f"{len(path.frame_ids)} frames, {int(path.reliable.sum())} reliable, highest "
        f"{path.positions[path.reliable, 2].max(initial=0.0):.1f} m; written to {args.out}"
    )


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        prepare_folder(args.out, [RESULTS], args.overwrite)
        config = load_config(args.config, args.cfg_options)
        infer(args, Ball3DInferencer(config, args.checkpoint, args.device, args.batch_size))


if __name__ == "__main__":
    main()
