"""SoccerNet tracking: boxes in the image, brought to the pitch by the cameras of the frames."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from footmm.datasets.mot import GAME_FILE, MOTSequence, list_sequences
from footmm.datasets.soccernet_cameras import read_cameras
from footmm.datasets.soccernet_sequence import HOW_TO_GET, read_described_sequence, role_of
from footmm.datasets.trajectory.ground_points import (
    SIDES,
    SMOOTHING_S,
    GroundPoints,
    GroundPointsDataset,
    TrackIdentity,
)
from footmm.datasets.trajectory.preparation import RawTracks
from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import BALL

SOURCE = "soccernet-tracking"

_PLAYER = re.compile(r"(player|goalkeepers?) teams? (left|right)")


@dataclass(frozen=True, eq=False)
class SoccerNetSequence(MOTSequence):
    """What the files of a sequence say.

    Attributes:
        identities: Who plays, by track; without referees and others.
    """

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
        for name in list_sequences(self.data_root, HOW_TO_GET) if names is None else names:
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
    sequence, descriptions = read_described_sequence(folder)
    identities = dict(_identities(descriptions, sequence.folder / GAME_FILE))
    return SoccerNetSequence(**vars(sequence), identities=identities)


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


def _identities(descriptions: Mapping[int, str], file: Path) -> Iterator[tuple[int, TrackIdentity]]:
    for track, description in descriptions.items():
        role = role_of(description)
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
