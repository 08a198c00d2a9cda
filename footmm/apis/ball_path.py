"""The ball's path through a sequence, joined of overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from footmm.compat.checkpoints import AtomicLocalBackend
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
