"""What the teams play: tools/infer/tactics.py CONFIG CHECKPOINT [INPUT] --out FOLDER.

Reads the windows of tracks, or of the config's test dataset, and writes to the folder --out:

* windows.csv: for each window and team the formation, and the strategy in its last frame;
* formations.csv: the same by stretches of some minutes, beside template matching and the labels;
* roles.csv: each player's role by stretch, beside its label;
* formation_map.png, attention.png: the windows of the match in which most players are seen;
* timeline.png: formations and strategies over the longest match.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.frame_cli import add_inference_arguments
from footmm.apis.tactics_inferencer import FORMATIONS_FILE, ROLES_FILE, TacticsInferencer


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument(
        "input",
        nargs="?",
        help="a trajectories.npz, or a folder of them (default: the config's test dataset)",
    )
    add_inference_arguments(parser, batch_size=64)
    parser.add_argument("--minutes", type=minutes, default=5.0, help="length of a stretch")
    return parser.parse_args(argv)


def minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < np.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no positive number of minutes")
    return value


def print_summary(formations: pd.DataFrame, roles: pd.DataFrame) -> None:
    print(f"\n{formations.head(40).to_string(index=False)}")
    for name, table, found in (
        ("formations of stretches", formations, "formation"),
        ("formations of stretches, template matching", formations, "template_matching"),
        ("roles of players by stretch", roles, "role"),
    ):
        known = table[table["labelled"] != "-"] if len(table) else table
        if len(known):
            right = (known[found] == known["labelled"]).mean()
            print(f"{name:<45} {right:6.1%} of {len(known)} labelled ones right")


def infer(args: argparse.Namespace) -> None:
    """Predict, write, draw and print."""
    config = load_config(args.config, args.cfg_options)
    inferencer = TacticsInferencer(config, args.checkpoint, args.device, args.minutes)
    inputs = args.input or inferencer.test_dataset()
    for _ in inferencer(inputs, args.batch_size, args.show, args.out, overwrite=True):
        pass
    # A dash is a name of its own, not a missing value.
    names = (FORMATIONS_FILE, ROLES_FILE)
    print_summary(*(pd.read_csv(args.out / name, keep_default_na=False) for name in names))
    print(f"\nwritten to {args.out}")


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        prepare_folder(args.out, TacticsInferencer.result_files, args.overwrite)
        infer(args)


if __name__ == "__main__":
    main()
