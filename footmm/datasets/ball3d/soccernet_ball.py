"""The ball of SoccerNet's tracking sequences, with the cameras of their frames."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from footmm.datasets.ball3d.base import METAINFO
from footmm.datasets.mot import MOTSequence, list_sequences
from footmm.datasets.rejected_boxes import OUTSIDE_IMAGE, RejectedBoxes
from footmm.datasets.soccernet_cameras import read_cameras
from footmm.datasets.soccernet_sequence import HOW_TO_GET, read_described_sequence, role_of
from footmm.errors import ConfigError, DataFormatError, did_you_mean
from footmm.pitch.camera import Camera
from footmm.registry import DATASETS

SOURCE = "soccernet-tracking"


@dataclass(frozen=True, eq=False)
class BallSequence:
    """The ball of a sequence, ``T`` frames.

    Attributes:
        name: Of the sequence.
        rate: Frames a second.
        image_size: Width and height, pixels.
        image_paths: Of T frames.
        cameras: ``(T,)``.
        calibrated: ``(T,)`` bool.
        points: ``(T, 2)``, pixels.
        diameters: ``(T,)``, pixels.
        detected: ``(T,)`` bool.
        positions: ``(T, 3)``, metres, world frame; 0 where not labelled.
        has_position: ``(T,)`` bool.
    """

    name: str
    rate: float
    image_size: tuple[int, int]
    image_paths: tuple[str, ...]
    cameras: Camera
    calibrated: np.ndarray
    points: np.ndarray
    diameters: np.ndarray
    detected: np.ndarray
    positions: np.ndarray
    has_position: np.ndarray


@DATASETS.register_module()
class SoccerNetBallDataset(BaseDataset):
    """Windows of the ball in SoccerNet's tracking sequences.

    Detections are the annotated boxes: their centres, and as diameters the roots of their areas,
    which a streak makes too large. Where several boxes are a ball in one frame, the first in the
    file counts. Frames without a camera are not calibrated.

    SoccerNet does not say where the ball is in three dimensions. Where a line of ``gt.txt`` has ten
    fields whose last three are not -1, -1, -1, they are the ball's centre in metres in the world
    frame (MOTChallenge's 3D form); velocities are central differences of such frames. Everything
    else, the modes too, is masked. A sample is that of
    :class:`footmm.datasets.ball3d.SyntheticBall3DDataset` with detections, and ``img_paths``.

    Boxes without a positive size, outside the image, or of tracks without an entry in
    ``gameinfo.ini`` are named in a warning, dropped and counted in :attr:`dropped_boxes`.

    Args:
        data_root: Folder of the splits, or of the sequences.
        cameras: Where the cameras of a sequence are; ``{sequence}`` stands for its name. Either
            the ``cameras.json`` that ``tools/infer/homography.py`` writes, or a folder of
            SoccerNet's ``camera_NNNNN.json``.
        split: Folder of the sequences in ``data_root``; None if they lie in ``data_root``.
        sequences: Names of the sequences to use; all if None.
        num_frames: Frames of a window.
        num_future: Frames after it.
        stride: Frames from the start of one window to that of the next.
        min_observed: Frames of a window with a ball and a camera; windows with fewer are left out.
        pitch_size: Length and width, metres.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format, or there is not a single window.
    """

    METAINFO: dict = METAINFO | {"data_source": "SoccerNet tracking"}

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        cameras: str,
        split: str | None = None,
        sequences: Sequence[str] | None = None,
        num_frames: int = 50,
        num_future: int = 25,
        stride: int = 25,
        min_observed: int = 1,
        pitch_size: tuple[float, float] = (105.0, 68.0),
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if min(num_frames, stride) < 1 or min(num_future, min_observed) < 0:
            raise ConfigError(
                f"SoccerNetBallDataset: num_frames={num_frames} and stride={stride} are at least "
                f"1, num_future={num_future} and min_observed={min_observed} at least 0"
            )
        self.split = split
        self.cameras = cameras
        self.names = sequences
        self.num_frames = num_frames
        self.num_future = num_future
        self.stride = stride
        self.min_observed = min_observed
        self.pitch_size = tuple(pitch_size)
        self.rejected = RejectedBoxes()
        self._sequences: list[BallSequence] = []
        super().__init__(
            data_root=os.fspath(data_root), pipeline=list(pipeline), test_mode=test_mode, **kwargs
        )

    @property
    def dropped_boxes(self) -> dict[str, int]:
        """Number of dropped boxes by kind."""
        self.full_init()
        return dict(self.rejected.counts)

    def load_data_list(self) -> list[dict]:
        """Read the sequences; return sequence and first frame of every window."""
        self._sequences = self.load_sequences()
        self.rejected.report(type(self).__name__)
        windows = [
            dict(sequence_number=number, first=first)
            for number, sequence in enumerate(self._sequences)
            for first in self._starts(sequence)
        ]
        kept = [window for window in windows if self._num_observed(window) >= self.min_observed]
        print_log(
            f"SoccerNetBallDataset: {len(kept)} windows of {len(self._sequences)} sequences; "
            f"{len(windows) - len(kept)} left out for fewer than {self.min_observed} frames with "
            "a ball and a camera",
            logger="current",
        )
        if not kept:
            raise DataFormatError(
                f"{self._root}: none of {len(windows)} windows of {self.num_frames} frames has "
                f"{self.min_observed} frames with a ball and a camera; lower min_observed or "
                "num_frames, or give cameras of more frames"
            )
        return kept

    @property
    def _root(self) -> Path:
        return Path(self.data_root, self.split or "")

    def load_sequences(self) -> list[BallSequence]:
        """Read the sequences."""
        names = list_sequences(self._root, HOW_TO_GET)
        for name in self.names or ():
            if name not in names:
                near = did_you_mean(name, names)
                raise ConfigError(f"{self._root} holds no sequence {name!r}{near}")
        chosen = names if self.names is None else self.names
        return [self._read(self._root / name) for name in chosen]

    def get_data_info(self, idx: int) -> dict:
        """Return a window before the pipeline."""
        info = super().get_data_info(idx)
        sequence = self._sequences[info["sequence_number"]]
        first, frames = info["first"], self.num_frames
        now = slice(first, first + frames)
        after = np.arange(first + frames, first + frames + self.num_future)
        there = after < len(sequence.detected)
        after = np.minimum(after, len(sequence.detected) - 1)
        velocities, has_velocity = _velocities(sequence)
        unknown, nothing = np.zeros(frames, bool), np.zeros(frames, np.float32)
        return info | dict(
            sequence=sequence.name,
            source=SOURCE,
            rate=sequence.rate,
            frame_ids=1 + first + np.arange(frames),
            img_paths=list(sequence.image_paths[now]),
            pitch_size=self.pitch_size,
            image_size=sequence.image_size,
            camera=sequence.cameras[now],
            calibrated=sequence.calibrated[now].copy(),
            points=sequence.points[now].copy(),
            diameters=sequence.diameters[now].copy(),
            scores=sequence.detected[now].astype(np.float32),
            detected=sequence.detected[now].copy(),
            positions=sequence.positions[now].copy(),
            has_position=sequence.has_position[now].copy(),
            velocities=velocities[now],
            has_velocity=has_velocity[now],
            mode=np.zeros(frames, np.int64),
            has_mode=unknown,
            future_positions=np.where(there[:, None], sequence.positions[after], 0.0).astype(
                np.float32
            ),
            has_future=there & sequence.has_position[after],
            future_mode=np.zeros(self.num_future, np.int64),
            has_future_mode=np.zeros(self.num_future, bool),
            true_points=np.zeros((frames, 2), np.float32),
            true_diameters=nothing,
            blur=nothing,
            visible=unknown,
            has_image_truth=unknown,
        )

    def _read(self, folder: Path) -> BallSequence:
        sequence, descriptions = read_described_sequence(folder, reject=self.rejected.add)
        place = self.cameras.replace("{sequence}", folder.name)
        cameras = read_cameras(place, sequence.image_size)
        if not cameras:
            raise DataFormatError(
                f"{place} knows the camera of none of the frames of {folder.name}; calibrate them "
                "again with tools/infer/homography.py"
            )
        return _ball_of(sequence, descriptions, cameras, self.rejected)

    def _starts(self, sequence: BallSequence) -> list[int]:
        """First frames of the windows, of which the last ends with the sequence."""
        last = len(sequence.detected) - self.num_frames
        # A sequence shorter than a window has none.
        return sorted({*range(0, last + 1, self.stride), *([last] if last >= 0 else [])})

    def _num_observed(self, window: dict) -> int:
        sequence = self._sequences[window["sequence_number"]]
        now = slice(window["first"], window["first"] + self.num_frames)
        return int((sequence.detected & sequence.calibrated)[now].sum())


def _ball_of(
    sequence: MOTSequence,
    descriptions: dict[int, str],
    cameras: dict[int, Camera],
    rejected: RejectedBoxes,
) -> BallSequence:
    """Bring the boxes of the ball, and the cameras, to one entry a frame."""
    count = sequence.num_frames
    points, diameters = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    positions, has_position = np.zeros((count, 3), np.float32), np.zeros(count, bool)
    detected = np.zeros(count, bool)
    places = sequence.places()
    for row in range(len(sequence.frames)):
        frame = sequence.frames[row] - 1
        if detected[frame] or role_of(descriptions[sequence.tracks[row]]) != "ball":
            continue
        left, top, width, height = sequence.boxes[row]
        # A box covers whole pixels, whose centres are at integers.
        point = left + width / 2 - 0.5, top + height / 2 - 0.5
        if not all(
            -0.5 <= at <= size - 0.5 for at, size in zip(point, sequence.image_size, strict=True)
        ):
            rejected.add(OUTSIDE_IMAGE, places[row], f"the ball's centre is at {point}")
            continue
        detected[frame] = True
        points[frame], diameters[frame] = point, np.sqrt(width * height)
        if np.isfinite(sequence.world_points[row]).all():
            positions[frame], has_position[frame] = sequence.world_points[row], True
    calibrated = np.isin(np.arange(1, count + 1), list(cameras))
    return BallSequence(
        name=sequence.name,
        rate=sequence.rate,
        image_size=sequence.image_size,
        image_paths=tuple(str(sequence.image_path(frame)) for frame in range(1, count + 1)),
        cameras=camera_of_each_frame(cameras, count),
        calibrated=calibrated,
        points=points,
        diameters=diameters,
        detected=detected,
        positions=positions,
        has_position=has_position,
    )


def camera_of_each_frame(cameras: Mapping[int, Camera], count: int) -> Camera:
    """Return one camera a frame; frames without one get that of the frame before, or the first.

    Args:
        cameras: Those that are known, at least one, by the numbers of their frames, from 1.
        count: Number of frames.
    """
    numbers = np.array(sorted(cameras))
    last = np.searchsorted(numbers, np.arange(1, count + 1), side="right") - 1
    batch = Camera.stack([cameras[number] for number in numbers.tolist()])
    return batch[torch.from_numpy(last.clip(min=0))]


def _velocities(sequence: BallSequence) -> tuple[np.ndarray, np.ndarray]:
    """Central differences ``(T, 3)``, metres a second, and where there are some ``(T,)``."""
    positions, known = sequence.positions, sequence.has_position
    velocities = np.zeros_like(positions)
    velocities[1:-1] = (positions[2:] - positions[:-2]) * (0.5 * sequence.rate)
    has_velocity = np.zeros_like(known)
    has_velocity[1:-1] = known[2:] & known[:-2]
    return np.where(has_velocity[:, None], velocities, 0.0).astype(np.float32), has_velocity
