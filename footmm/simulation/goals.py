"""The goals: posts, crossbar and nets, in pieces that are sorted among the persons by depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from footmm.simulation.appearance import Color
from footmm.simulation.stadium import Stadium
from footmm.simulation.viewpoint import MipMap, Plane, Viewpoint, blend, coverage

_MESH_M = 0.12
_MESH_TEXELS = 16
_PIECES = 2
_STRING_ALPHA = 215
_SAMPLES = 8
_HIDES = 128


class GoalPiece(Protocol):
    """A part of a goal.

    Attributes:
        foot: Where it stands, ``(2,)``, metres: what is nearer hides what is behind.
    """

    foot: np.ndarray

    def paint(self, image: np.ndarray, owners: np.ndarray, view: Viewpoint) -> None:
        """Paint the piece.

        Args:
            image: ``(height, width, 3)``, uint8, changed in place.
            owners: ``(height, width)``, uint8: which person is seen; 0 where the piece hides them.
            view: The camera.
        """


@dataclass(frozen=True)
class Bar:
    """A straight piece of tube.

    Attributes:
        start: One end of its axis, ``(3,)``, metres, world frame.
        end: The other end, ``(3,)``.
        radius: Metres.
        brightness: Factor on its white.
    """

    start: np.ndarray
    end: np.ndarray
    radius: float
    brightness: float

    @property
    def foot(self) -> np.ndarray:
        """See :class:`GoalPiece`."""
        return 0.5 * (self.start + self.end)[:2]

    def paint(self, image: np.ndarray, owners: np.ndarray, view: Viewpoint) -> None:
        """See :meth:`GoalPiece.paint`: image ``(H, W, 3)`` and owners ``(H, W)`` are changed."""
        for share, shade in ((1.0, 0.78), (0.62, 1.0)):
            outline = view.outline(self._silhouette(view, share * self.radius))
            block = None if outline is None else view.block_around(outline)
            if block is None:
                return
            left, top, right, bottom = block
            weight = coverage(outline, block, _SAMPLES)
            level = round(242 * shade * self.brightness)
            blend(image[top:bottom, left:right], (level, level, level), weight)
            owners[top:bottom, left:right][weight >= _HIDES] = 0

    def _silhouette(self, view: Viewpoint, radius: float) -> np.ndarray:
        """Return the corners of the tube's outline as seen by the camera."""
        ends = np.stack([self.start, self.end])
        sides = np.cross(self.end - self.start, ends - view.position)
        sides *= radius / np.linalg.norm(sides, axis=1, keepdims=True)
        return np.concatenate([ends - sides, (ends + sides)[::-1]])


@dataclass(frozen=True)
class Net:
    """A flat piece of net; whoever is behind it is still seen.

    Attributes:
        plane: Where it hangs.
        size: Its extent along both axes of the plane, metres.
        foot: See :class:`GoalPiece`.
        texture: How much the strings cover, 0..255.
        color: Of the strings.
    """

    plane: Plane
    size: tuple[float, float]
    foot: np.ndarray
    texture: MipMap
    color: Color

    def paint(self, image: np.ndarray, owners: np.ndarray, view: Viewpoint) -> None:
        """See :meth:`GoalPiece.paint`: image ``(H, W, 3)`` and owners ``(H, W)`` are changed."""
        if view.is_edge_on(self.plane):
            return
        width, height = self.size
        corners = np.array([(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)])
        outline = view.outline(self.plane.points(corners))
        block = None if outline is None else view.block_around(outline)
        if block is None:
            return
        left, top, right, bottom = block
        strings = view.sample(self.texture, self.plane, block)
        inside = coverage(outline, block, 2)
        weight = cv2.multiply(strings, inside, scale=1 / 255)
        blend(image[top:bottom, left:right], self.color, weight)


def _net_texture() -> MipMap:
    """Square meshes; far away they become an even haze."""
    size = 4 * _MESH_TEXELS
    image = np.zeros((size, size), np.uint8)
    image[::_MESH_TEXELS] = image[:, ::_MESH_TEXELS] = _STRING_ALPHA
    return MipMap(image, _MESH_TEXELS / _MESH_M)


def _nets(stadium: Stadium, side: int, texture: MipMap) -> list[Net]:
    """Back, roof and both sides of the net of one goal."""
    pitch, color = stadium.pitch, stadium.surroundings.net_color
    line, depth, height = 0.5 * pitch.length, pitch.goal_depth, pitch.goal_height
    half, width = 0.5 * pitch.goal_width, pitch.goal_width / _PIECES
    front, back, outwards = side * line, side * (line + depth), (float(side), 0.0, 0.0)
    sideways, upwards = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    nets = []
    for piece in range(_PIECES):
        y = -half + piece * width
        middle = y + 0.5 * width
        wall = Plane((back, y, 0.0), sideways, upwards)
        nets.append(Net(wall, (width, height), np.array([back, middle]), texture, color))
        roof = Plane((front, y, height), sideways, outwards)
        foot = np.array([0.5 * (front + back), middle])
        nets.append(Net(roof, (width, depth), foot, texture, color))
    for y in (-half, half):
        wall = Plane((front, y, 0.0), outwards, upwards)
        foot = np.array([0.5 * (front + back), y])
        nets.append(Net(wall, (depth, height), foot, texture, color))
    return nets


def _bars(stadium: Stadium) -> list[Bar]:
    """Posts in one piece, crossbars in several, along the lines that SoccerNet annotates."""
    radius = 0.5 * stadium.pitch.post_diameter
    bars = []
    for name, line in stadium.pitch.markings.items():
        if not name.startswith("Goal"):
            continue
        start, end = np.array(line.start), np.array(line.end)
        pieces = _PIECES if "crossbar" in name else 1
        ends = start + np.linspace(0, 1, pieces + 1)[:, None] * (end - start)
        bars += [Bar(ends[i], ends[i + 1], radius, 1.0) for i in range(pieces)]
    return bars


def build_goals(stadium: Stadium) -> list[GoalPiece]:
    """Return all pieces of both goals.

    Args:
        stadium: The stadium.

    Returns:
        The pieces, in no order.
    """
    texture = _net_texture()
    return [*_nets(stadium, -1, texture), *_nets(stadium, 1, texture), *_bars(stadium)]
