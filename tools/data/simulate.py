"""Write synthetic matches in the file formats of public data sets.

tools/data/simulate.py --format soccernet-calibration --num 2000 --seed 0 --out data/calibration
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from footmm.apis.cli import INTERRUPTED, report_errors
from footmm.errors import ConfigError, FootmmError
from footmm.simulation.export import (
    CocoExport,
    Export,
    ImageExportSettings,
    Market1501Export,
    Observer,
    SoccerNetCalibrationExport,
    SoccerNetReIDExport,
    SoccerNetReIDExportSettings,
    SoccerNetTrackingExport,
    SynLocExport,
    TrackingExportSettings,
    TracksExport,
    TracksExportSettings,
    Workload,
    write_folder,
)
from footmm.simulation.export.folder import format_size

#: Actions of SoccerNet-ReID, and identities of Market-1501, that a match gives on average.
ACTIONS_PER_GAME, IDENTITIES_PER_GAME = 2, 24

FULL_HD = (1920, 1080)

EPILOG = """what NUM counts:
  soccernet-calibration, synloc, coco  images of all splits
  soccernet-tracking                   sequences of all splits
  soccernet-reid                       actions of the training split; the other splits are in
                                       proportion, with at least one match each
  market1501                           identities of the training split, about: a match gives 20
                                       to 28; the test split is in proportion
  npz                                  matches

A run that was stopped goes on where it was when it is started again with the same arguments; only
the number of workers may differ.
"""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        options: Arguments that decide what is written, and the settings they are called.
        make: Makes the export of the seed and the settings that were given.
    """

    options: dict[str, str]
    make: Callable[..., Export]


def make_synloc(seed: int, image_size: tuple[int, int] = FULL_HD, **settings: Any) -> Export:
    return SynLocExport(ImageExportSettings(seed, image_size=image_size, **settings))


def reid_settings(seed: int, train_games: int) -> SoccerNetReIDExportSettings:
    defaults = SoccerNetReIDExportSettings()
    others = {
        f"{split}_games": max(1, round(defaults.games(split) * train_games / defaults.train_games))
        for split in ("valid", "test", "challenge")
    }
    return SoccerNetReIDExportSettings(
        seed, train_games, actions_per_game=ACTIONS_PER_GAME, **others
    )


def make_soccernet_reid(seed: int, num: int) -> Export:
    return SoccerNetReIDExport(reid_settings(seed, -(-num // ACTIONS_PER_GAME)))


def make_market1501(seed: int, num: int) -> Export:
    return Market1501Export(reid_settings(seed, -(-num // IDENTITIES_PER_GAME)))


SPLITS = {"splits": "split_shares"}
PICTURES = {"size": "image_size", "pitch": "pitch_size", **SPLITS}
FORMATS = {
    "soccernet-calibration": Format(
        {"num": "num_images", **SPLITS},
        lambda seed, **settings: SoccerNetCalibrationExport(ImageExportSettings(seed, **settings)),
    ),
    "soccernet-tracking": Format(
        {"num": "num_sequences", "frames": "num_frames", **PICTURES},
        lambda seed, **settings: SoccerNetTrackingExport(TrackingExportSettings(seed, **settings)),
    ),
    "soccernet-reid": Format({"num": "num"}, make_soccernet_reid),
    "synloc": Format({"num": "num_images", **PICTURES}, make_synloc),
    "coco": Format(
        {"num": "num_images", **PICTURES},
        lambda seed, **settings: CocoExport(ImageExportSettings(seed, **settings)),
    ),
    "market1501": Format({"num": "num"}, make_market1501),
    "npz": Format(
        {"num": "num_matches", "minutes": "minutes", "rate": "rate", "pitch": "pitch_size"},
        lambda seed, **settings: TracksExport(TracksExportSettings(seed, **settings)),
    ),
}
SETTINGS = sorted({option for known in FORMATS.values() for option in known.options})


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write synthetic matches in the file formats of public data sets.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument("--num", required=True, type=int, help="how many; see below")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True, help="folder: new, empty, or this one unfinished")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="drawing processes")
    group = parser.add_argument_group("options of some formats")
    group.add_argument(
        "--size",
        type=numbers(int, "x", 2),
        metavar="WxH",
        help="pixels (coco: 960x540; tracking, synloc: 1920x1080)",
    )
    group.add_argument(
        "--pitch", type=numbers(float, "x", 2), metavar="LxW", help="metres (105x68)"
    )
    group.add_argument(
        "--splits",
        type=numbers(float, ",", 3),
        metavar="TRAIN,VALID,TEST",
        help="shares of images or sequences (0.8,0.1,0.1)",
    )
    group.add_argument("--frames", type=int, help="of a tracking sequence (750)")
    group.add_argument("--minutes", type=float, help="of an npz match (10)")
    group.add_argument("--rate", type=float, help="frames a second of an npz match (25)")
    return parser.parse_args(argv)


def numbers(kind: type, separator: str, count: int) -> Callable[[str], tuple]:
    def parse(text: str) -> tuple:
        values = tuple(kind(value) for value in text.split(separator))
        if len(values) != count:
            raise ValueError(text)
        return values

    # argparse says "invalid <name> value".
    parse.__name__ = f"{'pair' if count == 2 else 'triple'} separated by {separator!r}"
    return parse


def make_export(args: argparse.Namespace) -> Export:
    """Return the export that the arguments ask for.

    Raises:
        ConfigError: An argument makes no sense, or not for this format.
    """
    for option, least in (("num", 1), ("workers", 1), ("seed", 0)):
        if getattr(args, option) < least:
            raise ConfigError(f"--{option}={getattr(args, option)}: give {least} or more")
    chosen = FORMATS[args.format]
    given = [option for option in SETTINGS if getattr(args, option) is not None]
    for option in given:
        if option not in chosen.options:
            raise ConfigError(f"--{option}: {args.format} knows no such option")
    settings = {chosen.options[option]: getattr(args, option) for option in given}
    return chosen.make(args.seed, **settings)


class ProgressBar(Observer):
    """Shows how many items are written."""

    def __init__(self, progress: Progress, out: str) -> None:
        self._progress = progress
        self._out = out
        self._task = progress.add_task("", total=None)

    def starts(self, workload: Workload) -> None:
        """Report what there is to do and what it takes."""
        left = workload.num_items - workload.num_finished
        self._progress.console.print(
            f"{self._out}: {left} of {workload.num_items} items to write, about "
            f"{format_size(workload.bytes_needed)} ({format_size(workload.bytes_free)} free)",
            highlight=False,
            soft_wrap=True,
        )
        self._progress.update(self._task, total=workload.num_items, completed=workload.num_finished)

    def advances(self, num_items: int) -> None:
        """Move the bar on."""
        self._progress.advance(self._task, num_items)


def write(export: Export, out: str, workers: int) -> None:
    """Write the export and show how it goes on.

    Raises:
        FootmmError: The folder holds something else, its disk is too small, or a process died.
    """
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, transient=True, disable=not sys.stdout.isatty()) as progress:
            write_folder(out, export, workers, ProgressBar(progress, out))
    except BrokenProcessPool as error:
        raise FootmmError(
            "a drawing process was killed, for want of memory perhaps; run the same command again "
            "to go on, with fewer --workers"
        ) from error
    except OSError as error:
        raise FootmmError(f"cannot write {out}: {error}") from error


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        export = make_export(args)
        try:
            write(export, args.out, args.workers)
        except KeyboardInterrupt:
            print("interrupted; run the same command again to go on", file=sys.stderr)
            sys.exit(INTERRUPTED)
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
