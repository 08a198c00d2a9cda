"""Write the tracks of matches of any source into one trajectories.npz.

tools/data/make_trajectories.py --provider skillcorner --out data/trajectories.npz
--data meta_data=data/{match}_match.json raw_data=data/{match}_tracking.jsonl
"""

from __future__ import annotations

import argparse
import glob
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import DictAction

from footmm.apis.cli import report_errors
from footmm.datasets.trajectory.kloppy_tracking import read_tracking
from footmm.datasets.trajectory.preparation import (
    MAX_GAP_S,
    MAX_SHARE_OF_ERRORS,
    RawTracks,
    prepare_tracks,
)
from footmm.datasets.trajectory.simulated_match import read_simulated_match
from footmm.datasets.trajectory.soccernet_game_state import read_game_state_tracks
from footmm.datasets.trajectory.soccernet_tracking import read_soccernet_tracking
from footmm.datasets.trajectory.tracking_providers import PROVIDERS, checked_files
from footmm.datasets.trajectory.trajectories_npz import write_trajectories
from footmm.errors import ConfigError, DatasetNotFoundError, did_you_mean
from footmm.structures.agent_tracks import BALL, AgentTracks

#: Stands for the name of a match in paths.
MATCH = "{match}"
PLAYERS_OF_BOTH_TEAMS = 22

Files = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Source:
    """A kind of data that kloppy does not read.

    Attributes:
        files: Keys of --data.
        read: Takes the path of each of them.
        options: Keys of --options, further arguments of ``read``.
    """

    files: tuple[str, ...]
    read: Callable[..., RawTracks]
    options: tuple[str, ...] = ()


SOURCES = {
    "soccernet-tracking": Source(
        ("sequence", "cameras"), read_soccernet_tracking, ("smoothing_s",)
    ),
    "soccernet-game-state": Source(
        ("labels",), read_game_state_tracks, ("smoothing_s", "frame_rate")
    ),
    "simulation": Source(("tracks",), read_simulated_match),
}
ALL_PROVIDERS = (*SOURCES, *sorted(PROVIDERS))


def make_epilog() -> str:
    lines = ["what --data and --options of a provider are (a star: may be left out):"]
    for name in ALL_PROVIDERS:
        if name in SOURCES:
            keys, options = list(SOURCES[name].files), ", ".join(SOURCES[name].options)
        else:
            known = PROVIDERS[name]
            keys = [*known.files, *(f"{key}*" for key in known.optional_files)]
            options = "those of kloppy's loader" if known.loader else ""
        lines.append(f"  {name:<22}{', '.join(keys)}{f'; {options}' if options else ''}")
    return "\n".join(
        [
            *lines,
            "",
            "{match} in the paths stands for the name of a match: one of --matches, or all that",
            "are found. A key that is given twice is a list of files. 'sequence' is a folder,",
            "'cameras' a folder or a cameras.json; 'labels' may be predictions; 'tracks' are of",
            "tools/data/simulate.py --format npz.",
        ]
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write the tracks of matches of any source into one trajectories.npz.",
        epilog=make_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--provider", required=True, choices=ALL_PROVIDERS, metavar="PROVIDER")
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        action="extend",
        metavar="KEY=PATH",
        help="the files of a match; see below",
    )
    parser.add_argument("--matches", nargs="+", metavar="NAME", help="what {match} stands for")
    parser.add_argument("--rate", type=float, default=6.25, help="frames a second (6.25)")
    parser.add_argument(
        "--max-gap-s",
        type=float,
        default=MAX_GAP_S,
        help=f"seconds over which positions are interpolated ({MAX_GAP_S:g})",
    )
    parser.add_argument(
        "--max-share-of-errors",
        type=float,
        default=MAX_SHARE_OF_ERRORS,
        help="share of impossible positions from which on a match is refused "
        f"({MAX_SHARE_OF_ERRORS:g})",
    )
    parser.add_argument(
        "--keep-guesses",
        action="store_true",
        help="keep positions that SkillCorner guessed where its camera saw nobody",
    )
    parser.add_argument("--options", nargs="+", action=DictAction, default={}, metavar="KEY=VALUE")
    parser.add_argument("--out", required=True, type=Path, metavar="trajectories.npz")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    return parser.parse_args(argv)


def parse_data(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the paths by key.

    Raises:
        ConfigError: A text is no KEY=PATH.
    """
    data: dict[str, list[str]] = {}
    for text in texts:
        key, _, path = text.partition("=")
        if not key or not path:
            raise ConfigError(f"--data {text}: give KEY=PATH")
        data.setdefault(key, []).append(path)
    return data


def find_matches(template: str) -> list[str]:
    """Return the names that make a path of an existing file or folder, sorted.

    Raises:
        DatasetNotFoundError: There are none.
    """
    first, *others = template.split(MATCH)
    pattern = re.escape(first) + "([^/]+)" + r"\1".join(map(re.escape, others))
    paths = glob.glob("*".join(map(glob.escape, [first, *others])))
    names = [match[1] for path in sorted(paths) if (match := re.fullmatch(pattern, path))]
    if not names:
        raise DatasetNotFoundError(f"--data {template}: there is no such file for any {MATCH}")
    return names


def list_matches(data: Files, names: Sequence[str] | None) -> dict[str, dict[str, list[str]]]:
    """Return the paths of every match by key; the name is empty where nothing tells it.

    Raises:
        ConfigError: There are several names, but no {match} in the paths, or a name is there twice.
        DatasetNotFoundError: No names are given, and no files are found.
    """
    templates = [path for paths in data.values() for path in paths if MATCH in path]
    if names is None:
        names = find_matches(templates[0]) if templates else [""]
    if len(names) > 1 and not templates:
        raise ConfigError(f"--matches gives {len(names)} names, but no path has {MATCH} in it")
    if len(set(names)) < len(names):
        raise ConfigError(f"--matches {' '.join(names)}: a name is there twice")
    return {
        name: {key: [path.replace(MATCH, name) for path in paths] for key, paths in data.items()}
        for name in names
    }


def check_files(provider: str, matches: Mapping[str, Files]) -> None:
    """Look for all files before any is read: reading takes long.

    Raises:
        ConfigError: The provider needs other files.
        DatasetNotFoundError: A file is missing.
    """
    if provider in PROVIDERS:
        for files in matches.values():
            checked_files(provider, files)


def make_reader(
    provider: str, data: Files, options: Mapping[str, Any], keep_guesses: bool
) -> Callable[[Files, str], RawTracks]:
    """Return what reads a match, given its files and its name.

    Raises:
        ConfigError: There is no such option, or other files are needed.
    """
    if provider not in SOURCES:
        return partial(read_delivery, provider, options, not keep_guesses)
    source = SOURCES[provider]
    if set(data) != set(source.files) or any(len(paths) > 1 for paths in data.values()):
        raise ConfigError(
            f"--data gives {', '.join(data)}; {provider} needs {', '.join(source.files)}, once each"
        )
    for name in options:
        if name not in source.options:
            raise ConfigError(
                f"--options {name}: {provider} has no such option"
                f"{did_you_mean(name, source.options)}"
            )
    return partial(read_source, source, options)


def read_source(source: Source, options: Mapping[str, Any], files: Files, name: str) -> RawTracks:
    raw = source.read(*(files[key][0] for key in source.files), **options)
    return replace(raw, match=name or raw.match)


def read_delivery(
    provider: str, options: Mapping[str, Any], detected_only: bool, files: Files, name: str
) -> RawTracks:
    name = name or Path(files[PROVIDERS[provider].files[-1]][0]).stem
    return read_tracking(provider, files, name, options, detected_only)


def print_summary(tracks: Sequence[AgentTracks]) -> None:
    rows = [("match", "source", "frames", "minutes", "agents", "present", "segments")]
    for match in tracks:
        players = match.present[:, match.team != BALL].sum(1).mean()
        rows.append(
            (
                match.match,
                match.source,
                str(match.num_frames),
                f"{np.diff(match.segments).sum() / match.rate / 60:.1f}",
                str(len(match.team)),
                f"{players / PLAYERS_OF_BOTH_TEAMS:.0%}",
                str(len(match.segments)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row[:2], widths[:2], strict=True)]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(cells))


def write(path: Path, tracks: Sequence[AgentTracks]) -> None:
    try:
        write_trajectories(path, tracks)
    except OSError as error:
        raise ConfigError(f"--out {path} cannot be written: {error}") from error


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        if args.out.exists() and not args.overwrite:
            raise ConfigError(f"--out {args.out} exists; replace it with --overwrite")
        data = parse_data(args.data)
        read = make_reader(args.provider, data, args.options, args.keep_guesses)
        matches = list_matches(data, args.matches)
        check_files(args.provider, matches)
        tracks = [
            prepare_tracks(read(files, name), args.rate, args.max_gap_s, args.max_share_of_errors)
            for name, files in matches.items()
        ]
        write(args.out, tracks)
        print_summary(tracks)
        print(f"wrote {args.out}")


if __name__ == "__main__":
    main()
