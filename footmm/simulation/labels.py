"""What is known about a rendered frame: the labels of all tasks are made of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footmm.pitch.camera import Camera
from footmm.simulation.appearance import Identity

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels: first column, first row, number of columns and of rows."""


@dataclass(frozen=True)
class PersonLabel:
    """A person of whom at least one pixel is seen.

    Attributes:
        agent: Index in :class:`footmm.simulation.moment.Moment`.
        identity: Who it is.
        full_box: Around the whole silhouette, with the parts that are hidden or outside the image.
        visible_box: Around the pixels that are seen.
        visible_area: Number of these pixels.
        occluded_share: Share of the silhouette inside the image that is hidden by others, 0..1.
        jersey_visible: Whether the number on the back or the chest can be read.
        pelvis: ``(3,)``, metres, world frame.
        pelvis_ground: ``(3,)``: the point on the ground below it.
        pelvis_px: ``(2,)``: projection of the pelvis.
        pelvis_ground_px: ``(2,)``: projection of the point below it.
    """

    agent: int
    identity: Identity
    full_box: Box
    visible_box: Box
    visible_area: int
    occluded_share: float
    jersey_visible: bool
    pelvis: np.ndarray
    pelvis_ground: np.ndarray
    pelvis_px: np.ndarray
    pelvis_ground_px: np.ndarray


@dataclass(frozen=True)
class BallLabel:
    """The ball, if something of it is seen.

    Attributes:
        position: ``(3,)``, metres, world frame: its centre.
        center_px: ``(2,)``: projection of the centre.
        box: Around the ball's outline, also where it is hidden; without motion blur.
        visible_share: Share of its disc that is in the image and not hidden, 0..1.
    """

    position: np.ndarray
    center_px: np.ndarray
    box: Box
    visible_share: float


@dataclass(frozen=True)
class FrameLabels:
    """Everything that is in a frame.

    Attributes:
        camera: The camera, not batched. Lines and keypoints of the pitch follow from it.
        persons: Those of whom something is seen, by agent.
        ball: None if nothing of it is seen.
    """

    camera: Camera
    persons: tuple[PersonLabel, ...]
    ball: BallLabel | None
