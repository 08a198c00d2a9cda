"""A file of Spiideo's storage in pieces, each continuing where the last one ended."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from SoccerNet.Downloader import SoccerNetDownloader

from footmm.apis.downloads.extraction import check_room
from footmm.errors import DownloadError

_CHUNK = 1 << 20
#: Status of an answer to who has the whole file already.
_NOTHING_BEYOND = 416


class PieceDownloader(SoccerNetDownloader):
    """SoccerNet's downloader, for one archive of the several that it asks for."""

    def __init__(self, resumable: Resumable, credentials: tuple[str, str]) -> None:
        super().__init__(str(resumable.target.parent.parent))
        self._resumable = resumable
        self._credentials = credentials

    def getSpiideoCredentials(self) -> tuple[str, str]:
        """Return the user and the password."""
        return self._credentials

    def spiideoDownload(self, path_local: str, key: str, verbose: bool = True) -> int:
        """Download the rest of the archive, if it is the wanted one."""
        if Path(path_local).name != self._resumable.target.name:
            return 0
        with self._resumable.next_piece() as piece:
            return super().spiideoDownload(str(piece), key, verbose)


class Resumable:
    """A file that comes in pieces.

    Attributes:
        target: Where it goes when it is whole.
        size: Its size, bytes; None until the storage has told it.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.size: int | None = None
        self._partial = target.with_name(f".{target.name}.part")
        self._answered = False

    @property
    def can_go_on(self) -> bool:
        """Whether the storage gave anything: the connection may have broken."""
        return self._answered

    @contextmanager
    def next_piece(self) -> Iterator[Path]:
        """Let boto3 ask for what is missing; yields the file that it is to be written to."""
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._collect()
        offset = self._offset()
        handlers = {
            "provide-client-params.s3.GetObject": _asking_from(offset),
            "after-call.s3.GetObject": self._read_answer,
        }
        try:
            with _default_session(handlers):
                yield self._piece(offset)
        finally:
            self._collect()

    def finish(self) -> None:
        """Give the file its name.

        Raises:
            DownloadError: It is not whole.
        """
        if self._offset() != self.size:
            raise DownloadError(
                f"{self.target.name} did not arrive whole: {self._offset()} of {self.size} bytes"
            )
        self._partial.replace(self.target)

    def kept(self) -> str:
        """Return what to tell of a download that failed."""
        size = self._offset()
        return (
            f"; {size} bytes are kept in {self._partial}: run this again to go on" if size else ""
        )

    def _offset(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _piece(self, offset: int) -> Path:
        return self._partial.with_name(f"{self._partial.name}.{offset}")

    def _collect(self) -> None:
        """Append pieces; one that a killed run appended in part is written over."""
        for piece in self._partial.parent.glob(f"{self._partial.name}.*"):
            offset = int(piece.suffix[1:])
            if offset <= self._offset():
                with piece.open("rb") as source, self._partial.open("r+b" if offset else "wb") as f:
                    f.seek(offset)
                    shutil.copyfileobj(source, f, _CHUNK)
            piece.unlink()

    def _read_answer(self, parsed: dict[str, Any], **_: Any) -> None:
        if parsed["ResponseMetadata"]["HTTPStatusCode"] == _NOTHING_BEYOND:
            self._forget()
        if "ContentLength" not in parsed:
            return
        self._answered = True
        content_range = parsed.get("ContentRange")
        if content_range is None and self._offset():
            self._forget()
        total = content_range.rpartition("/")[2] if content_range else parsed["ContentLength"]
        self.size = int(total)
        check_room(self.target.parent, self.size - self._offset(), self.target.name)

    def _forget(self) -> None:
        self._answered = True
        self._partial.unlink()
        raise DownloadError(f"the storage does not continue {self.target.name}; it is begun again")


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@contextmanager
def _default_session(handlers: Mapping[str, Callable[..., None]]) -> Iterator[None]:
    """Make clients that are created meanwhile call handlers, by the names of boto3's events."""
    before, events = boto3.DEFAULT_SESSION, _session().events
    for event, handler in handlers.items():
        events.register(event, handler)
    boto3.DEFAULT_SESSION = _session()
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before
        for event, handler in handlers.items():
            events.unregister(event, handler)


def _asking_from(offset: int) -> Callable[..., None]:
    def ask_from(params: dict[str, Any], **_: Any) -> None:
        if offset:
            params["Range"] = f"bytes={offset}-"

    return ask_from
