"""What all sources of archives have in common, and the plainest one: a single file on the web."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from footmm.apis.downloads.web import fetch_url
from footmm.errors import DownloadError


class Transport(Protocol):
    """Brings archives into a folder.

    Attributes:
        address: A URL on the host that they come from.
    """

    address: str

    def sizes(self, splits: Sequence[str]) -> dict[str, int | None]:
        """Return the sizes of the splits' archives, bytes; None where they come with the file."""

    def fetch(self, split: str) -> None:
        """Download the archive of a split, whole and checked as far as the source allows."""


class ArchiveSource(Protocol):
    """Where the archives of a data set come from.

    Attributes:
        splits: What there is an archive of.
    """

    splits: tuple[str, ...]

    def archive(self, split: str) -> str:
        """Return the name of a split's archive."""

    def connect(self, folder: Path) -> Transport:
        """Return what brings archives into a folder; nothing is asked yet."""


@dataclass(frozen=True)
class WebArchive:
    """One archive with a public address.

    Attributes:
        url: The address.
        name: File name.
        checksum: Name of an algorithm of :mod:`hashlib`, and the value.
        splits: The archive holds all of them.
    """

    url: str
    name: str
    checksum: tuple[str, str]
    splits: tuple[str, ...] = ("all",)

    def archive(self, split: str) -> str:
        """Return the file name."""
        return self.name

    def connect(self, folder: Path) -> WebTransport:
        """Return what brings the archive into a folder."""
        return WebTransport(self, folder)


class WebTransport:
    """Brings a :class:`WebArchive`."""

    def __init__(self, source: WebArchive, folder: Path) -> None:
        self.address = source.url
        self._source = source
        self._folder = folder

    def sizes(self, splits: Sequence[str]) -> dict[str, int | None]:
        """Return no sizes: the server tells them with the file."""
        return dict.fromkeys(splits)

    def fetch(self, split: str) -> None:
        """Download the archive.

        Raises:
            DownloadError: It did not arrive, or is another file than the one that is known.
        """
        source, path = self._source, self._folder / self._source.name
        try:
            fetch_url(source.url, path, source.checksum)
        except DownloadError as error:
            raise DownloadError(
                f"{error}. Or fetch {source.url} with a browser and put it there as {path}"
            ) from error
