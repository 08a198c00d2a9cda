"""A folder that several processes fill piece by piece, and that survives being killed.

An export is cut into units, and a unit into items: an item is what is finished or not, e.g. an
image and its labels. Files appear under their names when they are whole. The labels of a finished
item are a line in its unit's journal, so a later run knows what is left to do, and the index files
(the annotations of a whole split) are made of the journals at the end. Until then everything lies
in a folder of its own, where no reader of the format looks; ``settings.json`` moves out last.
"""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import cv2
import torch

from footmm.errors import DataFormatError

SETTINGS_FILE = "settings.json"
UNFINISHED_FOLDER = "unfinished"
_PROGRESS = "progress"
_PARTIAL = ".part"
_DISK_BLOCK = 4096
_SAMPLED_ITEMS = 4
_DISK_MARGIN = 1.1
"""How much more than the estimate has to be free: images differ in size."""


@dataclass(frozen=True)
class Item:
    """The smallest thing that is finished or not.

    Attributes:
        files: Contents by path relative to the exported folder.
        labels: What the index files need to know of the item; JSON values.
    """

    files: Mapping[str, bytes]
    labels: Any = None


class Unit(Protocol):
    """A part of an export that one process draws; sent to it by pickle.

    Attributes:
        name: Unique in the export; path-like, e.g. ``train/00012``.
    """

    name: str

    def __len__(self) -> int:
        """Return the number of items."""

    def items(self, start: int) -> Iterator[Item]:
        """Draw the items from number ``start`` on; item i is the same whatever ``start`` is."""


LabelsOf = Callable[[Unit], list[Any]]
"""Returns the labels of all items of a finished unit."""


class Export(Protocol):
    """Everything that decides the bytes of a folder.

    Attributes:
        folders: Folders that exist even where nothing is in them.
    """

    folders: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """Return what tells this export from others; JSON values."""

    def units(self) -> Sequence[Unit]:
        """Return the units, in the order in which they are drawn."""

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make the files that need the labels of many items: relative path and content."""


@dataclass(frozen=True)
class Workload:
    """What is left to be written.

    Attributes:
        num_items: Items of the whole export.
        num_finished: Items that are there already.
        bytes_needed: Estimated size on disk of the others, from a sample of them.
        bytes_free: Space on the disk.
    """

    num_items: int
    num_finished: int
    bytes_needed: int
    bytes_free: int


class Observer:
    """Is told how the writing goes on; this one keeps it to itself."""

    def starts(self, workload: Workload) -> None:
        """Called before the first item is written."""

    def advances(self, num_items: int) -> None:
        """Called whenever more items are finished."""


def write_folder(
    root: Path | str,
    export: Export,
    num_workers: int = 1,
    observer: Observer | None = None,
    staging: Path | None = None,
) -> Path:
    """Write an export, or what is missing of it.

    The bytes depend on the export alone, not on the number of workers or on how often the writing
    was stopped. A process that finds another one at work on the same folder waits for it.

    Args:
        root: The folder to be filled; made where needed.
        export: What to write.
        num_workers: Number of processes that draw. More than one are started afresh, so a script
            that asks for them needs the usual ``if __name__ == "__main__"`` guard.
        observer: Told how it goes on.
        staging: Where everything lies until it is complete, on the disk of ``root``; a folder in
            ``root`` if None.

    Returns:
        The folder.

    Raises:
        DataFormatError: The folder holds something else or other settings, or its disk is too
            small.
    """
    root = Path(root)
    if _is_complete(root, export):
        return root
    staging = root / UNFINISHED_FOLDER if staging is None else staging
    with _locked(staging):
        # Another process may have finished while this one waited.
        if _is_complete(root, export):
            staging.rmdir()
            return root
        _check_ours(root, staging, export)
        try:
            _complete(staging, export, num_workers, observer or Observer())
        except BaseException:
            _forget_if_nothing_is_finished(root, staging)
            raise
        _move_into_place(staging, root)
    return root


def write_folder_at_once(root: Path | str, export: Export, num_workers: int = 1) -> Path:
    """Write an export into a folder that appears under its name only when it is complete.

    Until then everything lies in a hidden folder beside it, where a later call finds it. For
    folders that programs make for themselves; arguments and errors as in :func:`write_folder`.
    """
    root = Path(root)
    return write_folder(
        root, export, num_workers, staging=root.with_name(f".{root.name}.unfinished")
    )


def encode_json(content: Any, indent: int | None = None) -> bytes:
    """Return JSON as the bytes of a file that ends with a line break."""
    return (json.dumps(content, indent=indent) + "\n").encode()


def _is_complete(root: Path, export: Export) -> bool:
    if root.exists() and not root.is_dir():
        raise DataFormatError(f"{root} is a file; give a folder")
    if not (root / SETTINGS_FILE).is_file():
        return False
    _check_settings(root, SETTINGS_FILE, export)
    return True


def _check_ours(root: Path, staging: Path, export: Export) -> None:
    """Refuse folders that hold something else than a part of this export."""
    for file in (SETTINGS_FILE, f"{_PROGRESS}/{SETTINGS_FILE}"):
        if (staging / file).is_file():
            _check_settings(staging, file, export)
            return
    if any(path.name != _PROGRESS for path in staging.iterdir()):
        raise DataFormatError(
            f"{staging} exists and was not written by this export (no {SETTINGS_FILE} in it); "
            "remove it"
        )
    if root.is_dir() and any(path != staging for path in root.iterdir()):
        with suppress(OSError):
            staging.rmdir()
        raise DataFormatError(
            f"{root} exists and was not written by this export (no {SETTINGS_FILE} in it); give "
            "another folder, or remove this one"
        )


def _check_settings(folder: Path, name: str, export: Export) -> None:
    file = folder / name
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataFormatError(f"{file} is not valid JSON ({error}); remove the folder") from error
    if found != json.loads(json.dumps(export.settings())):
        raise DataFormatError(
            f"{folder} holds synthetic data of other settings (see {file}); give another folder, "
            "or remove this one"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make a folder and keep other processes out of it; the lock ends with its holder."""
    descriptor = _lock(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int:
    while True:
        # Whoever holds the lock may move the folder away at any moment: then it is made anew.
        with suppress(FileNotFoundError):
            _make_folder(folder)
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_descriptor_of(descriptor, folder):
                return descriptor
            os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Make a folder where there is none; FileNotFoundError if it is gone in the same moment."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        # Either a file is in the way, or a folder was there that is not any more.
        if not stat.S_ISDIR(os.lstat(error.filename).st_mode):
            raise


def _is_descriptor_of(descriptor: int, folder: Path) -> bool:
    """Tell whether a folder is still under its name; a lock on another one locks a ghost."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except FileNotFoundError:
        return False


def _complete(staging: Path, export: Export, num_workers: int, observer: Observer) -> None:
    """Write what is missing in ``staging``; with the settings there only the move is left."""
    if (staging / SETTINGS_FILE).exists():
        return
    progress = staging / _PROGRESS
    write_atomically(progress / SETTINGS_FILE, encode_json(export.settings(), indent=1))
    units = export.units()
    finished = {unit.name: len(_read_journal(staging, unit)) for unit in units}
    unfinished = [unit for unit in units if finished[unit.name] < len(unit)]
    workload = _measure(staging, units, unfinished, finished)
    _check_disk(staging, workload)
    observer.starts(workload)
    _fill(staging, unfinished, num_workers, observer)
    for folder in export.folders:
        (staging / folder).mkdir(parents=True, exist_ok=True)
    for path, content in export.index_files(lambda unit: _read_journal(staging, unit)):
        write_atomically(staging / path, content)
    os.replace(progress / SETTINGS_FILE, staging / SETTINGS_FILE)


def _measure(
    staging: Path, units: Sequence[Unit], unfinished: Sequence[Unit], finished: Mapping[str, int]
) -> Workload:
    num_items = sum(map(len, units))
    num_finished = sum(finished.values())
    sizes = [0]
    if unfinished:
        unit = unfinished[0]
        with _single_threaded():
            sample = list(islice(unit.items(finished[unit.name]), _SAMPLED_ITEMS))
        sizes = [_size_on_disk(item) for item in sample]
    mean_size = sum(sizes) / len(sizes)
    return Workload(
        num_items=num_items,
        num_finished=num_finished,
        bytes_needed=round(mean_size * (num_items - num_finished)),
        bytes_free=shutil.disk_usage(staging).free,
    )


def _size_on_disk(item: Item) -> int:
    files = sum(-(-len(content) // _DISK_BLOCK) * _DISK_BLOCK for content in item.files.values())
    # Once in the journal and once in the index.
    return files + 2 * len(encode_json(item.labels))


def _check_disk(staging: Path, workload: Workload) -> None:
    if workload.bytes_needed * _DISK_MARGIN > workload.bytes_free:
        raise DataFormatError(
            f"{staging}: about {format_size(workload.bytes_needed)} are needed and "
            f"{format_size(workload.bytes_free)} are free; make room, or export less"
        )


def format_size(num_bytes: float) -> str:
    """Return a number of bytes for people, e.g. ``1.4 GB``."""
    for unit in ("kB", "MB", "GB"):
        num_bytes /= 1000
        if num_bytes < 1000:
            return f"{num_bytes:.1f} {unit}"
    return f"{num_bytes / 1000:.1f} TB"


def _fill(staging: Path, units: Sequence[Unit], num_workers: int, observer: Observer) -> None:
    num_workers = min(num_workers, len(units))
    if num_workers > 1:
        _fill_in_parallel(staging, units, num_workers, observer)
        return
    with _single_threaded():
        for unit in units:
            for _ in _write_unit(staging, unit):
                observer.advances(1)


def _fill_in_parallel(
    staging: Path, units: Sequence[Unit], num_workers: int, observer: Observer
) -> None:
    # A forked process could inherit OpenCV's thread pool in mid-use and wait for it for ever.
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    with ProcessPoolExecutor(
        num_workers, mp_context=context, initializer=_start_worker, initargs=(stop,)
    ) as pool:
        futures = [pool.submit(_write_unit_in_worker, staging, unit) for unit in units]
        try:
            for future in as_completed(futures):
                observer.advances(future.result())
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@dataclass
class _Worker:
    """What a drawing process knows of the one that started it."""

    stop: Event | None = field(default=None)


_WORKER = _Worker()


def _start_worker(stop: Event) -> None:
    _WORKER.stop = stop
    # Ctrl-C reaches every process of the terminal; the first one tells the others by the event.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A killed parent cannot end its workers: without this they would wait for it for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Let one thread draw, as in the workers: sums depend on how many share them."""
    num_threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(num_threads[0])
        torch.set_num_threads(num_threads[1])


def _write_unit_in_worker(staging: Path, unit: Unit) -> int:
    count = 0
    for _ in _write_unit(staging, unit):
        count += 1
        if _WORKER.stop is not None and _WORKER.stop.is_set():
            break
    return count


def _write_unit(staging: Path, unit: Unit) -> Iterator[None]:
    """Write the missing items of a unit, and yield after each."""
    journal = _journal(staging, unit)
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("ab") as file:
        # A worker of a run that was killed a moment ago may still be busy with its last item.
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = _whole_lines(journal)
        file.truncate(sum(map(len, lines)))
        for item in unit.items(len(lines)):
            for path, content in item.files.items():
                write_atomically(staging / path, content)
            file.write(encode_json(item.labels))
            file.flush()
            yield


def _journal(staging: Path, unit: Unit) -> Path:
    return staging / _PROGRESS / f"{unit.name}.jsonl"


def _read_journal(staging: Path, unit: Unit) -> list[Any]:
    """Return the labels of the finished items."""
    journal = _journal(staging, unit)
    return [json.loads(line) for line in _whole_lines(journal)] if journal.exists() else []


def _whole_lines(journal: Path) -> list[bytes]:
    """Return the lines of a journal; a kill can cut the last one short."""
    lines = journal.read_bytes().splitlines(keepends=True)
    return [line for line in lines if line.endswith(b"\n")]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is never seen half-written; its folder is made where needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + _PARTIAL)
    partial.write_bytes(content)
    os.replace(partial, path)


def _forget_if_nothing_is_finished(root: Path, staging: Path) -> None:
    if any(path.stat().st_size for path in (staging / _PROGRESS).rglob("*.jsonl")):
        return
    shutil.rmtree(staging)
    with suppress(OSError):
        root.rmdir()


def _move_into_place(staging: Path, root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for path in sorted(staging.iterdir()):
        if path.name not in (SETTINGS_FILE, _PROGRESS):
            os.replace(path, root / path.name)
    os.replace(staging / SETTINGS_FILE, root / SETTINGS_FILE)
    shutil.rmtree(staging)
