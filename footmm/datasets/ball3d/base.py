"""What the datasets of the ball share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from footmm.pitch.ball_lifting import pixel_angle
from footmm.pitch.camera import Camera
from footmm.simulation.tracks import BALL_RADIUS

METAINFO: dict[str, Any] = {"task": "ball3d", "synthetic": False}

SHUTTER = 0.5
"""Share of the time between two frames in which the shutter is open (180 degrees)."""


def image_truth(
    camera: Camera,
    calibrated: np.ndarray,
    positions: np.ndarray,
    velocities: np.ndarray,
    rate: float,
) -> dict[str, np.ndarray]:
    """Tell how a ball looks in the image.

    Args:
        camera: Of T frames.
        calibrated: ``(T,)`` bool, whether the camera of a frame is known.
        positions: ``(T, 3)``, metres, world frame.
        velocities: ``(T, 3)``, metres a second.
        rate: Frames a second.

    Returns:
        ``true_points`` ``(T, 2)``, pixels; ``true_diameters`` ``(T,)``, pixels; ``blur`` ``(T,)``,
        length in pixels of the streak that the ball draws; ``visible`` and ``has_image_truth``
        ``(T,)`` bool. What is not visible is 0.
    """
    world = torch.as_tensor(np.asarray(positions, float))[:, None]
    way = 0.5 * SHUTTER / rate * torch.as_tensor(np.asarray(velocities, float))[:, None]
    visible = camera.visible(world)[:, 0] & torch.as_tensor(calibrated)
    points = camera.project(world)
    seen = torch.where(visible[:, None, None], points, 0.0)
    distance = torch.linalg.vector_norm(world[:, 0] - camera.position, dim=-1)
    angle = 2.0 * torch.asin((BALL_RADIUS / distance).clamp(max=1.0))
    diameters = angle / pixel_angle(camera.ray_jacobian(seen))[:, 0]
    streak = camera.project(world + way) - camera.project(world - way)
    blur = torch.linalg.vector_norm(streak[:, 0], dim=-1).nan_to_num()
    nothing = torch.zeros_like(blur)
    return dict(
        true_points=seen[:, 0].float().numpy(),
        true_diameters=torch.where(visible, diameters, nothing).float().numpy(),
        blur=torch.where(visible, blur, nothing).float().numpy(),
        visible=visible.numpy(),
        has_image_truth=np.array(calibrated, bool),
    )
