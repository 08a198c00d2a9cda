"""SoccerNet's archives, by its own downloader; what it does not do is done around it.

``SoccerNet.Downloader`` (0.2.0) knows which file of which repository a split is. From the Hugging
Face Hub, its default, it cannot continue a file after a stop: the transfer is exchanged for
:mod:`footmm.apis.downloads.hub`. From SoccerNet's older drive, which needs the password of the NDA,
it reports failures as text only, and leaves files that look whole.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from footmm.apis.downloads import hub
from footmm.apis.downloads.credentials import ask, hidden
from footmm.errors import DownloadError

PASSWORD = "SOCCERNET_PASSWORD"
DRIVE = "https://exrcsdrive.kaust.edu.sa/public.php/webdav/"
#: Seconds between two pieces of a file: SoccerNet's downloader itself would wait for ever.
DRIVE_TIMEOUT_S = 60.0

Snapshot = Callable[..., Any]


@dataclass(frozen=True)
class SoccerNetArchives:
    """The archives of a task of SoccerNet.

    Attributes:
        task: As ``downloadDataTask`` takes it.
        splits: Those that it has.
        drive: Address of the older drive, where it is to be used in place of the Hub.
    """

    task: str
    splits: tuple[str, ...] = ("train", "valid", "test", "challenge")
    drive: str | None = None

    def archive(self, split: str) -> str:
        """Return the name that SoccerNet gives the archive of a split."""
        return _archive_name(self.task, split)

    def connect(self, folder: Path) -> HubTransport | DriveTransport:
        """Return what brings archives into a folder, which has to be named as the task."""
        if self.drive is None:
            return HubTransport(self.task, folder)
        return DriveTransport(self, folder)


class HubTransport:
    """Brings archives from the Hugging Face Hub."""

    def __init__(self, task: str, folder: Path) -> None:
        self._task = task
        self._folder = folder

    @property
    def address(self) -> str:
        """The Hub's."""
        return hub.endpoint()

    def sizes(self, splits: Sequence[str]) -> dict[str, int | None]:
        """Ask the Hub for the sizes of archives, bytes.

        Raises:
            DownloadError: It does not show them.
        """
        sizes: dict[str, int | None] = {}
        for split in splits:
            files: list[hub.HubFile] = []
            self._run(split, partial(_list_snapshot, files))
            sizes[split] = sum(file.size for file in files)
        return sizes

    def fetch(self, split: str) -> None:
        """Download the archive of a split.

        Raises:
            DownloadError: It did not arrive, is damaged, or there is no permission.
        """
        self._run(split, _fetch_snapshot)

    def _run(self, split: str, snapshot: Snapshot) -> None:
        try:
            _download(self._task, split, self._folder.parent, snapshot)
        except PermissionError as error:
            raise DownloadError(
                f"{' '.join(str(error).split())} footmm finds the token of 'hf auth login', or one "
                "in HF_TOKEN"
            ) from error


class DriveTransport:
    """Brings archives from SoccerNet's older drive, with the password of the NDA."""

    def __init__(self, source: SoccerNetArchives, folder: Path) -> None:
        self.address = source.drive or DRIVE
        self._source = source
        self._folder = folder

    @cached_property
    def _password(self) -> str:
        return ask(PASSWORD, "SoccerNet's password (of the NDA)")

    def sizes(self, splits: Sequence[str]) -> dict[str, int | None]:
        """Return no sizes: the drive tells them with the files."""
        return dict.fromkeys(splits)

    def fetch(self, split: str) -> None:
        """Download the archive of a split; one that was begun is begun again.

        Raises:
            ConfigError: There is no password.
            DownloadError: It did not arrive.
        """
        from SoccerNet.Downloader import SoccerNetDownloader

        from footmm.models.common.pretrained import socket_timeout

        name, password = self._source.archive(split), self._password
        staging = self._folder / f".{name}.unfinished"
        # What is there already, whole or not, would be taken for the archive.
        shutil.rmtree(staging, ignore_errors=True)
        with hidden(password), socket_timeout(DRIVE_TIMEOUT_S), warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            SoccerNetDownloader(str(staging), self.address).downloadDataTask(
                self._source.task, split=[split], password=password, source="EXRCSDrive"
            )
        arrived = staging / self._source.task / name
        if not arrived.is_file():
            raise DownloadError(
                f"{self.address} did not give {name} of {self._source.task}; is the password in "
                f"{PASSWORD} right? Without --source drive it comes from Hugging Face"
            )
        arrived.replace(self._folder / name)
        shutil.rmtree(staging)


@cache
def _archive_name(task: str, split: str) -> str:
    requests: list[dict[str, Any]] = []
    _download(task, split, Path(), lambda **request: requests.append(request))
    (name,) = requests[0]["allow_patterns"]
    return name


def _download(task: str, split: str, folder: Path, snapshot: Snapshot) -> None:
    """Let SoccerNet's downloader ask for a split, and another function than its own answer."""
    from SoccerNet import Downloader

    original = Downloader.snapshot_download
    Downloader.snapshot_download = snapshot
    try:
        Downloader.SoccerNetDownloader(str(folder)).downloadDataTask(task, split=[split])
    finally:
        Downloader.snapshot_download = original


def _list_snapshot(files: list[hub.HubFile], **request: Any) -> None:
    files += _files_of(request)


def _fetch_snapshot(**request: Any) -> None:
    for file in _files_of(request):
        hub.fetch_file(file, Path(request["local_dir"], file.path))


def _files_of(request: dict[str, Any]) -> list[hub.HubFile]:
    return hub.list_files(request["repo_id"], request["revision"], request["allow_patterns"])
