"""Fetch real data to where the configs look for it.

tools/data/download.py reid                  SoccerNet ReID, into data/soccernet/reid-2023
tools/data/download.py skillcorner metrica   data sets by their names
tools/data/download.py --list                all of them: size, licence, what they need
"""

from __future__ import annotations

import argparse
import dataclasses
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from footmm.apis.cli import report_errors
from footmm.apis.downloads import DATASETS, TASKS, Dataset, Settings, fetch, find_datasets
from footmm.apis.downloads.fetching import check_splits
from footmm.apis.downloads.soccernet import DRIVE, SoccerNetArchives
from footmm.apis.downloads.spiideo import SpiideoArchives
from footmm.errors import ConfigError, DownloadError, FootmmError

EPILOG = f"""tasks: {", ".join(TASKS)}
data sets: {", ".join(DATASETS)}

Run it again after a stop: what is there is kept, what was begun goes on. Passwords are asked for at
the terminal, or taken from the environment: SPIIDEO_USER and SPIIDEO_PASSWORD for SynLoc,
SOCCERNET_PASSWORD with --source drive, HF_TOKEN where Hugging Face asks for a login.
"""
PREPARE_SYNLOC = Path(__file__).with_name("prepare_synloc.py")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Fetch real data to where the configs look for it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="TASK", help="tasks and data sets, see below")
    parser.add_argument("--list", action="store_true", help="show the data sets and do nothing")
    parser.add_argument("--root", type=Path, default=Path("data"), help="folder of all data (data)")
    parser.add_argument("--split", nargs="+", metavar="NAME", help="these only, e.g. train valid")
    parser.add_argument("--yes", action="store_true", help="agree to the terms of the data sets")
    parser.add_argument("--dry-run", action="store_true", help="say what would be fetched")
    parser.add_argument(
        "--remove-archives", action="store_true", help="once they are extracted; halves the disk"
    )
    parser.add_argument(
        "--source",
        choices=["hub", "drive"],
        default="hub",
        help="of SoccerNet: Hugging Face (hub), or the older drive, with the password of the NDA",
    )
    return parser.parse_args(argv)


def print_list() -> None:
    table = Table(box=SIMPLE)
    for heading in ("data set", "tasks", "size", "needs", "goes to"):
        table.add_column(heading)
    for dataset in DATASETS.values():
        tasks = ", ".join(dataset.tasks)
        table.add_row(
            dataset.name,
            tasks if dataset.fetched_by_task else f"{tasks} (by name only)",
            dataset.size,
            dataset.needs,
            f"data/{dataset.target}",
        )
    # A pipe has no width.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for dataset in DATASETS.values():
        licence = dataset.licence
        console.print(f"{dataset.name}: {dataset.title}", highlight=False, soft_wrap=True)
        console.print(f"    {licence.name}, {licence.address}", highlight=False, soft_wrap=True)


def agree(dataset: Dataset, agreed: bool) -> None:
    """Show the terms of a data set, and ask for consent where it is needed.

    Raises:
        ConfigError: There is no consent.
    """
    licence = dataset.licence
    tell(f"{dataset.name}: {dataset.title}")
    tell(f"  licence: {licence.name}, {licence.address}")
    tell(f"  size: {dataset.size}; needs {dataset.needs}")
    if agreed or not licence.agreement:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            f"the terms of {dataset.name} have to be agreed to: read {licence.address}, and say so "
            "with --yes"
        )
    if input("  Do you agree to these terms? [y/N] ").strip().lower() not in ("y", "yes"):
        raise ConfigError(f"{dataset.name} was not fetched: its terms were not agreed to")


def from_drive(dataset: Dataset) -> Dataset:
    """The same data set, from SoccerNet's older drive if it has it."""
    if not isinstance(dataset.source, SoccerNetArchives):
        return dataset
    return dataclasses.replace(dataset, source=dataclasses.replace(dataset.source, drive=DRIVE))


def put_synloc_into_place(dataset: Dataset, source: SpiideoArchives, settings: Settings) -> None:
    """Check and extract SynLoc's archives, as tools/data/prepare_synloc.py does."""
    archives = settings.root / dataset.archives
    found = sorted(archives.glob("*.zip"))
    if not found:
        return
    out = f"--out={settings.root / dataset.target}"
    main = runpy.run_path(str(PREPARE_SYNLOC))["main"]
    main([str(archives), out, f"--images={source.version.lower()}"])
    for archive in found if settings.remove_archives else ():
        archive.unlink()


def tell(text: str) -> None:
    print(text, flush=True)


def fetch_all(datasets: Sequence[Dataset], args: argparse.Namespace) -> None:
    settings = Settings(args.root, args.split, args.remove_archives, args.dry_run, tell)
    for dataset in datasets:
        check_splits(dataset, args.split)
    for dataset in datasets:
        agree(dataset, args.yes or args.dry_run)
    for dataset in datasets:
        fetch(dataset, settings)
        if isinstance(dataset.source, SpiideoArchives) and not args.dry_run:
            put_synloc_into_place(dataset, dataset.source, settings)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if args.list:
        print_list()
        return
    with report_errors():
        if not args.names:
            raise ConfigError(f"name a task ({', '.join(TASKS)}) or a data set; --list shows them")
        datasets = find_datasets(args.names)
        if args.source == "drive":
            datasets = [from_drive(dataset) for dataset in datasets]
        try:
            fetch_all(datasets, args)
        except FootmmError:
            raise
        except OSError as error:
            raise DownloadError(f"cannot write below {args.root}: {error}") from error


if __name__ == "__main__":
    main()
