"""Sequences in the layout of MOTChallenge: ``gt/gt.txt``, ``seqinfo.ini`` and images."""

from __future__ import annotations

import configparser
import math
import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from footmm.datasets.base import LARGEST_NUMBER
from footmm.datasets.rejected_boxes import NO_POSITIVE_SIZE, UNKNOWN_TRACK, Reject, refuse
from footmm.errors import DataFormatError, DatasetNotFoundError

MAX_FRAMES = 1_000_000
"""A sequence has fewer frames: their numbers have up to six digits."""

INFO_FILE, GAME_FILE, BOXES_FILE = "seqinfo.ini", "gameinfo.ini", "gt/gt.txt"

HOW_TO_GET = (
    "Give the folder of the sequences, each with gt/gt.txt, seqinfo.ini and its images; SportsMOT "
    "(https://github.com/MCG-NJU/SportsMOT) has football sequences in this layout"
)

# Frame, track, left, top, width, height; what follows differs from data set to data set.
_NUM_FIELDS = 6

# The fields of the 3D form's world point, after a confidence.
_WORLD_FIELDS = slice(7, 10)

# Frames a second, and pixels along a side of the image.
_HIGHEST_RATE, _MAX_SIDE = 10_000, 1_000_000


@dataclass(frozen=True, eq=False)
class SequenceInfo:
    """What ``seqinfo.ini`` says.

    Attributes:
        folder: Folder of the sequence.
        name: Name of the sequence.
        rate: Frames a second.
        num_frames: Frames of the video.
        image_size: Width and height, pixels.
        image_folder: Folder of the images in that of the sequence.
        image_suffix: How their names end, with the dot.
    """

    folder: Path
    name: str
    rate: float
    num_frames: int
    image_size: tuple[int, int]
    image_folder: str
    image_suffix: str

    def image_path(self, frame: int) -> Path:
        """Return the image of a frame, which counts from 1."""
        return self.folder / self.image_folder / f"{frame:06d}{self.image_suffix}"


@dataclass(frozen=True, eq=False)
class MOTSequence(SequenceInfo):
    """A sequence with its ``N`` boxes in the order of the file.

    Attributes:
        lines: ``(N,)`` int64, lines of ``gt.txt``, counted from 1.
        frames: ``(N,)`` int64, frames counted from 1.
        tracks: ``(N,)`` int64, numbers of the tracks.
        boxes: ``(N, 4)``, left, top, width and height, pixels.
        world_points: ``(N, 3)``, metres, world frame: the fields x, y and z of MOTChallenge's 3D
            form; nan where there are none, or -1, -1, -1.
    """

    lines: np.ndarray
    frames: np.ndarray
    tracks: np.ndarray
    boxes: np.ndarray
    world_points: np.ndarray

    def places(self) -> list[str]:
        """Return file and line of every box."""
        file = self.folder / BOXES_FILE
        return [_place(file, line) for line in self.lines.tolist()]


def list_sequences(root: str | os.PathLike[str], how_to_get: str = HOW_TO_GET) -> list[str]:
    """Return the names of the folders in a folder of sequences, sorted.

    Raises:
        DatasetNotFoundError: There are none.
    """
    root = Path(root)
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    names = sorted(path.name for path in folders if not path.name.startswith("."))
    if not names:
        raise DatasetNotFoundError(f"{root} holds no folders of sequences. {how_to_get}")
    return names


def check_sequence_files(folder: Path, names: Iterable[str], how_to_get: str = HOW_TO_GET) -> None:
    """Look for the files of a sequence.

    Raises:
        DatasetNotFoundError: One is missing.
    """
    for name in names:
        if not (folder / name).is_file():
            raise DatasetNotFoundError(f"{folder / name} does not exist. {how_to_get}")


def read_mot_sequence(
    folder: str | os.PathLike[str], every: int = 1, reject: Reject = refuse
) -> MOTSequence:
    """Read a sequence.

    Args:
        folder: Holds ``gt/gt.txt`` and ``seqinfo.ini``; images are not needed.
        every: See :func:`read_boxes`.
        reject: Likewise.

    Raises:
        DatasetNotFoundError: A file is missing.
        DataFormatError: See :func:`read_sequence_info` and :func:`read_boxes`.
    """
    folder = Path(folder)
    check_sequence_files(folder, (INFO_FILE, BOXES_FILE))
    return read_boxes(read_sequence_info(folder), every=every, reject=reject)


def read_sequence_info(folder: Path) -> SequenceInfo:
    """Read the ``seqinfo.ini`` of a sequence.

    Raises:
        DataFormatError: It is no ini file, or lacks a positive ``frameRate``, ``seqLength``,
            ``imWidth`` or ``imHeight``, or one is endless.
    """
    file = folder / INFO_FILE
    info = read_section(file)
    rate = _positive(info, "frameRate", file)
    if rate > _HIGHEST_RATE:
        raise DataFormatError(f"{file}: 'frameRate' is {rate:g}, no video's frames a second")
    length = _positive_whole(info, "seqLength", file, MAX_FRAMES)
    width, height = (_positive_whole(info, key, file, _MAX_SIDE) for key in ("imWidth", "imHeight"))
    return SequenceInfo(
        folder=folder,
        name=info.get("name", folder.name),
        rate=rate,
        num_frames=length,
        image_size=(width, height),
        image_folder=info.get("imDir", "img1"),
        image_suffix=info.get("imExt", ".jpg"),
    )


def read_section(file: Path) -> Mapping[str, str]:
    """Return the entries of an ini file's section ``Sequence``; their keys are in lower case.

    Raises:
        DataFormatError: It is no ini file, or has no such section.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, configparser.Error) as error:
        raise DataFormatError(f"{file} is no valid ini file ({error}); unzip it again") from error
    if "Sequence" not in parser:
        raise DataFormatError(f"{file} has no section [Sequence]; unzip it again")
    return parser["Sequence"]


def read_boxes(
    info: SequenceInfo,
    known_tracks: Container[int] | None = None,
    every: int = 1,
    reject: Reject = refuse,
) -> MOTSequence:
    """Read the ``gt.txt`` of a sequence.

    Of a line, frame, track, left, top, width and height are read and, of ten fields, the last
    three, the world point. A track below 0 says that nobody knows the track.

    Args:
        info: The sequence.
        known_tracks: The tracks there are; any if None.
        every: Only the boxes of frames 1, 1 + every, 1 + 2 * every, ... are read.
        reject: Told of boxes without a positive size and of unknown tracks, which are left out;
            raises an error if not given.

    Raises:
        DataFormatError: A line is broken, a frame is not one of the sequence, or a track has frames
            twice or out of order.
    """
    file = info.folder / BOXES_FILE
    rows: list[tuple[float, ...]] = []
    last_frames: dict[int, int] = {}
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        place = _place(file, number)
        frame, track, *box = _parse_row(line, place)
        if not 1 <= frame <= info.num_frames:
            raise DataFormatError(
                f"{place}: frame {frame} is not one of the {info.num_frames} that {INFO_FILE} "
                "states"
            )
        if (frame - 1) % every:
            continue
        if min(box[2:]) <= 0:
            reject(NO_POSITIVE_SIZE, place, _explain_row(line))
            continue
        if known_tracks is not None and track not in known_tracks:
            reject(UNKNOWN_TRACK, place, f"track {track} has no entry in {GAME_FILE}")
            continue
        _check_order(frame, track, last_frames, place)
        rows.append((number, frame, track, *box, *_world_point(line, place)))
    columns = np.array(rows).reshape(-1, 1 + _NUM_FIELDS + 3)
    lines, frames, tracks = columns[:, :3].T.astype(np.int64)
    return MOTSequence(
        **vars(info),
        lines=lines,
        frames=frames,
        tracks=tracks,
        boxes=columns[:, 3:7],
        world_points=columns[:, 7:],
    )


def _place(file: Path, line: int) -> str:
    return f"{file}, line {line}"


def _positive(info: Mapping[str, str], key: str, file: Path) -> float:
    try:
        value = float(info[key])
    except (KeyError, ValueError):
        value = 0.0
    if not 0 < value < np.inf:
        raise DataFormatError(f"{file}: '{key}' is {info.get(key)}, needs to be a positive number")
    return value


def _positive_whole(info: Mapping[str, str], key: str, file: Path, below: int) -> int:
    value = _positive(info, key, file)
    if not value.is_integer() or value >= below:
        raise DataFormatError(
            f"{file}: '{key}' is {info[key]}, needs to be whole and less than {below}"
        )
    return int(value)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{file} is no text ({error}); unzip it again") from error


def _parse_row(line: str, place: str) -> tuple[int, int, float, float, float, float]:
    try:
        row = [float(text) for text in line.split(",")[:_NUM_FIELDS]]
    except ValueError:
        row = []
    # Nothing that is compared with nan is smaller.
    if len(row) < _NUM_FIELDS or not all(abs(value) < LARGEST_NUMBER for value in row):
        raise DataFormatError(f"{place}: {_explain_row(line)}")
    frame, track, *box = row
    if not (frame.is_integer() and track.is_integer()):
        raise DataFormatError(f"{place}: frame {frame:g} and track {track:g} must be whole")
    return int(frame), int(track), *box


def _world_point(line: str, place: str) -> tuple[float, float, float]:
    fields = line.split(",")[_WORLD_FIELDS]
    if len(fields) < 3:
        return (math.nan, math.nan, math.nan)
    try:
        point = tuple(float(text) for text in fields)
    except ValueError:
        point = (math.inf, math.inf, math.inf)
    if any(abs(value) >= LARGEST_NUMBER for value in point):
        raise DataFormatError(
            f"{place}: fields 8 to 10 are '{','.join(fields)[:80]}'; give the world point x, y, z "
            "in metres, or -1,-1,-1"
        )
    return (math.nan, math.nan, math.nan) if point == (-1.0, -1.0, -1.0) else point


def _explain_row(line: str) -> str:
    return (
        f"'{line[:80]}' is no frame, track, left, top, width, height, separated by commas, with a "
        "positive size; unzip the file again"
    )


def _check_order(frame: int, track: int, last_frames: dict[int, int], place: str) -> None:
    """Check that a track goes on, and note where it is."""
    if track >= 0 and frame <= last_frames.get(track, 0):
        raise DataFormatError(
            f"{place}: frame {frame} of track {track} comes after its frame {last_frames[track]}; "
            "frames are duplicated or out of order"
        )
    last_frames[track] = frame
