"""Fetching a data set: what is there is kept, what is missing is downloaded and put into place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from footmm.apis.downloads import hub
from footmm.apis.downloads.archive_sources import ArchiveSource, Transport
from footmm.apis.downloads.datasets import Dataset, HubFiles
from footmm.apis.downloads.extraction import check_room, count_files, extract
from footmm.apis.downloads.manifest import Fetched, Manifest, sha256_of
from footmm.apis.downloads.network import check_reachable
from footmm.apis.downloads.repositories import GitRepository, fetch_repository, newest_commit
from footmm.apis.downloads.spiideo import ANNOTATIONS, SpiideoArchives
from footmm.errors import ConfigError, DownloadError, did_you_mean
from footmm.simulation.export.folder import format_size


@dataclass(frozen=True)
class Settings:
    """How to fetch.

    Attributes:
        root: Folder of all data.
        splits: The wanted ones; None for all.
        remove_archives: Whether archives go once they are extracted.
        dry_run: Whether to tell only.
        tell: Called with lines for the user.
    """

    root: Path
    splits: Sequence[str] | None = None
    remove_archives: bool = False
    dry_run: bool = False
    tell: Callable[[str], None] = print


def fetch(dataset: Dataset, settings: Settings) -> None:
    """Fetch a data set; run again after a stop, it goes on.

    Raises:
        ConfigError: A split is not known, or a password is missing.
        DataFormatError: An archive is damaged, or not safe to be extracted.
        DownloadError: Something did not arrive, or there is no room for it.
    """
    check_splits(dataset, settings.splits)
    if isinstance(dataset.source, GitRepository):
        _fetch_repository(dataset, dataset.source, settings)
    elif isinstance(dataset.source, HubFiles):
        _fetch_hub_files(dataset, dataset.source, settings)
    else:
        _fetch_archives(dataset, dataset.source, settings)


def check_splits(dataset: Dataset, splits: Sequence[str] | None) -> None:
    """Check the wanted splits of a data set.

    Raises:
        ConfigError: One is not known.
    """
    if splits is not None and not dataset.splits:
        raise ConfigError(f"{dataset.name} comes as a whole; leave --split out for it")
    for split in splits or ():
        if split not in dataset.splits:
            raise ConfigError(
                f"{dataset.name} has no split '{split}'{did_you_mean(split, dataset.splits)}; "
                f"there are {', '.join(dataset.splits)}"
            )


def _fetch_repository(dataset: Dataset, source: GitRepository, settings: Settings) -> None:
    target = settings.root / dataset.target
    if settings.dry_run:
        state = "there, to be brought up to date" if target.exists() else "to be cloned"
        settings.tell(f"{target}: {state} (newest commit {newest_commit(source.url)[:12]})")
        return
    fetch_repository(source, target, settings.tell)


def _fetch_hub_files(dataset: Dataset, source: HubFiles, settings: Settings) -> None:
    target = settings.root / dataset.target
    check_reachable(hub.endpoint())
    try:
        files = hub.list_files(source.repository, source.revision, source.patterns)
        missing = [file for file in files if not _has_size(target / file.path, file.size)]
        needed = sum(file.size for file in missing)
        settings.tell(
            f"{target}: {len(missing)} of {len(files)} files to be fetched, {format_size(needed)}"
        )
        check_room(target, needed, dataset.name)
        for file in () if settings.dry_run else missing:
            hub.fetch_file(file, target / file.path)
            settings.tell(f"{target / file.path}: {format_size(file.size)}")
    except DownloadError:
        raise
    # Refusals of the Hub are exceptions of its HTTP client.
    except OSError as error:
        raise DownloadError(f"{source.repository}: {error}") from error


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


@dataclass(frozen=True)
class _Job:
    """The archives of a data set that are wanted."""

    dataset: Dataset
    source: ArchiveSource
    settings: Settings
    folder: Path
    manifest: Manifest

    @property
    def is_extracted_here(self) -> bool:
        # SynLoc's images are checked against the annotations when they are put into place:
        # tools/data/prepare_synloc.py does it.
        return not isinstance(self.source, SpiideoArchives)

    def path(self, split: str) -> Path:
        return self.folder / self.source.archive(split)

    def place(self, split: str) -> Path:
        return self.dataset.folder(self.settings.root, split)

    def entry(self, split: str) -> Fetched | None:
        return self.manifest.get(self.source.archive(split))

    def is_fetched(self, split: str) -> bool:
        entry = self.entry(split)
        return entry is not None and _has_size(self.path(split), entry.size)

    def is_in_place(self, split: str) -> bool:
        """Whether nothing is left to do for a split."""
        entry, place = self.entry(split), self.place(split)
        if entry is None or not place.is_dir():
            return False
        return not self.is_extracted_here or 0 < entry.files <= count_files(place)


def _fetch_archives(dataset: Dataset, source: ArchiveSource, settings: Settings) -> None:
    folder = settings.root / (dataset.archives or "archives")
    job = _Job(dataset, source, settings, folder, Manifest(folder))
    todo = [split for split in _wanted(source, settings) if not _is_done(job, split)]
    if not todo:
        return
    missing = [split for split in todo if not job.is_fetched(split)]
    transport = source.connect(folder)
    sizes = _ask_sizes(job, transport, missing)
    _check_room(job, todo, sizes)
    if settings.dry_run:
        return
    for split in todo:
        if split in missing:
            _fetch_archive(job, transport, split, sizes[split])
        if job.is_extracted_here:
            _put_into_place(job, split)


def _wanted(source: ArchiveSource, settings: Settings) -> Sequence[str]:
    splits = settings.splits or source.splits
    if isinstance(source, SpiideoArchives) and ANNOTATIONS not in splits:
        return (ANNOTATIONS, *splits)
    return splits


def _is_done(job: _Job, split: str) -> bool:
    place = job.place(split)
    if job.is_in_place(split):
        job.settings.tell(f"{place} is complete")
        return True
    if job.entry(split) is None and place.exists():
        job.settings.tell(f"{place} is there, not by this tool: left as it is (remove it to fetch)")
        return True
    return False


def _ask_sizes(job: _Job, transport: Transport, splits: Sequence[str]) -> dict[str, int | None]:
    """Return the sizes of archives; without network of those that somebody has brought here."""
    if not splits:
        return {}
    try:
        check_reachable(transport.address)
    except DownloadError as error:
        if not all(job.path(split).is_file() for split in splits):
            raise
        job.settings.tell(f"the archives in {job.folder} are taken as they are: {error}")
        return {split: job.path(split).stat().st_size for split in splits}
    return transport.sizes(splits)


def _check_room(job: _Job, todo: Sequence[str], sizes: dict[str, int | None]) -> None:
    """Tell what is to be done, and check the disk for what is known of it."""
    needed = 0
    for split in todo:
        is_here, entry = job.path(split).is_file(), job.entry(split)
        size = sizes.get(split, entry.size if entry else None)
        step = "is there, to be extracted" if is_here else "to be fetched"
        known = "size comes with the file" if size is None else format_size(size)
        job.settings.tell(f"{job.path(split)}: {step}, {known}")
        # Images are as large as in their archive.
        copies = (not is_here and not job.settings.remove_archives) + job.is_extracted_here
        needed += (size or 0) * max(copies, not is_here)
    missing = [size for split, size in sizes.items() if not job.path(split).is_file()]
    largest = max((size or 0 for size in missing), default=0)
    extra = largest if job.settings.remove_archives else 0
    check_room(job.folder, needed + extra, job.dataset.name)


def _fetch_archive(job: _Job, transport: Transport, split: str, size: int | None) -> None:
    path, name = job.path(split), job.source.archive(split)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        transport.fetch(split)
    found = path.stat().st_size
    if size is not None and found != size:
        raise DownloadError(
            f"{path} has {found} bytes, {size} were announced: remove it, and run this again"
        )
    job.manifest.put(name, Fetched(found, sha256_of(path), transport.address))
    job.settings.tell(f"{path}: {format_size(found)}, whole")


def _put_into_place(job: _Job, split: str) -> None:
    path, place, entry = job.path(split), job.place(split), job.entry(split)
    assert entry is not None
    tops = {split, place.name, PurePosixPath(path.name).stem}
    files = extract(path, place, tops)
    job.manifest.put(job.source.archive(split), dataclasses.replace(entry, files=files))
    job.settings.tell(f"{place}: {files} files")
    if job.settings.remove_archives:
        path.unlink()
