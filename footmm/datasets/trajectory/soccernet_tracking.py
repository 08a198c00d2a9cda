"""SoccerNet tracking: boxes in the image, brought to the pitch by the cameras of the frames."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from footmm.datasets.base import read_json_object
from footmm.datasets.trajectory.ground_points import (
    SIDES,
    SMOOTHING_S,
    GroundPoints,
    GroundPointsDataset,
    TrackIdentity,
)
from footmm.datasets.trajectory.preparation import RawTracks
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import BALL
from footmm.structures.calibrated_frame import camera_for_image

SOURCE = "soccernet-tracking"

_INFO_FILE, _GAME_FILE, _BOXES_FILE = "seqinfo.ini", "gameinfo.ini", "gt/gt.txt"
# Frame, track, left, top, width, height; behind them a flag and an unused place in 3D.
_NUM_FIELDS = 6
_TRACK_KEY = re.compile(r"trackletid_(\d+)")
_PLAYER = re.compile(r"(player|goalkeepers?) teams? (left|right)")
_FRAME_NUMBER = re.compile(r"(\d+)$")
_HOW_TO_GET = (
    "SoccerNet's tracking data is free for research; run: python -c \"from SoccerNet.Downloader "
    "import SoccerNetDownloader as D; D('data/soccernet').downloadDataTask(task='tracking', "
    "split=['train', 'test'])\" (where Hugging Face refuses, request access to "
    "SoccerNet/SN-Tracking-2023 there and log in) and unzip the archives in "
    "data/soccernet/tracking"
)


@dataclass(frozen=True, eq=False)
class SoccerNetSequence:
    """What the files of a sequence say; ``N`` boxes in the order of the file.

    Attributes:
        name: Name of the sequence.
        rate: Frames a second.
        num_frames: Frames of the video.
        image_size: Width and height, pixels.
        frames: ``(N,)`` int64, frames counted from 1.
        tracks: ``(N,)`` int64, numbers of the tracks.
        boxes: ``(N, 4)``, left, top, width and height, pixels.
        identities: Who plays, by track; without referees and others.
    """

    name: str
    rate: float
    num_frames: int
    image_size: tuple[int, int]
    frames: np.ndarray
    tracks: np.ndarray
    boxes: np.ndarray
    identities: dict[int, TrackIdentity]

    def feet(self) -> np.ndarray:
        """Return the bottom centres of the boxes, pixels, ``(N, 2)``.

        They are nan where a box reaches the bottom of the image, which then cuts the feet off.
        """
        left, top, width, height = self.boxes.T
        # A box covers whole pixels, whose centres are at integers.
        feet = np.stack([left + width / 2, top + height], axis=1) - 0.5
        feet[top + height >= self.image_size[1]] = np.nan
        return feet


@DATASETS.register_module()
class SoccerNetTrackingTrajectories(GroundPointsDataset):
    """Windows of SoccerNet's tracking sequences, brought to the pitch.

    The bottom centre of a box is taken to the ground by the camera of its frame. Nobody is present
    in a frame without camera. A person is not present where the feet are cut off by the bottom of
    the image, look above the horizon or fall more than 10 m off the pitch. Referees and others are
    left out. 'team left' defends the left goal and attacks to the right: it is the home team.

    The ball is where its box meets the ground: right while it rolls, too far from the camera while
    it flies.

    Source: https://github.com/SoccerNet/sn-tracking

    Args:
        data_root: Folder of the sequences, e.g. ``data/soccernet/tracking/train``.
        cameras: Where the cameras of a sequence are; ``{sequence}`` stands for its name. Either
            the ``cameras.json`` that ``tools/infer/homography.py`` writes, or a folder of
            SoccerNet's ``camera_NNNNN.json``.
        **kwargs: Arguments of
            :class:`footmm.datasets.trajectory.ground_points.GroundPointsDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format.
    """

    METAINFO: dict = GroundPointsDataset.METAINFO | {"data_source": "SoccerNet tracking"}

    def __init__(self, data_root: str | os.PathLike[str], cameras: str, **kwargs: Any) -> None:
        self.cameras = cameras
        super().__init__(data_root=data_root, **kwargs)

    def read_sequences(self) -> Iterator[RawTracks]:
        """Read the sequences, in order."""
        names = self.sequences
        for name in _list_folders(Path(self.data_root)) if names is None else names:
            cameras = self.cameras.replace("{sequence}", name)
            folder = os.path.join(self.data_root, name)
            yield read_soccernet_tracking(folder, cameras, self.smoothing_s)


def read_soccernet_tracking(
    folder: str | os.PathLike[str],
    cameras: str | os.PathLike[str],
    smoothing_s: float = SMOOTHING_S,
) -> RawTracks:
    """Bring a sequence to the pitch; :class:`SoccerNetTrackingTrajectories` tells how.

    Args:
        folder: As in :func:`read_soccernet_sequence`.
        cameras: As in :func:`read_cameras`.
        smoothing_s: See :meth:`GroundPoints.to_raw_tracks`.

    Returns:
        Tracks whose frames count from 1, as the names of the images do.

    Raises:
        DatasetNotFoundError: A file is missing.
        DataFormatError: A file breaks its format.
    """
    sequence = read_soccernet_sequence(folder)
    found = read_cameras(cameras, sequence.image_size)
    points = GroundPoints(
        match=sequence.name,
        source=SOURCE,
        origin=f"{folder} with the cameras of {cameras}",
        rate=sequence.rate,
        num_frames=sequence.num_frames,
        frames=sequence.frames,
        tracks=sequence.tracks,
        positions=_on_ground(sequence.feet(), sequence.frames, found),
        identities=sequence.identities,
    )
    return points.to_raw_tracks(smoothing_s)


def read_soccernet_sequence(folder: str | os.PathLike[str]) -> SoccerNetSequence:
    """Read a sequence of SoccerNet's tracking task.

    Args:
        folder: Holds ``gt/gt.txt``, ``gameinfo.ini`` and ``seqinfo.ini``; images are not needed.

    Raises:
        DatasetNotFoundError: A file is missing.
        DataFormatError: A line is broken, or a track has frames twice or out of order, or no entry
            in ``gameinfo.ini``.
    """
    folder = Path(folder)
    for name in (_INFO_FILE, _GAME_FILE, _BOXES_FILE):
        if not (folder / name).is_file():
            raise DatasetNotFoundError(f"{folder / name} does not exist. {_HOW_TO_GET}")
    info = _read_section(folder / _INFO_FILE)
    rate, length, width, height = (
        _positive(info, key, folder / _INFO_FILE)
        for key in ("frameRate", "seqLength", "imWidth", "imHeight")
    )
    descriptions = _read_descriptions(folder / _GAME_FILE)
    rows = _read_rows(folder / _BOXES_FILE, int(length), descriptions.keys())
    return SoccerNetSequence(
        name=info.get("name", folder.name),
        rate=rate,
        num_frames=int(length),
        image_size=(int(width), int(height)),
        frames=rows[:, 0].astype(np.int64),
        tracks=rows[:, 1].astype(np.int64),
        boxes=rows[:, 2:],
        identities=dict(_identities(descriptions, folder / _GAME_FILE)),
    )


def read_cameras(path: str | os.PathLike[str], image_size: tuple[int, int]) -> dict[int, Camera]:
    """Read the cameras of a video's frames.

    The number of a frame is the one that the name of its image (``000001.jpg``) or camera
    (``camera_000001.json``) ends in.

    Args:
        path: The ``cameras.json`` that ``tools/infer/homography.py`` writes, or a folder of
            SoccerNet's ``camera_NNNNN.json``.
        image_size: Width and height of the frames, pixels.

    Returns:
        One camera for each frame that has one, by the number of the frame.

    Raises:
        DatasetNotFoundError: There are no such files.
        DataFormatError: A file breaks its format.
    """
    path = Path(path)
    if not path.is_file() and not any(path.glob("camera_*.json")):
        raise DatasetNotFoundError(
            f"{path} holds no cameras; find them with 'tools/infer/homography.py CONFIG CHECKPOINT "
            "SEQUENCE/img1 --out FOLDER' and give FOLDER/cameras.json, or a folder of SoccerNet's "
            "camera_NNNNN.json"
        )
    found: dict[int, Camera | None] = {}
    for frame, parameters, place in _stored_cameras(path):
        match = _FRAME_NUMBER.search(Path(frame).stem)
        number = int(match[1]) if match else 0
        if number < 1 or number in found:
            raise DataFormatError(
                f"{place}: the name of a frame must end in its number, from 1 on and each once, as "
                "the images of a sequence do"
            )
        try:
            found[number] = camera_for_image(parameters, image_size)
        except DataFormatError as error:
            raise DataFormatError(f"{place}: {error}") from error
    return {number: camera for number, camera in found.items() if camera is not None}


def _stored_cameras(path: Path) -> Iterator[tuple[str, dict[str, Any] | None, str]]:
    """Yield the name of a frame, its camera in SoccerNet's format, and where it is written."""
    if path.is_dir():
        for file in sorted(path.glob("camera_*.json")):
            yield file.name, read_json_object(file), str(file)
        return
    frames = read_json_object(path).get("frames")
    if not isinstance(frames, dict):
        raise DataFormatError(
            f"{path} has no object 'frames'; give a cameras.json of tools/infer/homography.py"
        )
    for name, frame in frames.items():
        place = f"{path}, frame '{name}'"
        if not isinstance(frame, dict) or not isinstance(frame.get("camera", 0), dict | None):
            raise DataFormatError(f"{place}: 'camera' is missing or no object")
        yield name, frame["camera"], place


def _on_ground(pixels: np.ndarray, frames: np.ndarray, cameras: Mapping[int, Camera]) -> np.ndarray:
    """Bring pixels ``(N, 2)`` of frames ``(N,)`` to the ground, metres; nan where that fails."""
    ground = np.full(pixels.shape, np.nan)
    numbers = sorted(cameras)
    known = np.flatnonzero(np.isin(frames, numbers) & np.isfinite(pixels).all(1))
    if not len(known):
        return ground
    batch = Camera.stack([cameras[number] for number in numbers])
    batch = batch[np.searchsorted(numbers, frames[known])]
    ground[known] = batch.image_to_ground(pixels[known, None])[:, 0].numpy()
    return ground


def _list_folders(root: Path) -> list[str]:
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    names = sorted(path.name for path in folders if not path.name.startswith("."))
    if not names:
        raise DatasetNotFoundError(f"{root} holds no folders of sequences. {_HOW_TO_GET}")
    return names


def _read_section(file: Path) -> Mapping[str, str]:
    """Return the entries of an ini file's section ``Sequence``; their keys are in lower case."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, configparser.Error) as error:
        raise DataFormatError(f"{file} is no valid ini file ({error}); unzip it again") from error
    if "Sequence" not in parser:
        raise DataFormatError(f"{file} has no section [Sequence]; unzip it again")
    return parser["Sequence"]


def _positive(info: Mapping[str, str], key: str, file: Path) -> float:
    try:
        value = float(info[key])
    except (KeyError, ValueError):
        value = 0.0
    if not 0 < value < np.inf:
        raise DataFormatError(f"{file}: '{key}' is {info.get(key)}, needs to be a positive number")
    return value


def _read_descriptions(file: Path) -> dict[int, str]:
    """Return who the tracks are, in the words of the file, e.g. ``player team left;10``."""
    matches = ((_TRACK_KEY.fullmatch(key), value) for key, value in _read_section(file).items())
    return {int(match[1]): value for match, value in matches if match}


def _identities(descriptions: Mapping[int, str], file: Path) -> Iterator[tuple[int, TrackIdentity]]:
    for track, description in descriptions.items():
        role = description.partition(";")[0].strip().lower()
        match = _PLAYER.fullmatch(role)
        if match:
            yield track, TrackIdentity(SIDES[match[2]], match[1] != "player")
        elif role == "ball":
            yield track, TrackIdentity(BALL)
        elif "team" in role or role.startswith(("player", "goalkeeper")):
            raise DataFormatError(
                f"{file}: 'trackletID_{track}' is '{description}'; the players are 'player' or "
                "'goalkeeper', then 'team left' or 'team right'"
            )


def _read_rows(file: Path, num_frames: int, known_tracks: Set[int]) -> np.ndarray:
    """Return frame, track, left, top, width and height of every line, ``(N, 6)``."""
    rows: list[list[float]] = []
    last_frames: dict[float, float] = {}
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        place = f"{file}, line {number}"
        row = _parse_row(line, place)
        frame, track = row[:2]
        if not 1 <= frame <= num_frames:
            raise DataFormatError(
                f"{place}: frame {frame:g} is not one of the {num_frames} that {_INFO_FILE} states"
            )
        if track not in known_tracks:
            raise DataFormatError(f"{place}: track {track:g} has no entry in {_GAME_FILE}")
        if frame <= last_frames.get(track, 0):
            raise DataFormatError(
                f"{place}: frame {frame:g} of track {track:g} comes after its frame "
                f"{last_frames[track]:g}; frames are duplicated or out of order"
            )
        last_frames[track] = frame
        rows.append(row)
    return np.array(rows).reshape(-1, _NUM_FIELDS)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise DataFormatError(f"{file} is no text ({error}); unzip it again") from error


def _parse_row(line: str, place: str) -> list[float]:
    try:
        row = [float(text) for text in line.split(",")[:_NUM_FIELDS]]
    except ValueError:
        row = []
    if len(row) < _NUM_FIELDS or not np.isfinite(row).all() or min(row[4:]) <= 0:
        raise DataFormatError(
            f"{place}: '{line[:80]}' is no frame, track, left, top, width, height, separated by "
            "commas, with a positive size; unzip the file again"
        )
    if any(not value.is_integer() for value in row[:2]):
        raise DataFormatError(f"{place}: frame {row[0]:g} and track {row[1]:g} must be whole")
    return row
