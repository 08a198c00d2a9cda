"""Pictures of players, balls and referees that a detector found, on images and on videos.

Pictures of :class:`DetectionVisualizer` are RGB, uint8, drawn by matplotlib without its global
state; frames of videos are (blue, green, red), as OpenCV reads and writes them. The colours can be
told apart by those who do not see all of them, and so can the marks by their dashes and signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import get_box_tensor
from mmengine.visualization import Visualizer
from torchvision.ops import box_area, box_iou

from footmm.errors import DataFormatError
from footmm.pitch.draw import Color
from footmm.registry import VISUALIZERS
from footmm.structures.detected_objects import BALL, CLASSES, PLAYER, DetectedObjects, TrueObjects
from footmm.visualization.plots import (
    BLUE,
    FAINT,
    INK,
    PAGE,
    PLOT_SIZE,
    Page,
    counted,
    dot,
    plot_figure,
    rendered,
    rendered_with_legend,
    tidy,
    unit_plot,
)

MIN_IOU = 0.5
"""What a match needs in the pictures."""

MAX_DETECTIONS = 100
"""Of a class in an image that count, as in COCO's numbers."""

CLASS_COLORS = ("#4cc3ff", "#ffe93b", "#ff9df0")
"""Of what is found, by label; bright, for images."""

PLOT_COLORS = (BLUE, "#b88700", "#a8398f")
"""The same colours, as dark as curves on a white page must be."""

FALSE_POSITIVE, MISS = "#ff5a1f", "#ffffff"
OUTLINE, GRASS = "#141414", "#4f7f46"

IGNORED: Color = (150, 150, 150)
"""RGB colour of labels that training and COCO's numbers leave out."""

#: Dashes of curves, by label.
_DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.6)), (0, (5, 1.5, 1.2, 1.5)))
_MARKERS = ("o", "D", "s")

#: Recalls at which COCO averages the precision.
_RECALLS = np.linspace(0, 1, 101)

#: Pixels of the sheet: what a frame has to fit in, and each window around a ball beside it.
_FRAME_WIDTH, _FRAME_HEIGHT, _ZOOM = 1280, 960, 324
_MARGIN, _GAP, _HEADER, _CAPTION = 20, 14, 84, 36

#: Names of the windows; there are no more.
_WINDOW_NAMES = "ab"

#: Pixels of the image that a window shows around a ball of no size.
_LEAST_WINDOW = 48

#: Characters of a file's name that captions have room for.
_MAX_NAME = 36

#: Least radius of a ball's ring, pixels of the sheet or of an image that is 1280 wide.
_RING = 13.0

#: The outline's colour, whichever order the channels have.
_DARK: Color = (20, 20, 20)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Mark(NamedTuple):
    """How a kind of object is drawn.

    Attributes:
        label: In the legend.
        color: Of everything.
        dashes: Of boxes and rings; of matplotlib.
        sign: Before the letter of the class. Without one only referees, few as they are, have a
            letter, which tells them from players where colours do not.
    """

    label: str
    color: str
    dashes: Any = "solid"
    sign: str = ""


FOUND = tuple(Mark(name, color) for name, color in zip(CLASSES, CLASS_COLORS, strict=True))
MISSED = Mark("missed", MISS, (0, (2.2, 1.4)), "?")
WRONG = Mark("false positive", FALSE_POSITIVE, "solid", "×")  # noqa: RUF001


@dataclass(frozen=True, eq=False)
class JudgedObjects:
    """Which detections of an image are right.

    Attributes:
        objects: What was found and, where it is known, what is there.
        matches: ``(D,)``, true object of each detection; -1 for none.
        ignored: ``(D,)``, whether a detection does not count: it lies in a crowd, or others of its
            class and image have the better scores.
        score_threshold: Of the detections that are shown.
    """

    objects: DetectedObjects
    matches: np.ndarray
    ignored: np.ndarray
    score_threshold: float

    @classmethod
    def of(cls, objects: DetectedObjects, score_threshold: float) -> JudgedObjects:
        """Match all detections, those with the best scores first, as COCO does at IoU 0.5."""
        matches = np.full(len(objects.scores), -1)
        ignored = np.zeros(len(objects.scores), dtype=bool)
        for label in range(len(CLASSES)):
            ranked = np.flatnonzero(objects.labels == label)
            ignored[ranked[MAX_DETECTIONS:]] = True
            found = ranked[:MAX_DETECTIONS]
            if objects.truth is not None:
                matches[found], ignored[found] = _match(objects.boxes[found], objects.truth, label)
        return cls(objects, matches, ignored, score_threshold)

    @cached_property
    def shown(self) -> np.ndarray:
        """The detections that are drawn and counted, ``(S,)``."""
        return np.flatnonzero((self.objects.scores >= self.score_threshold) & ~self.ignored)

    @cached_property
    def found(self) -> np.ndarray:
        """The detections that are right, or may be as nothing is annotated, ``(F,)``."""
        if self.objects.truth is None:
            return self.shown
        return self.shown[self.matches[self.shown] >= 0]

    @cached_property
    def false_positives(self) -> np.ndarray:
        """The detections of what is not there, ``(P,)``."""
        return np.setdiff1d(self.shown, self.found)

    @cached_property
    def true(self) -> np.ndarray:
        """The true objects without crowds, ``(T,)``."""
        truth = self.objects.truth
        return np.empty(0, np.int64) if truth is None else np.flatnonzero(~truth.crowd)

    @cached_property
    def misses(self) -> np.ndarray:
        """The true objects that are not found, ``(M,)``."""
        return np.setdiff1d(self.true, self.matches[self.found])

    def summary(self) -> str:
        """Write the counts of each class in one line."""
        objects = self.objects
        found, wrong = (
            np.bincount(objects.labels[numbers], minlength=len(CLASSES))
            for numbers in (self.found, self.false_positives)
        )
        name = Path(objects.image_path).name
        if len(name) > _MAX_NAME:
            name = f"{name[: _MAX_NAME - 1]}…"
        if objects.truth is None:
            counts = [counted(n, cls) for n, cls in zip(found, CLASSES, strict=True)]
            return f"{name}:   {',   '.join(counts)};   not annotated"
        true = np.bincount(objects.truth.labels[self.true], minlength=len(CLASSES))
        counts = [
            f"{counted(all_, cls)}: {right} found, {false} false"
            for all_, right, false, cls in zip(true, found, wrong, CLASSES, strict=True)
        ]
        return f"{name}:   {';   '.join(counts)}"


def _match(boxes: np.ndarray, truth: TrueObjects, label: int) -> tuple[np.ndarray, np.ndarray]:
    """Match detections of one class, ``(D, 4)``, best scores first.

    Returns:
        The true object of each, -1 for none, and whether it has none but lies in a crowd.
    """
    of_class = truth.labels == label
    true = np.flatnonzero(of_class & ~truth.crowd)
    found = torch.as_tensor(boxes)
    # The last column stands for no true object.
    ious = np.pad(box_iou(found, torch.as_tensor(truth.boxes[true])).numpy(), ((0, 0), (0, 1)))
    matches = np.full(len(boxes), -1)
    for number, row in enumerate(ious):
        best = row.argmax()
        if row[best] >= MIN_IOU:
            matches[number] = true[best]
            ious[:, best] = 0
    crowds = torch.as_tensor(truth.boxes[of_class & truth.crowd])
    in_crowd = (_share_inside(found, crowds) >= MIN_IOU).any(dim=1).numpy()
    return matches, in_crowd & (matches < 0)


def _share_inside(boxes: torch.Tensor, crowds: torch.Tensor) -> torch.Tensor:
    """Return which share of each box lies in each crowd, ``(D, C)``; what COCO has for an IoU."""
    iou, areas = box_iou(boxes, crowds), box_area(boxes)[:, None]
    return iou * (areas + box_area(crowds)) / (1 + iou) / areas


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """The detections of one class in all annotated images, those with the best scores first.

    Attributes:
        scores: ``(D,)``, falling.
        hits: ``(D,)``, whether a detection is right.
        num_objects: That are there.
    """

    scores: np.ndarray
    hits: np.ndarray
    num_objects: int

    @classmethod
    def of(cls, frames: Sequence[JudgedObjects], label: int) -> ClassCurve:
        """Collect a class; detections of equal scores rank as the frames do."""
        scores, hits, num_objects = [np.empty(0)], [np.empty(0, bool)], 0
        for frame in frames:
            counted = (frame.objects.labels == label) & ~frame.ignored
            scores.append(frame.objects.scores[counted])
            hits.append(frame.matches[counted] >= 0)
            num_objects += np.count_nonzero(frame.objects.truth.labels[frame.true] == label)
        order = np.argsort(-np.concatenate(scores), kind="stable")
        return cls(np.concatenate(scores)[order], np.concatenate(hits)[order], num_objects)

    @cached_property
    def recall(self) -> np.ndarray:
        """With the detections up to each, ``(D,)``."""
        return self.hits.cumsum() / max(self.num_objects, 1)

    @cached_property
    def precision(self) -> np.ndarray:
        """With the detections up to each, ``(D,)``."""
        return self.hits.cumsum() / np.arange(1, len(self.hits) + 1)

    @cached_property
    def coco_precision(self) -> np.ndarray:
        """The best precision at 101 recalls or beyond, ``(101,)``; its mean is COCO's AP50."""
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        return np.append(best, 0.0)[np.searchsorted(self.recall, _RECALLS)]

    @property
    def average_precision(self) -> float:
        """AP at IoU 0.5, as COCO has it."""
        return float(self.coco_precision.mean())

    def num_from(self, threshold: float) -> int:
        """Return how many detections have at least a score."""
        return int(np.count_nonzero(self.scores >= threshold))

    @cached_property
    def f1(self) -> np.ndarray:
        """With no detection, and with those up to each, ``(D + 1,)``."""
        hits = np.append(0, self.hits.cumsum())
        return 2 * hits / np.maximum(self.num_objects + np.arange(len(hits)), 1)

    @cached_property
    def f1_steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores, rising from 0 to 1, and the F1 with thresholds down to the score before.

        Both are ``(S + 2,)``, for S different scores of detections.
        """
        last_of_score = np.flatnonzero(np.diff(self.scores, append=-np.inf))[::-1]
        f1 = self.f1[last_of_score + 1]
        scores = np.concatenate([[0.0], self.scores[last_of_score], [1.0]])
        return scores, np.concatenate([f1[:1], f1, [0.0]]) if len(f1) else np.zeros(2)


@VISUALIZERS.register_module()
class DetectionVisualizer(Visualizer):
    """Draws what was found in frames, and plots what a detector's user has to know.

    Args:
        num_samples: Frames of the sheet; the plots are over all samples.
        score_threshold: Of the detections drawn and counted. The same for all classes and runs, so
            that pictures can be compared; ``f1_by_threshold`` shows which would be better.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(
        self,
        num_samples: int = 4,
        score_threshold: float = 0.3,
        name: str = "visualizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.num_samples = num_samples
        self.score_threshold = score_threshold

    def draw_samples(self, data_samples: Sequence[DetDataSample]) -> dict[str, np.ndarray]:
        """Draw the first frames, and plot the scores of all.

        Args:
            data_samples: Predicted frames; the first images are read again from ``img_path``.

        Returns:
            RGB, uint8, shape (H, W, 3); nothing without samples:

            * ``detections``: the first frames with found and missed objects and false positives,
              or mere detections where a frame is not annotated, and their balls enlarged;
            * and, where objects are annotated, ``precision_recall``, ``recall_by_height`` and
              ``f1_by_threshold``.

        Raises:
            DataFormatError: An image cannot be read, or a sample lacks a key.
        """
        frames = [
            JudgedObjects.of(DetectedObjects.from_sample(sample), self.score_threshold)
            for sample in data_samples
        ]
        if not frames:
            return {}
        pictures = {"detections": _draw_sheet(frames[: self.num_samples], len(frames))}
        # Detections of equal scores rank by the id of their image.
        known = sorted(
            (frame for frame in frames if frame.objects.truth is not None),
            key=lambda frame: frame.objects.image_id,
        )
        if not any(len(frame.true) for frame in known):
            return pictures
        curves = [ClassCurve.of(known, label) for label in range(len(CLASSES))]
        return pictures | {
            "precision_recall": _plot_precision_recall(curves, len(known), self.score_threshold),
            "recall_by_height": _plot_recall(known, self.score_threshold),
            "f1_by_threshold": _plot_f1(curves, len(known), self.score_threshold),
        }

    def draw_dataset_sample(self, image: np.ndarray, sample: DetDataSample) -> np.ndarray:
        """Draw the labels of a sample that has been through a pipeline.

        Args:
            image: The model's input, RGB, uint8, ``(H, W, 3)``.
            sample: With boxes in ``gt_instances``, or with mmdet's ``instances`` where the pipeline
                of a test leaves these as they are, if it is labelled.

        Returns:
            A new image, like ``image``; boxes that are ignored are grey.
        """
        # Large inputs are looked at smaller.
        scale = max(1.0, max(image.shape[:2]) / 640)
        image = image.copy()
        for box, label, ignored in zip(*_labels_of(sample), strict=True):
            color = IGNORED if ignored else _rgb(CLASS_COLORS[label])
            _draw_object(image, box, label, color, scale)
        return image


def draw_detections(image: np.ndarray, objects: DetectedObjects, min_score: float) -> np.ndarray:
    """Draw what was found on a frame of a video: boxes with scores, rings around balls, counts.

    Args:
        image: The frame, ``(H, W, 3)`` uint8, (blue, green, red).
        objects: What was found in it.
        min_score: Of the objects drawn.

    Returns:
        A new image, like ``image``.

    Raises:
        DataFormatError: The frame has another size.
    """
    if image.shape[1::-1] != objects.image_size:
        raise DataFormatError(
            f"{objects.image_path}: the image is {image.shape[1]} x {image.shape[0]}, objects were "
            f"detected at {' x '.join(map(str, objects.image_size))}"
        )
    image, scale = image.copy(), max(image.shape[:2]) / 1280
    colors = [_rgb(color)[::-1] for color in CLASS_COLORS]
    shown = np.flatnonzero(objects.scores >= min_score)
    # Balls and the best scores come last, on top of the others.
    for number in sorted(shown, key=lambda n: (objects.labels[n] == BALL, objects.scores[n])):
        box, label = objects.boxes[number], objects.labels[number]
        top = _draw_object(image, box, label, colors[label], scale)
        middle = (box[0] + box[2]) / 2
        _write_score(image, (middle, top), objects.scores[number], colors[label], scale)
    counts = np.bincount(objects.labels[shown], minlength=len(CLASSES))
    _write_counts(image, counts, colors, scale)
    return image


def _labels_of(sample: DetDataSample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return boxes ``(N, 4)`` in the model's input, labels ``(N,)``, and whether to ignore them."""
    parts = []
    for key in ("gt_instances", "ignored_instances"):
        instances = sample.get(key)
        if instances is not None and "bboxes" in instances:
            boxes = get_box_tensor(instances.bboxes).detach().cpu().numpy()
            labels = np.asarray(instances.labels)
            parts.append((boxes, labels, np.full(len(labels), key == "ignored_instances")))
    if not parts:
        truth = TrueObjects.from_instances(sample.get("instances") or [])
        scale = np.tile(sample.get("scale_factor", (1.0, 1.0)), 2)
        parts.append((truth.boxes * scale, truth.labels, truth.crowd))
    boxes, labels, ignored = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return boxes, labels, ignored


def _rgb(color: str) -> Color:
    red, green, blue = (round(255 * part) for part in to_rgb(color))
    return red, green, blue


def _ring(box: np.ndarray, least: float) -> tuple[np.ndarray, float]:
    """Return center and radius of the ring around a ball's box."""
    return (box[:2] + box[2:]) / 2, max(least, 0.9 * float(np.hypot(*(box[2:] - box[:2]))))


def _draw_object(
    image: np.ndarray, box: np.ndarray, label: int, color: Color, scale: float
) -> float:
    """Draw a box, or the ring around a ball, into an image, and return its top."""
    # Edges lie between pixels; OpenCV counts from the middles of pixels.
    box = box - 0.5
    if label == BALL:
        center, radius = _ring(box, _RING * scale)
        middle, width = center.round().astype(int).tolist(), max(1, round(2 * scale))
        for line, paint in ((width + 2 * max(1, round(scale)), _DARK), (width, color)):
            cv2.circle(image, middle, round(radius), paint, line, cv2.LINE_AA)
        return center[1] - radius
    left, top, right, bottom = box.round().astype(int).tolist()
    cv2.rectangle(image, (left, top), (right, bottom), color, max(1, round(1.5 * scale)))
    return top


def _write_score(
    image: np.ndarray, place: tuple[float, float], score: float, color: Color, scale: float
) -> None:
    """Write a score on a tag above a place, or where the image begins."""
    text, size, line = f"{score:.2f}".lstrip("0"), 0.36 * scale, max(1, round(0.9 * scale))
    (width, height), _ = cv2.getTextSize(text, _FONT, size, line)
    pad = max(1, round(1.5 * scale))
    left, bottom = round(place[0] - width / 2), max(round(place[1]), height + 2 * pad)
    corner = (left - pad, bottom - height - 2 * pad)
    cv2.rectangle(image, corner, (left + width + pad, bottom - 1), color, cv2.FILLED)
    place = (left, bottom - pad - 1)
    cv2.putText(image, text, place, _FONT, size, _DARK, line, cv2.LINE_AA)


def _write_counts(
    image: np.ndarray, counts: np.ndarray, colors: Sequence[Color], scale: float
) -> None:
    """Write the number of each class on a dark strip into the upper left corner of the image."""
    size, pad, line = 0.55 * scale, round(8 * scale), max(1, round(scale))
    texts = [counted(n, name) for n, name in zip(counts, CLASSES, strict=True)]
    sizes = [cv2.getTextSize(text, _FONT, size, line)[0] for text in texts]
    height = max(h for _, h in sizes)
    strip = image[: height + 2 * pad, : sum(w + 2 * pad for w, _ in sizes)]
    strip[:] = strip // 4
    left = pad
    for text, color, (width, _) in zip(texts, colors, sizes, strict=True):
        cv2.putText(image, text, (left, pad + height), _FONT, size, color, line, cv2.LINE_AA)
        left += width + 2 * pad


def _draw_sheet(frames: Sequence[JudgedObjects], num_frames: int) -> np.ndarray:
    """Draw frames below each other, each with its balls enlarged beside it, under a legend."""
    sizes = [_size_on_sheet(frame.objects.image_size) for frame in frames]
    rows = [_CAPTION + max(height, len(_WINDOW_NAMES) * (_ZOOM + _CAPTION)) for _, height in sizes]
    tops = [_HEADER + sum(rows[:number]) for number in range(len(rows) + 1)]
    width = 2 * _MARGIN + max(_FRAME_WIDTH, max(w for w, _ in sizes) + _GAP + _ZOOM)
    page = Page(width, tops[-1] + _MARGIN)
    _write_header(page.part(_MARGIN, 0, (width - 2 * _MARGIN, _HEADER)), frames, num_frames)
    for frame, size, top in zip(frames, sizes, tops, strict=False):
        caption = page.part(_MARGIN, top, (width - 2 * _MARGIN, _CAPTION))
        caption.text(0, 0.3, frame.summary(), fontsize=12, color=INK, va="baseline")
        _draw_row(page, top + _CAPTION, size, frame)
    return rendered(page.figure)


def _size_on_sheet(image_size: tuple[int, int]) -> tuple[int, int]:
    width, height = image_size
    scale = min(_FRAME_WIDTH / width, _FRAME_HEIGHT / height)
    return round(scale * width), round(scale * height)


def _write_header(ax: Axes, frames: Sequence[JudgedObjects], num_frames: int) -> None:
    title = f"Detections: {len(frames)} of {counted(num_frames, 'frame')}"
    notes, marks = f"score threshold {frames[0].score_threshold:g}", FOUND
    if any(frame.objects.truth is not None for frame in frames):
        notes += f"; a match has an IoU of {MIN_IOU:g} or more"
        marks += (MISSED, WRONG)
    ax.text(0, 0.62, title, fontsize=17, color=INK, va="baseline")
    ax.text(0, 0.26, notes, fontsize=12, color=FAINT, va="baseline")
    ax.legend(
        handles=[_legend_handle(mark) for mark in marks],
        labels=[f"{mark.sign} {mark.label}".strip() for mark in marks],
        loc="center right",
        bbox_to_anchor=(1.0, 0.62),
        ncols=len(marks),
        fontsize=12,
        labelcolor=INK,
        frameon=False,
        borderaxespad=0,
        handlelength=2.4,
        handleheight=1.3,
        handletextpad=0.5,
        columnspacing=1.6,
    )


def _legend_handle(mark: Mark) -> tuple[Patch, Line2D]:
    line = Line2D((), (), color=mark.color, linestyle=mark.dashes, linewidth=2.4)
    return Patch(facecolor=GRASS), line


class Window(NamedTuple):
    """The surroundings of a ball.

    Attributes:
        left: Edge, pixels of the image.
        top: Edge, pixels of the image.
        size: Width and height, pixels of the image.
        caption: What it shows.
    """

    left: float
    top: float
    size: float
    caption: str

    @classmethod
    def around(cls, box: np.ndarray, caption: str) -> Window:
        """Return a window with a box ``(4,)`` in its middle."""
        size = _LEAST_WINDOW + 2 * float(max(box[2:] - box[:2]))
        left, top = (box[:2] + box[2:] - size) / 2
        return cls(float(left), float(top), size, caption)

    def contains(self, box: np.ndarray) -> bool:
        """Return whether the middle of a box ``(4,)`` is inside."""
        middle = (box[:2] + box[2:]) / 2 - (self.left, self.top)
        return bool(((middle >= 0) & (middle <= self.size)).all())


def _windows(frame: JudgedObjects) -> list[Window]:
    """Return windows around the true balls, then around those found elsewhere."""
    objects, windows = frame.objects, []
    for number in frame.true:
        if objects.truth.labels[number] == BALL:
            windows.append(Window.around(objects.truth.boxes[number], _fate(frame, number)))
    for number in frame.shown:
        box = objects.boxes[number]
        if objects.labels[number] != BALL or any(window.contains(box) for window in windows):
            continue
        kind = "ball" if objects.truth is None else "no ball"
        windows.append(Window.around(box, f"{kind}: found with score {objects.scores[number]:.2f}"))
    return windows


def _fate(frame: JudgedObjects, number: int) -> str:
    """Write what became of a true ball."""
    objects = frame.objects
    box = objects.truth.boxes[number]
    text = f"ball of {box[3] - box[1]:.0f} px"
    match = np.flatnonzero(frame.matches == number)
    if not len(match):
        return f"{text}: missed"
    score = objects.scores[match[0]]
    if score < frame.score_threshold:
        return f"{text}: missed, score only {score:.2f}"
    iou = box_iou(*(torch.as_tensor(b)[None] for b in (box, objects.boxes[match[0]]))).item()
    return f"{text}: score {score:.2f}, IoU {iou:.2f}"


def _draw_row(page: Page, top: int, size: tuple[int, int], frame: JudgedObjects) -> None:
    """Draw a frame and, to its right, the windows around its balls."""
    image = cv2.imread(frame.objects.image_path, cv2.IMREAD_COLOR)
    if image is None:
        raise DataFormatError(f"cannot read the image '{frame.objects.image_path}'")
    width, height = frame.objects.image_size
    ax = page.part(_MARGIN, top, size)
    _show(ax, cv2.resize(image, size, interpolation=cv2.INTER_AREA), (width, height))
    ax.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    _mark(ax, frame, ring=_RING * width / size[0])
    left = _MARGIN + size[0] + _GAP
    windows = _windows(frame)
    for name, window in zip(_WINDOW_NAMES, windows, strict=False):
        _outline_window(ax, window, name)
        _draw_window(page.part(left, top, (_ZOOM, _ZOOM)), window, image, frame)
        _write_caption(page.part(left, top + _ZOOM, (_ZOOM, _CAPTION)), f"{name}  {window.caption}")
        top += _ZOOM + _CAPTION
    if not windows:
        _write_caption(page.part(left, top, (_ZOOM, _CAPTION)), "no ball")


def _write_caption(ax: Axes, text: str) -> None:
    ax.text(0, 0.4, text, fontsize=10.5, color=INK, va="baseline")


def _show(ax: Axes, image: np.ndarray, size: tuple[int, int]) -> None:
    """Show an image; the axes count pixels of the annotated size, edges at integers."""
    extent = (0, size[0], size[1], 0)
    ax.imshow(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), extent=extent, aspect="auto")


def _draw_window(zoom: Axes, window: Window, image: np.ndarray, frame: JudgedObjects) -> None:
    _show(zoom, image, frame.objects.image_size)
    zoom.set(
        xlim=(window.left, window.left + window.size),
        ylim=(window.top + window.size, window.top),
        autoscale_on=False,
    )
    _mark(zoom, frame, ring=None)


def _outline_window(ax: Axes, window: Window, name: str) -> None:
    corner = np.array([window.left, window.top])
    square = corner + window.size * np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    _draw_lines(ax, [square], PAGE, "solid", width=0.8)
    _write(ax, corner, name, PAGE, (2, -8))


def _mark(ax: Axes, frame: JudgedObjects, ring: float | None) -> None:
    """Mark all objects of a frame; balls by rings of a least radius, or else by their boxes."""
    objects = frame.objects
    for label, mark in enumerate(FOUND):
        numbers = frame.found[objects.labels[frame.found] == label]
        _mark_boxes(ax, objects.boxes[numbers], objects.labels[numbers], mark, ring)
    if objects.truth is not None:
        missed = frame.misses
        _mark_boxes(ax, objects.truth.boxes[missed], objects.truth.labels[missed], MISSED, ring)
    wrong = frame.false_positives
    _mark_boxes(ax, objects.boxes[wrong], objects.labels[wrong], WRONG, ring)


def _mark_boxes(
    ax: Axes, boxes: np.ndarray, labels: np.ndarray, mark: Mark, ring: float | None
) -> None:
    lines = []
    for box, label in zip(boxes, labels, strict=True):
        line = box[[[0, 1], [2, 1], [2, 3], [0, 3], [0, 1]]]
        if label == BALL and ring is not None:
            center, radius = _ring(box, ring)
            angle = np.linspace(0, 2 * np.pi, 49)
            line = center + radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        lines.append(line)
        if mark.sign or label not in (PLAYER, BALL):
            tag = f"{mark.sign}{CLASSES[label][0].upper()}"
            _write(ax, line.min(axis=0), tag, mark.color, (0, 2))
    _draw_lines(ax, lines, mark.color, mark.dashes, width=1.5)


def _draw_lines(
    ax: Axes, lines: Sequence[np.ndarray], color: str, dashes: Any, width: float
) -> None:
    ax.add_collection(
        LineCollection(
            lines,
            colors=color,
            linestyles=[dashes],
            linewidths=width,
            path_effects=[withStroke(linewidth=width + 1.2, foreground=OUTLINE)],
        )
    )


def _write(
    ax: Axes, place: Sequence[float], text: str, color: str, offset: tuple[float, float]
) -> None:
    """Write at a place, inside of the image, if it is in view."""
    ax.annotate(
        text,
        np.maximum(place, 0),
        offset,
        textcoords="offset points",
        fontsize=8,
        fontweight="bold",
        color=color,
        annotation_clip=True,
        path_effects=[withStroke(linewidth=2.2, foreground=OUTLINE)],
    )


def _plot_precision_recall(
    curves: Sequence[ClassCurve], num_frames: int, threshold: float
) -> np.ndarray:
    """Plot COCO's precision at 101 recalls of each class."""
    figure, ax = unit_plot(
        f"Precision and recall at IoU {MIN_IOU:g}, {counted(num_frames, 'frame')}",
        f"large marks: at the score threshold {threshold:g}",
    )
    for label, (name, curve) in enumerate(zip(CLASSES, curves, strict=True)):
        if not curve.num_objects:
            continue
        precision = curve.coco_precision
        reached = np.flatnonzero(precision > 0)
        ax.plot(
            np.append(_RECALLS[reached], _RECALLS[reached[-1:]]),
            np.append(precision[reached], np.zeros_like(reached[-1:])),
            drawstyle="steps-pre",
            label=f"{counted(curve.num_objects, name)}: AP50 {curve.average_precision:.3f}",
            **_line(label),
        )
        last = curve.num_from(threshold) - 1
        if last >= 0:
            ax.plot(curve.recall[last], curve.precision[last], **_dot(label))
    ax.set(xlabel="recall", ylabel="precision")
    return _finished(figure, ax, curves)


def _plot_f1(curves: Sequence[ClassCurve], num_frames: int, threshold: float) -> np.ndarray:
    """Plot the F1 of each class by the score threshold, and where it is best."""
    figure, ax = unit_plot(
        f"F1 by score threshold, {counted(num_frames, 'frame')}",
        f"matches from IoU {MIN_IOU:g} on; marks: the best threshold of each class; "
        f"dashed: the one used, {threshold:g}",
    )
    ax.axvline(threshold, color=FAINT, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for label, (name, curve) in enumerate(zip(CLASSES, curves, strict=True)):
        if not curve.num_objects:
            continue
        text = f"{name}: F1 {curve.f1[curve.num_from(threshold)]:.3f} at {threshold:.2f}"
        scores, f1 = curve.f1_steps
        best = np.flatnonzero(f1 == f1.max())[-1]
        if f1[best] > 0:
            text += f"\nbest: {f1[best]:.3f} at {scores[best]:.2f}"
            ax.plot(scores[best], f1[best], **_dot(label))
        ax.plot(scores, f1, drawstyle="steps-pre", label=text, **_line(label))
    ax.set(xlabel="score threshold", ylabel="F1")
    return _finished(figure, ax, curves)


def _plot_recall(frames: Sequence[JudgedObjects], threshold: float) -> np.ndarray:
    """Plot which share of each class is found, by the height of the box in octaves."""
    heights, labels, found = (
        np.concatenate(arrays)
        for arrays in zip(*(_true_heights(frame) for frame in frames), strict=True)
    )
    octaves = np.log2(np.maximum(heights, 1)).astype(int)
    bins = np.arange(octaves.min(), octaves.max() + 1)
    figure = plot_figure(f"Recall by height, {counted(len(frames), 'frame')}", PLOT_SIZE)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    for label, name in enumerate(CLASSES):
        of_class = labels == label
        if not of_class.any():
            continue
        total, right = (
            np.bincount(octaves[chosen] - bins[0], minlength=len(bins))
            for chosen in (of_class, of_class & found)
        )
        there = total > 0
        top.plot(
            bins[there],
            right[there] / total[there],
            label=name,
            marker=_MARKERS[label],
            markersize=8,
            clip_on=False,
            **_line(label),
        )
        for place, part, whole in zip(bins[there], right[there], total[there], strict=True):
            text = f"{part:,} / {whole:,}"
            bottom.text(
                place, label, text, fontsize=10, color=PLOT_COLORS[label], ha="center", va="center"
            )
    top.set(ylim=(0, 1.02), ylabel="recall", xlim=(bins[0] - 0.6, bins[-1] + 0.6))
    tidy(top, f"score threshold {threshold:g}, matches from IoU {MIN_IOU:g} on")
    tidy(bottom)
    bottom.set(
        ylim=(len(CLASSES) - 0.5, -0.5),
        yticks=range(len(CLASSES)),
        yticklabels=[f"{name}s found" for name in CLASSES],
        xticks=bins,
        xticklabels=[f"{2**n} to {2 ** (n + 1)}" for n in bins],
        xlabel="height of the true box (pixels of the image)",
    )
    bottom.tick_params(length=0)
    bottom.grid(visible=False)
    bottom.spines[:].set_visible(False)
    return rendered_with_legend(figure, num_columns=len(CLASSES))


def _true_heights(frame: JudgedObjects) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return height, label and whether it is found of each true object."""
    truth = frame.objects.truth
    boxes = truth.boxes[frame.true]
    return boxes[:, 3] - boxes[:, 1], truth.labels[frame.true], ~np.isin(frame.true, frame.misses)


def _line(label: int) -> dict[str, Any]:
    return dict(color=PLOT_COLORS[label], linestyle=_DASHES[label], linewidth=2.2)


def _dot(label: int) -> dict[str, Any]:
    return dot(PLOT_COLORS[label], _MARKERS[label])


def _finished(figure: Figure, ax: Axes, curves: Sequence[ClassCurve]) -> np.ndarray:
    if not any(curve.hits.any() for curve in curves):
        text = "no matches" if any(len(curve.hits) for curve in curves) else "no detections"
        ax.text(0.5, 0.5, text, fontsize=16, color=FAINT, ha="center", transform=ax.transAxes)
    return rendered_with_legend(figure, num_columns=len(CLASSES))
