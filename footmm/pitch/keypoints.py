"""Keypoints of the pitch: where they are, how they are found on annotated lines, their symmetries.

Two sets, :data:`KEYPOINT_SETS`:

``kp57``
    The 57 points of the scheme published with No Bells Just Whistles and PnLCalib (Gutierrez-Perez
    and Agudo, 2024), one to one and in its order: index ``i`` here is its number ``i + 1``
    (:data:`PUBLISHED_NUMBERS`). These are 30 crossings of two lines (1 to 30, of which 12 to 19 are
    the feet and upper ends of the goal posts), 6 crossings of a line and a circle (31 to 36), 8
    tangent points (37 to 44: from the front corners of the penalty areas to the penalty arcs, and
    from the ends of the halfway line to the centre circle) and 13 points that only a homography
    places (45 to 57: spots, extremes of the circles along the length, middles of the penalty areas'
    front lines, diagonal points of the centre circle). The published coordinates are rounded to
    centimetres; number 52, the right extreme of the centre circle, is published at x = 9.00 and is
    at 9.15 here.
``kp29``
    Those 29 of them that lie at corners, ends, spots and extremes, in the same order.

Each keypoint is DEFINED by its construction (:data:`Construction`) from the markings, so the same
definition gives its place on a pitch of any size (:meth:`KeypointSet.world`) and, applied to the
annotated lines of an image, its pixel (:func:`footmm.pitch.line_keypoints.keypoints_from_lines`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from footmm.errors import DataFormatError, did_you_mean
from footmm.pitch.conics import Conic, fit_line
from footmm.pitch.dimensions import Arc, PitchDimensions, Segment
from footmm.pitch.frames import azimuth

#: Standard deviations of keypoints for mmpose's object keypoint similarity (OKS), as a share of the
#: square root of the area: with the whole 960 x 540 image as area, OKS is 0.61 at 7 pixels.
OKS_SIGMA = 0.005

#: Metres; points of the model nearer to a line than this count as on it.
ON_LINE = 1e-6

_ENDS = ("top", "bottom")
_SIGN = {"left": -1, "right": 1, "bottom": -1, "top": 1}
_OPPOSITE_SIDE = {"left": "right", "right": "left"}

#: RGB of the keypoints and skeleton in mmpose's pictures.
_COLORS = {"left": (255, 128, 0), "right": (51, 153, 255), "centre": (0, 200, 80)}


@dataclass(frozen=True)
class LineLine:
    """The crossing of two straight markings.

    Attributes:
        first: Line class.
        second: Line class.
    """

    first: str
    second: str


@dataclass(frozen=True)
class LineConic:
    """One of the two crossings of a straight marking and a circle.

    Attributes:
        line: Line class.
        conic: Line class of the circle or arc.
        first: Whether it is the one met first on the way from the start to the end of the line in
            :attr:`PitchDimensions.markings`.
    """

    line: str
    conic: str
    first: bool


@dataclass(frozen=True)
class Tangent:
    """Where a tangent through another keypoint touches a circle.

    Attributes:
        point: Name of the other keypoint, a :class:`LineLine` one.
        conic: Line class of the circle or arc.
        hand: ``left`` or ``right``: on which hand the touching point is for somebody who stands at
            the other keypoint and looks at the circle.
    """

    point: str
    conic: str
    hand: str


@dataclass(frozen=True)
class ViaHomography:
    """A point of the ground that no crossing of annotated lines gives.

    Attributes:
        x: Its place as a sum of (field of :class:`PitchDimensions`, factor).
        y: Likewise.
    """

    x: tuple[tuple[str, float], ...] = ()
    y: tuple[tuple[str, float], ...] = ()

    def position(self, dimensions: PitchDimensions) -> np.ndarray:
        """Return the place ``(3,)``, metres, world frame."""
        x, y = (
            sum(factor * getattr(dimensions, field) for field, factor in terms)
            for terms in (self.x, self.y)
        )
        return np.array([x, y, 0.0])


Construction = LineLine | LineConic | Tangent | ViaHomography


@dataclass(frozen=True)
class KeypointSet:
    """A tuple of named keypoints.

    Attributes:
        name: ``kp29`` or ``kp57``.
        names: The keypoints' names. ``left`` is x < 0, ``top`` is y > 0; ``back`` is on the goal
            line, ``front`` away from it; ``foot`` and ``crossbar`` are the lower and upper ends of
            a goal post.
        construction: How each is made from the markings.
    """

    name: str
    names: tuple[str, ...]
    construction: tuple[Construction, ...]

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Return the index of a keypoint.

        Raises:
            DataFormatError: The set has no keypoint of this name.
        """
        if name not in self.names:
            raise DataFormatError(
                f"keypoint set {self.name} has no keypoint {name!r}{did_you_mean(name, self.names)}"
            )
        return self.names.index(name)

    def world(self, dimensions: PitchDimensions | None = None) -> np.ndarray:
        """Return the places of the keypoints ``(K, 3)``, float64 metres, world frame.

        Args:
            dimensions: The pitch; 105 x 68 m without it.
        """
        dimensions = dimensions or PitchDimensions()
        return np.array([world_point(part, dimensions) for part in self.construction])

    @cached_property
    def flip_indices(self) -> tuple[int, ...]:
        """Index of the keypoint that takes each one's place when x becomes -x (flipped image)."""
        return self._moved_by(np.array([-1, 1, 1]))

    @cached_property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs (left, right) that a left-right flip swaps; it leaves the others alone."""
        left = self.world()[:, 0] < 0
        return tuple((i, j) for i, j in enumerate(self.flip_indices) if left[i])

    @cached_property
    def central_mirror(self) -> tuple[int, ...]:
        """Index of the keypoint that takes each one's place when the pitch turns by 180 degrees."""
        return self._moved_by(np.array([-1, -1, 1]))

    def _moved_by(self, signs: np.ndarray) -> tuple[int, ...]:
        world = self.world()
        distance = np.linalg.norm((world * signs)[:, None] - world[None], axis=-1)
        return tuple(int(i) for i in distance.argmin(axis=1))


def _side_of_kp29(side: str) -> dict[str, Construction]:
    goal_line, points = f"Side line {side}", {}
    for end in _ENDS:
        points[f"{side}_corner_{end}"] = LineLine(goal_line, f"Side line {end}")
        for area, line in (("penalty_area", "Big rect."), ("goal_area", "Small rect.")):
            along, front = f"{line} {side} {end}", f"{line} {side} main"
            points[f"{side}_{area}_{end}_back"] = LineLine(goal_line, along)
            points[f"{side}_{area}_{end}_front"] = LineLine(along, front)
    points[f"{side}_penalty_spot"] = _on_axis(side, length=0.5, penalty_spot_distance=-1)
    points[f"centre_circle_{side}"] = _on_axis(side, circle_radius=1)
    return points


def _side_of_kp57(side: str) -> dict[str, Construction]:
    """What kp57 adds to kp29 on one side."""
    arc, front, points = f"Circle {side}", f"Big rect. {side} main", {}
    for end in _ENDS:
        # Posts are left or right as seen from the pitch.
        post = f"Goal {side} post {'left' if (side == 'left') == (end == 'bottom') else 'right'}"
        points[f"{side}_goal_{end}_foot"] = LineLine(f"Side line {side}", post)
        points[f"{side}_goal_{end}_crossbar"] = LineLine(f"Goal {side} crossbar", post)
        points[f"{side}_arc_{end}"] = LineConic(front, arc, first=end == "top")
        hand = side if end == "top" else _OPPOSITE_SIDE[side]
        corner = f"{side}_penalty_area_{end}_front"
        points[f"{side}_arc_tangent_{end}"] = Tangent(corner, arc, hand)
        points[f"centre_circle_tangent_{end}_{side}"] = Tangent(
            f"halfway_{end}", "Circle central", _OPPOSITE_SIDE[hand]
        )
        points[f"centre_circle_diagonal_{end}_{side}"] = _diagonal(side, end)
    points[f"{side}_penalty_area_front_middle"] = _on_axis(side, length=0.5, penalty_area_length=-1)
    points[f"{side}_arc_apex"] = _on_axis(
        side, length=0.5, penalty_spot_distance=-1, circle_radius=-1
    )
    return points


def _centre_of_kp29() -> dict[str, Construction]:
    points: dict[str, Construction] = {"centre_spot": ViaHomography()}
    for end in _ENDS:
        points[f"halfway_{end}"] = LineLine("Middle line", f"Side line {end}")
        points[f"centre_circle_{end}"] = LineConic("Middle line", "Circle central", end == "top")
    return points


def _on_axis(side: str, **factors: float) -> ViaHomography:
    """The point on the x axis whose distance from the centre is a sum of measurements."""
    return ViaHomography(x=tuple((field, _SIGN[side] * by) for field, by in factors.items()))


def _diagonal(side: str, end: str) -> ViaHomography:
    """The point of the centre circle half-way between two of its extremes."""
    share = float(np.sqrt(0.5))
    return ViaHomography(
        x=(("circle_radius", _SIGN[side] * share),), y=(("circle_radius", _SIGN[end] * share),)
    )


_KP57_NAMES = (
    "left_corner_top",
    "halfway_top",
    "right_corner_top",
    "left_penalty_area_top_back",
    "left_penalty_area_top_front",
    "right_penalty_area_top_front",
    "right_penalty_area_top_back",
    "left_goal_area_top_back",
    "left_goal_area_top_front",
    "right_goal_area_top_front",
    "right_goal_area_top_back",
    "left_goal_top_crossbar",
    "left_goal_top_foot",
    "right_goal_top_foot",
    "right_goal_top_crossbar",
    "left_goal_bottom_crossbar",
    "left_goal_bottom_foot",
    "right_goal_bottom_foot",
    "right_goal_bottom_crossbar",
    "left_goal_area_bottom_back",
    "left_goal_area_bottom_front",
    "right_goal_area_bottom_front",
    "right_goal_area_bottom_back",
    "left_penalty_area_bottom_back",
    "left_penalty_area_bottom_front",
    "right_penalty_area_bottom_front",
    "right_penalty_area_bottom_back",
    "left_corner_bottom",
    "halfway_bottom",
    "right_corner_bottom",
    "left_arc_top",
    "centre_circle_top",
    "right_arc_top",
    "left_arc_bottom",
    "centre_circle_bottom",
    "right_arc_bottom",
    "left_arc_tangent_top",
    "centre_circle_tangent_top_left",
    "centre_circle_tangent_top_right",
    "right_arc_tangent_top",
    "left_arc_tangent_bottom",
    "centre_circle_tangent_bottom_left",
    "centre_circle_tangent_bottom_right",
    "right_arc_tangent_bottom",
    "left_penalty_spot",
    "left_penalty_area_front_middle",
    "left_arc_apex",
    "centre_circle_diagonal_top_left",
    "centre_circle_diagonal_top_right",
    "centre_circle_left",
    "centre_spot",
    "centre_circle_right",
    "centre_circle_diagonal_bottom_left",
    "centre_circle_diagonal_bottom_right",
    "right_arc_apex",
    "right_penalty_area_front_middle",
    "right_penalty_spot",
)

PUBLISHED_NUMBERS: dict[str, int] = {name: i for i, name in enumerate(_KP57_NAMES, start=1)}
"""Number of each keypoint of ``kp57`` in the published scheme and its files."""


def _keypoint_sets() -> dict[str, KeypointSet]:
    kp29 = _side_of_kp29("left") | _side_of_kp29("right") | _centre_of_kp29()
    kp57 = kp29 | _side_of_kp57("left") | _side_of_kp57("right")
    sets = {}
    for set_name, points in (("kp29", kp29), ("kp57", kp57)):
        names = tuple(name for name in _KP57_NAMES if name in points)
        sets[set_name] = KeypointSet(set_name, names, tuple(points[name] for name in names))
    return sets


KEYPOINT_SETS: dict[str, KeypointSet] = _keypoint_sets()
"""The keypoint sets by name."""

CONSTRUCTIONS: dict[str, Construction] = dict(
    zip(_KP57_NAMES, KEYPOINT_SETS["kp57"].construction, strict=True)
)
"""How each keypoint of ``kp57`` is made, by name."""


@lru_cache(maxsize=1024)
def world_point(construction: Construction, dimensions: PitchDimensions) -> np.ndarray:
    """Return the place ``(3,)``, metres, world frame, that a construction gives on the markings."""
    markings = dimensions.markings
    if isinstance(construction, LineLine):
        return _cross_segments(markings[construction.first], markings[construction.second])
    if isinstance(construction, ViaHomography):
        return construction.position(dimensions)
    arc = markings[construction.conic]
    circle = Conic.circle(np.array(arc.center), arc.radius)
    if isinstance(construction, LineConic):
        line = fit_line(markings[construction.line].ends[:, :2])
        points = circle.cross(line.coefficients)
        start = markings[construction.line].ends[0, :2]
        nearest = np.linalg.norm(points - start, axis=1).argmin()
        chosen = points[nearest if construction.first else 1 - nearest]
    else:
        outside = world_point(CONSTRUCTIONS[construction.point], dimensions)[:2]
        right, left = circle.tangent_points(outside)
        chosen = left if construction.hand == "left" else right
    return np.array([*chosen, 0.0])


def _cross_segments(first: Segment, second: Segment) -> np.ndarray:
    """The point ``(3,)`` that two lines in space share."""
    (p, p_end), (q, q_end) = first.ends, second.ends
    along, *_ = np.linalg.lstsq(np.stack([p_end - p, q - q_end], axis=1), q - p, rcond=None)
    return p + along[0] * (p_end - p)


def mmpose_metainfo(
    keypoint_set: KeypointSet, dimensions: PitchDimensions | None = None
) -> dict[str, Any]:
    """Return a keypoint set as mmpose's ``dataset_info``.

    The skeleton joins keypoints that are neighbours on a marking, so a picture of it shows the
    pitch.

    Args:
        keypoint_set: The keypoints.
        dimensions: The pitch; 105 x 68 m without it.

    Returns:
        What ``mmpose.datasets.datasets.utils.parse_pose_metainfo`` takes.
    """
    names, swapped = keypoint_set.names, keypoint_set.flip_indices
    colors = [_COLORS.get(name.partition("_")[0], _COLORS["centre"]) for name in names]
    return {
        "dataset_name": f"soccernet_pitch_{keypoint_set.name}",
        "paper_info": {
            "author": "Marc Gutierrez-Perez and Antonio Agudo",
            "title": "No Bells Just Whistles: Sports Field Registration by Leveraging Geometric "
            "Properties",
            "container": "IEEE/CVF Conference on Computer Vision and Pattern Recognition Workshops",
            "year": "2024",
            "homepage": "https://github.com/mguti97/No-Bells-Just-Whistles",
        },
        "keypoint_info": {
            i: {
                "name": name,
                "id": i,
                "color": colors[i],
                "type": "",
                "swap": names[swapped[i]] if swapped[i] != i else "",
            }
            for i, name in enumerate(names)
        },
        "skeleton_info": {
            i: {"link": (names[start], names[end]), "id": i, "color": colors[start]}
            for i, (start, end) in enumerate(_skeleton(keypoint_set, dimensions))
        },
        "joint_weights": [1.0] * len(names),
        "sigmas": [OKS_SIGMA] * len(names),
    }


def _skeleton(
    keypoint_set: KeypointSet, dimensions: PitchDimensions | None
) -> list[tuple[int, int]]:
    """Pairs of keypoints that are neighbours on a marking, each pair once."""
    dimensions = dimensions or PitchDimensions()
    world = keypoint_set.world(dimensions)
    links: dict[tuple[int, int], None] = {}
    for marking in dimensions.markings.values():
        if isinstance(marking, Segment):
            chain = _along_segment(world, marking)
        else:
            chain = _along_arc(world, marking)
        for start, end in pairwise(chain):
            links[min(start, end), max(start, end)] = None
    return list(links)


def _along_segment(world: np.ndarray, segment: Segment) -> list[int]:
    start, end = segment.ends
    share = (world - start) @ (end - start) / segment.length**2
    on_it = np.linalg.norm(world - start - share[:, None] * (end - start), axis=1) < ON_LINE
    on_it &= (share > -ON_LINE) & (share < 1 + ON_LINE)
    return [int(i) for i in np.argsort(share) if on_it[i]]


def _along_arc(world: np.ndarray, arc: Arc) -> list[int]:
    offset = world[:, :2] - arc.center
    on_it = np.abs(np.linalg.norm(offset, axis=1) - arc.radius) < ON_LINE
    sense = 1 if arc.end_angle > arc.start_angle else -1
    # A turn of almost nothing backwards is the start itself, not the end of a full turn.
    way = (sense * (azimuth(offset) - arc.start_angle) + ON_LINE) % (2 * np.pi)
    on_it &= way * arc.radius < arc.length + ON_LINE * (1 + arc.radius)
    chain = [int(i) for i in np.argsort(way) if on_it[i]]
    return [*chain, chain[0]] if arc.is_circle and len(chain) > 2 else chain
