"""The providers of tracking data: how kloppy reads them, and where their files come from."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from footmm.errors import ConfigError, DatasetNotFoundError, did_you_mean

FilePaths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_LFS_POINTER = b"version https://git-lfs"
_METRICA = (
    "Open matches: 'tools/data/download.py metrica' "
    "(https://github.com/metrica-sports/sample-data)."
)
_FROM_THE_PROVIDER = "It is the provider's to give: ask them, or your club or league."


@dataclass(frozen=True)
class TrackingProvider:
    """A provider of tracking data.

    Attributes:
        title: Its name.
        loader: Name of the function in kloppy, ``module.function``; empty where footmm reads.
        files: Names of its arguments that are files, or lists of files; the tracks come last.
        optional_files: Likewise, those that may be left out.
        how_to_get: Where the data comes from.
    """

    title: str
    loader: str
    files: tuple[str, ...]
    optional_files: tuple[str, ...] = ()
    how_to_get: str = _FROM_THE_PROVIDER


PROVIDERS: dict[str, TrackingProvider] = {
    "skillcorner": TrackingProvider(
        "SkillCorner",
        "skillcorner.load",
        ("meta_data", "raw_data"),
        how_to_get=(
            "Open matches: 'tools/data/download.py skillcorner' "
            "(https://github.com/SkillCorner/opendata)."
        ),
    ),
    "sportec": TrackingProvider(
        "Sportec",
        "sportec.load_tracking",
        ("meta_data", "raw_data"),
        how_to_get=(
            "Seven open Bundesliga matches: 'tools/data/download.py sportec' (Bassek et al., An "
            "integrated dataset of spatiotemporal and event data in elite soccer, Scientific Data "
            "2025, https://doi.org/10.6084/m9.figshare.28196177)."
        ),
    ),
    "metrica_csv": TrackingProvider(
        "Metrica (csv)",
        "metrica.load_tracking_csv",
        ("home_data", "away_data"),
        how_to_get=_METRICA,
    ),
    "metrica_epts": TrackingProvider(
        "Metrica (EPTS)",
        "metrica.load_tracking_epts",
        ("meta_data", "raw_data"),
        how_to_get=_METRICA,
    ),
    "pff": TrackingProvider(
        "PFF",
        "pff.load_tracking",
        ("meta_data", "roster_meta_data", "raw_data"),
        how_to_get="PFF FC gives the World Cup 2022 on request: https://www.blog.fc.pff.com.",
    ),
    "tracab": TrackingProvider("Tracab", "tracab.load", ("meta_data", "raw_data")),
    "secondspectrum": TrackingProvider(
        "Second Spectrum",
        "secondspectrum.load",
        ("meta_data", "raw_data"),
        ("additional_meta_data",),
    ),
    "statsperform": TrackingProvider(
        "Stats Perform", "statsperform.load_tracking", ("ma1_data", "ma25_data")
    ),
    "signality": TrackingProvider(
        "Signality", "signality.load", ("meta_data", "venue_information", "raw_data_feeds")
    ),
    "hawkeye": TrackingProvider(
        "Hawk-Eye", "hawkeye.load", ("ball_feeds", "player_centroid_feeds"), ("meta_data",)
    ),
    "lastrow": TrackingProvider(
        "Last Row",
        "",
        ("raw_data",),
        how_to_get="Plays: https://github.com/Friends-of-Tracking-Data-FoTD/Last-Row.",
    ),
}
"""The providers by the names that configs use."""


def get_provider(name: str) -> TrackingProvider:
    """Return what is known of a provider.

    Raises:
        ConfigError: It is not known.
    """
    if name not in PROVIDERS:
        raise ConfigError(
            f"provider='{name}' is not known{did_you_mean(name, PROVIDERS)} (there are "
            f"{', '.join(sorted(PROVIDERS))})"
        )
    return PROVIDERS[name]


def checked_files(provider: str, files: Mapping[str, FilePaths]) -> dict[str, list[Path]]:
    """Return the files of a match as lists, after checking that they are all there.

    Args:
        provider: One of :data:`PROVIDERS`.
        files: By the loader's file arguments: a path, or several.

    Raises:
        ConfigError: The provider or a file argument is not known, or one is missing.
        DatasetNotFoundError: A file is missing.
    """
    known = get_provider(provider)
    if set(known.files) - set(files) or set(files) - {*known.files, *known.optional_files}:
        optional = f"; optional: {', '.join(known.optional_files)}" if known.optional_files else ""
        raise ConfigError(
            f"files gives {', '.join(sorted(files)) or 'nothing'}; a match of provider="
            f"'{provider}' has the files {', '.join(known.files)}{optional}"
        )
    paths = {key: [Path(path) for path in path_list(given)] for key, given in files.items()}
    for path in (path for given in paths.values() for path in given):
        if not path.exists():
            raise DatasetNotFoundError(f"{path} does not exist. {known.how_to_get}")
        if path.is_file() and _is_lfs_pointer(path):
            raise DatasetNotFoundError(
                f"{path} is a pointer of Git LFS, not the file itself; run 'git lfs pull' there, "
                "or tools/data/download.py, which does without git-lfs"
            )
    return paths


def all_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files, and those in folders, in a fixed order."""
    for path in paths:
        yield from sorted(filter(Path.is_file, path.rglob("*"))) if path.is_dir() else [path]


def path_list(paths: FilePaths) -> list[str | os.PathLike[str]]:
    """Return a path, or several, as a list."""
    return [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)


def _is_lfs_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER
