"""From an archive to the folder that a dataset class reads."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from footmm.apis.archives import open_archive
from footmm.errors import DownloadError
from footmm.simulation.export.folder import format_size

#: How the name of a folder ends that is not whole yet; it begins with a dot.
UNFINISHED = ".unfinished"
_LEFTOVERS = ("__MACOSX",)


def extract(path: Path, folder: Path, tops: Collection[str]) -> int:
    """Extract a zip archive; the folder appears when it is whole.

    Archives hold their files bare, in a folder named as the split, or deeper. What comes up to such
    a folder is dropped.

    Args:
        path: The archive.
        folder: Where its files go. One that exists is completed: what is there, whole, is kept.
        tops: Names of the folder in the archive.

    Returns:
        Number of the files.

    Raises:
        DataFormatError: The archive is damaged, or one of its entries is not safe to be extracted;
            nothing is extracted then.
    """
    target = folder if folder.exists() else folder.with_name(f".{folder.name}{UNFINISHED}")
    with open_archive(path) as archive:
        places = {name: _place(name, tops) for name in archive.sizes if not _is_leftover(name)}
        archive.extract({name: target / place for name, place in places.items()})
    if target != folder:
        target.rename(folder)
    return len(places)


def count_files(folder: Path) -> int:
    """Return the number of files below a folder."""
    return sum(path.is_file() for path in folder.rglob("*"))


def check_room(folder: Path, needed: int, purpose: str) -> None:
    """Check that a disk has room.

    Args:
        folder: A folder on it, which need not exist yet.
        needed: Bytes.
        purpose: What they are for.

    Raises:
        DownloadError: It has not.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise DownloadError(
            f"{purpose}: about {format_size(needed)} are needed in {folder}, {format_size(free)} "
            "are free. Make room, give another --root, take fewer splits with --split, or drop "
            "archives once they are extracted with --remove-archives"
        )


def _place(name: str, tops: Collection[str]) -> str:
    parts = PurePosixPath(name).parts
    start = next((index + 1 for index, part in enumerate(parts[:-1]) if part in tops), 0)
    return "/".join(parts[start:])


def _is_leftover(name: str) -> bool:
    """Whether a file is one that operating systems leave in archives."""
    parts = PurePosixPath(name).parts
    return parts[0] in _LEFTOVERS or parts[-1].startswith(".")
