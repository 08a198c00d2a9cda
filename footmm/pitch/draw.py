"""Pictures of the pitch: over an image, and seen from above.

Colours of images are (blue, green, red), as in OpenCV. Every function leaves the image that it is
given as it is and returns a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import LINE_CLASSES, Arc, PitchDimensions
from footmm.pitch.homography import apply_homography

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Color = tuple[int, int, int]

_GROUP_COLORS: dict[str, Color] = {
    "Side line": (60, 220, 255),
    "Middle line": (255, 160, 60),
    "Big rect.": (70, 70, 255),
    "Small rect.": (220, 90, 255),
    "Circle": (110, 255, 120),
    "Goal": (255, 255, 255),
}

LINE_COLORS: dict[str, Color] = {
    name: next(color for group, color in _GROUP_COLORS.items() if name.startswith(group))
    for name in LINE_CLASSES
}
"""Colour of each line class, one for each kind of marking."""

#: Spots and corner arcs belong to no line class.
_OTHER_COLOR: Color = (230, 230, 230)
_SPOT_RADIUS = 0.11
_OUTLINE: Color = (0, 0, 0)

#: Metres between the drawn points of markings: short enough to look smooth through any lens.
_SPACING = 0.25

#: Pixels that a drawn curve may be off the true one.
_TOLERANCE = 0.1

#: OpenCV takes pixels as integers with this many bits after the point.
_SHIFT = 4

_FONT = cv2.FONT_HERSHEY_SIMPLEX

#: Grass seen from above, in two shades as it is mown, and the stripes between the goal lines.
_GRASS: tuple[Color, Color] = ((70, 122, 64), (76, 131, 70))
_NUM_STRIPES = 18
_CHALK: Color = (242, 242, 242)


def draw_pitch(
    image: np.ndarray,
    camera: Camera,
    dimensions: PitchDimensions | None = None,
    *,
    thickness: int = 2,
    colors: dict[str, Color] | None = None,
) -> np.ndarray:
    """Draw the markings and the goals' frames over an image, as a camera sees them.

    Args:
        image: ``(H, W, 3)`` uint8.
        camera: One camera for an image of this size, without batch dimensions; its lens counts.
        dimensions: The pitch; 105 x 68 m without it.
        thickness: Of the lines, pixels.
        colors: Colour per line class; classes without one are left out. :data:`LINE_COLORS` without
            it.

    Returns:
        A new image, like ``image``.

    Raises:
        DataFormatError: The camera is for another image size, or is a batch.
    """
    _check_camera(image, camera)
    dimensions = dimensions or PitchDimensions()
    image = image.copy()
    for name, color in (LINE_COLORS if colors is None else colors).items():
        _draw_curve(image, camera, dimensions.markings[name].sample(_SPACING), color, thickness)
    for curve in _nameless_curves(dimensions):
        _draw_curve(image, camera, curve, _OTHER_COLOR, thickness)
    return image


def draw_keypoints(
    image: np.ndarray,
    xy: np.ndarray,
    visible: np.ndarray,
    names: Sequence[str] | None = None,
    *,
    color: Color = (0, 200, 255),
    radius: float = 4.0,
) -> np.ndarray:
    """Draw keypoints on an image.

    Args:
        image: ``(H, W, 3)`` uint8.
        xy: ``(K, 2)``, pixels.
        visible: ``(K,)`` bool; the others are left out and may be NaN.
        names: Written beside the points.
        color: Of the points.
        radius: Of the points, pixels.

    Returns:
        A new image, like ``image``.
    """
    image = image.copy()
    shown = np.flatnonzero(visible)
    for i in shown:
        center = tuple(_fixed_point(xy[i]).tolist())
        for size, paint in ((radius + 1.5, _OUTLINE), (radius, color)):
            cv2.circle(image, center, round(size * 2**_SHIFT), paint, -1, cv2.LINE_AA, _SHIFT)
    for i in shown if names is not None else ():
        place = (round(xy[i, 0] + radius + 3), round(xy[i, 1] - radius))
        for width, paint in ((3, _OUTLINE), (1, color)):
            cv2.putText(image, names[i], place, _FONT, 0.4, paint, width, cv2.LINE_AA)
    return image


def draw_ground_markings(
    image: np.ndarray,
    homography: np.ndarray,
    dimensions: PitchDimensions | None = None,
    *,
    color: Color = _CHALK,
    thickness: int = 1,
) -> np.ndarray:
    """Draw the markings on the ground by a homography, where there is no camera for the goals.

    Args:
        image: ``(H, W, 3)`` uint8.
        homography: ``(3, 3)``, ground in metres to pixels of the image, oriented.
        dimensions: The pitch; 105 x 68 m without it.
        color: Of the lines.
        thickness: Of the lines, pixels.

    Returns:
        A new image, like ``image``.
    """
    image = image.copy()
    reach = np.array(image.shape[1::-1])
    for curve in _ground_curves(dimensions or PitchDimensions()):
        pixels = apply_homography(homography, curve[:, :2]).numpy()
        near = (np.abs(pixels - reach / 2) <= 1.5 * reach).all(axis=1)
        _draw_parts(image, pixels, near, color, thickness)
    return image


@dataclass(frozen=True)
class PitchFromAbove:
    """The pitch seen from straight above, as a raster: x to the right, y up.

    Attributes:
        width: Of the image, pixels.
        margin: Ground shown around the pitch, metres.
        dimensions: The pitch.
    """

    width: int = 480
    margin: float = 5.0
    dimensions: PitchDimensions = field(default_factory=PitchDimensions)

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, round(self._scale * (self.dimensions.width + 2 * self.margin))

    @property
    def _scale(self) -> float:
        """Pixels a metre."""
        return self.width / (self.dimensions.length + 2 * self.margin)

    @property
    def homography(self) -> np.ndarray:
        """Map from the ground in metres to pixels, ``(3, 3)``."""
        center = (np.array(self.image_size) - 1) / 2
        return np.array(
            [[self._scale, 0.0, center[0]], [0.0, -self._scale, center[1]], [0.0, 0.0, 1.0]]
        )

    def draw(self) -> np.ndarray:
        """Draw the grass and the markings.

        Returns:
            ``(H, W, 3)`` uint8, of :attr:`image_size`.
        """
        width, height = self.image_size
        x = (np.arange(width) - (width - 1) / 2) / self._scale
        stripe = np.floor((x / self.dimensions.length + 0.5) * _NUM_STRIPES).astype(int) % 2
        grass = np.tile(np.array(_GRASS, np.uint8)[stripe], (height, 1, 1))
        return draw_ground_markings(grass, self.homography, self.dimensions)

    def footprint(self, camera: Camera) -> np.ndarray:
        """Find the ground that a camera sees.

        Args:
            camera: One camera, without batch dimensions.

        Returns:
            ``(H, W)`` bool, of :attr:`image_size`.
        """
        width, height = self.image_size
        # Every other pixel is asked: outlines are straight, and it is four times as fast.
        u, v = np.meshgrid(np.arange(0, width, 2) + 0.5, np.arange(0, height, 2) + 0.5)
        pixels = np.stack([u.ravel(), v.ravel()], axis=1)
        ground = apply_homography(np.linalg.inv(self.homography), pixels).numpy()
        seen = camera.visible(np.pad(ground, ((0, 0), (0, 1)))).numpy().reshape(u.shape)
        smooth = cv2.resize(seen.astype(np.float32), (2 * u.shape[1], 2 * u.shape[0]))
        return smooth[:height, :width] > 0.5


def pitch_axes(dimensions: PitchDimensions | None = None, ax: Axes | None = None) -> Axes:
    """Draw the pitch from above with mplsoccer, on axes in metres of the world frame.

    mplsoccer's SkillCorner pitch has our frame; it draws the areas and circles at the sizes that
    the Laws of the Game fix.

    Args:
        dimensions: Give length and width; 105 x 68 m without it.
        ax: Where to draw; a new figure without it.

    Returns:
        The axes; x to the right, y up, both in metres.
    """
    # Costs a second or two, and few users of this package draw.
    from mplsoccer import Pitch

    dimensions = dimensions or PitchDimensions()
    pitch = Pitch(
        pitch_type="skillcorner",
        pitch_length=dimensions.length,
        pitch_width=dimensions.width,
        pitch_color="#4f8f46",
        line_color="white",
        corner_arcs=True,
        goal_type="box",
        axis=True,
        label=True,
        tick=True,
    )
    if ax is None:
        _, ax = pitch.draw(figsize=(12, 8.4))
    else:
        pitch.draw(ax=ax)
    ax.tick_params(top=False, labeltop=False, right=False, labelright=False)
    ax.set(xlabel="x (m)", ylabel="y (m)")
    return ax


def _check_camera(image: np.ndarray, camera: Camera) -> None:
    if camera.batch_shape:
        raise DataFormatError(
            f"draw_pitch: the camera is a batch {tuple(camera.batch_shape)}; give one, camera[i]"
        )
    height, width = image.shape[:2]
    if tuple(camera.image_size) != (width, height):
        raise DataFormatError(
            f"draw_pitch: the image is {width} x {height}, the camera is for "
            f"{' x '.join(map(str, camera.image_size))}; use camera.resized({width}, {height})"
        )


def _draw_curve(
    image: np.ndarray, camera: Camera, points: np.ndarray, color: Color, thickness: int
) -> None:
    """Draw, into the image, the parts of a curve ``(N, 3)`` that are in or next to the image."""
    # A margin of the image's size: lines reach the border even where points are far apart.
    near = camera.visible(points, margin=float(max(image.shape[:2]))).numpy()
    _draw_parts(image, camera.project(points).numpy(), near, color, thickness)


def _draw_parts(
    image: np.ndarray, pixels: np.ndarray, drawn: np.ndarray, color: Color, thickness: int
) -> None:
    """Draw, into the image, a curve ``(N, 2)`` of pixels without the points ``(N,)`` not drawn."""
    for part in np.split(np.arange(len(pixels)), np.flatnonzero(np.diff(drawn)) + 1):
        if drawn[part[0]] and len(part) > 1:
            # Smoothed steps of less than a pixel would show as beads.
            whole = pixels[part].astype(np.float32)
            curve = cv2.approxPolyDP(whole, _TOLERANCE, closed=False)[:, 0]
            # OpenCV drops the last point of a curve that ends where it began.
            curve = np.concatenate([curve, whole[-1:]])
            cv2.polylines(
                image, [_fixed_point(curve)], False, color, thickness, cv2.LINE_AA, _SHIFT
            )


def _nameless_curves(dimensions: PitchDimensions) -> Iterator[np.ndarray]:
    """Points ``(N, 3)`` of each marking that belongs to no line class."""
    for arc in dimensions.corner_arcs:
        yield arc.sample(_SPACING)
    for x, y, *_ in dimensions.spots:
        yield Arc((x, y), _SPOT_RADIUS, 0.0, 2 * np.pi).sample(_SPOT_RADIUS / 2)


def _ground_curves(dimensions: PitchDimensions) -> Iterator[np.ndarray]:
    """Points ``(N, 3)`` of each marking on the ground."""
    for name, marking in dimensions.markings.items():
        if not name.startswith("Goal"):
            yield marking.sample(_SPACING)
    yield from _nameless_curves(dimensions)


def _fixed_point(pixels: np.ndarray) -> np.ndarray:
    return np.round(np.asarray(pixels) * 2**_SHIFT).astype(np.int32)
