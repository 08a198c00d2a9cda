"""Pictures of located athletes: on the frame and on the pitch, how exact and how sure they are.

All pictures are RGB, uint8, drawn by matplotlib without its global state. The colours can be told
apart by those who do not see all of them, and so can the marks by their shapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from mmengine.visualization import Visualizer
from mmpose.structures import PoseDataSample

from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    LOCSIM_TAU,
    LOCSIM_THRESHOLDS,
    MAX_DETECTIONS,
    LocSimFrame,
    LocSimScores,
    locsim,
    locsim_scores,
    match_athletes,
)
from footmm.pitch.draw import Color, PitchFromAbove, draw_keypoints
from footmm.pitch.frames import pixel_scaling
from footmm.pitch.homography import apply_homography
from footmm.registry import VISUALIZERS
from footmm.structures.localised_athletes import PELVIS_GROUND, LocalisedAthletes
from footmm.visualization.plots import (
    BLUE,
    DPI,
    FAINT,
    GREEN,
    INK,
    PAGE,
    PLOT_SIZE,
    VERMILION,
    Page,
    counted,
    dot,
    plot_figure,
    rendered,
    rendered_with_legend,
    tidy,
    unit_plot,
)

MIN_LOCSIM = LOCSIM_THRESHOLDS[0]
"""What a match needs in the pictures."""

DEFAULT_THRESHOLD = 0.5
"""Score of the detections drawn where no athlete is annotated that one could be chosen by."""

CURVE_THRESHOLDS = (0.5, 0.75, 0.95)
"""LocSim of the precision-recall curves."""

BIN_METRES = 10
"""Of the distances to the camera."""

MATCH, FALSE_POSITIVE, MISS, TRUTH, UNJUDGED = "#4cc3ff", "#ff5a1f", "#ffe93b", "#ffffff", "#ff9df0"
OUTLINE = "#10151a"

#: RGB colours of labels: boxes, pelves and the ground below these.
BOX_LABEL: Color = (255, 233, 59)
KEYPOINT_LABELS: tuple[Color, Color] = (76, 195, 255), (255, 90, 31)

#: Pixels of the sheet.
_FRAME_WIDTH, _FRAME_HEIGHT, _PANEL_WIDTH = 1280, 720, 760
_MARGIN, _GAP, _HEADER, _CAPTION = 20, 14, 96, 34

_HALO = [withStroke(linewidth=2.8, foreground=OUTLINE)]


@dataclass(frozen=True)
class Mark:
    """How a kind of athlete is drawn.

    Attributes:
        label: In the legend.
        color: Of everything.
        marker: Of matplotlib, at the place on the ground.
        filled: Whether the marker is, or a mere outline.
        size: Of the marker, points.
        dashes: Of the box; of matplotlib.
    """

    label: str
    color: str
    marker: str = "o"
    filled: bool = False
    size: float = 7.5
    dashes: str = "solid"

    def at(self, x: Any = (), y: Any = (), scale: float = 1.0) -> Line2D:
        """Return markers at points, their size scaled."""
        return Line2D(
            x,
            y,
            linestyle="none",
            label=self.label,
            marker=self.marker,
            markersize=scale * self.size,
            markeredgecolor=self.color,
            markeredgewidth=0.2 if self.filled else 1.6,
            markerfacecolor=self.color if self.filled else "none",
            path_effects=_HALO,
        )


FOUND = Mark("athlete found", TRUTH)
ESTIMATED = Mark("where it was found", MATCH, filled=True, size=4.0)
MISSED = Mark("athlete missed", MISS, dashes="dashed")
WRONG = Mark("false positive", FALSE_POSITIVE, marker="x", size=6.0)
DETECTED = Mark("detection", UNJUDGED, filled=True, size=5.0)


@dataclass(frozen=True, eq=False)
class JudgedAthletes:
    """Which detections of an image are right; all arrays are numbers of detections or athletes.

    Attributes:
        athletes: What was found and, where it is known, what is there.
        hits: ``(M, 2)``, detection and athlete of each match.
        false_positives: ``(F,)``, detections.
        misses: ``(K,)``, athletes.
        unjudged: ``(U,)``, the detections where the image is not annotated.
    """

    athletes: LocalisedAthletes
    hits: np.ndarray
    false_positives: np.ndarray
    misses: np.ndarray
    unjudged: np.ndarray

    @classmethod
    def of(cls, athletes: LocalisedAthletes, score_threshold: float) -> JudgedAthletes:
        """Match the detections from a score on as LocSim does.

        Annotated crowds are no athletes, and detections inside of one are left out.
        """
        shown = np.flatnonzero(athletes.scores[:MAX_DETECTIONS] >= score_threshold)
        truth, nothing = athletes.truth, np.empty(0, dtype=np.int64)
        if truth is None:
            return cls(athletes, nothing.reshape(0, 2), nothing, nothing, shown)
        persons = np.flatnonzero(~truth.crowd)
        positions = athletes.positions[shown]
        matches = match_athletes(
            positions, athletes.scores[shown], truth.positions[persons], MIN_LOCSIM
        )
        is_hit = matches >= 0
        hits = np.stack([shown[is_hit], persons[matches[is_hit]]], axis=1)
        offsets = positions[:, None] - truth.positions[truth.crowd]
        in_crowd = (locsim(np.square(offsets).sum(axis=-1)) >= MIN_LOCSIM).any(axis=1)
        misses = np.setdiff1d(persons, hits[:, 1])
        return cls(athletes, hits, shown[~is_hit & ~in_crowd], misses, nothing)

    @property
    def errors(self) -> np.ndarray:
        """How far the matches are off, metres, ``(M,)``."""
        return np.linalg.norm(self.segments[:, 1] - self.segments[:, 0], axis=1)

    @property
    def segments(self) -> np.ndarray:
        """From the true to the estimated positions, ``(M, 2, 2)``, metres, world frame."""
        if self.athletes.truth is None:
            return np.empty((0, 2, 2))
        true, estimated = self.athletes.truth.positions, self.athletes.positions
        return np.stack([true[self.hits[:, 1]], estimated[self.hits[:, 0]]], axis=1)

    def distances(self, persons: np.ndarray) -> np.ndarray:
        """Return how far athletes are from the camera, metres.

        Args:
            persons: ``(N,)``, their numbers; the image is annotated.

        Returns:
            ``(N,)``.
        """
        ground = np.pad(self.athletes.truth.positions[persons], ((0, 0), (0, 1)))
        return np.linalg.norm(ground - self.athletes.camera.position.numpy(), axis=1)

    def summary(self) -> str:
        """Write the counts and the mean error in one line."""
        name = Path(self.athletes.image_path).name
        if self.athletes.truth is None:
            return f"{name}:  {counted(len(self.unjudged), 'detection')}, not annotated"
        hits, misses = len(self.hits), len(self.misses)
        text = (
            f"{name}:  {counted(hits + misses, 'athlete')},  {counted(hits, 'match', 'es')},  "
            f"{counted(misses, 'miss', 'es')},  "
            f"{counted(len(self.false_positives), 'false positive')}"
        )
        return f"{text},  mean error {self.errors.mean():.2f} m" if hits else text


def draw_athletes(image: np.ndarray, athletes: LocalisedAthletes, min_score: float) -> np.ndarray:
    """Draw boxes and places on the ground over a frame of a video.

    Args:
        image: The frame, ``(H, W, 3)`` uint8, (blue, green, red); a scaled copy of the size that
            the athletes were found for.
        athletes: What was found in it.
        min_score: Of the athletes drawn.

    Returns:
        A new image, like ``image``.
    """
    image, color = image.copy(), _bgr(UNJUDGED)
    size = image.shape[1::-1]
    scale = max(1.0, max(size) / 1280)
    to_image = pixel_scaling(athletes.camera.image_size, size)
    shown = athletes.scores >= min_score
    corners = apply_homography(to_image, athletes.bboxes[shown].reshape(-1, 2, 2)).numpy()
    # Edges lie between pixels; OpenCV counts from the middles of pixels.
    corners = np.clip(corners - 0.5, 0, np.array(size) - 1).round().astype(int)
    for (left, top), (right, bottom) in corners.tolist():
        cv2.rectangle(image, (left, top), (right, bottom), color, round(1.5 * scale))
    feet = apply_homography(to_image, athletes.keypoints[shown, PELVIS_GROUND]).numpy()
    return draw_keypoints(
        image, feet, np.ones(len(feet), bool), color=_bgr(MATCH), radius=3 * scale
    )


def draw_athletes_from_above(
    athletes: LocalisedAthletes, min_score: float, view: PitchFromAbove | None = None
) -> np.ndarray:
    """Draw the pitch from above with the ground that a camera sees, and the athletes on it.

    Args:
        athletes: What was found in a frame of the camera.
        min_score: Of the athletes drawn.
        view: Size and pitch; 960 pixels wide without it.

    Returns:
        ``(H, W, 3)`` uint8, (blue, green, red).
    """
    view = view or PitchFromAbove(width=960)
    image, seen = view.draw(), view.footprint(athletes.camera)
    image[seen] = (0.8 * image[seen] + 0.2 * 255).astype(np.uint8)
    shown = (athletes.scores >= min_score) & np.isfinite(athletes.positions).all(axis=1)
    places = apply_homography(view.homography, athletes.positions[shown]).numpy()
    return draw_keypoints(
        image, places, np.ones(len(places), bool), color=_bgr(MATCH), radius=view.width / 200
    )


def _bgr(color: str) -> Color:
    red, green, blue = (round(255 * part) for part in to_rgb(color))
    return blue, green, red


@VISUALIZERS.register_module()
class SynLocVisualizer(Visualizer):
    """Draws athletes on frames and on the pitch, and plots how exact and how sure they are.

    Args:
        num_samples: Frames of the sheet; the plots are over all samples.
        score_threshold: Of the detections drawn and matched; None takes the one with the best F1
            on the samples, as LocSim finds it, and :data:`DEFAULT_THRESHOLD` where no athlete is
            annotated.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(
        self,
        num_samples: int = 4,
        score_threshold: float | None = None,
        name: str = "visualizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.num_samples = num_samples
        self.score_threshold = score_threshold

    def draw_samples(self, data_samples: Sequence[PoseDataSample]) -> dict[str, np.ndarray]:
        """Draw the first frames, and plot the scores of all.

        Args:
            data_samples: Predicted frames; the first images are read again from ``img_path``.

        Returns:
            RGB, uint8, shape (H, W, 3); nothing without samples:

            * ``localisation``: the first frames and the pitch from above, with matches, misses and
              false positives, or mere detections where a frame is not annotated;
            * and, where athletes are annotated, ``error_by_distance``, ``precision_recall`` and
              ``f1_by_threshold``.

        Raises:
            DataFormatError: An image cannot be read, or a sample lacks a key.
        """
        found = [LocalisedAthletes.from_sample(sample) for sample in data_samples]
        if not found:
            return {}
        # Detections of equal scores rank by the id of their image.
        known = sorted((one for one in found if one.truth is not None), key=lambda a: a.image_id)
        frames = [LocSimFrame.of(athletes, athletes.positions) for athletes in known]
        best = locsim_scores(frames) if _num_athletes(frames) else None
        threshold = self._threshold(best)
        judged = [JudgedAthletes.of(athletes, threshold) for athletes in found]
        notes = f"score threshold {threshold:.3f}, {self._threshold_source(best)}"
        if not any(len(athletes.scores) for athletes in found):
            notes = "no detections in any frame"
        pictures = {"localisation": _draw_sheet(judged[: self.num_samples], len(judged), notes)}
        if best is None:
            return pictures
        used = best
        if self.score_threshold is not None:
            used = locsim_scores(frames, score_threshold=threshold)
        return pictures | {
            "error_by_distance": _plot_errors(judged, frames, threshold),
            "precision_recall": _plot_precision_recall(frames, used),
            "f1_by_threshold": _plot_f1(frames, best, used),
        }

    def draw_dataset_sample(self, image: np.ndarray, sample: PoseDataSample) -> np.ndarray:
        """Draw the labels of a sample that has been through a pipeline.

        Args:
            image: The model's input, RGB, uint8, ``(H, W, 3)``.
            sample: With boxes and keypoints in ``gt_instance_labels``, if it is labelled.

        Returns:
            A new image, like ``image``.
        """
        image = image.copy()
        if "gt_instance_labels" not in sample:
            return image
        labels = sample.gt_instance_labels
        # Large inputs are looked at smaller.
        size = max(1.0, max(image.shape[:2]) / 640)
        for corners in np.asarray(labels.bboxes).round().astype(int).tolist():
            cv2.rectangle(image, corners[:2], corners[2:], BOX_LABEL, round(size))
        keypoints, visible = np.asarray(labels.keypoints), np.asarray(labels.keypoints_visible) > 0
        for number, color in enumerate(KEYPOINT_LABELS):
            image = draw_keypoints(
                image, keypoints[:, number], visible[:, number], color=color, radius=1.5 * size
            )
        return image

    def _threshold(self, best: LocSimScores | None) -> float:
        if self.score_threshold is not None:
            return self.score_threshold
        return DEFAULT_THRESHOLD if best is None else best.stats["score_threshold"]

    def _threshold_source(self, best: LocSimScores | None) -> str:
        if self.score_threshold is not None:
            return "as given"
        if best is None:
            return "the default, as no athletes are annotated"
        return "the one with the best F1 on these frames"


def _num_athletes(frames: Sequence[LocSimFrame]) -> int:
    return sum(int(np.count_nonzero(~frame.true_crowd)) for frame in frames)


def _reach(min_locsim: float) -> float:
    """Return the distance of a LocSim, metres."""
    return LOCSIM_TAU * math.sqrt(math.log(min_locsim) / math.log(0.05))


def _draw_sheet(judged: Sequence[JudgedAthletes], num_frames: int, notes: str) -> np.ndarray:
    """Draw frames below each other, each with the pitch beside it, under a legend."""
    row = _CAPTION + _FRAME_HEIGHT
    width = 2 * _MARGIN + _FRAME_WIDTH + _GAP + _PANEL_WIDTH
    height = _HEADER + len(judged) * row + _MARGIN
    page = Page(width, height)
    title = f"Athletes on the pitch: {len(judged)} of {counted(num_frames, 'frame')}"
    _write_header(page.part(_MARGIN, 0, (width - 2 * _MARGIN, _HEADER)), judged, title, notes)
    for number, frame in enumerate(judged):
        top = _HEADER + number * row + _CAPTION
        caption = page.part(_MARGIN, top - _CAPTION, (_FRAME_WIDTH, _CAPTION))
        caption.text(0, 0.3, frame.summary(), fontsize=12, color=INK, va="baseline")
        _draw_frame(page.part(_MARGIN, top, (_FRAME_WIDTH, _FRAME_HEIGHT)), frame)
        left = _MARGIN + _FRAME_WIDTH + _GAP
        _draw_top_view(page.part(left, top, (_PANEL_WIDTH, _FRAME_HEIGHT)), frame)
    return rendered(page.figure)


def _write_header(ax: Axes, judged: Sequence[JudgedAthletes], title: str, notes: str) -> None:
    annotated = [frame.athletes.truth is not None for frame in judged]
    if any(annotated):
        reach = _reach(MIN_LOCSIM)
        notes += (
            f"; the rings on the pitch have a radius of {reach:.2f} m, the limit of a match "
            f"(LocSim {MIN_LOCSIM:g})"
        )
    ax.text(0, 0.62, title, fontsize=17, color=INK, va="baseline")
    ax.text(0, 0.26, notes, fontsize=12, color=FAINT, va="baseline")
    marks = [FOUND, ESTIMATED, MISSED, WRONG] if any(annotated) else []
    marks += [] if all(annotated) else [DETECTED]
    handles = [mark.at() for mark in marks]
    handles.append(Patch(facecolor="#8fb38b", edgecolor="#3f7a46", label="ground in view"))
    ax.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=(1.0, 0.7),
        ncols=len(handles),
        fontsize=12,
        labelcolor=INK,
        frameon=False,
        borderaxespad=0,
        handletextpad=0.4,
        columnspacing=1.6,
    )


def _draw_frame(ax: Axes, frame: JudgedAthletes) -> None:
    """Draw boxes and places on the ground over the image."""
    athletes, truth = frame.athletes, frame.athletes.truth
    image = cv2.imread(athletes.image_path, cv2.IMREAD_COLOR)
    if image is None:
        raise DataFormatError(f"cannot read the image '{athletes.image_path}'")
    # The axes count pixels of the annotated size, whatever size the file has.
    width, height = athletes.camera.image_size
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    ax.imshow(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), extent=extent)
    ax.set(xlim=extent[:2], ylim=extent[2:], autoscale_on=False)
    if truth is not None:
        _mark_in_frame(ax, truth.bboxes, truth.keypoints, frame.misses, MISSED)
    for numbers, mark in (
        (frame.false_positives, WRONG),
        (frame.hits[:, 0], ESTIMATED),
        (frame.unjudged, DETECTED),
    ):
        _mark_in_frame(ax, athletes.bboxes, athletes.keypoints, numbers, mark)


def _mark_in_frame(
    ax: Axes, bboxes: np.ndarray, keypoints: np.ndarray, numbers: np.ndarray, mark: Mark
) -> None:
    boxes = bboxes[numbers][:, [[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]
    _draw_lines(ax, boxes, mark.color, mark.dashes)
    ax.add_line(mark.at(*keypoints[numbers, PELVIS_GROUND].T))


def _draw_top_view(ax: Axes, frame: JudgedAthletes) -> None:
    """Draw the pitch from above, as much of it as the camera sees."""
    view = PitchFromAbove(width=1400)
    seen = view.footprint(frame.athletes.camera)
    ground = view.draw()[..., ::-1]
    ground = np.where(seen[..., None], 0.8 * ground + 0.2 * 255, ground).astype(np.uint8)
    columns, rows = (np.flatnonzero(seen.any(axis=axis)) for axis in (0, 1))
    width, height = view.image_size
    left, right = (columns[0], columns[-1]) if len(columns) else (0, width - 1)
    top, bottom = (rows[0], rows[-1]) if len(rows) else (0, height - 1)
    corners = np.array([[0, height], [width, 0], [left, bottom + 1], [right + 1, top]]) - 0.5
    corners = apply_homography(np.linalg.inv(view.homography), corners).numpy()
    ax.imshow(ground, extent=corners[:2].T.ravel())
    ax.set(xlim=corners[2:, 0], ylim=corners[2:, 1], autoscale_on=False)
    ax.set_aspect("equal", anchor="NW")
    # Rings have the size at which LocSim is that of a match; a point is 1/72 inch.
    pixels_per_metre = (np.array([_PANEL_WIDTH, _FRAME_HEIGHT]) / (corners[3] - corners[2])).min()
    ring_size = 2 * _reach(MIN_LOCSIM) * pixels_per_metre * 72 / DPI
    _mark_on_pitch(ax, frame, scale=ring_size / FOUND.size)


def _mark_on_pitch(ax: Axes, frame: JudgedAthletes, scale: float) -> None:
    estimated, truth = frame.athletes.positions, frame.athletes.truth
    missed = np.empty((0, 2)) if truth is None else truth.positions[frame.misses]
    true, near = frame.segments[:, 0], frame.segments[:, 1]
    ax.add_line(FOUND.at(*true.T, scale))
    ax.add_line(MISSED.at(*missed.T, scale))
    _draw_lines(ax, frame.segments, MATCH)
    ax.add_line(WRONG.at(*estimated[frame.false_positives].T))
    ax.add_line(ESTIMATED.at(*near.T, scale))
    ax.add_line(DETECTED.at(*estimated[frame.unjudged].T))


def _draw_lines(ax: Axes, lines: np.ndarray, color: str, dashes: str = "solid") -> None:
    ax.add_collection(
        LineCollection(
            lines,
            colors=color,
            linestyles=dashes,
            linewidths=1.4,
            path_effects=[withStroke(linewidth=2.6, foreground=OUTLINE)],
        )
    )


def _plot_errors(
    judged: Sequence[JudgedAthletes], frames: Sequence[LocSimFrame], threshold: float
) -> np.ndarray:
    """Plot errors of the matches and recall by the distance to the camera."""
    known = [frame for frame in judged if frame.athletes.truth is not None]
    errors = np.concatenate([frame.errors for frame in known])
    near = np.concatenate([frame.distances(frame.hits[:, 1]) for frame in known])
    missed = np.concatenate([frame.distances(frame.misses) for frame in known])
    bins = np.unique(np.concatenate([near, missed]) // BIN_METRES).astype(int)
    bins = np.arange(bins[0], bins[-1] + 1)
    centers = (bins + 0.5) * BIN_METRES
    found = [errors[near // BIN_METRES == number] for number in bins]
    num_found = np.array([len(values) for values in found])
    num_athletes = num_found + [np.count_nonzero(missed // BIN_METRES == n) for n in bins]

    reach = _reach(MIN_LOCSIM)
    figure = plot_figure(
        f"Localisation error and recall by distance, {_content(frames)}", PLOT_SIZE
    )
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_boxes(top, found, centers)
    top.axhline(reach, color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    top.set(ylim=(0, 1.12 * reach), ylabel="error of matches (m)")
    if not len(errors):
        _say_why_empty(top, frames)
    bottom.bar(centers, num_found / np.maximum(num_athletes, 1), 0.7 * BIN_METRES, color=GREEN)
    for center, number, total in zip(centers, num_found, num_athletes, strict=True):
        if total:
            text, place = f"{number:,} of\n{total:,}", (center, number / total)
            bottom.annotate(
                text, place, (0, 3), textcoords="offset points", ha="center", fontsize=9, color=INK
            )
    bottom.set(
        xlim=(bins[0] * BIN_METRES, (bins[-1] + 1) * BIN_METRES),
        xticks=np.append(bins, bins[-1] + 1) * BIN_METRES,
        ylim=(0, 1.4),
        yticks=(0, 0.5, 1),
        xlabel="distance to the camera (m)",
        ylabel="recall",
    )
    tidy(
        top,
        f"score threshold {threshold:.3f}; boxes: quartiles and median, whiskers: 5 to 95 %\n"
        f"dashed: a match is off by {reach:.2f} m at most (LocSim {MIN_LOCSIM:g})",
    )
    tidy(bottom)
    for ax in (top, bottom):
        ax.grid(visible=False, axis="x")
    return rendered(figure)


def _draw_boxes(ax: Axes, values: Sequence[np.ndarray], centers: np.ndarray) -> None:
    """Draw median, quartiles, and the 5th and 95th percentile as whiskers."""
    if not any(len(column) for column in values):
        return
    line = dict(color=INK, linewidth=1.2)
    ax.boxplot(
        [column for column in values if len(column)],
        positions=[center for center, column in zip(centers, values, strict=True) if len(column)],
        widths=0.5 * BIN_METRES,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        manage_ticks=False,
        boxprops=dict(facecolor=MATCH, edgecolor=INK, linewidth=1.2),
        medianprops=dict(color=INK, linewidth=2),
        whiskerprops=line,
        capprops=line,
    )


def _plot_precision_recall(frames: Sequence[LocSimFrame], used: LocSimScores) -> np.ndarray:
    """Plot COCO's precision at 101 recalls for some values of LocSim."""
    title = f"Precision and recall, {_content(frames)}"
    figure, ax = unit_plot(title, f"mAP-LocSim {used.stats['AP']:.3f}")
    for least, color in zip(CURVE_THRESHOLDS, (BLUE, VERMILION, GREEN), strict=True):
        precision = precision_at(frames, least)
        reached = np.flatnonzero(precision > 0)
        ax.plot(
            np.append(used.recall[reached], used.recall[reached[-1:]]),
            np.append(precision[reached], np.zeros_like(reached[-1:])),
            drawstyle="steps-pre",
            color=color,
            linewidth=2.2,
            label=f"LocSim {least:.2f} ({_reach(least):.2f} m): AP {precision.mean():.3f}",
        )
    stats = used.stats
    if not used.precision.any():
        _say_why_empty(ax, frames)
    elif stats["precision"] > 0:
        label = f"at the score threshold {stats['score_threshold']:.3f}"
        ax.plot(stats["recall"], stats["precision"], label=label, **dot(BLUE))
    ax.set(xlabel="recall", ylabel="precision")
    return rendered_with_legend(figure, num_columns=2)


def precision_at(frames: Sequence[LocSimFrame], min_locsim: float) -> np.ndarray:
    """Return the precision ``(101,)``, by recall, of matches from a LocSim on.

    Scores hold the curve at LocSim 0.5. With a smaller tau that is as strict as any other.

    Args:
        frames: At least one.
        min_locsim: Above 0 and below 1.
    """
    tau = LOCSIM_TAU * _reach(min_locsim) / _reach(MIN_LOCSIM)
    return locsim_scores(frames, tau).precision


def _plot_f1(frames: Sequence[LocSimFrame], best: LocSimScores, used: LocSimScores) -> np.ndarray:
    """Plot F1, precision and recall at LocSim 0.5, as the metric has them at any threshold."""
    figure, ax = unit_plot(
        f"F1 by score threshold, {_content(frames)}",
        f"matches from LocSim {MIN_LOCSIM:g} on: off by {_reach(MIN_LOCSIM):.2f} m at most",
    )
    # A value holds from the score of its recall down to that of the next, the last one down to 0.
    reached = np.flatnonzero(best.precision * best.scores > 0)[::-1]
    scores = np.append(np.zeros_like(reached[:1]), best.scores[reached])
    for label, values, color, width in (
        ("precision", best.precision, VERMILION, 1.8),
        ("recall", best.recall, GREEN, 1.8),
        ("F1", best.f1, BLUE, 2.8),
    ):
        steps = np.append(values[reached[:1]], values[reached])
        ax.plot(scores, steps, drawstyle="steps-pre", color=color, linewidth=width, label=label)
    if len(reached):
        _mark_threshold(ax, best, "best")
    else:
        _say_why_empty(ax, frames)
    if used.stats["score_threshold"] != best.stats["score_threshold"]:
        _mark_threshold(ax, used, "used", marker="s", markerfacecolor=PAGE)
    ax.set(xlabel="score threshold", ylabel="precision, recall, F1")
    return rendered_with_legend(figure, num_columns=5)


def _mark_threshold(ax: Axes, scores: LocSimScores, name: str, **style: Any) -> None:
    threshold, f1 = scores.stats["score_threshold"], np.nan_to_num(scores.stats["f1"])
    ax.axvline(threshold, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    label = f"{name}: F1 {f1:.3f} at {threshold:.3f}"
    ax.plot(threshold, f1, label=label, **dot(BLUE) | style)


def _content(frames: Sequence[LocSimFrame]) -> str:
    return f"{counted(len(frames), 'frame')}, {counted(_num_athletes(frames), 'athlete')}"


def _say_why_empty(ax: Axes, frames: Sequence[LocSimFrame]) -> None:
    text = "no matches" if any(len(frame.scores) for frame in frames) else "no detections"
    place = dict(ha="center", va="center", transform=ax.transAxes)
    ax.text(0.5, 0.5, text, fontsize=16, color=FAINT, **place)
