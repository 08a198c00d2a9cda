"""What the teams play: tools/infer/tactics.py CONFIG CHECKPOINT --out FOLDER.

Reads the windows of the config's test dataset and writes to the folder --out:

* windows.csv: for each window and team the formation, and the strategy in its last frame;
* formations.csv: the same by stretches of some minutes, beside template matching and the labels;
* roles.csv: each player's role by stretch, beside its label;
* formation_map.png, attention.png: the windows of the match in which most players are seen;
* timeline.png: formations and strategies over the longest match.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from mmengine.utils import track_iter_progress

from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.tactics_inferencer import (
    TacticsInferencer,
    TeamStretch,
    formation_name,
    summarise,
)
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.engine.hooks.validation_pictures import write_png
from footmm.simulation.formations import ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.tactical_window import TacticalWindow
from footmm.visualization.tactics import draw_attention, draw_formation_map, draw_timeline

RESULTS = ["windows.csv", "formations.csv", "roles.csv"]
TEAMS = ("home", "away")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--overwrite", action="store_true", help="write into any folder")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: CUDA if there is one")
    parser.add_argument("--batch-size", type=int, default=64)
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


def window_rows(windows: list[TacticalWindow]) -> pd.DataFrame:
    rows = []
    for window in windows:
        for team in window.teams:
            formation = int(window.formation_scores[team].argmax())
            strategy = int(window.strategy_scores[-1, team].argmax())
            known = window.has_formation[team], window.has_strategy[-1, team]
            rows.append(
                dict(
                    match=window.match,
                    period=window.period,
                    frame=int(window.frame_ids[-1]),
                    seconds=round(float(window.seconds[-1]), 2),
                    team=TEAMS[team],
                    players_seen=len(window.members(team)),
                    formation=formation_name(formation),
                    formation_probability=round(float(window.formation_scores[team].max()), 4),
                    labelled_formation=formation_name(
                        int(window.formation[team]) if known[0] else None
                    ),
                    strategy=STRATEGIES[strategy],
                    strategy_probability=round(float(window.strategy_scores[-1, team].max()), 4),
                    labelled_strategy=STRATEGIES[int(window.strategy[-1, team])]
                    if known[1]
                    else "-",
                )
            )
    return pd.DataFrame(rows)


def stretch_key(stretch: TeamStretch) -> dict[str, object]:
    return dict(
        match=stretch.match,
        period=stretch.period,
        first_s=round(stretch.first_s, 1),
        last_s=round(stretch.last_s, 1),
        team=TEAMS[stretch.team],
    )


def formation_rows(stretches: list[TeamStretch]) -> pd.DataFrame:
    return pd.DataFrame(
        stretch_key(stretch)
        | dict(
            windows=stretch.num_windows,
            players_seen=round(stretch.seen, 1),
            formation=formation_name(stretch.formation),
            probability=round(float(stretch.formation_scores.max()), 3),
            template_matching=formation_name(stretch.template_formation),
            labelled=formation_name(stretch.labelled_formation),
        )
        for stretch in stretches
    )


def role_rows(stretches: list[TeamStretch]) -> pd.DataFrame:
    return pd.DataFrame(
        stretch_key(stretch)
        | dict(
            player=name,
            frames=int(frames),
            role=ROLES[int(scores.argmax())],
            probability=round(float(scores.max()), 3),
            labelled="-" if label is None else ROLES[label],
        )
        for stretch in stretches
        for name, frames, scores, label in zip(
            stretch.agent_ids,
            stretch.num_frames,
            stretch.role_scores,
            stretch.labelled_roles,
            strict=True,
        )
    )


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


def draw(windows: list[TacticalWindow], out: Path) -> None:
    """Draw the window in which most players are seen, and the match with most windows."""
    fullest = max(windows, key=lambda window: int(window.seen.sum()))
    write_png(out / "formation_map.png", draw_formation_map(fullest))
    write_png(out / "attention.png", draw_attention(fullest))
    longest = Counter(window.match for window in windows).most_common(1)[0][0]
    of_match = [window for window in windows if window.match == longest]
    ends = np.array([window.seconds[-1] for window in of_match]) / 60
    minutes_of_ends = ends if np.isfinite(ends).all() else None
    title = f"Match {longest}"
    write_png(out / "timeline.png", draw_timeline(of_match, minutes_of_ends, title))


def infer(args: argparse.Namespace, inferencer: TacticsInferencer) -> None:
    """Predict, write, print and draw."""
    dataset = inferencer.test_dataset()
    found = inferencer(dataset)
    windows = list(track_iter_progress((found, len(dataset)), file=sys.stderr))
    stretches = summarise(windows, args.minutes)
    tables = [window_rows(windows), formation_rows(stretches), role_rows(stretches)]
    for name, table in zip(RESULTS, tables, strict=True):
        AtomicLocalBackend().put_text(table.to_csv(index=False), args.out / name)
    print_summary(*tables[1:])
    draw(windows, args.out)
    print(f"\nwritten to {args.out}")


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        prepare_folder(args.out, RESULTS, args.overwrite)
        config = load_config(args.config, args.cfg_options)
        infer(args, TacticsInferencer(config, args.checkpoint, args.device, args.batch_size))


if __name__ == "__main__":
    main()
