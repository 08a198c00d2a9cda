"""What surrounds the pitch: advertising boards, walls, stands with a crowd, a roof."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from footmm.simulation.appearance import SKIN_TONES, Color
from footmm.simulation.ground import GrassTexture
from footmm.simulation.stadium import Lighting, Stadium
from footmm.simulation.viewpoint import GROUND, Block, MipMap, Plane, Viewpoint, blend

_BLOCK_PX = (320, 68)
_FAR_M = 90.0
_CHAMFER_M = 7.0
_CORNER_ROOM_M = 3.0
_BOARD_DISTANCE_M = 0.9
_FASCIA_M = 1.6
_ROOF_M = 4.0
_CROWD_TEXELS_PER_M = 16.0
_CROWD_SIZE = (512, 1024)
_SEAT_M = 0.5
_ROW_M = 0.8
_STAIRS_M = 16.0
_BOARD_TEXELS_PER_M = 32.0
_CLOTHES: tuple[Color, ...] = (
    (40, 38, 36),
    (70, 62, 56),
    (110, 84, 60),
    (60, 56, 66),
    (170, 168, 166),
    (86, 58, 44),
    (58, 66, 104),
    (128, 124, 118),
)
_SYLLABLES = ("NO", "VEL", "TRA", "KA", "RIN", "SOL", "MER", "DO", "LUX", "PA", "TEK", "BRO", "ZEN")


@dataclass(frozen=True)
class Panel:
    """A flat convex piece of the surroundings, seen from its front only.

    Attributes:
        plane: Where it lies; its normal points to the front.
        outline: Corners ``(N, 2)`` on the plane, metres.
        texture: What is on it; None for grass.
    """

    plane: Plane
    outline: np.ndarray
    texture: MipMap | None

    def faces(self, view: Viewpoint) -> bool:
        """Whether the camera is on the front side."""
        return float((view.position - self.plane.origin) @ self.plane.normal) > 0.02


def _quad(corners: list[tuple[float, float, float]], texture: MipMap) -> Panel:
    """Return the panel between four corners: along the bottom, then back along the top."""
    points = np.array(corners, float)
    along = points[1] - points[0]
    along /= np.linalg.norm(along)
    up = points[3] - points[0]
    up -= (up @ along) * along
    up /= np.linalg.norm(up)
    plane = Plane(tuple(points[0]), tuple(along), tuple(up))
    offsets = points - points[0]
    return Panel(plane, np.stack([offsets @ along, offsets @ up], axis=-1), texture)


def _octagon(half_x: float, half_y: float, chamfer: float) -> list[tuple[float, float]]:
    """Return the corners of a rectangle without its corners, counter-clockwise from above."""
    inner_x, inner_y = half_x - chamfer, half_y - chamfer
    return [
        (-inner_x, -half_y),
        (inner_x, -half_y),
        (half_x, -inner_y),
        (half_x, inner_y),
        (inner_x, half_y),
        (-inner_x, half_y),
        (-half_x, inner_y),
        (-half_x, -inner_y),
    ]


def _darker(color: Color, factor: float) -> Color:
    blue, green, red = (min(255, round(channel * factor)) for channel in color)
    return blue, green, red


def _rough(rng: np.random.Generator, color: Color) -> MipMap:
    """A surface of one colour, slightly grainy."""
    noise = rng.normal(0, 3, (128, 128, 1))
    image = np.clip(np.asarray(color) + noise, 0, 255).astype(np.uint8)
    return MipMap(image, 8.0)


def _spectator(
    image: np.ndarray, rng: np.random.Generator, place: tuple[float, float], cloth: Color
) -> None:
    """Paint somebody sitting or standing, head up: rows of the texture grow upwards."""
    x, y = place
    unit, skin = _CROWD_TEXELS_PER_M, SKIN_TONES[int(rng.integers(4))]
    skin = _darker(skin, 0.72 * float(rng.uniform(0.8, 1.1)))
    height = float(rng.uniform(0.55, 0.85)) * unit

    def ellipse(up: float, axes: tuple[float, float], color: Color) -> None:
        center = (round(16 * x), round(16 * (y + up)))
        size = (round(16 * axes[0]), round(16 * axes[1]))
        cv2.ellipse(image, center, size, 0, 0, 360, color, -1, cv2.LINE_AA, 4)

    ellipse(0.22 * height, (0.20 * unit, 0.40 * height), _darker(cloth, 0.6))
    ellipse(0.40 * height, (0.23 * unit, 0.30 * height), cloth)
    ellipse(0.84 * height, (0.095 * unit, 0.12 * unit), skin)
    hair = (24, 26, 32) if rng.random() < 0.7 else (60, 90, 120)
    ellipse(0.84 * height + 0.07 * unit, (0.10 * unit, 0.07 * unit), hair)


def _crowd(stadium: Stadium) -> MipMap:
    """Rows of seats with spectators and stairs in between."""
    around = stadium.surroundings
    rng = np.random.default_rng((stadium.seed, 3))
    rows, columns = _CROWD_SIZE
    brightness = around.crowd_brightness
    image = np.empty((rows, columns, 3), np.uint8)
    image[:] = _darker((62, 60, 60), brightness)
    unit = _CROWD_TEXELS_PER_M
    seat = _darker(around.seat_color, 0.8 * brightness)
    # From the last row to the first, which hides the feet of the one behind it.
    for y in np.arange(rows - _ROW_M * unit, -1, -_ROW_M * unit):
        for x in np.arange(0.5 * _SEAT_M * unit, columns, _SEAT_M * unit):
            if x % (_STAIRS_M * unit) < 1.2 * unit:
                continue
            if rng.random() > around.occupancy:
                left, low = round(x - 0.2 * unit), round(y + 0.05 * unit)
                corner = (left + round(0.4 * unit), low + round(0.4 * unit))
                cv2.rectangle(image, (left, low), corner, seat, -1)
                continue
            is_fan = rng.random() < around.fan_share
            colors = around.crowd_colors if is_fan else _CLOTHES
            cloth = colors[int(rng.integers(len(colors)))]
            cloth = _darker(cloth, brightness * float(rng.uniform(0.7, 1.25)))
            jitter = float(rng.uniform(-0.08, 0.08)) * unit
            _spectator(image, rng, (x + jitter, y), cloth)
    stairs = _darker((126, 126, 126), brightness)
    step = round(_STAIRS_M * unit)
    for left in range(0, columns, step):
        image[:, left : left + round(1.1 * unit)] = stairs
        image[:: round(0.4 * unit), left : left + round(1.1 * unit)] = _darker(stairs, 0.6)
    return MipMap(image, unit)


def _brand(rng: np.random.Generator) -> str:
    syllables = rng.integers(len(_SYLLABLES), size=2 + rng.integers(2))
    return "".join(_SYLLABLES[int(i)] for i in syllables)


def _advertisement(
    rng: np.random.Generator, image: np.ndarray, word: str, colors: tuple[Color, Color]
) -> None:
    """Paint one advertisement over all of ``image``, right side up."""
    ground, ink = colors
    image[:] = ground
    font, rows = int(rng.choice((cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX))), len(image)
    (width, height), _ = cv2.getTextSize(word, font, 1.0, 2)
    scale = min(0.62 * rows / height, 0.86 * image.shape[1] / width)
    origin = (
        round(0.5 * (image.shape[1] - scale * width)),
        round(0.5 * (rows + scale * height)),
    )
    cv2.putText(image, word, origin, font, scale, ink, max(2, round(2.2 * scale)), cv2.LINE_AA)


def _boards(stadium: Stadium, length: float, rng: np.random.Generator) -> MipMap:
    """The advertisements along one side; rows of the texture grow upwards."""
    rows = round(stadium.surroundings.board_height * _BOARD_TEXELS_PER_M)
    columns = math.ceil(length * _BOARD_TEXELS_PER_M)
    image = np.zeros((rows, columns, 3), np.uint8)
    palette = ((235, 235, 235), (30, 26, 26), (40, 30, 190), (150, 60, 20), (40, 190, 235))
    palette += ((60, 120, 30), (200, 150, 40), (90, 30, 100))
    glow = 1.0 if stadium.illumination.lighting is Lighting.FLOODLIGHT else 0.82
    left = 0
    while left < columns:
        ground = _darker(palette[int(rng.integers(len(palette)))], glow)
        ink = (235, 238, 238) if sum(ground) < 380 else (40, 30, 30)
        word, repeats = _brand(rng), int(rng.integers(1, 5))
        width = round(float(rng.uniform(4.0, 8.0)) * _BOARD_TEXELS_PER_M)
        for _ in range(repeats):
            piece = image[:, left : left + width]
            if piece.shape[1] > rows:
                _advertisement(rng, piece, word, (ground, ink))
            elif piece.size:
                piece[:] = ground
            left += width
    return MipMap(np.ascontiguousarray(image[::-1]), _BOARD_TEXELS_PER_M, wraps=False)


class Surround:
    """Everything around the markings: grass, boards, stands; painted back to front.

    Args:
        stadium: The stadium.
    """

    def __init__(self, stadium: Stadium) -> None:
        self._stadium = stadium
        self._grass = GrassTexture(stadium)
        self._rng = np.random.default_rng((stadium.seed, 4))
        self._panels = [*self._ground(), *self._stands(), *self._board_panels()]

    def _ring(self, margin: float) -> list[tuple[float, float]]:
        x, y = self._stadium.half_size
        # The ring must not cut off the corners of the pitch.
        room = sum(self._stadium.turf.margins) + 2 * margin - _CORNER_ROOM_M
        return _octagon(x + margin, y + margin, min(_CHAMFER_M, room))

    def _stands(self) -> list[Panel]:
        """Wall, tiers with fascias between them, roof: outermost first."""
        around = self._stadium.surroundings
        crowd = _crowd(self._stadium)
        wall = _rough(self._rng, around.wall_color)
        fascia = _rough(self._rng, _darker(around.wall_color, 0.6))
        roof = _rough(self._rng, _darker((52, 50, 50), around.crowd_brightness))
        profile = [(0.0, 0.0), (0.0, around.wall_height)]
        textures = [wall]
        for index, (backwards, upwards) in enumerate(around.tiers):
            distance, height = profile[-1]
            if index:
                profile.append((distance, height + _FASCIA_M))
                textures.append(fascia)
                height += _FASCIA_M
            profile.append((distance + backwards, height + upwards))
            textures.append(crowd)
        distance, height = profile[-1]
        # Under the roof it is dark; from the pitch its edge is above the last row.
        profile += [(distance + 0.5, height + 3.0), (distance - 6.0, height + 3.0 + _ROOF_M)]
        textures += [roof, fascia]
        panels = []
        for low, high, texture in zip(profile, profile[1:], textures, strict=False):
            panels += self._ring_panels(low, high, texture)
        return panels[::-1]

    def _ring_panels(
        self, low: tuple[float, float], high: tuple[float, float], texture: MipMap
    ) -> list[Panel]:
        """Return the eight panels between two rings at (distance, height)."""
        apron = self._stadium.surroundings.apron
        bottom, top = (self._ring(apron + distance) for distance, _ in (low, high))
        panels = []
        for i in range(8):
            # Counter-clockwise from above is from right to left as seen from inside.
            j = (i + 1) % 8
            corners = [
                (*bottom[j], low[1]),
                (*bottom[i], low[1]),
                (*top[i], high[1]),
                (*top[j], high[1]),
            ]
            panels.append(_quad(corners, texture))
        return panels

    def _ground(self) -> list[Panel]:
        half = np.array(self._stadium.half_size)
        apron = _rough(self._rng, self._stadium.surroundings.apron_color)
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        inner, outer = signs * half, signs * (half + _FAR_M)
        frame = [
            Panel(GROUND, np.array([inner[i], outer[i], outer[i - 3], inner[i - 3]]), apron)
            for i in range(4)
        ]
        return [*frame, Panel(GROUND, inner, None)]

    def _board_panels(self) -> list[Panel]:
        ring = self._ring(-_BOARD_DISTANCE_M)
        height, panels = self._stadium.surroundings.board_height, []
        for i in range(8):
            right, left = ring[i], ring[(i + 1) % 8]
            texture = _boards(self._stadium, math.dist(left, right), self._rng)
            panels.append(
                _quad([(*left, 0.0), (*right, 0.0), (*right, height), (*left, height)], texture)
            )
        return panels

    def paint(self, view: Viewpoint) -> np.ndarray:
        """Paint the picture without markings, goals and persons.

        Args:
            view: The camera.

        Returns:
            ``(height, width, 3)``, uint8, in neutral light.
        """
        image = np.empty((view.height, view.width, 3), np.uint8)
        sky = self._stadium.surroundings.sky_color
        cv2.rectangle(image, (0, 0), (view.width, view.height), sky, -1)
        for panel in self._panels:
            if panel.faces(view):
                self._paint_panel(image, view, panel)
        return image

    def _paint_panel(self, image: np.ndarray, view: Viewpoint, panel: Panel) -> None:
        outline = view.outline(panel.plane.points(panel.outline))
        block = None if outline is None else view.block_around(outline)
        if block is None:
            return
        left, top, right, bottom = block
        mask = np.zeros((bottom - top, right - left), np.uint8)
        fixed = np.rint((outline - (left, top)) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        for piece in _pieces(block):
            weight = mask[piece[1] - top : piece[3] - top, piece[0] - left : piece[2] - left]
            if not weight.any():
                continue
            if panel.texture is None:
                paint = self._grass.paint(view, piece)
            else:
                paint = view.sample(panel.texture, panel.plane, piece)
            region = image[piece[1] : piece[3], piece[0] : piece[2]]
            if weight.min() == 255:
                region[:] = paint
            else:
                blend(region, paint, weight)


def _pieces(block: Block) -> list[Block]:
    """Cut a block into pieces small enough for one reduction of a texture."""
    left, top, right, bottom = block
    width, height = _BLOCK_PX
    return [
        (x, y, min(x + width, right), min(y + height, bottom))
        for y in range(top, bottom, height)
        for x in range(left, right, width)
    ]
