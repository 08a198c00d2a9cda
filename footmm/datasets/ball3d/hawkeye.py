"""Hawk-Eye's ball: real positions in 3D, filmed by simulated cameras."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from footmm.datasets.ball3d.base import METAINFO, image_truth
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.dimensions import FURTHEST, PitchDimensions
from footmm.registry import DATASETS
from footmm.simulation.ball_windows import (
    LEAD,
    BallPath,
    BallWindowSettings,
    film,
    standing_players,
)
from footmm.simulation.tracks import BallMode

RATE = 50.0
"""Samples a second of the format."""

SOURCE = "hawkeye"

_HOW_TO_GET = (
    "give Hawk-Eye's *.samples.ball, or a zip of them; kloppy's test files hold a sample, "
    "kloppy/tests/files/hawkeye_1_1.football.samples.ball"
)


@DATASETS.register_module()
class HawkEyeBallDataset(BaseDataset):
    """Windows of a real ball that simulated broadcast cameras film.

    Positions are Hawk-Eye's; velocities are central differences, which a touch makes wrong by half
    of what it changes. Nobody says what mode the ball is in. Cameras, and the players who draw them
    away from the ball, are drawn for each window from the seed and its number. A sample is that of
    :class:`footmm.datasets.ball3d.SyntheticBall3DDataset`.

    Args:
        path: A ``*.samples.ball`` file, or a zip that holds some.
        seed: Of the cameras.
        num_frames: Frames of a window.
        num_future: Frames after it.
        rate: Frames a second, of which 50 is a multiple.
        stride: Frames from the start of one window to that of the next.
        image_size: Width and height in pixels.
        pitch_size: Length and width, metres.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file is not in the format, or too short for a window.
    """

    METAINFO: dict = METAINFO | {"data_source": "Hawk-Eye ball, simulated cameras"}

    def __init__(
        self,
        path: str | os.PathLike[str],
        seed: int = 0,
        num_frames: int = 50,
        num_future: int = 25,
        rate: float = 25.0,
        stride: int = 5,
        image_size: tuple[int, int] = (1920, 1080),
        pitch_size: tuple[float, float] = (105.0, 68.0),
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if stride < 1 or seed < 0 or not rate > 0 or not (RATE / rate).is_integer():
            raise ConfigError(
                f"HawkEyeBallDataset(stride={stride}, seed={seed}, rate={rate}): stride is at "
                f"least 1, seed at least 0, and {RATE:g} a multiple of rate"
            )
        self.path = Path(path)
        self.seed = seed
        self.stride = stride
        self.settings = BallWindowSettings(
            num_frames=num_frames,
            num_future=num_future,
            rate=rate,
            image_size=tuple(image_size),
            pitch=PitchDimensions(*pitch_size),
        )
        super().__init__(pipeline=list(pipeline), test_mode=test_mode, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the file; return the first frame of every window and its run of samples."""
        step = round(RATE / self.settings.rate)
        runs = [positions[::step] for positions in read_hawkeye_ball(self.path)]
        self._runs = [(run, _velocities(run, self.settings.rate)) for run in runs]
        windows = [
            dict(run=number, first=first)
            for number, run in enumerate(runs)
            for first in range(0, len(run) - self.settings.total_frames + 1, self.stride)
        ]
        if not windows:
            raise DataFormatError(
                f"{self.path}: no run of {max(map(len, runs), default=0)} frames at "
                f"{self.settings.rate:g} Hz holds a window of {self.settings.total_frames}; lower "
                "num_frames or num_future"
            )
        return windows

    def get_data_info(self, idx: int) -> dict:
        """Return a window before the pipeline."""
        info = super().get_data_info(idx)
        settings, frames = self.settings, self.settings.num_frames
        path = self._path(*self._runs[info["run"]], info["first"], info["sample_idx"])
        rng = np.random.default_rng([self.seed, info["sample_idx"], 1])
        _, camera = film(path, settings, rng)
        position, velocity = path.ball_position[LEAD:], path.ball_velocity[LEAD:]
        modes = path.ball_mode[LEAD:].astype(np.int64)
        known, known_later = np.ones(frames, bool), np.ones(settings.num_future, bool)
        return info | dict(
            sequence=f"{self.path.stem}_{info['run']}",
            source=SOURCE,
            rate=settings.rate,
            frame_ids=info["first"] + np.arange(frames),
            pitch_size=(settings.pitch.length, settings.pitch.width),
            image_size=settings.image_size,
            camera=camera,
            calibrated=known,
            positions=position[:frames],
            has_position=known,
            velocities=velocity[:frames],
            has_velocity=known,
            mode=modes[:frames],
            has_mode=~known,
            future_positions=position[frames:],
            has_future=known_later,
            future_mode=modes[frames:],
            has_future_mode=~known_later,
            **image_truth(camera, known, position[:frames], velocity[:frames], settings.rate),
        )

    def _path(
        self, positions: np.ndarray, velocities: np.ndarray, first: int, number: int
    ) -> BallPath:
        """The ball of a window, and as far as there is any of the time before."""
        frames = np.arange(first - LEAD, first + self.settings.total_frames).clip(min=0)
        rng = np.random.default_rng([self.seed, number])
        ball = positions[frames].astype(np.float32)
        players = standing_players(ball[[0, LEAD, -1], :2], rng)
        return BallPath(
            self.settings.rate,
            ball,
            velocities[frames].astype(np.float32),
            np.full(len(frames), BallMode.FLY, np.int8),
            np.broadcast_to(players, (len(frames), *players.shape)),
        )


def read_hawkeye_ball(path: str | os.PathLike[str]) -> list[np.ndarray]:
    """Read the positions of the ball, cut where samples are missing.

    kloppy reads this format only together with the players' positions, which samples of the ball
    alone lack.

    Args:
        path: A ``*.samples.ball`` file, or a zip that holds some.

    Returns:
        ``(T, 3)`` arrays, metres, world frame, 50 samples a second.

    Raises:
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file is not in Hawk-Eye's format, or a zip holds none.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetNotFoundError(f"no file {path}: {_HOW_TO_GET}")
    if path.suffix != ".zip":
        return _parse_ball(path.read_bytes(), str(path))
    contents = _read_zip(path)
    if not contents:
        raise DataFormatError(f"{path} holds no *.samples.ball")
    return [
        run for name, content in contents.items() for run in _parse_ball(content, f"{path}, {name}")
    ]


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".samples.ball")]
            return {name: archive.read(name) for name in names}
    # A damaged archive makes zipfile fail in any way there is.
    except Exception as error:
        raise DataFormatError(
            f"{path} is truncated, damaged or no zip archive ({error}); copy it again"
        ) from error


def _parse_ball(content: bytes, place: str) -> list[np.ndarray]:
    try:
        samples = json.loads(content)["samples"]["ball"]
        time = np.array([sample["time"] for sample in samples], dtype=float)
        positions = np.array([sample["pos"] for sample in samples], dtype=float)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DataFormatError(f"{place} is not a Hawk-Eye ball file: {error!r}") from error
    if not len(time):
        return []
    if time.ndim != 1 or positions.shape != (len(time), 3):
        raise DataFormatError(f"{place}: a sample has one 'time' and a 'pos' of x, y, z")
    _check_samples(time, positions, place)
    gaps = np.flatnonzero(np.diff(time) > 1.5 / RATE) + 1
    return np.split(positions, gaps)


def _check_samples(time: np.ndarray, positions: np.ndarray, place: str) -> None:
    # Negated, so that what is not a number is an error too.
    far = ~(np.abs(positions) < FURTHEST).all(1)
    if far.any():
        number = int(far.argmax())
        raise DataFormatError(
            f"{place}: sample {number} has the ball at {positions[number].tolist()}; give x, y, z "
            "in metres from the centre spot"
        )
    back = ~(np.diff(time, prepend=-np.inf) > 0)
    if back.any():
        raise DataFormatError(
            f"{place}: the time of sample {int(back.argmax())} is {time[back][0]}, not later than "
            "that of the one before; samples are duplicated or out of order"
        )


def _velocities(positions: np.ndarray, rate: float) -> np.ndarray:
    """Central differences ``(T, 3)``, metres a second; zeros of a single position."""
    if len(positions) < 2:
        return np.zeros_like(positions)
    return np.gradient(positions, axis=0) * rate
