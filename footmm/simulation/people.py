"""Persons in a frame: posed by their speed, placed by the camera, painted on patches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from footmm.pitch.frames import azimuth
from footmm.simulation.appearance import Identity
from footmm.simulation.figure import Figure, build_figure
from footmm.simulation.figure_painter import Light, Placement, number_visible, paint_figure
from footmm.simulation.gait import gait_of
from footmm.simulation.moment import Moment
from footmm.simulation.viewpoint import Viewpoint

_MAX_ELEVATION = 1.35
_SOFT_EDGE_PX = 0.75
_MARGIN_PX = 2
_SMALL_PX = 34
_FINE_UP_TO_PX = ((48, 3), (110, 2))


@dataclass(frozen=True)
class Person:
    """A person as a camera sees them.

    Attributes:
        agent: Index in the :class:`Moment`.
        identity: Who it is.
        figure: The pose, seen from the camera.
        place: From the figure to the image.
        ground: ``(2,)``, metres, world frame: the point below the pelvis.
        left: Column of the image where the patch begins; may be outside.
        top: Row where it begins.
        width: Columns of the patch.
        height: Rows of the patch.
    """

    agent: int
    identity: Identity
    figure: Figure
    place: Placement
    ground: np.ndarray
    left: int
    top: int
    width: int
    height: int

    @property
    def pelvis(self) -> np.ndarray:
        """``(3,)``, metres, world frame."""
        return np.array([*self.ground, self.figure.joints["pelvis"][2]])

    def paint(self, light: Light, brightness: float) -> np.ndarray:
        """Paint the person alone.

        Args:
            light: The light.
            brightness: Factor on all colours.

        Returns:
            ``(height, width, 4)``, uint8: colours times coverage, and coverage.
        """
        factor = next((f for size, f in _FINE_UP_TO_PX if self.height <= size), 1)
        canvas = np.zeros((self.height * factor, self.width * factor, 4), np.uint8)
        place = self.place.enlarged(self.left, self.top, factor, _SOFT_EDGE_PX)
        paint_figure(
            canvas, self.figure, self.identity, place, light, 255, self.height <= _SMALL_PX
        )
        if factor > 1:
            canvas = cv2.resize(canvas, (self.width, self.height), interpolation=cv2.INTER_AREA)
        if brightness != 1.0:
            canvas = cv2.multiply(canvas, (brightness, brightness, brightness, 1.0))
        return canvas

    def shows_number(self, visible: np.ndarray) -> bool:
        """Tell whether the jersey number can be read.

        Args:
            visible: ``(height, width)``, booleans: which pixels of the patch show the person.
        """
        place = self.place.enlarged(self.left, self.top, 1, 0.0)
        return number_visible(self.identity, self.figure, place, visible, 1.0)


def place_persons(
    view: Viewpoint, moment: Moment, identities: Sequence[Identity], phases: np.ndarray
) -> list[Person]:
    """Pose all persons and find those of whom something may be in the image.

    Seen from afar, a person is a parallel projection of a body, moved and stretched so that the
    point below the pelvis and the point a body height above it are exactly where the camera
    projects them; this keeps feet on the ground, also through a lens or with a tilted camera.

    Args:
        view: The camera.
        moment: Where they are.
        identities: Who they are, in the moment's order.
        phases: ``(25,)``: places in the gait cycles, 0..1.

    Returns:
        The persons, in the moment's order.
    """
    ground = np.asarray(moment.positions, float)
    heights = np.array([identity.height_m for identity in identities])
    offset = view.position[:2] - ground
    distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-6)
    azimuths = moment.headings - azimuth(offset)
    elevations = np.arctan2(view.position[2] - 0.5 * heights, distance)
    elevations = np.clip(elevations, -_MAX_ELEVATION, _MAX_ELEVATION)
    pixels, seen = _anchor_pixels(view, ground, heights, offset / distance[:, None])
    speeds = np.linalg.norm(moment.velocities, axis=1)
    persons = []
    for agent in np.flatnonzero(seen).tolist():
        place = _placement(pixels[agent], heights[agent], elevations[agent])
        if not _may_touch(view, place, heights[agent]):
            continue
        gait, stride = gait_of(float(speeds[agent]))
        figure = build_figure(
            identities[agent],
            gait,
            float(phases[agent]),
            stride,
            float(azimuths[agent]),
            float(elevations[agent]),
        )
        person = _on_patch(view, agent, identities[agent], figure, place, ground[agent])
        if person is not None:
            persons.append(person)
    return persons


def _anchor_pixels(
    view: Viewpoint, ground: np.ndarray, heights: np.ndarray, towards: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Project foot, head and half a metre to both sides of the middle: ``(N, 4, 2)``, and where."""
    count = len(ground)
    points = np.zeros((count, 4, 3))
    points[..., :2] = ground[:, None]
    points[:, 1, 2] = heights
    points[:, 2:, 2] = 0.5 * heights[:, None]
    right = np.stack([-towards[:, 1], towards[:, 0]], axis=1)
    points[:, 2, :2] -= 0.5 * right
    points[:, 3, :2] += 0.5 * right
    seen = view.may_see(points.reshape(-1, 3)).reshape(count, 4).all(axis=1)
    return view.project(points), seen


def _placement(pixels: np.ndarray, height: float, elevation: float) -> Placement:
    foot, head, left, right = pixels
    # The parallel projection has shortened what stands upright already.
    up = (head - foot) / (height * math.cos(elevation))
    across = right - left
    scale = math.sqrt(abs(float(across[0] * up[1] - across[1] * up[0])))
    return Placement(tuple(foot.tolist()), tuple(across.tolist()), tuple(up.tolist()), scale)


def _may_touch(view: Viewpoint, place: Placement, height: float) -> bool:
    """Whether a person's surroundings, as wide as they are high, reach into the image."""
    reach = height * (math.hypot(*place.right) + math.hypot(*place.up))
    column, row = place.origin
    return -reach < column < view.width + reach and -reach < row < view.height + reach


def _on_patch(
    view: Viewpoint,
    agent: int,
    identity: Identity,
    figure: Figure,
    place: Placement,
    ground: np.ndarray,
) -> Person | None:
    """Cut the patch for a person, no further outside the image than the image is large."""
    low_right, low_up, high_right, high_up = figure.bounds
    right = np.array([low_right, high_right, high_right, low_right])
    up = np.array([low_up, low_up, high_up, high_up])
    corners = np.stack(place(right, up), axis=-1)
    low = np.floor(corners.min(axis=0)).astype(int) - _MARGIN_PX
    high = np.ceil(corners.max(axis=0)).astype(int) + _MARGIN_PX + 1
    size = np.array([view.width, view.height])
    if (high <= 0).any() or (low >= size).any():
        return None
    low, high = np.maximum(low, -size), np.minimum(high, 2 * size)
    (left, top), (width, height) = low.tolist(), (high - low).tolist()
    return Person(agent, identity, figure, place, ground, left, top, width, height)
