"""Prepared tracks on disk: matches are read once, and their arrays stay there, memory-mapped."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import uuid
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from footmm.pitch.dimensions import PitchDimensions
from footmm.structures.agent_tracks import AgentTracks

#: Raise it whenever reading or preparation give other tracks than before.
_REVISION = 3
_ARRAYS = (
    "positions",
    "present",
    "team",
    "goalkeeper",
    "frame_ids",
    "period",
    "segments",
    "seconds",
)
_INDEX_FILE = "tracks.json"
_KEY_LENGTH = 32
_BLOCK = 1 << 20


def content_key(
    files: Mapping[str, Sequence[str | os.PathLike[str]]], settings: Mapping[str, Any]
) -> str:
    """Name what is made of files: it changes with their content, not with their names or dates.

    Args:
        files: The files by what they are; their order counts.
        settings: Everything else that the result depends on; JSON values.

    Returns:
        A name for a folder.
    """
    digest = hashlib.sha256(json.dumps([_REVISION, settings], sort_keys=True).encode())
    for name in sorted(files):
        for path in files[name]:
            # The size keeps apart where one file ends and the next begins.
            digest.update(f"\n{name} {os.path.getsize(path)}\n".encode())
            with open(path, "rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    return digest.hexdigest()[:_KEY_LENGTH]


def cached_tracks(
    cache_dir: str | os.PathLike[str], key: str, make: Callable[[], AgentTracks]
) -> AgentTracks:
    """Return tracks from ``cache_dir/key``, where they are written if they are not there.

    The folder appears complete or not at all; of processes that write it at the same time one
    wins. A damaged folder is replaced, with a warning.

    Args:
        cache_dir: Folder of all cached tracks; made where needed.
        key: Of these, see :func:`content_key`.
        make: Makes the tracks.

    Returns:
        Tracks with memory-mapped, read-only arrays.
    """
    folder = Path(cache_dir) / key
    if folder.is_dir():
        try:
            return _load(folder)
        # However a damaged entry fails to load, the tracks can be made again.
        except Exception as error:
            print_log(
                f"{folder} is damaged ({error}); its tracks are made again",
                logger="current",
                level=logging.WARNING,
            )
            _remove(folder)
    _write(folder, make())
    return _load(folder)


def _write(folder: Path, tracks: AgentTracks) -> None:
    temporary = _temporary_name(folder)
    temporary.mkdir(parents=True)
    try:
        for name in _known_arrays(tracks):
            np.save(temporary / f"{name}.npy", getattr(tracks, name))
        (temporary / _INDEX_FILE).write_text(
            json.dumps(_index(tracks, temporary), indent=1) + "\n", encoding="utf-8"
        )
        _move_into_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_into_place(temporary: Path, folder: Path) -> None:
    try:
        os.rename(temporary, folder)
    except OSError:
        # What another process has made of the same content is as good.
        if not folder.is_dir():
            raise


def _index(tracks: AgentTracks, folder: Path) -> dict[str, Any]:
    """What is not an array, with a checksum of its own and those of the arrays' files."""
    index = dict(
        match=tracks.match,
        source=tracks.source,
        rate=tracks.rate,
        agent_ids=tracks.agent_ids,
        pitch_size=[tracks.pitch.length, tracks.pitch.width],
        checksums={name: _checksum(folder / f"{name}.npy") for name in _known_arrays(tracks)},
    )
    return index | dict(checksum=_checksum_of_index(index))


def _checksum_of_index(index: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(index, sort_keys=True).encode())


def _known_arrays(tracks: AgentTracks) -> list[str]:
    return [name for name in _ARRAYS if getattr(tracks, name) is not None]


def _load(folder: Path) -> AgentTracks:
    index = json.loads((folder / _INDEX_FILE).read_text(encoding="utf-8"))
    if index.pop("checksum") != _checksum_of_index(index):
        raise ValueError(f"wrong checksum of {_INDEX_FILE}")
    for name, checksum in index["checksums"].items():
        if _checksum(folder / f"{name}.npy") != checksum:
            raise ValueError(f"wrong checksum of {name}.npy")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in index["checksums"]}
    return AgentTracks(
        match=index["match"],
        source=index["source"],
        rate=index["rate"],
        agent_ids=tuple(index["agent_ids"]),
        pitch=PitchDimensions(*index["pitch_size"]),
        **arrays,
    )


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _remove(folder: Path) -> None:
    """Take a folder away under its name at once, so that nobody meets a half of it."""
    doomed = _temporary_name(folder)
    # Another process may have done the same.
    with suppress(FileNotFoundError):
        os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _temporary_name(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
