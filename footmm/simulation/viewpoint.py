"""A camera prepared for painting: planes, textures and outlines as it sees them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch

from footmm.pitch.camera import Camera

_NEAR_M = 0.25
_EDGE_ON_M = 0.01
_LAID_OUT = 512
_MAX_STRETCH = 3
_MAP_STEPS_PX = (16, 8, 4)
_MAP_TOLERANCE_PX = 0.02
_MAP_REFINEMENTS = 4
_LENS_SLACK = 0.06
_EDGES_ACROSS = 40.0
_SUBPIXEL_BITS = 4
_SAMPLE_FLAGS = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

Block = tuple[int, int, int, int]
"""A rectangle of pixels: left, top, right and bottom, the last two exclusive."""


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy().astype(np.float64)


@dataclass(frozen=True)
class Plane:
    """A plane with coordinates of its own, in metres.

    Attributes:
        origin: World point at (0, 0).
        along: Unit vector of the first coordinate.
        up: Unit vector of the second coordinate.
    """

    origin: tuple[float, float, float]
    along: tuple[float, float, float]
    up: tuple[float, float, float]

    def points(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the world points ``(..., 3)`` of coordinates ``(..., 2)``."""
        coordinates = np.asarray(coordinates, float)
        basis = np.array([self.along, self.up])
        return np.asarray(self.origin) + coordinates @ basis

    @cached_property
    def normal(self) -> np.ndarray:
        """Unit vector ``(3,)`` towards the side from which the coordinates are right-handed."""
        return np.cross(self.along, self.up)


GROUND = Plane((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


class MipMap:
    """A texture with reduced copies, each axis on its own, so that nothing far away sparkles.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``, uint8; the first row is the
            lowest second coordinate of the plane it lies on. Repeated beyond its edges if
            ``wraps``, which needs sides that are powers of two.
        texels_per_metre: Its resolution.
        corner: Coordinates on the plane where the first texel begins, metres.
        wraps: Whether it repeats; otherwise its edges are drawn out.
    """

    def __init__(
        self,
        image: np.ndarray,
        texels_per_metre: float,
        corner: tuple[float, float] = (0.0, 0.0),
        wraps: bool = True,
    ) -> None:
        self.from_plane = np.array(
            [
                (texels_per_metre, 0.0, -texels_per_metre * corner[0] - 0.5),
                (0.0, texels_per_metre, -texels_per_metre * corner[1] - 0.5),
                (0.0, 0.0, 1.0),
            ]
        )
        self.wraps = wraps
        rows, columns = image.shape[:2]
        self._image = image
        self._max_levels = int(math.log2(columns)) - 1, int(math.log2(rows)) - 1
        self._levels: dict[tuple[int, int], np.ndarray] = {}

    def level(
        self, footprint: tuple[float, float], middle: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the copy whose texels are as large as a pixel.

        Args:
            footprint: Texels that a pixel covers along both axes.
            middle: The texel around which it is needed.

        Returns:
            The image, and the map ``(3, 3)`` from texels of the original to its texels.
        """
        across, down = (
            min(max(0, round(math.log2(max(size, 1e-6)))), most)
            for size, most in zip(footprint, self._max_levels, strict=True)
        )
        # Levels cost memory, and what is seen at so flat an angle is a blur anyway.
        across, down = max(across, down - _MAX_STRETCH), max(down, across - _MAX_STRETCH)
        across, down = min(across, self._max_levels[0]), min(down, self._max_levels[1])
        if (across, down) not in self._levels:
            self._levels[across, down] = self._reduced(across, down)
        x, y = 0.5**across, 0.5**down
        scale = np.array([(x, 0.0, 0.5 * x - 0.5), (0.0, y, 0.5 * y - 0.5), (0.0, 0.0, 1.0)])
        image = self._levels[across, down]
        if self.wraps:
            rows, columns = self._image.shape[:2]
            scale[0, 2] -= _turns(middle[0] * x, columns >> across, image.shape[1])
            scale[1, 2] -= _turns(middle[1] * y, rows >> down, image.shape[0])
        return image, scale

    def _reduced(self, across: int, down: int) -> np.ndarray:
        rows, columns = self._image.shape[:2]
        size = (max(1, columns >> across), max(1, rows >> down))
        image = cv2.resize(self._image, size, interpolation=cv2.INTER_AREA)
        if not self.wraps:
            return image
        # OpenCV is slow beyond the edges of an image: lay out enough copies to stay inside.
        copies = (max(2, _LAID_OUT // size[1]), max(2, _LAID_OUT // size[0]))
        return np.tile(image, copies + (1,) * (image.ndim - 2))


def _turns(middle: float, period: int, extent: int) -> float:
    """Return by how many whole periods to move, so that a place comes to the middle."""
    return period * (round(middle / period) - extent // period // 2)


class Viewpoint:
    """One camera, with what painting needs to know about it.

    Args:
        camera: The camera, not batched.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.width, self.height = camera.image_size
        self.position = _array(camera.position)
        self.rotation = _array(camera.rotation)
        self.intrinsics = _array(camera.intrinsics)
        self._inverse = np.linalg.inv(self.intrinsics)
        self._normalised = None if camera.lens is None else self._undistorted_pixels()
        self._limits = self._normalised_limits()

    @property
    def is_pinhole(self) -> bool:
        """Whether straight lines stay straight."""
        return self._normalised is None

    def _undistorted_pixels(self) -> np.ndarray:
        """Return where every pixel looks on the normalised plane, ``(height, width, 2)``.

        Computed on a grid as coarse as the curvature of the lens allows, and enlarged.
        """
        for step in _MAP_STEPS_PX:
            columns, rows = self.width // step + 3, self.height // step + 3
            u = (np.arange(columns) - 1) * step + 0.5 * (step - 1)
            v = (np.arange(rows) - 1) * step + 0.5 * (step - 1)
            grid = self._undistorted(np.stack(np.meshgrid(u, v), axis=-1))
            # Between two samples, a line is off by an eighth of the second difference at most.
            bends = (np.diff(grid, 2, axis=axis)[1:-1, 1:-1] for axis in (0, 1))
            error = max(float(np.abs(bend).max()) for bend in bends) / 8
            if error * self.intrinsics[0, 0] < _MAP_TOLERANCE_PX:
                break
        size = (columns * step, rows * step)
        full = cv2.resize(grid.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(full[step:, step:][: self.height, : self.width])

    def _undistorted(self, pixels: np.ndarray) -> np.ndarray:
        """Return the points of the normalised plane that the lens moves to pixels ``(..., 2)``.

        The inverse of some lenses is an approximate fit; what is painted must agree with projected
        labels, so it is refined where it is.
        """
        lens = self.camera.lens
        target = torch.from_numpy(self._through(self._inverse, pixels).reshape(-1, 2))
        with torch.no_grad():
            first = lens.undistort(target)
            solution = first
            for _ in range(_MAP_REFINEMENTS):
                distorted = lens.distort(solution)
                if bool(((distorted - target).abs() < 1e-9).all()):
                    break
                solution = solution + first - lens.undistort(distorted)
        return _array(solution).reshape(pixels.shape)

    def _normalised_limits(self) -> np.ndarray:
        """Return the sides ``(4, 3)`` of the viewing pyramid: positive products are inside."""
        if self._normalised is None:
            corners = np.array([(-2.0, -2.0), (self.width + 1.0, self.height + 1.0)])
            low, high = self._through(self._inverse, corners)
        else:
            # A lens has its extremes on the edge of the image.
            edges = [self._normalised[i] for i in (0, -1)]
            edges += [self._normalised[:, i] for i in (0, -1)]
            edge = np.concatenate(edges).astype(float)
            low, high = edge.min(axis=0), edge.max(axis=0)
            low, high = low - 0.02 * (high - low), high + 0.02 * (high - low)
        return np.array(
            [(1, 0, -low[0]), (-1, 0, high[0]), (0, 1, -low[1]), (0, -1, high[1])], float
        )

    @staticmethod
    def _through(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
        mapped = points @ matrix[:, :2].T + matrix[:, 2]
        return mapped[..., :2] / mapped[..., 2:]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return the pixels ``(..., 2)`` of world points ``(..., 3)``; nan behind the camera."""
        points = np.asarray(points, float)
        with torch.no_grad():
            pixels = self.camera.project(torch.from_numpy(points.reshape(-1, 3)))
        return _array(pixels).reshape(*points.shape[:-1], 2)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return how far world points ``(..., 3)`` are in front of the camera, metres."""
        return (np.asarray(points) - self.position) @ self.rotation[2]

    def may_see(self, points: np.ndarray) -> np.ndarray:
        """Return which world points ``(N, 3)`` are in front, and where the lens can be trusted."""
        points = (np.asarray(points, float) - self.position) @ self.rotation.T
        in_front = points[:, 2] > _NEAR_M
        if self.is_pinhole:
            return in_front
        slack = _LENS_SLACK * float(self._limits[:, 2].sum()) * points[:, 2:]
        seen = in_front & (points @ self._limits.T > -slack).all(axis=1)
        flat = torch.from_numpy(points[seen, :2] / points[seen, 2:])
        with torch.no_grad():
            seen[seen] = self.camera.lens.is_valid(flat).numpy()
        return seen

    def is_edge_on(self, plane: Plane) -> bool:
        """Whether the camera is in a plane, so that nothing of it is seen."""
        return abs(float((self.position - plane.origin) @ plane.normal)) < _EDGE_ON_M

    def normalised(self, pixels: np.ndarray) -> np.ndarray:
        """Return where pixels look, on the plane at depth 1.

        Args:
            pixels: ``(..., 2)``, whole numbers; those outside are taken to the edge if the lens
                distorts.

        Returns:
            ``(..., 2)``.
        """
        if self._normalised is None:
            return self._through(self._inverse, pixels)
        u = np.clip(pixels[..., 0], 0, self.width - 1).astype(int)
        v = np.clip(pixels[..., 1], 0, self.height - 1).astype(int)
        return self._normalised[v, u].astype(float)

    def to_normalised(self, plane: Plane) -> np.ndarray:
        """Return the homography ``(3, 3)`` from a plane's coordinates to depth 1."""
        origin = np.asarray(plane.origin) - self.position
        return self.rotation @ np.stack([plane.along, plane.up, origin], axis=-1)

    def coordinates(self, plane: Plane, pixels: np.ndarray) -> np.ndarray:
        """Return where pixels meet a plane.

        Args:
            plane: The plane.
            pixels: As in :meth:`normalised`.

        Returns:
            ``(..., 2)``, metres on the plane; nan where they look away from it.
        """
        if self.is_edge_on(plane):
            return np.full_like(pixels, np.nan, dtype=float)
        matrix = np.linalg.inv(self.to_normalised(plane))
        if self._normalised is None:
            matrix = matrix @ self._inverse
        else:
            pixels = self.normalised(pixels)
        u, v = pixels[..., 0], pixels[..., 1]
        first, second, third = (row[0] * u + row[1] * v + row[2] for row in matrix)
        # The third is one over the depth.
        depth = 1 / np.where(third > 1e-9, third, np.nan)
        return np.stack([first * depth, second * depth], axis=-1)

    def sample(self, texture: MipMap, plane: Plane, block: Block) -> np.ndarray:
        """Look at a textured plane.

        Args:
            texture: What lies on the plane.
            plane: The plane.
            block: Which pixels to paint.

        Returns:
            The block's pixels ``(rows, columns)`` or ``(rows, columns, channels)``, uint8;
            arbitrary where the plane is behind the camera, which must not be in the plane.
        """
        left, top, right, bottom = block
        to_texels = texture.from_plane @ np.linalg.inv(self.to_normalised(plane))
        image, scale = texture.level(*self._footprint(to_texels, block))
        border = cv2.BORDER_WRAP if texture.wraps else cv2.BORDER_REPLICATE
        matrix = scale @ to_texels
        size = (right - left, bottom - top)
        if self._normalised is None:
            shift = np.array([(1.0, 0.0, left), (0.0, 1.0, top), (0.0, 0.0, 1.0)])
            return cv2.warpPerspective(
                image,
                matrix @ self._inverse @ shift,
                size,
                flags=_SAMPLE_FLAGS,
                borderMode=border,
            )
        positions = cv2.perspectiveTransform(self._normalised[top:bottom, left:right], matrix)
        return cv2.remap(image, positions, None, cv2.INTER_LINEAR, borderMode=border)

    def _footprint(
        self, to_texels: np.ndarray, block: Block
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return how many texels a pixel in the middle of a block covers, and which it shows."""
        u, v = (block[0] + block[2]) // 2, (block[1] + block[3]) // 2
        # On the edge of the image a neighbour inside is needed.
        u, v = min(max(u, 0), self.width - 2), min(max(v, 0), self.height - 2)
        pixels = np.array([(u, v), (u + 1, v), (u, v + 1)], float)
        texels = self._through(to_texels, self.normalised(pixels))
        across, down = np.abs(texels[1:] - texels[0]).max(axis=0)
        return (float(across), float(down)), tuple(texels[0].tolist())

    def outline(self, corners: np.ndarray) -> np.ndarray | None:
        """Project a flat convex polygon, cut off where it leaves the view.

        Args:
            corners: ``(N, 3)``, metres, world frame, in order.

        Returns:
            Pixels ``(M, 2)``; None if nothing of it is in view.
        """
        points = (np.asarray(corners, float) - self.position) @ self.rotation.T
        points = _clipped(points, points[:, 2] - _NEAR_M)
        for limit in self._limits:
            if len(points) == 0:
                return None
            points = _clipped(points, points @ limit)
        if len(points) < 3:
            return None
        flat = points[:, :2] / points[:, 2:]
        if not self.is_pinhole:
            extent = float(self._limits[0, 2] + self._limits[1, 2])
            flat = _subdivided(flat, extent / _EDGES_ACROSS)
            with torch.no_grad():
                flat = _array(self.camera.lens.distort(torch.from_numpy(flat)))
        return self._through(self.intrinsics, flat)

    def block_around(self, pixels: np.ndarray, margin: int = 1) -> Block | None:
        """Return the part of the image that encloses pixels ``(N, 2)``; None if outside."""
        low = np.floor(pixels.min(axis=0)).astype(int) - margin
        high = np.ceil(pixels.max(axis=0)).astype(int) + margin + 1
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(self.width, int(high[0])), min(self.height, int(high[1]))
        return (left, top, right, bottom) if left < right and top < bottom else None


def camera_key(camera: Camera) -> bytes:
    """Return what is equal for cameras, not batched, that give the same picture."""
    tensors = [camera.intrinsics, camera.rotation, camera.position]
    if camera.lens is not None:
        tensors += vars(camera.lens).values()
    return repr(camera.image_size).encode() + b"".join(_array(t).tobytes() for t in tensors)


def _clipped(points: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Cut a convex polygon where the distance is negative (Sutherland and Hodgman, 1974)."""
    inside = distances > 0
    if inside.all():
        return points
    if not inside.any():
        return points[:0]
    result = []
    for i in range(len(points)):
        j = (i + 1) % len(points)
        if inside[i]:
            result.append(points[i])
        if inside[i] != inside[j]:
            share = distances[i] / (distances[i] - distances[j])
            result.append(points[i] + share * (points[j] - points[i]))
    return np.array(result)


def _subdivided(points: np.ndarray, spacing: float) -> np.ndarray:
    """Insert points on the edges of a polygon ``(N, 2)`` where its corners are further apart."""
    result = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        steps = max(1, math.ceil(float(np.linalg.norm(end - start)) / spacing))
        result.append(start + np.arange(steps)[:, None] / steps * (end - start))
    return np.concatenate(result)


def coverage(polygon: np.ndarray, block: Block, factor: int = 4) -> np.ndarray:
    """Return which share of every pixel a polygon covers.

    Args:
        polygon: ``(N, 2)``, pixels.
        block: Which pixels to fill.
        factor: Samples per pixel along both axes.

    Returns:
        ``(rows, columns)``, uint8, 255 where covered.
    """
    left, top, right, bottom = block
    size = (right - left, bottom - top)
    mask = np.zeros((size[1] * factor, size[0] * factor), np.uint8)
    fine = (polygon - (left, top) + 0.5) * factor - 0.5
    fixed = np.rint(fine * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_8, _SUBPIXEL_BITS)
    return cv2.resize(mask, size, interpolation=cv2.INTER_AREA) if factor > 1 else mask


def blend(region: np.ndarray, paint: np.ndarray, weight: np.ndarray) -> None:
    """Paint over a region in place.

    Args:
        region: ``(rows, columns, 3)``, uint8.
        paint: Like ``region``, or one colour.
        weight: ``(rows, columns)``, uint8: 255 hides the region.
    """
    share = weight.astype(np.float32) * (1 / 255)
    if isinstance(paint, tuple):
        paint = np.full_like(region, paint)
    region[:] = cv2.blendLinear(paint, np.ascontiguousarray(region), share, 1 - share)
