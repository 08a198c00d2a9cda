"""The size of a pitch and its markings, as the Laws of the Game give them.

Everything is in the world frame of :mod:`footmm.pitch.frames`: metres, origin at the centre spot, x
along the length, y along the width away from the main camera, z up. ``top`` in the name of a
marking is the far side (y > 0), ``bottom`` the side of the main camera, ``left`` is x < 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from footmm.errors import ConfigError, DataFormatError, did_you_mean

Point3 = tuple[float, float, float]

#: Smallest and largest length and width that Law 1 allows.
LEGAL_LENGTH = (90.0, 120.0)
LEGAL_WIDTH = (45.0, 90.0)

#: Metres from the centre spot; no player and no ball has been recorded further away.
FURTHEST = 1000.0

LINE_CLASSES: tuple[str, ...] = (
    "Big rect. left bottom",
    "Big rect. left main",
    "Big rect. left top",
    "Big rect. right bottom",
    "Big rect. right main",
    "Big rect. right top",
    "Circle central",
    "Circle left",
    "Circle right",
    "Goal left crossbar",
    "Goal left post left",
    "Goal left post right",
    "Goal right crossbar",
    "Goal right post left",
    "Goal right post right",
    "Middle line",
    "Side line bottom",
    "Side line left",
    "Side line right",
    "Side line top",
    "Small rect. left bottom",
    "Small rect. left main",
    "Small rect. left top",
    "Small rect. right bottom",
    "Small rect. right main",
    "Small rect. right top",
)
"""The 26 line classes of SoccerNet's calibration task. The posts of a goal are left or right as
seen from the pitch."""

STRAIGHT_LINE_CLASSES: tuple[str, ...] = tuple(
    name for name in LINE_CLASSES if not name.startswith("Circle")
)
"""The 23 line classes that are no circle."""

#: The one name that the official files and code spell in an odd way: with a blank at the end.
_OFFICIAL_SPELLING = {"Goal left post left": "Goal left post left "}


_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


def _turned_name(name: str) -> str:
    kind, side, *rest = name.split()
    if kind == "Goal":
        # Its posts keep their side: they are named as seen from the pitch.
        return " ".join([kind, _OPPOSITE[side], *rest])
    return " ".join(_OPPOSITE.get(word, word) for word in name.split())


def _flipped_name(name: str) -> str:
    sides = {"left": "right", "right": "left"}
    return " ".join(sides.get(word, word) for word in name.split())


CENTRAL_MIRROR: dict[str, str] = {name: _turned_name(name) for name in LINE_CLASSES}
"""Name of the line that takes a line's place when the pitch is turned by 180 degrees about the
centre spot (``SoccerPitch.symetric_classes`` of SoccerNet)."""

LEFT_RIGHT_MIRROR: dict[str, str] = {name: _flipped_name(name) for name in LINE_CLASSES}
"""Name of the line that takes a line's place when x becomes -x, as in a flipped image."""


def soccernet_line_name(name: str) -> str:
    """Return the official spelling of one of :data:`LINE_CLASSES`."""
    return _OFFICIAL_SPELLING.get(name, name)


def clean_line_name(name: str) -> str:
    """Return the name in :data:`LINE_CLASSES` of an officially spelled line class.

    Raises:
        DataFormatError: No line class has this name.
    """
    clean = name.strip()
    if clean not in LINE_CLASSES:
        raise DataFormatError(
            f"unknown line class {name!r}: SoccerNet's calibration task has {len(LINE_CLASSES)} "
            f"classes{did_you_mean(clean, LINE_CLASSES)}"
        )
    return clean


def _num_steps(length: float, spacing: float) -> int:
    return max(1, math.ceil(length / spacing - 1e-9))


@dataclass(frozen=True)
class Segment:
    """A straight marking or bar.

    Attributes:
        start: One end, metres, world frame.
        end: The other end.
    """

    start: Point3
    end: Point3

    @property
    def ends(self) -> np.ndarray:
        """Start and end, ``(2, 3)``."""
        return np.array([self.start, self.end])

    @property
    def length(self) -> float:
        """Metres from end to end."""
        return math.dist(self.start, self.end)

    def at(self, distance: np.ndarray) -> np.ndarray:
        """Return the points ``(N, 3)`` at distances ``(N,)`` in metres from the start."""
        start = np.asarray(self.start)
        direction = (np.asarray(self.end) - start) / self.length
        return start + np.asarray(distance)[:, None] * direction

    def sample(self, spacing: float) -> np.ndarray:
        """Return evenly spaced points ``(N, 3)``, both ends included.

        Args:
            spacing: Largest distance of two neighbours, metres.
        """
        return self.at(np.linspace(0, self.length, _num_steps(self.length, spacing) + 1))


@dataclass(frozen=True)
class Arc:
    """A circular marking on the ground.

    Attributes:
        center: Its centre, metres, world frame.
        radius: Metres.
        start_angle: Radians, counter-clockwise from the x axis as seen from above.
        end_angle: Radians; smaller than the start where the arc runs clockwise.
    """

    center: tuple[float, float]
    radius: float
    start_angle: float
    end_angle: float

    @property
    def length(self) -> float:
        """Metres along the arc."""
        return self.radius * abs(self.end_angle - self.start_angle)

    @property
    def is_circle(self) -> bool:
        """Whether the arc closes."""
        return math.isclose(abs(self.end_angle - self.start_angle), 2 * math.pi)

    def at(self, distance: np.ndarray) -> np.ndarray:
        """Return the points ``(N, 3)`` at distances ``(N,)`` in metres along the arc."""
        turn = math.copysign(1 / self.radius, self.end_angle - self.start_angle)
        angle = self.start_angle + turn * np.asarray(distance)
        x = self.center[0] + self.radius * np.cos(angle)
        y = self.center[1] + self.radius * np.sin(angle)
        return np.stack([x, y, np.zeros_like(x)], axis=-1)

    def sample(self, spacing: float) -> np.ndarray:
        """Return evenly spaced points ``(N, 3)``, both ends included.

        Args:
            spacing: Largest distance of two neighbours along the arc, metres.
        """
        return self.at(np.linspace(0, self.length, _num_steps(self.length, spacing) + 1))


Marking = Segment | Arc


@dataclass(frozen=True)
class PitchDimensions:
    """The size of a pitch, in metres.

    Length and width differ between stadiums; all else is fixed by the Laws of the Game 2025/26,
    Law 1. Areas are measured to the outside of the lines, which are drawn centred here, as in
    SoccerNet's model of the pitch.

    Attributes:
        length: Between the goal lines.
        width: Between the touchlines.
        penalty_area_length: Along x.
        penalty_area_width: Along y.
        goal_area_length: Along x.
        goal_area_width: Along y.
        penalty_spot_distance: From the goal line.
        circle_radius: Of the centre circle and the penalty arcs.
        corner_arc_radius: Of the quarter circles at the corner flags.
        goal_width: Between the posts.
        goal_height: From the ground to the crossbar.
        goal_depth: Of the net behind the goal line; the Laws leave it open.
        post_diameter: Of posts and crossbar.
        line_width: Of all markings.

    Raises:
        ConfigError: Length or width is outside what Law 1 allows.
    """

    length: float = 105.0
    width: float = 68.0
    penalty_area_length: float = 16.5
    penalty_area_width: float = 40.32
    goal_area_length: float = 5.5
    goal_area_width: float = 18.32
    penalty_spot_distance: float = 11.0
    circle_radius: float = 9.15
    corner_arc_radius: float = 1.0
    goal_width: float = 7.32
    goal_height: float = 2.44
    goal_depth: float = 2.0
    post_diameter: float = 0.12
    line_width: float = 0.12

    def __post_init__(self) -> None:
        for key, (low, high) in {"length": LEGAL_LENGTH, "width": LEGAL_WIDTH}.items():
            if not low <= getattr(self, key) <= high:
                raise ConfigError(
                    f"PitchDimensions.{key}={getattr(self, key)}: Law 1 allows {low:g} to "
                    f"{high:g} metres"
                )

    @cached_property
    def markings(self) -> dict[str, Marking]:
        """The 26 SoccerNet line classes in 3D, by the names of :data:`LINE_CLASSES`.

        Starts and ends are ordered as in ``SoccerPitch.line_extremities`` of the SoccerNet package.
        """
        x, y = self.length / 2, self.width / 2
        lines = {
            "Circle central": Arc((0.0, 0.0), self.circle_radius, 0.0, -2 * math.pi),
            "Side line top": Segment((-x, y, 0.0), (x, y, 0.0)),
            "Side line bottom": Segment((-x, -y, 0.0), (x, -y, 0.0)),
            "Side line left": Segment((-x, y, 0.0), (-x, -y, 0.0)),
            "Side line right": Segment((x, y, 0.0), (x, -y, 0.0)),
            "Middle line": Segment((0.0, y, 0.0), (0.0, -y, 0.0)),
        }
        for name, length, width in (
            ("Big rect.", self.penalty_area_length, self.penalty_area_width),
            ("Small rect.", self.goal_area_length, self.goal_area_width),
        ):
            lines |= self._area(name, length, width / 2)
        return {name: (lines | self._goals() | self._penalty_arcs())[name] for name in LINE_CLASSES}

    def _area(self, name: str, length: float, y: float) -> dict[str, Marking]:
        """The three lines of both penalty areas or both goal areas."""
        goal_line, lines = self.length / 2, {}
        for side, outer, inner in (
            ("left", -goal_line, -goal_line + length),
            ("right", goal_line, goal_line - length),
        ):
            low, high = min(outer, inner), max(outer, inner)
            lines[f"{name} {side} top"] = Segment((low, y, 0.0), (high, y, 0.0))
            lines[f"{name} {side} bottom"] = Segment((low, -y, 0.0), (high, -y, 0.0))
            lines[f"{name} {side} main"] = Segment((inner, y, 0.0), (inner, -y, 0.0))
        return lines

    def _goals(self) -> dict[str, Marking]:
        y, z, lines = self.goal_width / 2, self.goal_height, {}
        # Seen from the pitch, the left post of the left goal is on the main camera's side.
        for side, x, left in (("left", -self.length / 2, -y), ("right", self.length / 2, y)):
            lines[f"Goal {side} crossbar"] = Segment((x, y, z), (x, -y, z))
            lines[f"Goal {side} post left"] = Segment((x, left, z), (x, left, 0.0))
            lines[f"Goal {side} post right"] = Segment((x, -left, z), (x, -left, 0.0))
        return lines

    def _penalty_arcs(self) -> dict[str, Marking]:
        spot = self.length / 2 - self.penalty_spot_distance
        reach = self.penalty_area_length - self.penalty_spot_distance
        angle = math.acos(reach / self.circle_radius)
        radius = self.circle_radius
        return {
            "Circle left": Arc((-spot, 0.0), radius, angle, -angle),
            "Circle right": Arc((spot, 0.0), radius, math.pi + angle, math.pi - angle),
        }

    @cached_property
    def corner_arcs(self) -> tuple[Arc, ...]:
        """The four quarter circles at the corners, which no line class covers."""
        x, y, quarter = self.length / 2, self.width / 2, math.pi / 2
        corners = ((-x, -y, 0), (x, -y, 1), (x, y, 2), (-x, y, 3))
        return tuple(
            Arc((cx, cy), self.corner_arc_radius, turn * quarter, (turn + 1) * quarter)
            for cx, cy, turn in corners
        )

    @cached_property
    def spots(self) -> np.ndarray:
        """Left penalty spot, centre spot, right penalty spot: ``(3, 3)``."""
        x = self.length / 2 - self.penalty_spot_distance
        return np.array([(-x, 0.0, 0.0), (0.0, 0.0, 0.0), (x, 0.0, 0.0)])

    def sample_markings(
        self, spacing: float = 0.9, arc_spacing: float = 0.2
    ) -> dict[str, np.ndarray]:
        """Sample all markings at the places where SoccerNet's evaluator does.

        Equal to ``SoccerPitch.sample_field_points(spacing, arc_spacing)`` of the SoccerNet package,
        whose gap before the end of a line is up to twice as long as the others, and whose centre
        circle stays open.

        Args:
            spacing: Metres between points of straight lines; 0.9 in the official evaluation.
            arc_spacing: Metres between points of circles and arcs.

        Returns:
            Points ``(N, 3)``, metres, world frame, per line class.
        """
        return {
            name: _evaluator_samples(
                marking, spacing if isinstance(marking, Segment) else arc_spacing
            )
            for name, marking in self.markings.items()
        }

    def ground_grid(self, columns: int, rows: int) -> np.ndarray:
        """Return an even grid over the pitch, its border included, ``(columns * rows, 2)`` metres.

        Args:
            columns: Number of points along the length.
            rows: Number of points across; neighbours across follow each other.
        """
        x, y = (
            np.linspace(-side / 2, side / 2, count)
            for side, count in ((self.length, columns), (self.width, rows))
        )
        return np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)

    def contains(self, points: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Tell which points are on the pitch.

        Args:
            points: ``(..., 2)`` or ``(..., 3)``, metres, world frame.
            margin: How far outside the lines still counts, metres.

        Returns:
            Booleans ``(...,)``.
        """
        limits = np.array([self.length / 2, self.width / 2]) + margin
        return (np.abs(np.asarray(points)[..., :2]) <= limits).all(axis=-1)


def _evaluator_samples(marking: Marking, spacing: float) -> np.ndarray:
    steps = marking.length / spacing
    if isinstance(marking, Segment):
        inner = int(steps - 1)
    else:
        inner = int(steps) - 1 if marking.is_circle else int(steps)
    points = marking.at(spacing * np.arange(inner + 1))
    if isinstance(marking, Arc) and marking.is_circle:
        return points
    return np.concatenate([points, marking.at(np.array([marking.length]))])
