"""What was found in a frame, as the search for its camera wants it.

All pixels are those of the picture scaled to a width of :data:`REFERENCE_WIDTH`, so that distances
mean the same for images of all sizes; pixel centres are at integers in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np

from footmm.pitch.conics import fit_line
from footmm.pitch.dimensions import Arc, PitchDimensions, Segment
from footmm.pitch.frames import pixel_scaling
from footmm.pitch.observations import Observations, world_homogeneous

REFERENCE_WIDTH = 960
"""Pixels; the width of the images in which SoccerNet measures cameras."""

_MAX_CROSSING_DISTANCE = 2.0
"""Crossings of lines that are further from the image's centre, in widths, are left out: small
errors of the lines throw them far."""

_PARALLEL = 1e-9
_GROUND_HEIGHT = 1e-9


@dataclass(frozen=True)
class ReferenceFrame:
    """The picture, scaled to the reference width.

    Attributes:
        image_size: Width and height of the picture in pixels.
    """

    image_size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Reference pixels per pixel."""
        return REFERENCE_WIDTH / self.image_size[0]

    @property
    def centre(self) -> np.ndarray:
        """The middle of the picture ``(2,)``."""
        return self.from_image((np.array(self.image_size) - 1) / 2)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, rounded to pixels."""
        return REFERENCE_WIDTH, round(self.image_size[1] * self.scale)

    def from_image(self, points: np.ndarray) -> np.ndarray:
        """Where pixels ``(..., 2)`` of the picture are."""
        return (points + 0.5) * self.scale - 0.5

    def homography_to_image(self, homography: np.ndarray) -> np.ndarray:
        """A homography ``(3, 3)`` to reference pixels as one to pixels of the picture."""
        return pixel_scaling((self.scale, self.scale), (1.0, 1.0)) @ homography


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that was found in a frame.

    Attributes:
        observations: Of one item (B is one): keypoints, points on straight lines, points on
            circles.
        elevated: ``(N + L + C,)`` bool, whether an observation is not on the ground.
        on_circle: ``(N + L + C,)`` bool.
        crossing_world: ``(X, 2)`` metres, where straight lines of the ground cross.
        crossing_image: ``(X, 2)`` where the lines that were found cross.
    """

    observations: Observations
    elevated: np.ndarray
    on_circle: np.ndarray
    crossing_world: np.ndarray
    crossing_image: np.ndarray

    @cached_property
    def is_keypoint(self) -> np.ndarray:
        """``(N + L + C,)`` bool."""
        return np.arange(len(self.elevated)) < self.observations.points.shape[1]

    @property
    def weights(self) -> np.ndarray:
        """``(N + L + C,)`` of the squared distances."""
        return self.observations.weights[0]

    @property
    def pixels(self) -> np.ndarray:
        """``(N + L + C, 2)`` of all observations."""
        return np.concatenate(
            [self.observations.points_image[0], self.observations.curves_image[0]]
        )

    @property
    def ground_keypoints(self) -> tuple[np.ndarray, np.ndarray]:
        """Ground ``(M, 2)`` and pixels ``(M, 2)`` of the keypoints that are on the ground."""
        on_ground = ~self.elevated[self.is_keypoint]
        seen = self.observations
        return seen.points[0, on_ground, :2], seen.points_image[0, on_ground]

    @property
    def num_ground_points(self) -> int:
        """How many different places of the ground a keypoint or a crossing shows."""
        places = np.concatenate([self.ground_keypoints[0], self.crossing_world])
        return len(np.unique(places.round(3), axis=0))


def collect_evidence(
    world: np.ndarray,
    pixels: np.ndarray,
    weights: np.ndarray,
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    dimensions: PitchDimensions,
) -> Evidence:
    """Gather what was found in a frame.

    Args:
        world: ``(N, 3)`` of the keypoints that were found, metres.
        pixels: ``(N, 2)``, where they were found.
        weights: ``(N,)`` of their squared distances.
        lines: Points ``(M, 2)`` on a marking and their weights ``(M,)``, by line class.
        dimensions: The pitch.

    Returns:
        The evidence.
    """
    markings = dimensions.markings
    straight = {name: lines[name] for name in lines if isinstance(markings[name], Segment)}
    round_ones = {name: lines[name] for name in lines if isinstance(markings[name], Arc)}
    counts = [len(points) for points, _ in straight.values()]
    ends = np.array([markings[name].ends for name in straight]).reshape(-1, 2, 3)
    ends = np.repeat(ends, counts, axis=0)
    counts = [len(points) for points, _ in round_ones.values()]
    shapes = [(*markings[name].center, markings[name].radius) for name in round_ones]
    circles = np.repeat(np.array(shapes).reshape(-1, 3), counts, axis=0)
    curves = [*straight.values(), *round_ones.values()]
    observations = Observations(
        world_homogeneous(world)[None],
        pixels[None],
        world_homogeneous(ends[:, 0])[None],
        world_homogeneous(ends[:, 1])[None],
        circles[None, :, :2],
        circles[None, :, 2],
        np.concatenate([np.zeros((0, 2)), *(points for points, _ in curves)])[None],
        np.concatenate([weights, *(weight for _, weight in curves)])[None],
        np.ones(1, dtype=bool),
    )
    heights = [world[:, 2], ends[:, :, 2].max(axis=1), np.zeros(len(circles))]
    elevated = np.concatenate(heights) > _GROUND_HEIGHT
    on_circle = np.arange(len(elevated)) >= len(elevated) - len(circles)
    crossings = _crossings({name: points for name, (points, _) in straight.items()}, dimensions)
    return Evidence(observations, elevated, on_circle, *crossings)


def _crossings(
    lines: Mapping[str, np.ndarray], dimensions: PitchDimensions
) -> tuple[np.ndarray, np.ndarray]:
    """Where straight lines of the ground cross: ``(X, 2)`` metres and ``(X, 2)`` pixels."""
    crossings = _ground_crossings(dimensions)
    fits = {name: fit_line(points) for name, points in lines.items()}
    found = {name: fit.coefficients for name, fit in fits.items() if fit is not None}
    pairs = [pair for pair in combinations(sorted(found), 2) if pair in crossings]
    if not pairs:
        return np.zeros((0, 2)), np.zeros((0, 2))
    first, second = (np.array([found[pair[k]] for pair in pairs]) for k in (0, 1))
    crossed = np.cross(first, second)
    meets = np.abs(crossed[:, 2]) > _PARALLEL
    image = crossed[meets, :2] / crossed[meets, 2:]
    near = (
        np.abs(image - REFERENCE_WIDTH / 2).max(axis=1) < _MAX_CROSSING_DISTANCE * REFERENCE_WIDTH
    )
    world = np.array([crossings[pair] for pair in pairs])[meets]
    return world[near], image[near]


@lru_cache(maxsize=16)
def _ground_crossings(dimensions: PitchDimensions) -> dict[tuple[str, str], np.ndarray]:
    """Where the straight markings of the ground cross, prolonged, ``(2,)``, by sorted names."""
    lines = {}
    for name, marking in sorted(dimensions.markings.items()):
        if isinstance(marking, Segment) and (marking.ends[:, 2] < _GROUND_HEIGHT).all():
            start, end = world_homogeneous(marking.ends[:, :2])[:, [0, 1, 3]]
            lines[name] = np.cross(start, end)
    crossings = {}
    for first, second in combinations(lines, 2):
        crossed = np.cross(lines[first], lines[second])
        if abs(crossed[2]) > _PARALLEL:
            crossings[first, second] = crossed[:2] / crossed[2]
    return crossings
