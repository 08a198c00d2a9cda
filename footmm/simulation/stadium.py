"""A stadium: all that the cameras of one match see besides persons and ball.

A :class:`Stadium` holds numbers and colours only, so it is small, can be pickled, and paints the
same in every process; the pictures are made of it by the modules that paint.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.appearance import Color

_SUN_DISTANCE_M = 1e5
_MAST_HEIGHT_M = 42.0
_MAST_DISTANCE_M = 45.0


class Mowing(str, Enum):
    """How the grass is mown."""

    ACROSS = "across"
    ALONG = "along"
    CHECKERED = "checkered"
    DIAGONAL = "diagonal"


class Lighting(str, Enum):
    """Where the light comes from."""

    SUN = "sun"
    OVERCAST = "overcast"
    FLOODLIGHT = "floodlight"


@dataclass(frozen=True)
class Turf:
    """The grass.

    Attributes:
        color: Mean colour.
        mowing: Direction of the mown bands.
        bands: Number of bands along the length of the pitch.
        contrast: Difference in brightness of two bands, as a share.
        patchiness: Standard deviation of irregular brightness, as a share.
        grain: Standard deviation of the brightness of single tufts, as a share.
        wear: How far the goal mouths are worn, 0..1.
        paint: Opacity of the markings, 0..1.
        margins: Metres of grass beyond the goal lines and the touchlines.
    """

    color: Color
    mowing: Mowing
    bands: int
    contrast: float
    patchiness: float
    grain: float
    wear: float
    paint: float
    margins: tuple[float, float]


@dataclass(frozen=True)
class Surroundings:
    """What stands around the grass.

    Attributes:
        apron: Metres of other ground between grass and stands.
        apron_color: Its colour.
        board_height: Height of the advertising boards in metres.
        wall_height: Height of the wall below the first row in metres.
        wall_color: Its colour.
        tiers: Per tier of the stands: metres backwards, metres upwards.
        crowd_colors: Colours that fans wear.
        fan_share: Share of the spectators in these colours, 0..1.
        occupancy: Share of the seats taken, 0..1.
        seat_color: Colour of empty seats.
        crowd_brightness: Factor on the colours of the stands: they are darker than the pitch.
        sky_color: Colour of what is above the stands.
        net_color: Colour of the goal nets.
    """

    apron: float
    apron_color: Color
    board_height: float
    wall_height: float
    wall_color: Color
    tiers: tuple[tuple[float, float], ...]
    crowd_colors: tuple[Color, ...]
    fan_share: float
    occupancy: float
    seat_color: Color
    crowd_brightness: float
    sky_color: Color
    net_color: Color


@dataclass(frozen=True)
class Illumination:
    """The light.

    Attributes:
        lighting: Kind of light.
        azimuth: Direction of the sun, radians from the x axis, counter-clockwise.
        elevation: Of the sun above the horizon, radians.
        contrast: Strength of the shading of bodies, 0..1.
        shadow: Darkness of a shadow, 0..1, shared by all lights.
        shade: Darkness of the shade of the stands, which the sky lights up, 0..1.
        shade_edges: Where the shade of the stands begins: beyond this share of half the length
            and of half the width, on the side of the sun; None without such a shade.
    """

    lighting: Lighting
    azimuth: float
    elevation: float
    contrast: float
    shadow: float
    shade: float
    shade_edges: tuple[float, float] | None


@dataclass(frozen=True)
class Exposure:
    """What the cameras make of the light.

    Attributes:
        gain: Factor on blue, green and red.
        gamma: Exponent of the tone curve.
        noise: Standard deviation of the noise in grey levels.
        blur: Standard deviation of the lens blur in pixels.
        shutter_s: Time of exposure in seconds.
    """

    gain: tuple[float, float, float]
    gamma: float
    noise: float
    blur: float
    shutter_s: float


@dataclass(frozen=True)
class Stadium:
    """The place of a match.

    Attributes:
        pitch: Size of the pitch.
        turf: The grass.
        surroundings: Boards, stands, crowd.
        illumination: The light.
        exposure: The cameras' settings.
        seed: Source of everything that is left open: crowd, advertisements, patches of grass.
    """

    pitch: PitchDimensions
    turf: Turf
    surroundings: Surroundings
    illumination: Illumination
    exposure: Exposure
    seed: int

    @property
    def half_size(self) -> tuple[float, float]:
        """Half the length and half the width of the grass in metres, margins included."""
        x, y = self.turf.margins
        return 0.5 * self.pitch.length + x, 0.5 * self.pitch.width + y

    @property
    def light_positions(self) -> np.ndarray:
        """Where the light comes from, ``(L, 3)``, metres, world frame."""
        light = self.illumination
        if light.lighting is Lighting.FLOODLIGHT:
            x, y = self.half_size
            x, y = x + 0.4 * _MAST_DISTANCE_M, y + _MAST_DISTANCE_M
            corners = [(i * x, j * y, _MAST_HEIGHT_M) for i in (-1, 1) for j in (-1, 1)]
            return np.array(corners)
        level = math.cos(light.elevation)
        direction = np.array(
            [
                level * math.cos(light.azimuth),
                level * math.sin(light.azimuth),
                math.sin(light.elevation),
            ]
        )
        return _SUN_DISTANCE_M * direction[None]

    def in_shade(self, points: np.ndarray) -> np.ndarray:
        """Return how far points on the ground are in the shade of the stands.

        Args:
            points: ``(..., 2)``, metres, world frame.

        Returns:
            ``(...,)``: 0 in the light, 1 in the shade, in between along the soft edge.
        """
        points = np.asarray(points, float)
        light = self.illumination
        if light.shade_edges is None:
            return np.zeros(points.shape[:-1])
        half = np.array([0.5 * self.pitch.length, 0.5 * self.pitch.width])
        towards_sun = np.sign([math.cos(light.azimuth), math.sin(light.azimuth)])
        beyond = points * towards_sun - np.asarray(light.shade_edges) * half
        return np.clip(0.5 + beyond.max(axis=-1) / 0.8, 0, 1)


def _color(rng: np.random.Generator, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def _choice(rng: np.random.Generator, items: tuple, weights: tuple[float, ...]) -> object:
    return items[int(rng.choice(len(items), p=weights))]


def _sample_turf(rng: np.random.Generator) -> Turf:
    green = rng.uniform(112, 150)
    color = (
        round(green * rng.uniform(0.34, 0.52)),
        round(green),
        round(green * rng.uniform(0.56, 0.78)),
    )
    mowing = _choice(rng, tuple(Mowing), (0.68, 0.10, 0.16, 0.06))
    # Linesmen like bands that end with the lines: 5.5 m wide on a pitch of 105 m.
    bands = int(rng.choice((12, 16, 18, 19, 20, 24)))
    return Turf(
        color=color,
        mowing=mowing,
        bands=bands,
        contrast=float(rng.uniform(0.04, 0.17)),
        patchiness=float(rng.uniform(0.015, 0.045)),
        grain=float(rng.uniform(0.03, 0.075)),
        wear=float(max(0.0, rng.uniform(-0.4, 0.8))),
        paint=float(rng.uniform(0.72, 0.95)),
        margins=(float(rng.uniform(3.5, 6.0)), float(rng.uniform(3.5, 6.0))),
    )


_APRON_COLORS: tuple[Color, ...] = ((98, 100, 102), (70, 72, 74), (70, 82, 142), (60, 92, 62))
_WALL_COLORS: tuple[Color, ...] = ((60, 58, 56), (120, 118, 114), (90, 60, 40), (50, 40, 110))


def _sample_surroundings(rng: np.random.Generator, is_night: bool) -> Surroundings:
    tiers = tuple(
        (float(rng.uniform(11, 20)), float(rng.uniform(6, 10) + 2.5 * tier))
        for tier in range(int(rng.choice((1, 2, 3), p=(0.25, 0.5, 0.25))))
    )
    sky = (24, 18, 14) if is_night else (225, 212, 196)
    has_track = rng.random() < 0.12
    return Surroundings(
        apron=float(rng.uniform(8, 12) if has_track else rng.uniform(1.0, 4.5)),
        apron_color=_APRON_COLORS[2] if has_track else _APRON_COLORS[int(rng.choice((0, 1, 3)))],
        board_height=float(rng.uniform(0.85, 1.0)),
        wall_height=float(rng.uniform(1.1, 2.2)),
        wall_color=_WALL_COLORS[int(rng.integers(len(_WALL_COLORS)))],
        tiers=tiers,
        crowd_colors=(_color(rng, rng.uniform(0.3, 0.75), rng.uniform(0.4, 0.9)), (205, 205, 205)),
        fan_share=float(rng.uniform(0.1, 0.5)),
        occupancy=float(rng.uniform(0.55, 0.98)),
        seat_color=_color(rng, rng.uniform(0.1, 0.7), rng.uniform(0.3, 0.7)),
        crowd_brightness=float(rng.uniform(0.55, 0.85)),
        sky_color=sky,
        net_color=(238, 240, 240) if rng.random() < 0.85 else _color(rng, 0.5, 0.9),
    )


def _sample_illumination(rng: np.random.Generator) -> Illumination:
    lighting = _choice(rng, tuple(Lighting), (0.4, 0.25, 0.35))
    contrast, shadow = {
        Lighting.SUN: (rng.uniform(0.6, 0.95), rng.uniform(0.36, 0.5)),
        Lighting.OVERCAST: (rng.uniform(0.15, 0.35), rng.uniform(0.25, 0.38)),
        Lighting.FLOODLIGHT: (rng.uniform(0.3, 0.5), rng.uniform(0.35, 0.55)),
    }[lighting]
    elevation = rng.uniform(0.5, 1.1) if lighting is Lighting.SUN else rng.uniform(1.3, 1.5)
    edges = (float(rng.uniform(0.3, 1.3)), float(rng.uniform(-0.2, 0.9)))
    is_shaded = rng.random() < 0.4
    return Illumination(
        lighting=lighting,
        azimuth=float(rng.uniform(-math.pi, math.pi)),
        elevation=float(elevation),
        contrast=float(contrast),
        shadow=float(shadow),
        shade=float(rng.uniform(0.7, 0.85) * shadow),
        shade_edges=edges if lighting is Lighting.SUN and is_shaded else None,
    )


def _sample_exposure(rng: np.random.Generator) -> Exposure:
    exposure = float(np.exp(rng.normal(0, 0.06)))
    blue, green, red = (exposure * np.exp(rng.normal(0, 0.02, 3))).tolist()
    return Exposure(
        gain=(blue, green, red),
        gamma=float(np.exp(rng.normal(0, 0.06))),
        noise=float(rng.uniform(0.8, 3.0)),
        blur=float(rng.uniform(0.35, 0.75)),
        shutter_s=float(rng.choice((1 / 50, 1 / 100, 1 / 200), p=(0.4, 0.4, 0.2))),
    )


def sample_stadium(rng: np.random.Generator, pitch: PitchDimensions | None = None) -> Stadium:
    """Draw a stadium with its weather and its cameras' settings.

    Args:
        rng: Source of all randomness.
        pitch: Size of the pitch; the usual one if None.

    Returns:
        The stadium.
    """
    illumination = _sample_illumination(rng)
    return Stadium(
        pitch=PitchDimensions() if pitch is None else pitch,
        turf=_sample_turf(rng),
        surroundings=_sample_surroundings(rng, illumination.lighting is Lighting.FLOODLIGHT),
        illumination=illumination,
        exposure=_sample_exposure(rng),
        seed=int(rng.integers(2**31)),
    )
