"""Where the ball is by geometry alone, to measure models against.

All take a window's detections and return a position for every frame, so that all methods are
compared on the same frames. Between detections, and before and after them, rays and sizes are
interpolated and held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from footmm.pitch.ball_lifting import (
    FARTHEST,
    fill_gaps,
    fill_sights,
    fit_parabola,
    ground_points,
    size_points,
)
from footmm.simulation.tracks import BALL_RADIUS
from footmm.structures.ball_track import BallTrack


def size_lifting(track: BallTrack) -> np.ndarray:
    """Lift by the apparent size, ``(T, 3)``, metres."""
    return size_points(*_filled(track)).numpy()


def ground_plane(track: BallTrack) -> np.ndarray:
    """Take the ball to be on the ground, ``(T, 3)``, metres.

    Rays that meet the ground farther than 200 m away, or never, end there.
    """
    origins, rays, _, _ = _filled(track)
    points = ground_points(origins, rays, BALL_RADIUS)
    distance = torch.linalg.vector_norm(points - origins, dim=-1)
    near = (distance <= FARTHEST)[:, None]
    return torch.where(near, points, origins + FARTHEST * rays).numpy()


def parabola(track: BallTrack) -> np.ndarray:
    """Fit one parabola to all rays of the window, ``(T, 3)``, metres.

    Windows with fewer than three detections are lifted by size. A parabola is kept within 200 m of
    the cameras.
    """
    seen = track.observed
    parts = (track.origins, track.rays, track.ray_jacobian, track.diameters, track.time)
    found = fit_parabola(*(part[seen] for part in parts))
    if found is None:
        return size_lifting(track)
    origins = _filled(track)[0].numpy()
    way = found.at(track.time) - origins
    distance = np.linalg.norm(way, axis=-1, keepdims=True)
    return origins + way * (FARTHEST / distance.clip(FARTHEST))


BASELINES: Mapping[str, Callable[[BallTrack], np.ndarray]] = {
    "size_lifting": size_lifting,
    "ground_plane": ground_plane,
    "parabola": parabola,
}
"""By name."""


def _filled(track: BallTrack) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Origins, rays, Jacobians and diameters of all frames."""
    parts = (track.rays, track.ray_jacobian, track.diameters, track.observed)
    origins = fill_gaps(torch.as_tensor(track.origins), torch.as_tensor(track.calibrated))
    return (origins, *fill_sights(*(torch.as_tensor(part) for part in parts)))
