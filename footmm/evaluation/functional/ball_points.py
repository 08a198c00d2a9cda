"""The ball as a point: how many balls are found within a few pixels of their centre.

A ball covers so few pixels that IoU asks more of its box than any use of its position does. Within
an image the detections of class ball from a score on, the surest first, each take the nearest ball
whose centre is within a radius of theirs and still free. A ball that is taken is found, any other
is missed; a detection that takes none is wrong, even where it is a second one of a ball.

* Crowds (balls marked as ignored) need not be found. A detection that takes no ball is not wrong if
  its centre is inside the box of a crowd or within the radius of it.
* An image without a ball or without a detection has what there is: wrong detections, missed balls.
* Precision without any detection, recall without any ball and F1 without either are nan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from footmm.structures.detected_objects import BALL, DetectedObjects

#: Pixels of the image file.
BALL_RADIUS_PX = 4.0


@dataclass(frozen=True)
class BallPoints:
    """Balls and detections of a data set, counted.

    Attributes:
        found: Balls that are found, and the detections that find them.
        wrong: Detections that find none.
        missed: Balls that are not found.
    """

    found: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of the detections that find a ball, nan without detections."""
        return _share(self.found, self.found + self.wrong)

    @property
    def recall(self) -> float:
        """Share of the balls that are found, nan without balls."""
        return _share(self.found, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of both, nan without balls and detections, 0 without one of them."""
        return _share(2 * self.found, 2 * self.found + self.wrong + self.missed)


def ball_points(
    images: Iterable[DetectedObjects], score_threshold: float, radius_px: float = BALL_RADIUS_PX
) -> BallPoints:
    """Count the balls of a data set that are found.

    Args:
        images: All of them annotated.
        score_threshold: Detections with lower scores do not count.
        radius_px: How far the centres may be apart, pixels of the image file.
    """
    counts = [_count(image, score_threshold, radius_px) for image in images]
    found, wrong, missed = np.array(counts, int).reshape(-1, 3).sum(axis=0).tolist()
    return BallPoints(found, wrong, missed)


def _count(
    image: DetectedObjects, score_threshold: float, radius_px: float
) -> tuple[int, int, int]:
    truth = image.truth
    is_ball = truth.labels == BALL
    balls, crowds = truth.boxes[is_ball & ~truth.crowd], truth.boxes[is_ball & truth.crowd]
    counts = np.flatnonzero((image.labels == BALL) & (image.scores >= score_threshold))
    surest_first = counts[np.argsort(-image.scores[counts], kind="stable")]
    points = _centres(image.boxes[surest_first])
    is_right = _find(points, _centres(balls), radius_px)
    num_wrong = np.count_nonzero(~is_right & ~_are_near(points, crowds, radius_px))
    num_found = np.count_nonzero(is_right)
    return num_found, num_wrong, len(balls) - num_found


def _find(points: np.ndarray, balls: np.ndarray, radius_px: float) -> np.ndarray:
    """Return which points find a ball, ``(D,)``, bool; earlier points choose first."""
    is_right = np.zeros(len(points), dtype=bool)
    if not len(balls):
        return is_right
    distances = np.linalg.norm(points[:, None] - balls, axis=2)
    for number, row in enumerate(distances):
        nearest = row.argmin()
        if row[nearest] <= radius_px:
            is_right[number] = True
            distances[:, nearest] = math.inf
    return is_right


def _are_near(points: np.ndarray, boxes: np.ndarray, radius_px: float) -> np.ndarray:
    """Return which points are inside of a box or within a radius of it, ``(D,)``, bool."""
    points = points[:, None]
    outside = np.maximum(boxes[:, :2] - points, points - boxes[:, 2:]).clip(min=0)
    return (np.linalg.norm(outside, axis=2) <= radius_px).any(axis=1)


def _centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
