"""SynLoc's archives, from Spiideo's storage, by SoccerNet's downloader.

The downloader (0.2.0) writes an archive under its final name, and takes what is there for whole
when it is started again. Here it writes pieces: each continues where the last one ended, by an
event of boto3 that asks the storage for the rest. It also keeps the password in a file in the home
folder; here nothing is kept, but such a file is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from footmm.apis.downloads.credentials import ask, hidden
from footmm.errors import DownloadError

USER, PASSWORD = "SPIIDEO_USER", "SPIIDEO_PASSWORD"
TASK = "SpiideoSynLoc"
STORAGE = "https://s3.eu-west-1.amazonaws.com"
ANNOTATIONS = "annotations"
#: How often an archive is asked for.
ATTEMPTS = 3


@dataclass(frozen=True)
class SpiideoArchives:
    """SynLoc's archives; the annotations count as one of its splits.

    Attributes:
        version: Resolution of the images as the downloader takes it, ``"fullhd"`` or ``"4K"``.
        splits: Those that there are.
        address: A URL on the host.
    """

    version: str
    splits: tuple[str, ...] = (ANNOTATIONS, "train", "val", "test", "challenge")
    address: str = STORAGE

    def archive(self, split: str) -> str:
        """Return the name of a split's archive."""
        return f"{split}.zip"

    def connect(self, folder: Path) -> SpiideoTransport:
        """Return what brings archives into a folder, which has to be named as the task."""
        return SpiideoTransport(self, folder)


class SpiideoTransport:
    """Brings archives from Spiideo's storage."""

    def __init__(self, source: SpiideoArchives, folder: Path) -> None:
        self.address = source.address
        self._source = source
        self._folder = folder

    @cached_property
    def _credentials(self) -> tuple[str, str]:
        from SoccerNet.Downloader import SoccerNetDownloader

        if (Path.home() / ".cache" / "spiideo_research" / "credentials.json").is_file():
            return tuple(SoccerNetDownloader(str(self._folder)).getSpiideoCredentials())
        user = ask(USER, "user name (e-mail) at research.spiideo.com", secret=False)
        return user, ask(PASSWORD, "password at research.spiideo.com")

    def sizes(self, splits: Sequence[str]) -> dict[str, int | None]:
        """Return no sizes: the storage tells them with the files."""
        return dict.fromkeys(splits)

    def fetch(self, split: str) -> None:
        """Download the archive of a split; what was got of it before is kept and continued.

        Raises:
            ConfigError: There are no credentials.
            DownloadError: It did not arrive.
        """
        from footmm.apis.downloads.spiideo_pieces import PieceDownloader, Resumable

        name, credentials = self._source.archive(split), self._credentials
        resumable = Resumable(self._folder / name)
        splits = [] if split == ANNOTATIONS else [split]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with hidden(*credentials):
                    PieceDownloader(resumable, credentials).downloadDataTask(
                        TASK, split=splits, version=self._source.version
                    )
                resumable.finish()
                return
            except DownloadError as error:
                if attempt == ATTEMPTS or not resumable.can_go_on:
                    raise DownloadError(f"{error}{resumable.kept()}") from error
