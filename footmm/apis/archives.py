"""Zip archives: read as untrusted input, written with the same bytes for the same content."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.simulation.export.folder import format_size

#: How many times as large as the archive its files may be. Images are as large as they are in it,
#: numbers as text up to ten times; a bomb is packed a thousand times and more.
MAX_RATIO = 100
#: Total size of the files, bytes, up to which the ratio does not matter.
HARMLESS_SIZE = 10_000_000

_CHUNK = 1 << 20
_ENCRYPTED = 0x1
#: The earliest date that a zip can hold.
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What zipfile raises for damaged archives, wrong bytes of which can mean anything.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
)


class SafeArchive:
    """A zip archive whose files stay in the folder they are extracted to.

    Made by :func:`open_archive`, which checks all entries.

    Attributes:
        path: The archive.
        sizes: Size of each file, bytes, by its name: relative, parts separated by ``/``.
    """

    def __init__(
        self, path: Path, archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]
    ) -> None:
        self.path = path
        self.sizes = {name: entry.file_size for name, entry in entries.items()}
        self._archive = archive
        self._entries = entries

    def open(self, name: str) -> IO[bytes]:
        """Open a file to be read; what is read of a damaged one raises what ``zipfile`` does."""
        return self._archive.open(self._entries[name])

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises:
            DataFormatError: It is damaged.
        """
        with _damage_explained(self.path), self.open(name) as file:
            return file.read()

    def is_extracted(self, name: str, target: Path) -> bool:
        """Tell whether ``target`` is a file with the content of ``name``."""
        entry = self._entries[name]
        if not target.is_file() or target.stat().st_size != entry.file_size:
            return False
        checksum = 0
        with target.open("rb") as file:
            while chunk := file.read(_CHUNK):
                checksum = zlib.crc32(chunk, checksum)
        return checksum == entry.CRC

    def extract(
        self, targets: Mapping[str, Path], advance: Callable[[int], None] = lambda count: None
    ) -> None:
        """Extract files; those that are there already, whole, are kept.

        A file appears under its name when it is whole. Links are not looked for in the folders of
        the targets: they should be the caller's own.

        Args:
            targets: Where to write the files to, by their names in the archive.
            advance: Called with the number of further files that are there.

        Raises:
            DataFormatError: The archive is damaged, or the disk too small.
        """
        missing = {
            name: target for name, target in targets.items() if not self.is_extracted(name, target)
        }
        self._check_disk(missing)
        advance(len(targets) - len(missing))
        for name, target in missing.items():
            self._extract(name, target)
            advance(1)

    def _check_disk(self, targets: Mapping[str, Path]) -> None:
        if not targets:
            return
        folder = next(iter(targets.values())).parent
        folder.mkdir(parents=True, exist_ok=True)
        needed, free = sum(self.sizes[name] for name in targets), shutil.disk_usage(folder).free
        if needed > free:
            raise DataFormatError(
                f"{self.path}: {format_size(needed)} are to be extracted to {folder}, where "
                f"{format_size(free)} are free; make room"
            )

    def _extract(self, name: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".part")
        try:
            with (
                _damage_explained(self.path),
                self.open(name) as packed,
                partial.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, _CHUNK)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def open_archive(path: str | Path, content: bytes | None = None) -> Iterator[SafeArchive]:
    """Open a zip archive and check all of its entries, before anything is extracted.

    Args:
        path: The archive.
        content: Its bytes, where it is not a file yet.

    Raises:
        DatasetNotFoundError: There is no such file.
        DataFormatError: It is no zip archive or a truncated one; or an entry is absolute, leads out
            of the folder, is a link or encrypted, or is there twice; or all of them are absurdly
            larger than the archive.
    """
    path = Path(path)
    if content is None and not path.is_file():
        raise DatasetNotFoundError(f"{path} does not exist")
    packed_size = path.stat().st_size if content is None else len(content)
    with _damage_explained(path):
        archive = zipfile.ZipFile(path if content is None else io.BytesIO(content))
    with archive:
        entries = _checked_entries(path, archive)
        size = sum(entry.file_size for entry in entries.values())
        if size > max(HARMLESS_SIZE, MAX_RATIO * packed_size):
            raise DataFormatError(
                f"{path} is refused: its {format_size(packed_size)} would become "
                f"{format_size(size)}, more than {MAX_RATIO} times as much, as with an archive "
                "made to fill a disk"
            )
        yield SafeArchive(path, archive, entries)


def pack_files(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive, with the same bytes for the same files whatever their order.

    Args:
        files: Contents by name.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


@contextmanager
def _damage_explained(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DataFormatError(
            f"{path} is truncated, damaged or no zip archive ({error}); remove it, and copy or "
            "download it again"
        ) from error


def _checked_entries(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the entries of the files by their names.

    Raises:
        DataFormatError: An entry is not safe to be extracted.
    """
    entries: dict[str, zipfile.ZipInfo] = {}
    # Names that differ in case only are one file on some disks.
    seen: set[str] = set()
    for entry in archive.infolist():
        reason = _danger(entry)
        name = str(PurePosixPath(_with_slashes(entry)))
        if reason is None and not _is_folder(entry) and name.casefold() in seen:
            reason = "is there twice"
        if reason is not None:
            raise DataFormatError(
                f"{path} is refused: its entry {entry.filename[:80]!r} {reason}. Nothing was "
                "extracted of it; ask where the file comes from"
            )
        if not _is_folder(entry):
            seen.add(name.casefold())
            entries[name] = entry
    return entries


def _danger(entry: zipfile.ZipInfo) -> str | None:
    """Return why an entry must not be extracted, None if it may be."""
    name = _with_slashes(entry)
    if name.startswith("/"):
        return "is an absolute path"
    if ":" in name:
        return "has a drive letter"
    if ".." in name.split("/"):
        return "leads out of the folder"
    if str(PurePosixPath(name)) == "." and not _is_folder(entry):
        return "has no name"
    # The upper half holds the mode where the archive was made on Unix, mostly 0 elsewhere.
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    if entry.header_offset < 0:
        return "begins before the archive does, which is damaged"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in _METHODS:
        return "is packed by another method than deflate"
    return None


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return _with_slashes(entry).endswith("/")


def _with_slashes(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry with the separators that the format demands."""
    return entry.filename.replace("\\", "/")
