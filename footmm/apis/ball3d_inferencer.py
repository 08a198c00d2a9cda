"""From detections of the ball and cameras to its path in three dimensions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from footmm.apis.window_inferencer import WindowInferencer
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.datasets.ball3d import SoccerNetBallDataset
from footmm.errors import ConfigError, DataFormatError
from footmm.models.ball3d import Ball3DTracker
from footmm.simulation.tracks import BallMode
from footmm.structures.ball_track import BallTrack

COLUMNS = (
    "frame,x,y,z,velocity_x,velocity_y,velocity_z,deviation_along,deviation_across,mode,reliable"
)


@dataclass(frozen=True, eq=False)
class BallPath3D:
    """The ball in the frames of a video.

    Attributes:
        frame_ids: ``(N,)``, numbers of the frames, ascending.
        positions: ``(N, 3)``, metres, world frame.
        velocities: ``(N, 3)``, metres a second.
        deviations: ``(N, 2)``, standard deviations along and across the viewing ray, metres.
        mode: ``(N,)`` of :class:`footmm.simulation.tracks.BallMode`.
        reliable: ``(N,)`` bool.
    """

    frame_ids: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    deviations: np.ndarray
    mode: np.ndarray
    reliable: np.ndarray

    @classmethod
    def of(cls, tracks: Sequence[BallTrack]) -> BallPath3D:
        """Join overlapping windows: each frame is told by the window in whose middle it is most."""
        frame_ids = np.concatenate([track.frame_ids for track in tracks])
        places = [np.arange(len(track.frame_ids)) for track in tracks]
        off_middle = np.concatenate([np.abs(place - place.mean()) for place in places])
        order = np.lexsort((off_middle, frame_ids))
        chosen = order[np.unique(frame_ids[order], return_index=True)[1]]
        parts = (
            np.concatenate([getattr(track, f"pred_{name}") for track in tracks])[chosen]
            for name in ("positions", "velocities", "scales", "mode_scores", "reliable")
        )
        positions, velocities, deviations, scores, reliable = parts
        return cls(
            frame_ids[chosen], positions, velocities, deviations, scores.argmax(-1), reliable
        )

    def write(self, path: Path) -> None:
        """Write a csv file with the columns :data:`COLUMNS`, whole or not at all."""
        rows = np.column_stack([self.positions, self.velocities, self.deviations]).round(4)
        lines = [COLUMNS] + [
            ",".join([str(frame), *map(str, row), BallMode(mode).name.lower(), str(int(reliable))])
            for frame, row, mode, reliable in zip(
                self.frame_ids.tolist(),
                rows.tolist(),
                self.mode.tolist(),
                self.reliable.tolist(),
                strict=True,
            )
        ]
        AtomicLocalBackend().put_text("\n".join(lines) + "\n", path)


class Ball3DInferencer(WindowInferencer):
    """Tells where the ball is in the windows of a sequence.

    Args:
        config: A config of the ball3d task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        batch_size: Windows that are predicted together.

    Raises:
        ConfigError: The config is missing or broken, or its model does not track a ball.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        batch_size: int = 32,
    ) -> None:
        super().__init__(config, checkpoint, device, batch_size)
        if not isinstance(self.model, Ball3DTracker):
            raise ConfigError(
                f"config '{self.model.cfg.filename}' is of the model {type(self.model).__name__}, "
                "which tracks no ball; choose one of configs/ball3d"
            )

    def read_sequence(
        self, folder: str | os.PathLike[str], cameras: str | os.PathLike[str]
    ) -> SoccerNetBallDataset:
        """Cut a sequence in SoccerNet's tracking format into overlapping windows.

        Args:
            folder: Of the sequence.
            cameras: See :func:`footmm.datasets.soccernet_cameras.read_cameras`.

        Raises:
            ConfigError: The config has no ``num_frames`` at its head.
            DatasetNotFoundError: Files are missing.
            DataFormatError: Files are broken, or of another rate than the model's.
        """
        folder, num_frames = Path(folder), self.model.cfg.get("num_frames")
        if num_frames is None:
            raise ConfigError(f"config '{self.model.cfg.filename}' states no num_frames")
        crops: list[dict[str, Any]] = []
        if self.model.refiner is not None:
            crops = [dict(type="LoadBallCrops", size=self.model.refiner.crop_size)]
        dataset = SoccerNetBallDataset(
            folder.parent,
            os.fspath(cameras),
            sequences=[folder.name],
            num_frames=num_frames,
            num_future=self.model.head.num_future,
            stride=max(num_frames // 2, 1),
            min_observed=0,
            pipeline=[*crops, dict(type="PackBall3DInputs")],
            test_mode=True,
        )
        rate = dataset.get_data_info(0)["rate"]
        if not np.isclose(rate, self.model.rate):
            raise DataFormatError(
                f"{folder}: the sequence has {rate:g} frames a second, the model was trained with "
                f"{self.model.rate:g}"
            )
        return dataset

    def __call__(self, dataset: SoccerNetBallDataset) -> Iterator[BallTrack]:
        """Predict all windows of a dataset, in its order, while they are asked for."""
        for items in self.batches(dataset):
            with torch.no_grad():
                samples = self.model.test_step(pseudo_collate(items))
            yield from map(BallTrack.from_sample, samples)
