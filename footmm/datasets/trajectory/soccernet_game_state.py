"""SoccerNet game state reconstruction: places on the pitch, as labelled or as predicted."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from footmm.pitch.frames import soccernet_to_world
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import BALL

SOURCE = "soccernet-game-state"
FRAME_RATE = 25.0
"""Frames a second of SoccerNet's videos; predictions do not state theirs."""
LABELS_FILE = "Labels-GameState.json"

_PLAYERS = ("player", "goalkeeper")
_ROLES = (*_PLAYERS, "referee", "other", "ball")
# One digit for the split, three for the sequence, six for the frame, which counts from 1.
_IMAGE_ID_LENGTH, _FRAME_DIGITS = 10, 6
_SHORT_FRAME_DIGITS = 4
_MAX_FRAMES = 10**_FRAME_DIGITS
_HOW_TO_GET = (
    "SoccerNet's game state data is free for research: 'tools/data/download.py "
    "soccernet-gamestate' fetches it into data/soccernet/gamestate-2024 (docs/data.md)"
)


@dataclass(frozen=True, eq=False)
class GameState:
    """``N`` detections in a sequence, in the order of the file.

    Attributes:
        name: Name of the sequence.
        rate: Frames a second.
        num_frames: Frames of the video.
        frames: ``(N,)`` int64, frames counted from 1.
        tracks: ``(N,)`` int64, numbers of the tracks.
        roles: ``(N,)``, player, goalkeeper, referee, other or ball.
        teams: ``(N,)``, left or right of players and goalkeepers; empty where there is none.
        positions: ``(N, 2)``, metres, world frame; nan where the file tells no place.
    """

    name: str
    rate: float
    num_frames: int
    frames: np.ndarray
    tracks: np.ndarray
    roles: np.ndarray
    teams: np.ndarray
    positions: np.ndarray

    def identities(self) -> dict[int, TrackIdentity]:
        """Return who plays, by track.

        A track is what most of its detections say, as predictions change their mind: of what is
        said equally often, what is said first. Players of no team do not play.
        """
        said: defaultdict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
        detections = zip(self.tracks.tolist(), self.roles, self.teams, strict=True)
        for track, role, team in detections:
            said[track][str(role), str(team)] += 1
        most = {track: counts.most_common(1)[0][0] for track, counts in said.items()}
        return {
            track: TrackIdentity(BALL if role == "ball" else SIDES[team], role == "goalkeeper")
            for track, (role, team) in most.items()
            if role == "ball" or team
        }


@DATASETS.register_module()
class SoccerNetGameStateTrajectories(GroundPointsDataset):
    """Windows of SoccerNet's game state sequences, labelled or predicted.

    Places on the pitch are those of the file (``bbox_pitch``); nobody is present in frames that are
    not labelled. Referees and others are left out. The team 'left' defends the left goal and
    attacks to the right: it is the home team. Labels need version 1.1 or later: before it, teams
    were confused.

    Source: https://github.com/SoccerNet/sn-gamestate

    Args:
        data_root: Folder of the sequences, e.g. ``data/soccernet/gamestate-2024/train``, each with
            a ``Labels-GameState.json``; or of predictions, ``SNGS-NNN.json``.
        frame_rate: Frames a second of predictions, which do not state it.
        **kwargs: Arguments of
            :class:`footmm.datasets.trajectory.ground_points.GroundPointsDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format.
    """

    METAINFO: dict = GroundPointsDataset.METAINFO | {"data_source": "SoccerNet game state"}

    def __init__(
        self, data_root: str | os.PathLike[str], frame_rate: float = FRAME_RATE, **kwargs: Any
    ) -> None:
        self.frame_rate = frame_rate
        super().__init__(data_root=data_root, **kwargs)

    def read_sequences(self) -> Iterator[RawTracks]:
        """Read the sequences, in order."""
        for file in self._files():
            yield read_game_state_tracks(file, self.smoothing_s, self.frame_rate)

    def _files(self) -> list[Path]:
        root = Path(self.data_root)
        files = [*root.glob(f"*/{LABELS_FILE}"), *root.glob("SNGS-*.json")]
        if not files:
            raise DatasetNotFoundError(
                f"{root} holds neither folders with a {LABELS_FILE} nor predictions SNGS-NNN.json. "
                f"{_HOW_TO_GET}"
            )
        by_name = {_sequence_name(file): file for file in sorted(files)}
        names = sorted(by_name) if self.sequences is None else self.sequences
        for name in names:
            if name not in by_name:
                raise DatasetNotFoundError(f"{root} holds no sequence '{name}'. {_HOW_TO_GET}")
        return [by_name[name] for name in names]


def read_game_state_tracks(
    path: str | os.PathLike[str],
    smoothing_s: float = SMOOTHING_S,
    frame_rate: float = FRAME_RATE,
) -> RawTracks:
    """Read a sequence as tracks; :class:`SoccerNetGameStateTrajectories` tells how.

    Args:
        path: As in :func:`read_game_state`.
        smoothing_s: See :meth:`GroundPoints.to_raw_tracks`.
        frame_rate: As in :func:`read_game_state`.

    Returns:
        Tracks whose frames count from 1, as the names of the images do.

    Raises:
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file breaks its format.
    """
    state = read_game_state(path, frame_rate)
    points = GroundPoints(
        match=state.name,
        source=SOURCE,
        origin=str(path),
        rate=state.rate,
        num_frames=state.num_frames,
        frames=state.frames,
        tracks=state.tracks,
        positions=state.positions,
        identities=state.identities(),
    )
    return points.to_raw_tracks(smoothing_s)


def read_game_state(path: str | os.PathLike[str], frame_rate: float = FRAME_RATE) -> GameState:
    """Read a sequence's labels or predictions.

    Args:
        path: A ``Labels-GameState.json``, or predictions, which are named after the sequence.
        frame_rate: Frames a second of predictions, which do not state it.

    Returns:
        All detections, as the official evaluation counts them, and the ball.

    Raises:
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file breaks its format.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetNotFoundError(f"{path} does not exist. {_HOW_TO_GET}")
    content = read_json_object(path)
    if "predictions" in content:
        detections = _read_detections(content, "predictions", path)
        num_frames = max((detection.frame for detection in detections), default=0)
    else:
        detections = _read_detections(content, "annotations", path)
        frame_rate = _positive(content, "frame_rate", path)
        num_frames = int(_positive(content, "seq_length", path))
        if num_frames >= _MAX_FRAMES:
            raise DataFormatError(
                f"{path}: 'seq_length' is {num_frames}, needs to be less than {_MAX_FRAMES}"
            )
    _check_frames(detections, num_frames, path)
    places = np.array([detection.place for detection in detections], np.float64)
    return GameState(
        name=_sequence_name(path),
        rate=frame_rate,
        num_frames=num_frames,
        frames=np.array([detection.frame for detection in detections], np.int64),
        tracks=np.array([detection.track for detection in detections], np.int64),
        roles=np.array([detection.role for detection in detections], np.str_),
        teams=np.array([detection.team for detection in detections], np.str_),
        positions=soccernet_to_world(places.reshape(-1, 2)),
    )


@dataclass(frozen=True)
class _Detection:
    """Somebody, or the ball, in a frame; the place is in SoccerNet's frame."""

    frame: int
    track: int
    role: str
    team: str
    place: tuple[float, float]


def _read_detections(content: Mapping[str, Any], key: str, path: Path) -> list[_Detection]:
    """Return the detections of an entry of the file; labels only of images that are labelled."""
    labelled = None if key == "predictions" else _labelled_images(content, path)
    detections = []
    for number, entry in enumerate(_entries(content, key, path)):
        with _naming(f"{path}, {key} number {number}"):
            if entry["supercategory"] != "object":
                continue
            if labelled is None or entry["image_id"] in labelled:
                detections.append(_parse_detection(entry))
    return detections


def _labelled_images(content: Mapping[str, Any], path: Path) -> set[str]:
    labelled = set()
    for number, image in enumerate(_entries(content, "images", path)):
        with _naming(f"{path}, images number {number}"):
            if all(image[f"has_labeled_{what}"] for what in ("person", "pitch", "camera")):
                labelled.add(image["image_id"])
    return labelled


def _parse_detection(entry: Mapping[str, Any]) -> _Detection:
    attributes, place = entry["attributes"], entry["bbox_pitch"]
    # Some labels say "goalkeepers".
    role = str(attributes["role"]).lower().replace("goalkeepers", "goalkeeper")
    if role not in _ROLES:
        raise ValueError(f"role is '{role}', needs to be one of {', '.join(_ROLES)}")
    team = attributes["team"] if role in _PLAYERS and attributes["team"] in SIDES else ""
    return _Detection(
        frame=_frame_number(entry["image_id"]),
        track=int(np.int64(int(entry["track_id"]))),
        role=role,
        team=team,
        place=(np.nan, np.nan)
        if place is None
        else (float(place["x_bottom_middle"]), float(place["y_bottom_middle"])),
    )


def _frame_number(image_id: str) -> int:
    """Read the number of a frame, from 1 on, as the official evaluation does."""
    if len(image_id) == _IMAGE_ID_LENGTH:
        return int(image_id[-_FRAME_DIGITS:])
    # Predictions may name images by numbers from 0.
    return int(image_id[-_SHORT_FRAME_DIGITS:]) + 1


def _check_frames(detections: Sequence[_Detection], num_frames: int, path: Path) -> None:
    seen = set()
    for detection in detections:
        place = f"{path}, frame {detection.frame}, track {detection.track}"
        if not 1 <= detection.frame <= num_frames:
            raise DataFormatError(f"{place}: 'seq_length' tells of {num_frames} frames only")
        if (detection.frame, detection.track) in seen:
            raise DataFormatError(f"{place}: a track is twice in the frame; get the file again")
        seen.add((detection.frame, detection.track))


def _entries(content: Mapping[str, Any], key: str, path: Path) -> list[Any]:
    entries = content.get(key)
    if not isinstance(entries, list):
        raise DataFormatError(
            f"{path} has no list '{key}'; give a {LABELS_FILE}, or predictions with a list "
            "'predictions'"
        )
    return entries


def _positive(content: Mapping[str, Any], key: str, path: Path) -> float:
    with _naming(f"{path}, info, '{key}'"):
        value = float(content["info"][key])
        if not 0 < value < np.inf:
            raise ValueError(f"{value:g} needs to be a positive number")
        return value


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Say in which place of a file something is missing or of another type."""
    try:
        yield
    except KeyError as error:
        raise DataFormatError(f"{place}: {error} is missing; get the file again") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise DataFormatError(f"{place}: {error}; get the file again") from error


def _sequence_name(path: Path) -> str:
    return path.resolve().parent.name if path.name == LABELS_FILE else path.stem
