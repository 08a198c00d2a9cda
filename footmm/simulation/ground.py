"""The ground: mown grass and the lines painted on it."""

from __future__ import annotations

import math

import cv2
import numpy as np

from footmm.pitch.dimensions import Arc, PitchDimensions, Segment
from footmm.pitch.frames import azimuth
from footmm.simulation.stadium import Mowing, Stadium, Turf
from footmm.simulation.viewpoint import GROUND, Block, MipMap, Viewpoint

_COARSE_TEXELS_PER_M = 5.0
_FINE_TEXELS_PER_M = 40.0
_FINE_SIZE = 1024
_MEAN_LEVEL = 128.0
_SPOT_RADIUS_M = 0.11
_BLOCK_SLACK = 0.1
_GROUP = 4
"""Pixels reach half a pixel beyond the corners of their block, and lenses bend its edges."""

_PAINT_COLOR = np.array([232.0, 240.0, 236.0])


def _octave(rng: np.random.Generator, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Smooth noise of standard deviation 1."""
    small = (max(4, round(shape[0] / sigma)), max(4, round(shape[1] / sigma)))
    noise = rng.standard_normal(small).astype(np.float32)
    return cv2.resize(noise, shape[::-1], interpolation=cv2.INTER_CUBIC)


def _bands(turf: Turf, pitch: PitchDimensions, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return -1 or 1 for the mown bands at ground points."""
    width = pitch.length / turf.bands
    across = np.floor((x + 0.5 * pitch.length) / width).astype(int) % 2
    along = np.floor((y + 0.5 * pitch.width) / width).astype(int) % 2
    if turf.mowing is Mowing.ACROSS:
        odd = across
    elif turf.mowing is Mowing.ALONG:
        odd = along
    elif turf.mowing is Mowing.CHECKERED:
        odd = across ^ along
    else:
        odd = np.floor((x + y) / (1.4 * width)).astype(int) % 2
    return 2.0 * odd - 1.0


def _worn(pitch: PitchDimensions, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return where the grass is worn, 0..1: in front of the goals and at the spots."""
    goal_distance = 0.5 * pitch.length - np.abs(x)
    mouth = np.exp(-((goal_distance - 2.5) ** 2) / 8 - y**2 / 18)
    spot = np.exp(-((goal_distance - pitch.penalty_spot_distance) ** 2 + y**2) / 0.8)
    centre = np.exp(-(x**2 + y**2) / 3)
    return np.maximum(np.maximum(mouth, 0.7 * spot), 0.5 * centre)


def _coarse_texture(stadium: Stadium) -> MipMap:
    """Bands, patches, wear and the shade of the stands: all that is larger than a pixel."""
    half_x, half_y = stadium.half_size
    turf, pitch = stadium.turf, stadium.pitch
    rng = np.random.default_rng((stadium.seed, 1))
    columns, rows = (math.ceil(2 * half * _COARSE_TEXELS_PER_M) for half in (half_x, half_y))
    x, y = np.meshgrid(
        (np.arange(columns) + 0.5) / _COARSE_TEXELS_PER_M - half_x,
        (np.arange(rows) + 0.5) / _COARSE_TEXELS_PER_M - half_y,
    )
    shape = (rows, columns)
    patches = 0.7 * _octave(rng, shape, 60) + 0.5 * _octave(rng, shape, 18)
    patches += 0.35 * _octave(rng, shape, 6)
    # The mower drives off the pitch to turn round, but not far.
    mown = pitch.contains(np.stack([x, y], axis=-1), margin=1.5)
    level = 1 + 0.5 * turf.contrast * mown * _bands(turf, pitch, x, y)
    level += turf.patchiness * patches
    level += 0.16 * turf.wear * _worn(pitch, x, y) * (1 + 0.5 * _octave(rng, shape, 4))
    shade = stadium.in_shade(np.stack([x, y], axis=-1))
    level *= 1 - stadium.illumination.shade * shade
    image = np.clip(np.rint(_MEAN_LEVEL * level), 0, 255).astype(np.uint8)
    image = cv2.GaussianBlur(image, (3, 3), 0.6)
    return MipMap(image, _COARSE_TEXELS_PER_M, (-half_x, -half_y), wraps=False)


def _fine_texture(stadium: Stadium) -> MipMap:
    """Tufts of grass around the mean level, rough at all sizes, without seams."""
    rng = np.random.default_rng((stadium.seed, 2))
    frequency = np.fft.fftfreq(_FINE_SIZE) * _FINE_SIZE
    radius = np.hypot(frequency[:, None], frequency[None, : _FINE_SIZE // 2 + 1])
    spectrum = np.fft.rfft2(rng.standard_normal((_FINE_SIZE, _FINE_SIZE)))
    # Tufts are no smaller than a few centimetres, and the coarse texture has what is large.
    spectrum *= 1 / np.maximum(radius, 12) ** 0.55 * np.exp(-((radius / 420) ** 2)) * (radius > 3)
    noise = np.fft.irfft2(spectrum, s=(_FINE_SIZE, _FINE_SIZE))
    level = 1 + stadium.turf.grain * noise / noise.std()
    image = np.clip(np.rint(_MEAN_LEVEL * level), 0, 255).astype(np.uint8)
    return MipMap(image, _FINE_TEXELS_PER_M)


def _tones(turf: Turf) -> np.ndarray:
    """Return the colour of every level ``(1, 256, 3)``: bright grass is more yellow."""
    level = np.arange(256)[:, None] / _MEAN_LEVEL
    tones = np.asarray(turf.color) * level ** np.array([0.85, 1.0, 1.12])
    return np.clip(np.rint(tones), 0, 255).astype(np.uint8)[None]


class GrassTexture:
    """The grass of a stadium, in two resolutions.

    Args:
        stadium: The stadium.
    """

    def __init__(self, stadium: Stadium) -> None:
        self._coarse = _coarse_texture(stadium)
        self._fine = _fine_texture(stadium)
        self._tones = _tones(stadium.turf)

    def paint(self, view: Viewpoint, block: Block) -> np.ndarray:
        """Paint a block of an image as if all of it were grass.

        Args:
            view: The camera.
            block: Which pixels.

        Returns:
            ``(rows, columns, 3)``, uint8.
        """
        coarse = view.sample(self._coarse, GROUND, block)
        fine = view.sample(self._fine, GROUND, block)
        grey = cv2.addWeighted(coarse, 1, fine, 1, -_MEAN_LEVEL)
        return cv2.LUT(cv2.merge([grey] * 3), self._tones)


class Markings:
    """Paints the lines of a pitch exactly, through any lens.

    No line is projected. Every pixel near a line is taken to the ground, where its distance to the
    line is known in closed form; the share of the pixel that the paint covers follows from that
    distance and the size of the pixel there. A line that is thinner than a pixel is therefore drawn
    fainter, not thicker, and nothing has to be cut off behind the camera.

    Args:
        pitch: Its markings.
    """

    def __init__(self, pitch: PitchDimensions) -> None:
        ground = [
            marking for name, marking in pitch.markings.items() if not name.startswith("Goal")
        ]
        segments = [marking for marking in ground if isinstance(marking, Segment)]
        arcs = [marking for marking in ground if isinstance(marking, Arc)] + list(pitch.corner_arcs)
        self._half_width = 0.5 * pitch.line_width
        starts, ends = (
            np.array([getattr(line, name)[:2] for line in segments]) for name in ("start", "end")
        )
        lengths = np.linalg.norm(ends - starts, axis=1)
        self._segment_centers = 0.5 * (starts + ends)
        self._segment_directions = (ends - starts) / lengths[:, None]
        # Lines end with the outer edge of those they meet.
        self._segment_reaches = 0.5 * lengths + self._half_width
        self._arc_centers = np.array([*(arc.center for arc in arcs), *pitch.spots[:, :2]])
        self._arc_radii = np.array([*(arc.radius for arc in arcs), *(0.0,) * len(pitch.spots)])
        spots = (_SPOT_RADIUS_M,) * len(pitch.spots)
        self._arc_half_widths = np.array([*(self._half_width,) * len(arcs), *spots])
        middles = [0.5 * (arc.start_angle + arc.end_angle) for arc in arcs]
        spans = [0.5 * abs(arc.end_angle - arc.start_angle) for arc in arcs]
        self._arc_middles = np.array([*middles, *(0.0,) * len(spots)])
        self._arc_spans = np.array([*spans, *(math.pi,) * len(spots)])

    def coverage(self, view: Viewpoint) -> tuple[np.ndarray, np.ndarray]:
        """Find the pixels with paint.

        Args:
            view: The camera.

        Returns:
            Row and column of every block of pixels with paint, in pixels, ``(B, 2)``, and the
            share of its pixels that is covered, ``(B, size, size)``, float32; blocks at the edges
            reach beyond the image.
        """
        size = 8 if view.width * view.height < 1_000_000 else 16
        corners = _block_corners(_block_grid(view, size))
        blocks = np.argwhere(np.isfinite(corners[..., 0]).all(axis=0) & self._may_touch(corners))
        ground = corners[:, blocks[:, 0], blocks[:, 1]].astype(np.float32)
        blocks *= size
        lines, arcs = self._near_segments(ground), self._near_arcs(ground)
        index = np.concatenate([lines[0], arcs[0]])
        if len(index) == 0:
            return np.zeros((0, 2), int), np.zeros((0, size, size), np.float32)
        unique, inverse = np.unique(index, return_inverse=True)
        rows, columns = _block_pixels(blocks[unique], size)
        pixels = np.stack([columns, rows], axis=-1).astype(float)
        ground = view.coordinates(GROUND, pixels)
        first = len(lines[0])
        shares = np.concatenate(
            [
                self._segment_coverage(ground[inverse[:first]], lines[1]),
                self._arc_coverage(ground[inverse[first:]], arcs[1]),
            ]
        )
        order = np.argsort(inverse, kind="stable")
        starts = np.searchsorted(inverse[order], np.arange(len(unique)))
        return blocks[unique], np.maximum.reduceat(shares[order], starts)

    def paint(self, image: np.ndarray, view: Viewpoint, turf: Turf) -> None:
        """Paint the lines onto an image of grass.

        Args:
            image: ``(height, width, 3)``, uint8, changed in place.
            view: The camera.
            turf: The grass, and how opaque paint is on it.
        """
        corners, shares = self.coverage(view)
        if len(corners) == 0:
            return
        size = shares.shape[1]
        rows, columns = _block_pixels(corners, size)
        painted = (shares > 1 / 255) & (rows < view.height) & (columns < view.width)
        rows, columns = rows[painted], columns[painted]
        weight = (turf.paint * shares[painted])[:, None]
        grass = image[rows, columns].astype(np.float32)
        # Paint is as bright as its light: grass in the shade has lines in the shade.
        light = np.clip(grass[:, 1:2] / turf.color[1], 0.3, 1.1)
        mixed = grass + weight * (light * _PAINT_COLOR - grass)
        image[rows, columns] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def _may_touch(self, corners: np.ndarray) -> np.ndarray:
        """Tell which blocks may have paint, by looking at groups of them.

        Args:
            corners: ``(4, rows, columns, 2)``, metres, nan above the horizon.

        Returns:
            Booleans ``(rows, columns)``.
        """
        rows, columns = corners.shape[1:3]
        first = np.ix_(np.arange(0, rows, _GROUP), np.arange(0, columns, _GROUP))
        last_rows = np.minimum(np.arange(0, rows, _GROUP) + _GROUP, rows) - 1
        last_columns = np.minimum(np.arange(0, columns, _GROUP) + _GROUP, columns) - 1
        groups = np.stack(
            [
                corners[0][first],
                corners[1][np.ix_(first[0][:, 0], last_columns)],
                corners[2][np.ix_(last_rows, first[1][0])],
                corners[3][np.ix_(last_rows, last_columns)],
            ]
        )
        valid = np.isfinite(groups[..., 0])
        # Where the horizon runs through a group, its blocks are looked at one by one.
        touches = valid.any(axis=0) & ~valid.all(axis=0)
        inside = np.argwhere(valid.all(axis=0))
        ground = groups[:, inside[:, 0], inside[:, 1]].astype(np.float32)
        for near, _ in (self._near_segments(ground), self._near_arcs(ground)):
            touches[tuple(inside[near].T)] = True
        return touches.repeat(_GROUP, axis=0).repeat(_GROUP, axis=1)[:rows, :columns]

    def _near_segments(self, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs (block, line) that may touch: not all corners are on one side."""
        directions = self._segment_directions
        normals = np.stack([directions[:, 1], -directions[:, 0]], axis=1)
        touches = None
        for axes, reach in ((directions, self._segment_reaches), (normals, self._half_width)):
            offsets = ground @ axes.T.astype(np.float32)
            offsets -= (self._segment_centers * axes).sum(axis=1).astype(np.float32)
            low, high = offsets.min(axis=0), offsets.max(axis=0)
            slack = _BLOCK_SLACK * (high - low)
            touch = (low - slack < reach) & (high + slack > -reach)
            touches = touch if touches is None else touches & touch
        return np.nonzero(touches)

    def _near_arcs(self, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pairs (block, arc) that may touch, as if all arcs were closed."""
        middle = ground.mean(axis=0)
        spread = ground - middle
        reach = np.hypot(spread[..., 0], spread[..., 1]).max(axis=0)
        x, y = (middle[:, None, axis] - self._arc_centers[:, axis] for axis in (0, 1))
        distance = np.abs(np.sqrt(x * x + y * y) - self._arc_radii)
        return np.nonzero(distance < (1 + _BLOCK_SLACK) * reach[:, None] + self._arc_half_widths)

    def _segment_coverage(self, ground: np.ndarray, lines: np.ndarray) -> np.ndarray:
        offset = ground - self._segment_centers[lines][:, None, None]
        dx, dy = self._segment_directions[lines].T[:, :, None, None]
        across = offset[..., 0] * dy - offset[..., 1] * dx
        along = offset[..., 0] * dx + offset[..., 1] * dy
        reach = self._segment_reaches[lines][:, None, None]
        return _covered(across, self._half_width) * _covered(along, reach)

    def _arc_coverage(self, ground: np.ndarray, arcs: np.ndarray) -> np.ndarray:
        offset = ground - self._arc_centers[arcs][:, None, None]
        radius = self._arc_radii[arcs][:, None, None]
        across = np.hypot(offset[..., 0], offset[..., 1]) - radius
        turn = azimuth(offset) - self._arc_middles[arcs][:, None, None]
        turn = np.abs(np.mod(turn + math.pi, 2 * math.pi) - math.pi)
        on_arc = turn <= self._arc_spans[arcs][:, None, None] + 1e-9
        return _covered(across, self._arc_half_widths[arcs][:, None, None]) * on_arc


def _covered(distance: np.ndarray, half_width: np.ndarray | float) -> np.ndarray:
    """Return the share of every pixel that a stripe covers.

    Args:
        distance: ``(B, size, size)``, metres: signed distance of pixels to the stripe's middle.
        half_width: Of the stripe.

    Returns:
        The same shape: how much of the pixel's extent across the stripe lies inside.
    """
    down, across = np.gradient(distance, axis=(1, 2))
    half_pixel = np.maximum(0.5 * np.hypot(down, across), 1e-9)
    high = np.minimum(distance + half_pixel, half_width)
    low = np.maximum(distance - half_pixel, -half_width)
    return (np.maximum(high - low, 0) / (2 * half_pixel)).astype(np.float32)


def _block_grid(view: Viewpoint, size: int) -> np.ndarray:
    """Return the corners of all blocks on the ground ``(rows + 1, columns + 1, 2)``, metres."""
    rows, columns = math.ceil(view.height / size), math.ceil(view.width / size)
    grid = np.stack(np.meshgrid(np.arange(columns + 1), np.arange(rows + 1)), axis=-1)
    return view.coordinates(GROUND, size * grid.astype(float))


def _block_corners(grid: np.ndarray) -> np.ndarray:
    """Return the four corners of each block: ``(4, rows, columns, 2)``."""
    return np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, :-1], grid[1:, 1:]])


def _block_pixels(corners: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, ``(B, size, size)`` each, of all pixels of blocks."""
    shape, inside = (len(corners), size, size), np.arange(size)
    rows = np.broadcast_to(corners[:, 0, None, None] + inside[:, None], shape)
    columns = np.broadcast_to(corners[:, 1, None, None] + inside, shape)
    return rows, columns
