"""``trajectories.npz``: tracks of matches in one file that anyone can write and read.

A NumPy archive (``numpy.savez``, without pickle) of these arrays, where ``i`` is the number of a
match from 0, ``T`` its frames, ``A`` its agents and ``S`` its segments:

===================  =============  ========  ====================================================
key                  shape          kind      meaning
===================  =============  ========  ====================================================
``version``          ``()``         integer   1
``match``            ``(M,)``       text      names of the matches, each once
``source``           ``(M,)``       text      where the tracks come from, e.g. ``skillcorner``;
                                              ``simulation`` if nobody ever played the match
``rate``             ``(M,)``       float     frames a second
``pitch_size``       ``(M, 2)``     float     length and width, metres
``i/positions``      ``(T, A, 2)``  float     x and y, metres; 0 where not present
``i/present``        ``(T, A)``     bool      whether the position is known
``i/team``           ``(A,)``       integer   0 home, 1 away, 2 the ball
``i/goalkeeper``     ``(A,)``       bool      false as well where the source does not tell
``i/agent_ids``      ``(A,)``       text      names of the agents in the source, each once
``i/frame_ids``      ``(T,)``       integer   the source's number of the frame, or of the one
                                              before; never falls within a period
``i/period``         ``(T,)``       integer   1 is the first half; never falls
``i/segments``       ``(S, 2)``     integer   first frame of a segment and the one after its last
===================  =============  ========  ====================================================

The frame of reference has its origin at the centre spot, x along the length and y along the width,
away from the main camera. The home team attacks to the right (x > 0) in all frames: the tracks of a
half in which it attacks to the left are turned half a turn. Frames of a segment follow each other
without a gap, in one period; segments ascend and do not overlap. Text is NumPy's unicode, integers
and floats are of any size.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.datasets.agent_windows import SIMULATION
from footmm.datasets.trajectory.base import TrajectoryDataset
from footmm.errors import (
    ConfigError,
    DataFormatError,
    DatasetNotFoundError,
    FootmmError,
    did_you_mean,
)
from footmm.pitch.dimensions import PitchDimensions
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks

VERSION = 1

# What NumPy and zipfile raise for damaged files; a damaged size asks for any amount of memory.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    ValueError,
    OSError,
    RuntimeError,
    MemoryError,
)

_KINDS = {"integer": "iu", "float": "f", "bool": "b", "text": "U"}


@dataclass(frozen=True)
class _Array:
    """An array of the format.

    Attributes:
        kind: Key of :data:`_KINDS`.
        shape: Names of the lengths, which are equal where the names are, or numbers.
        dtype: Of the array in :class:`AgentTracks`.
    """

    kind: str
    shape: tuple[str | int, ...]
    dtype: type


_INDEX = {
    "match": _Array("text", ("M",), np.str_),
    "source": _Array("text", ("M",), np.str_),
    "rate": _Array("float", ("M",), np.float64),
    "pitch_size": _Array("float", ("M", 2), np.float64),
}
_MATCH = {
    "positions": _Array("float", ("T", "A", 2), np.float32),
    "present": _Array("bool", ("T", "A"), np.bool_),
    "team": _Array("integer", ("A",), np.int8),
    "goalkeeper": _Array("bool", ("A",), np.bool_),
    "agent_ids": _Array("text", ("A",), np.str_),
    "frame_ids": _Array("integer", ("T",), np.int64),
    "period": _Array("integer", ("T",), np.int8),
    "segments": _Array("integer", ("S", 2), np.int64),
}


def write_trajectories(path: str | os.PathLike[str], tracks: Sequence[AgentTracks]) -> None:
    """Write tracks as ``trajectories.npz``; equal tracks give equal bytes.

    Args:
        path: The file; it has its old content or the new one, never a part of it.
        tracks: The matches.

    Raises:
        DataFormatError: The tracks are not as :class:`AgentTracks` says, or two have one name.
    """
    arrays: dict[str, np.ndarray] = {
        "version": np.int64(VERSION),
        "match": np.array([match.match for match in tracks], dtype=np.str_),
        "source": np.array([match.source for match in tracks], dtype=np.str_),
        "rate": np.array([match.rate for match in tracks], dtype=np.float64),
        "pitch_size": np.array(
            [(match.pitch.length, match.pitch.width) for match in tracks], dtype=np.float64
        ).reshape(-1, 2),
    }
    for number, match in enumerate(tracks):
        for key, spec in _MATCH.items():
            arrays[f"{number}/{key}"] = np.asarray(getattr(match, key), dtype=spec.dtype)
    _read_matches(Path(path), arrays)
    file = io.BytesIO()
    # numpy dates all members to 1980: the same tracks give the same bytes.
    np.savez(file, **arrays)
    AtomicLocalBackend().put(file.getvalue(), path)


def read_trajectories(
    path: str | os.PathLike[str], matches: Sequence[str] | None = None
) -> list[AgentTracks]:
    """Read ``trajectories.npz``.

    Args:
        path: The file.
        matches: Names of the matches to read, in this order; all if None.

    Returns:
        The matches.

    Raises:
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file is damaged, or its arrays are not as the format says.
        ConfigError: There is no match of a name.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetNotFoundError(
            f"{path} does not exist; write it from any source of tracks with "
            "'tools/data/make_trajectories.py --provider PROVIDER --data KEY=FILE --out "
            f"{path}'"
        )
    with open_arrays(path, "trajectories.npz") as arrays:
        return _read_matches(path, arrays, matches)


@contextmanager
def open_arrays(path: Path, kind: str) -> Iterator[Mapping[str, np.ndarray]]:
    """Open an ``npz`` file, whose arrays are read when they are asked for.

    Args:
        path: The file.
        kind: What it should be, for the message.

    Yields:
        Arrays of any shape by name.

    Raises:
        DataFormatError: The file is damaged, or the array that was asked for is missing or damaged.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise zipfile.BadZipFile("no zip archive")
        archive = np.load(path, allow_pickle=False)
        # An archive may have anything before it, a single array say, which NumPy reads instead.
        if isinstance(archive, np.ndarray):
            raise zipfile.BadZipFile("it begins with a single array")
        with archive:
            yield _Arrays(archive)
    except FootmmError:
        raise
    except _DAMAGE as error:
        raise DataFormatError(
            f"{path} is truncated, damaged or no {kind} ({error}); write or copy it again"
        ) from error


class _Arrays(Mapping[str, np.ndarray]):
    """The arrays of an archive."""

    def __init__(self, archive: Mapping[str, Any]) -> None:
        self._archive = archive

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._archive:
            raise KeyError(key)
        try:
            array = self._archive[key]
            # Characters that are none show up only where they are used.
            if array.dtype.kind == "U":
                array.tolist()
        # A damaged file makes NumPy fail in any way there is; it gives the bytes of what is none.
        except Exception as error:
            raise ValueError(f"{key!r} is no array: {error}") from error
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._archive)

    def __len__(self) -> int:
        return len(self._archive)


@DATASETS.register_module()
class TrajectoriesNpz(TrajectoryDataset):
    """Windows of the matches in a ``trajectories.npz``.

    The dataset says that it is synthetic where one of the matches is.

    Args:
        path: The file; see :mod:`footmm.datasets.trajectory.trajectories_npz` for its format and
            ``tools/data/make_trajectories.py`` to make it of any source.
        matches: Names of the matches to use; all if None.
        **kwargs: Arguments of :class:`footmm.datasets.trajectory.TrajectoryDataset`.

    Raises:
        ConfigError: An argument has an impossible value, or there is no match of a name.
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file is damaged, or its arrays are not as the format says.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        matches: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.path = os.fspath(path)
        self.matches = matches
        super().__init__(**kwargs)

    @property
    def origin(self) -> str:
        """The file."""
        return self.path

    def load_tracks(self) -> list[AgentTracks]:
        """Read the matches."""
        tracks = read_trajectories(self.path, self.matches)
        sources = sorted({match.source for match in tracks})
        self._metainfo["synthetic"] = SIMULATION in sources
        self._metainfo.setdefault("data_source", ", ".join(sources))
        return tracks


def _read_matches(
    path: Path, arrays: Mapping[str, np.ndarray], names: Sequence[str] | None = None
) -> list[AgentTracks]:
    """Check arrays and make tracks of them."""
    version = arrays.get("version")
    if version is None or version.shape != () or version != VERSION:
        raise DataFormatError(
            f"{path}: 'version' is {version}, this footmm reads {VERSION}; write the file again "
            "with tools/data/make_trajectories.py"
        )
    index = _checked_arrays(str(path), arrays, "", _INDEX)
    known = [str(name) for name in index["match"]]
    if twice := [name for name in known if known.count(name) > 1]:
        raise DataFormatError(f"{path}: 'match' names {twice[0]!r} twice; matches need a name each")
    for name in names or ():
        if name not in known:
            raise ConfigError(f"{path} holds no match {name!r}{did_you_mean(name, known)}")
    numbers = range(len(known)) if names is None else [known.index(name) for name in names]
    return [_read_match(path, arrays, index, number) for number in numbers]


def _read_match(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    index: Mapping[str, np.ndarray],
    number: int,
) -> AgentTracks:
    name = str(index["match"][number])
    place = f"{path}, match {name!r}"
    rate = float(index["rate"][number])
    if not 0 < rate < np.inf:
        raise DataFormatError(f"{place}: 'rate' is {rate}, needs to be positive and finite")
    try:
        pitch = PitchDimensions(*map(float, index["pitch_size"][number]))
    except ConfigError as error:
        raise DataFormatError(f"{place}: 'pitch_size': {error}") from error
    content = _checked_arrays(place, arrays, f"{number}/", _MATCH)
    for key, problem in _problems(content):
        # The first is enough.
        raise DataFormatError(f"{place}: '{number}/{key}' {problem}")
    ids = tuple(map(str, content.pop("agent_ids")))
    content = {key: array.astype(_MATCH[key].dtype) for key, array in content.items()}
    return AgentTracks(
        match=name,
        source=str(index["source"][number]),
        rate=rate,
        agent_ids=ids,
        pitch=pitch,
        **content,
    )


def _checked_arrays(
    place: str, arrays: Mapping[str, np.ndarray], prefix: str, wanted: Mapping[str, _Array]
) -> dict[str, np.ndarray]:
    """Return arrays of the right kind, whose shapes fit each other, by the name of the attribute.

    Raises:
        DataFormatError: An array is missing or of another kind or shape.
    """
    checked: dict[str, np.ndarray] = {}
    lengths: dict[str | int, int] = {}
    for key, spec in wanted.items():
        name = prefix + key
        if name not in arrays:
            raise DataFormatError(f"{place}: the array '{name}' is missing")
        array = arrays[name]
        if array.dtype.kind not in _KINDS[spec.kind]:
            raise DataFormatError(f"{place}: '{name}' is of {array.dtype}, needs {spec.kind}")
        if len(array.shape) == len(spec.shape):
            lengths = dict(zip(spec.shape, array.shape, strict=True)) | lengths
        if array.shape != tuple(_length(side, lengths) for side in spec.shape):
            needed = ", ".join(f"{side}={_length(side, lengths)}" for side in spec.shape)
            raise DataFormatError(f"{place}: '{name}' has the shape {array.shape}, needs {needed}")
        checked[key] = array
    return checked


def _length(side: str | int, lengths: Mapping[str | int, int]) -> int | str:
    return side if isinstance(side, int) else lengths.get(side, "any")


def _problems(arrays: Mapping[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    """Yield the arrays of a match that hold impossible values, and what is wrong."""
    positions, present = arrays["positions"], arrays["present"]
    largest = np.finfo(_MATCH["positions"].dtype).max
    # Negated, so that what is not a number is an error too.
    if (bad := ~(np.abs(positions) <= largest)).any():
        yield "positions", f"is not finite in {_first(bad.any(-1))}"
    if (bad := (positions != 0).any(-1) & ~present).any():
        yield "positions", f"is not 0 in {_first(bad)}, where nobody is present"
    if (bad := ~np.isin(arrays["team"], (HOME, AWAY, BALL))).any():
        yield "team", f"is {arrays['team'][bad][0]} for agent {bad.argmax()}, needs 0, 1 or 2"
    ids, counts = np.unique(arrays["agent_ids"], return_counts=True)
    if (counts > 1).any():
        yield "agent_ids", f"names {str(ids[counts.argmax()])!r} twice"
    yield from _problems_of_time(arrays["period"], arrays["frame_ids"])
    yield from _problems_of_segments(arrays["segments"], arrays["period"])


def _first(bad: np.ndarray) -> str:
    frame, agent = np.argwhere(bad)[0]
    return f"frame {frame}, agent {agent}"


def _problems_of_time(period: np.ndarray, frame_ids: np.ndarray) -> Iterator[tuple[str, str]]:
    largest = np.iinfo(_MATCH["period"].dtype).max
    if (bad := (period < 1) | (period > largest)).any():
        yield "period", f"is {period[bad][0]} in frame {bad.argmax()}, needs 1 to {largest}"
    last = np.iinfo(_MATCH["frame_ids"].dtype).max
    if (bad := frame_ids > last).any():
        yield "frame_ids", f"is {frame_ids[bad][0]} in frame {bad.argmax()}, needs {last} at most"
    if (bad := period[1:] < period[:-1]).any():
        yield "period", f"falls in frame {bad.argmax() + 1}"
    if (bad := (frame_ids[1:] < frame_ids[:-1]) & (period[1:] == period[:-1])).any():
        frame = int(bad.argmax()) + 1
        yield (
            "frame_ids",
            f"falls from {frame_ids[frame - 1]} to {frame_ids[frame]} in frame {frame}: frames "
            "need to be in order",
        )


def _problems_of_segments(segments: np.ndarray, period: np.ndarray) -> Iterator[tuple[str, str]]:
    end = 0
    for number, (start, stop) in enumerate(segments.tolist()):
        if not end <= start < stop <= len(period):
            yield (
                "segments",
                f"has {start} to {stop} as number {number}: needs at least one of the "
                f"{len(period)} frames, and none before {end}, the end of the segment before",
            )
        elif period[start] != period[stop - 1]:
            yield "segments", f"reaches across two periods in number {number}, {start} to {stop}"
        end = stop
