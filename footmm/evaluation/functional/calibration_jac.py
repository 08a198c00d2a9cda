"""SoccerNet's score of cameras: the Jaccard index of projected and annotated pitch lines (JaC@t).

A line of the pitch model that is seen in the image is a true positive if it is annotated and ALL
its annotated points lie within t pixels of it, a false positive if it is not annotated or one point
is farther off; an annotated line that the camera does not see is a false negative. The pitch is its
own mirror image, so each frame is scored with the labels and with those of the pitch turned by 180
degrees about the centre spot, and the better score counts.

Source: ``SoccerNet.Evaluation.CameraCalibration`` and ``utils_calibration`` of SoccerNet 0.2.0 (the
same functions as in SoccerNet/sn-calibration), whose figures these functions reproduce to 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import (
    CENTRAL_MIRROR,
    LINE_CLASSES,
    PitchDimensions,
    clean_line_name,
)

#: Pixels of an image of 960 x 540.
JAC_THRESHOLDS = (5.0, 10.0, 20.0)

#: Points that a line counts for where it is projected but not annotated.
_POINTS_OF_LINE, _POINTS_OF_CIRCLE = 2, 9

Lines = Mapping[str, np.ndarray]


class Confusion(NamedTuple):
    """Numbers of right and wrong lines, or points of lines.

    Attributes:
        true_positives: Projected where annotated.
        false_positives: Projected elsewhere, or not annotated.
        false_negatives: Annotated but not projected.
    """

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def accuracy(self) -> float:
        """Jaccard index TP / (TP + FP + FN); nan if there is nothing."""
        return _share(self.true_positives, sum(self))

    @property
    def precision(self) -> float:
        """TP / (TP + FP); nan if nothing is projected."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """TP / (TP + FN); nan if that is 0 / 0."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)


class FrameJaC(NamedTuple):
    """Score of the camera of one frame at one threshold.

    Attributes:
        lines: Numbers of lines.
        points: Numbers of annotated points per line class that is annotated or projected.
        errors: Distances ``(N,)`` in pixels of the annotated points of a class to its projected
            line, per line class that is both annotated and projected.
        used_mirror: Whether the mirrored labels count; then ``points`` and ``errors`` carry the
            names of the mirrored lines.
        is_tied: Whether the labels and their mirror score alike.
    """

    lines: Confusion
    points: dict[str, Confusion]
    errors: dict[str, np.ndarray]
    used_mirror: bool
    is_tied: bool

    @property
    def accuracy(self) -> float:
        """JaC of the frame, in single precision as the official one; 0 if there are no lines."""
        return _single(self.lines.accuracy) if sum(self.lines) else 0.0

    @property
    def precision(self) -> float:
        """Share of right ones among the projected lines, in single precision, or nan."""
        return _single(self.lines.precision)

    @property
    def recall(self) -> float:
        """Share of right ones among the right and the missed lines, single precision, or nan."""
        return _single(self.lines.recall)


class Summary(NamedTuple):
    """Mean, standard deviation and median of a figure over frames; nan without frames."""

    mean: float
    std: float
    median: float


class LineClassScores(NamedTuple):
    """Scores of one line class over all frames, counted in annotated points.

    Attributes:
        accuracy: TP / (TP + FP + FN).
        precision: TP / (TP + FP), nan if the class is never projected.
        recall: TP / (TP + FN), nan if that is 0 / 0.
        mean_error_px: Mean distance of annotated points to the projected line, nan if there is no
            frame in which the class is both annotated and projected.
    """

    accuracy: float
    precision: float
    recall: float
    mean_error_px: float


class CalibrationScores(NamedTuple):
    """Scores of the cameras of a data set at one threshold, as fractions.

    Attributes:
        completeness: Share of frames with a camera.
        accuracy: JaC@t over the frames with a camera (``meanAccuracies``).
        precision: Over the frames in which the figure is defined (``meanPrecision``).
        recall: As ``precision`` (``meanRecall``).
        final_score: JaC@t times completeness; 0 without any camera, where the official score is
            nan.
        per_class: By the names of :data:`LINE_CLASSES`, for classes that occur.
        errors_px: All distances of annotated points to the projected lines of their class,
            ``(N,)``, pixels.
        num_frames: All frames.
        num_missed: Frames without a camera.
        num_mirrored: Frames in which the mirrored labels score better; ties, which take them too,
            are not counted.
    """

    completeness: float
    accuracy: Summary
    precision: Summary
    recall: Summary
    final_score: float
    per_class: dict[str, LineClassScores]
    errors_px: np.ndarray
    num_frames: int
    num_missed: int
    num_mirrored: int

    @property
    def mean_error_px(self) -> float:
        """Mean distance of annotated points to the projected lines, pixels; nan if none."""
        return _summary(self.errors_px).mean

    @property
    def median_error_px(self) -> float:
        """Median distance of annotated points to the projected lines, pixels; nan if none."""
        return _summary(self.errors_px).median


def frame_jac(
    camera: Camera | Mapping[str, Any],
    lines: Lines,
    thresholds: Sequence[float] = JAC_THRESHOLDS,
) -> dict[float, FrameJaC]:
    """Score the camera of one frame at several thresholds, from one projection of the pitch.

    Like the official code, a TIE between the labels and their mirror takes the mirrored ones, and
    of a camera in SoccerNet's json pan, tilt and roll count, not ``rotation_matrix``.

    Args:
        camera: One camera, or the content of ``camera_NNNNN.json``. Its image is the one that
            ``lines`` are given for: 960 x 540 for the json.
        lines: Annotated points ``(N, 2)``, pixels (fractions times width - 1 and height - 1), by
            line class. Classes without points do not count.
        thresholds: Pixels.

    Returns:
        The score at each threshold.

    Raises:
        DataFormatError: A line class is unknown or its points are not ``(N, 2)``, or the json is no
            camera.
    """
    if not isinstance(camera, Camera):
        camera = Camera.from_soccernet(dict(camera))
    labels = _checked_lines(lines)
    mirrored = {CENTRAL_MIRROR[name]: points for name, points in labels.items()}
    projected = project_markings(camera)
    errors, mirrored_errors = _line_errors(projected, labels), _line_errors(projected, mirrored)
    scores = {}
    for threshold in thresholds:
        plain = _frame_score(projected, labels, errors, threshold)
        turned = _frame_score(projected, mirrored, mirrored_errors, threshold)
        used_mirror = plain.accuracy <= turned.accuracy
        is_tied = plain.accuracy == turned.accuracy
        best = turned if used_mirror else plain
        scores[threshold] = best._replace(used_mirror=used_mirror, is_tied=is_tied)
    return scores


def calibration_scores(
    frames: Sequence[Mapping[float, FrameJaC] | None],
    thresholds: Sequence[float] = JAC_THRESHOLDS,
) -> dict[float, CalibrationScores]:
    """Summarise the scores of the frames of a data set.

    As in the official code, frames without a camera are left out of all means; completeness
    punishes them. Each frame's JaC, precision and recall are the official ones, which are rounded
    to single precision. The mean JaC is taken in double precision, the official package's in single
    precision, which makes up to 6e-8; precision and recall are summarised in single precision.

    Args:
        frames: What :func:`frame_jac` returned for each frame, None for a frame without a camera.
        thresholds: Among those that the frames were scored at.

    Returns:
        The scores at each threshold.

    Raises:
        DataFormatError: There are no frames.
    """
    if not frames:
        raise DataFormatError("no frames to score: the calibration score is one over frames")
    scored = [frame for frame in frames if frame is not None]
    return {
        threshold: _dataset_scores([frame[threshold] for frame in scored], len(frames))
        for threshold in thresholds
    }


def project_markings(camera: Camera) -> dict[str, np.ndarray]:
    """Project SoccerNet's model of the pitch as the official evaluation does.

    Equals ``SoccerNet.Evaluation.utils_calibration.get_polylines(..., sampling_factor=0.9)``: the
    points in the image of lines sampled every 0.9 m (circles every 0.2 m), and where a line
    enters or leaves the image its intersection with the image's border. Of several intersections
    the one nearest to the later of the two samples is taken, which may lie beyond it.

    Args:
        camera: One camera.

    Returns:
        Pixels ``(N, 2)``, N >= 1, by line class, for the classes that are seen.
    """
    samples, classes = _evaluator_samples()
    points = _evaluator_pixels(camera, samples)
    # The official code skips the samples behind the camera, as if they did not exist.
    in_front = ~np.isnan(points[:, 0])
    points, classes = points[in_front], classes[in_front]
    inside = _in_image(points, camera.image_size)
    crossing = 1 + np.flatnonzero((inside[1:] != inside[:-1]) & (classes[1:] == classes[:-1]))
    border, found = _border_points(points[crossing], points[crossing - 1], camera.image_size)
    crossing, seen = crossing[found], np.flatnonzero(inside)
    # An intersection takes its place before the sample at which it was found.
    order = np.argsort(np.concatenate([2 * crossing, 2 * seen + 1]))
    pixels = np.concatenate([border[found], points[seen]])[order]
    members = classes[np.concatenate([crossing, seen])[order]]
    starts = np.searchsorted(members, np.arange(len(LINE_CLASSES) + 1))
    return {
        name: pixels[start:end]
        for name, start, end in zip(LINE_CLASSES, starts[:-1], starts[1:], strict=True)
        if start < end
    }


def distances_to_polyline(points: np.ndarray, polyline: np.ndarray) -> np.ndarray:
    """Return the distances of points to a polyline.

    Equals ``distance_to_polyline`` of ``SoccerNet.Evaluation.utils_calibration`` in each operation:
    the foot of the perpendicular comes from homogeneous lines, whose rounding errors exceed 1e-9
    where neighbours on the polyline are a fraction of a pixel apart.

    Args:
        points: ``(N, 2)``.
        polyline: ``(M, 2)``, M >= 1; a single point is a polyline, too.

    Returns:
        ``(N,)``.
    """
    to_vertices = np.sqrt(np.square(points[:, None] - polyline).sum(axis=-1))
    if len(polyline) == 1:
        return to_vertices[:, 0]
    start, step = polyline[:-1], np.diff(polyline, axis=0)
    end = polyline[1:]
    x, y = points[:, :1], points[:, 1:]
    # Segments without length divide 0 by 0, which puts the foot of no point between their ends.
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = start[:, 1] - end[:, 1], end[:, 0] - start[:, 0]
        length = np.sqrt(np.square(a) + np.square(b))
        a, b = a / length, b / length
        c = (start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]) / length
        across = a * y - b * x
        scale = b * b + a * a
        foot_x, foot_y = (-a * c - across * b) / scale, (across * a - b * c) / scale
        along = (foot_x - start[:, 0]) * step[:, 0] + (foot_y - start[:, 1]) * step[:, 1]
        share = along / np.square(step).sum(axis=-1)
        between = (share > 0) & (share < 1)
    to_lines = np.sqrt(np.square(foot_x - x) + np.square(foot_y - y))
    to_ends = np.minimum(to_vertices[:, :-1], to_vertices[:, 1:])
    return np.where(between, to_lines, to_ends).min(axis=1)


def _share(part: int, total: int) -> float:
    return part / total if total else math.nan


def _single(value: float) -> float:
    return float(np.float32(value))


def _checked_lines(lines: Lines) -> dict[str, np.ndarray]:
    checked = {}
    for name, points in lines.items():
        points = np.asarray(points, dtype=np.float64)
        if points.size == 0:
            continue
        if points.ndim != 2 or points.shape[1] != 2:
            raise DataFormatError(
                f"the points of line {name!r} have the shape {points.shape}, need (N, 2)"
            )
        checked[clean_line_name(name)] = points
    return checked


@cache
def _evaluator_samples() -> tuple[torch.Tensor, np.ndarray]:
    """Return the samples ``(S, 3)`` of all markings and the index ``(S,)`` of their class."""
    markings = PitchDimensions().sample_markings()
    sizes = [len(markings[name]) for name in LINE_CLASSES]
    samples = np.concatenate([markings[name] for name in LINE_CLASSES])
    return torch.from_numpy(samples), np.repeat(np.arange(len(LINE_CLASSES)), sizes)


def _evaluator_pixels(camera: Camera, points: torch.Tensor) -> np.ndarray:
    """Return the pixels ``(S, 2)`` of world points, nan for those behind the camera."""
    # The official camera rounds points to single precision between the lens and the calibration
    # (with numpy 2 the pixels as well, which moves its lines by some 1e-5 pixels).
    unit = replace(camera, intrinsics=torch.eye(3).to(camera.intrinsics))
    normalised = unit.project(points).numpy().astype(np.float32).astype(np.float64)
    matrix = camera.intrinsics.numpy()
    return normalised * matrix.diagonal()[:2] + matrix[:2, 2]


def _in_image(points: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    return ((points >= 0) & (points < image_size)).all(axis=-1)


def _border_points(
    current: np.ndarray, previous: np.ndarray, image_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Intersect the lines through pairs of points with the four borders of the image.

    Args:
        current: ``(C, 2)``, pixels.
        previous: ``(C, 2)``, pixels.
        image_size: Width and height.

    Returns:
        The intersection in the image nearest to ``current``, ``(C, 2)``, and whether there is one,
        ``(C,)``.
    """
    width, height = image_size
    borders = np.array([(1, 0, 0), (1, 0, 1 - width), (0, 1, 0), (0, 1, 1 - height)], dtype=float)
    ones = np.ones((len(current), 1))
    lines = np.cross(np.hstack([current, ones]), np.hstack([previous, ones]))
    crossings = np.cross(lines[:, None], borders)
    with np.errstate(invalid="ignore", divide="ignore"):
        crossings = crossings[..., :2] / crossings[..., 2:]
        inside = _in_image(crossings, image_size)
        distances = np.sqrt(np.square(crossings - current[:, None]).sum(axis=-1))
    nearest = np.where(inside, distances, np.inf).argmin(axis=1)
    return crossings[np.arange(len(current)), nearest], inside.any(axis=1)


def _line_errors(projected: Lines, labels: Lines) -> dict[str, np.ndarray]:
    return {
        name: distances_to_polyline(points, projected[name])
        for name, points in labels.items()
        if name in projected
    }


def _frame_score(
    projected: Lines, labels: Lines, errors: dict[str, np.ndarray], threshold: float
) -> FrameJaC:
    """Return the score with one set of labels, not yet compared with that of the other."""
    points, num_right = {}, 0
    for name in projected.keys() - labels.keys():
        count = _POINTS_OF_CIRCLE if name.startswith("Circle") else _POINTS_OF_LINE
        points[name] = Confusion(0, count, 0)
    for name in labels.keys() - projected.keys():
        points[name] = Confusion(0, 0, len(labels[name]))
    for name, distances in errors.items():
        num_near = int(np.count_nonzero(distances < threshold))
        points[name] = Confusion(num_near, len(distances) - num_near, 0)
        num_right += num_near == len(distances)
    lines = Confusion(num_right, len(projected) - num_right, len(labels) - len(errors))
    return FrameJaC(lines, points, errors, used_mirror=False, is_tied=False)


def _dataset_scores(frames: Sequence[FrameJaC], num_frames: int) -> CalibrationScores:
    accuracy = _summary(np.array([frame.accuracy for frame in frames]))
    precision, recall = (
        _summary(_defined(getattr(frame, name) for frame in frames))
        for name in ("precision", "recall")
    )
    completeness = len(frames) / num_frames
    errors = [distances for frame in frames for distances in frame.errors.values()]
    return CalibrationScores(
        completeness=completeness,
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        final_score=completeness * accuracy.mean if frames else 0.0,
        per_class=_class_scores(frames),
        errors_px=np.concatenate(errors) if errors else np.empty(0),
        num_frames=num_frames,
        num_missed=num_frames - len(frames),
        num_mirrored=sum(frame.used_mirror and not frame.is_tied for frame in frames),
    )


def _defined(values: Iterable[float]) -> np.ndarray:
    figures = np.array(list(values), dtype=np.float32)
    return figures[~np.isnan(figures)]


def _summary(values: np.ndarray) -> Summary:
    if len(values) == 0:
        return Summary(math.nan, math.nan, math.nan)
    return Summary(float(np.mean(values)), float(np.std(values)), float(np.median(values)))


def _class_scores(frames: Sequence[FrameJaC]) -> dict[str, LineClassScores]:
    scores = {}
    for name in LINE_CLASSES:
        counts = [frame.points[name] for frame in frames if name in frame.points]
        if not counts:
            continue
        total = Confusion(*(sum(column) for column in zip(*counts, strict=True)))
        errors = [frame.errors[name] for frame in frames if name in frame.errors]
        mean_error = float(np.concatenate(errors).mean()) if errors else math.nan
        scores[name] = LineClassScores(total.accuracy, total.precision, total.recall, mean_error)
    return scores
