"""Pictures of calibrated frames: the pitch over the image, and what it shows seen from above.

Images of single frames are (blue, green, red), as OpenCV reads and writes them; the sheets of
:class:`HomographyVisualizer` are RGB, as MMEngine's visualizers are.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.visualization import Visualizer
from mmpose.structures import PoseDataSample

from footmm.errors import DataFormatError
from footmm.evaluation.functional import reprojection_errors
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE, Camera
from footmm.pitch.dimensions import LINE_CLASSES
from footmm.pitch.draw import (
    Color,
    PitchFromAbove,
    draw_ground_markings,
    draw_keypoints,
    draw_pitch,
)
from footmm.pitch.frames import pixel_scaling
from footmm.registry import VISUALIZERS
from footmm.structures.calibrated_frame import CalibratedFrame, camera_for_image

PREDICTED: Color = (60, 220, 255)
TRUE: Color = (255, 90, 255)
INK, FAINT, PAGE, ALARM = (43, 38, 33), (122, 115, 107), (255, 255, 255), (60, 60, 235)

#: Lowest score of each class of keypoints, and its colour.
SCORE_COLORS: tuple[tuple[float, Color], ...] = (
    (0.7, (90, 230, 90)),
    (0.4, (40, 200, 255)),
    (0.0, (70, 70, 255)),
)

_FONT = cv2.FONT_HERSHEY_DUPLEX
_TILE_SIZE = SOCCERNET_IMAGE_SIZE
_PANEL_WIDTH, _GAP, _LINE_HEIGHT = 420, 14, 21
_COLUMNS = 2


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is known of a frame's true camera, in the frame's own pixels.

    Attributes:
        camera: None where it is not known.
        homography: ``(3, 3)``, ground in metres to pixels; None where it is not known.
        lines: Annotated points ``(N, 2)`` by line class.
    """

    camera: Camera | None
    homography: np.ndarray | None
    lines: dict[str, np.ndarray]

    @classmethod
    def from_sample(cls, sample: PoseDataSample) -> FrameTruth:
        """Read what ``PackPitchInputs`` has packed; all of it may be missing."""
        height, width = sample.ori_shape[:2]
        to_frame = pixel_scaling(SOCCERNET_IMAGE_SIZE, (width, height))
        camera = camera_for_image(sample.get("ground_truth_camera"), (width, height))
        homography = sample.get("ground_truth_homography")
        if homography is not None:
            homography = to_frame @ np.asarray(homography, dtype=float)
        elif camera is not None:
            homography = camera.homography().numpy()
        lines = {
            name: np.asarray(points) @ to_frame[:2, :2].T + to_frame[:2, 2]
            for name, points in (sample.get("annotated_lines") or {}).items()
        }
        return cls(camera, homography, lines)


def draw_calibration(
    image: np.ndarray,
    frame: CalibratedFrame,
    truth: FrameTruth | None = None,
    min_score: float = 0.3,
) -> np.ndarray:
    """Draw what was found over a frame: the pitch, the keypoints, the confidence or the failure.

    Args:
        image: The frame, ``(H, W, 3)`` uint8.
        frame: What was found for it.
        truth: Drawn beside it, thin: the true markings, else the annotated points of lines.
        min_score: Of the keypoints drawn.

    Returns:
        A new image, like ``image``.

    Raises:
        DataFormatError: The frame has another size.
    """
    if image.shape[1::-1] != frame.image_size:
        raise DataFormatError(
            f"{frame.name}: the image is {image.shape[1]} x {image.shape[0]}, it was calibrated at "
            f"{' x '.join(map(str, frame.image_size))}"
        )
    scale = image.shape[1] / SOCCERNET_IMAGE_SIZE[0]
    if frame.camera is not None:
        image = draw_pitch(image, frame.camera, thickness=max(1, round(2 * scale)))
    elif frame.homography is not None:
        image = draw_ground_markings(image, frame.homography, color=PREDICTED)
    if truth is not None:
        image = _draw_truth(image, truth, thickness=max(1, round(scale)))
    image = _draw_found_keypoints(image, frame, min_score, radius=max(2.0, 3.0 * scale))
    return _draw_caption(image.copy(), frame, scale)


def draw_top_view(
    frame: CalibratedFrame, truth: FrameTruth | None = None, view: PitchFromAbove | None = None
) -> np.ndarray:
    """Draw the pitch from above with the ground that the frame shows.

    Args:
        frame: What was found.
        truth: Its footprint is outlined in another colour.
        view: Size and pitch; 480 pixels wide without it.

    Returns:
        ``(H, W, 3)`` uint8, (blue, green, red).
    """
    view = view or PitchFromAbove()
    image = view.draw()
    if frame.camera is not None:
        seen = view.footprint(frame.camera)
        image[seen] = (0.65 * image[seen] + 0.35 * np.array(PREDICTED)).astype(np.uint8)
        _outline(image, seen, PREDICTED, thickness=2)
    if truth is not None and truth.camera is not None:
        _outline(image, view.footprint(truth.camera), TRUE, thickness=1)
    return image


@VISUALIZERS.register_module()
class HomographyVisualizer(Visualizer):
    """Draws frames with the pitch that was found, from the broadcast's camera and from above.

    Args:
        num_samples: Frames of the sheet.
        min_score: Of the keypoints drawn.
        name: Of the instance, for MMEngine's ``get_instance``.
        **kwargs: See MMEngine's ``Visualizer``.
    """

    def __init__(
        self,
        num_samples: int = 6,
        min_score: float = 0.3,
        name: str = "visualizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self.num_samples = num_samples
        self.min_score = min_score

    def draw_samples(self, data_samples: Sequence[PoseDataSample]) -> dict[str, np.ndarray]:
        """Draw the first frames.

        Args:
            data_samples: Predicted frames; each image is read again from ``img_path``.

        Returns:
            ``calibration``: RGB, uint8, shape (H, W, 3). Nothing without samples.

        Raises:
            DataFormatError: An image cannot be read.
        """
        tiles = [self._tile(sample) for sample in data_samples[: self.num_samples]]
        if not tiles:
            return {}
        return {"calibration": cv2.cvtColor(_sheet(tiles), cv2.COLOR_BGR2RGB)}

    def draw_dataset_sample(self, image: np.ndarray, sample: PoseDataSample) -> np.ndarray:
        """Draw the labels of a sample that has been through a pipeline.

        Args:
            image: The model's input, RGB, uint8, ``(H, W, 3)``.
            sample: With the keypoints in ``gt_instances``, if it is labelled.

        Returns:
            A new image, like ``image``.
        """
        if "gt_instances" not in sample or "keypoints" not in sample.gt_instances:
            return image
        labels = sample.gt_instances
        visible = np.asarray(labels.keypoints_visible)[0] > 0
        return draw_keypoints(image, np.asarray(labels.keypoints)[0], visible, radius=2.0)

    def _tile(self, sample: PoseDataSample) -> np.ndarray:
        frame, truth = CalibratedFrame.from_sample(sample), FrameTruth.from_sample(sample)
        image = cv2.imread(str(sample.img_path), cv2.IMREAD_COLOR)
        if image is None:
            raise DataFormatError(f"cannot read the image '{sample.img_path}'")
        overlay = draw_calibration(image, frame, truth, self.min_score)
        panel = np.full((_TILE_SIZE[1], _PANEL_WIDTH, 3), PAGE, np.uint8)
        top_view = draw_top_view(frame, truth, PitchFromAbove(_PANEL_WIDTH))
        panel[: top_view.shape[0]] = top_view
        _write_legend(panel)
        _write_figures(panel, top_view.shape[0] + 2 * _GAP, Path(sample.img_path), frame, truth)
        shown = cv2.resize(overlay, _TILE_SIZE, interpolation=cv2.INTER_AREA)
        return np.hstack([shown, np.full((_TILE_SIZE[1], _GAP, 3), PAGE, np.uint8), panel])


def _draw_truth(image: np.ndarray, truth: FrameTruth, thickness: int) -> np.ndarray:
    if truth.camera is not None:
        colors = dict.fromkeys(LINE_CLASSES, TRUE)
        return draw_pitch(image, truth.camera, thickness=thickness, colors=colors)
    if truth.homography is not None:
        return draw_ground_markings(image, truth.homography, color=TRUE, thickness=thickness)
    for points in truth.lines.values():
        image = draw_keypoints(
            image, points, np.ones(len(points), dtype=bool), color=TRUE, radius=2.0 * thickness
        )
    return image


def _draw_found_keypoints(
    image: np.ndarray, frame: CalibratedFrame, min_score: float, radius: float
) -> np.ndarray:
    found = np.isfinite(frame.keypoints).all(axis=1) & (frame.scores >= min_score)
    upper = np.inf
    names = [f"{score:.2f}" for score in frame.scores]
    for lower, color in SCORE_COLORS:
        chosen = found & (frame.scores >= lower) & (frame.scores < upper)
        image = draw_keypoints(image, frame.keypoints, chosen, names, color=color, radius=radius)
        upper = lower
    return image


def _draw_caption(image: np.ndarray, frame: CalibratedFrame, scale: float) -> np.ndarray:
    """Write confidence or failure on a dark strip into the upper left corner of the image."""
    text, color = f"confidence {frame.confidence:.2f}", PREDICTED
    if frame.camera is None:
        text, color = textwrap.shorten(f"no camera: {frame.failure}", 90, placeholder=" ..."), ALARM
    size, pad = 0.6 * scale, round(8 * scale)
    (width, height), below = cv2.getTextSize(text, _FONT, size, 1)
    strip = image[: height + below + 2 * pad, : width + 2 * pad]
    strip[:] = strip // 4
    cv2.putText(image, text, (pad, pad + height), _FONT, size, color, 1, cv2.LINE_AA)
    return image


def _outline(image: np.ndarray, mask: np.ndarray, color: Color, thickness: int) -> None:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, color, thickness, cv2.LINE_AA)


def _write_figures(
    panel: np.ndarray, top: int, path: Path, frame: CalibratedFrame, truth: FrameTruth
) -> None:
    """Write the figures of a frame into its panel, from a row on."""
    rows: list[tuple[str, Color]] = [(path.name, INK)]
    if frame.camera is None:
        rows += [(row, ALARM) for row in textwrap.wrap(f"no camera: {frame.failure}", 42)]
    else:
        rows.append((f"confidence {frame.confidence:.2f}", INK))
    if frame.homography is not None and truth.homography is not None:
        errors = reprojection_errors(frame.homography, truth.homography, frame.image_size)
        if len(errors.metres):
            metres, pixels = np.median(errors.metres), np.median(errors.pixels)
            rows.append((f"median error {metres:.2f} m, {pixels:.1f} px", INK))
    sure = SCORE_COLORS[1][0]
    rows.append((f"{int((frame.scores >= sure).sum())} keypoints with score {sure} or more", FAINT))
    for row, (text, color) in enumerate(rows):
        place = (2, top + row * _LINE_HEIGHT)
        cv2.putText(panel, text, place, _FONT, 0.5, color, 1, cv2.LINE_AA)


def _write_legend(panel: np.ndarray) -> None:
    """Explain the colours at the bottom of a panel, from the last row upwards."""
    rows = [(f"keypoint, score from {lowest:g}", color) for lowest, color in SCORE_COLORS[::-1]]
    rows += [("ground in view, predicted", PREDICTED), ("true markings and ground in view", TRUE)]
    for row, (text, color) in enumerate(rows):
        y = panel.shape[0] - 8 - row * _LINE_HEIGHT
        cv2.circle(panel, (9, y - 5), 6, FAINT, -1, cv2.LINE_AA)
        cv2.circle(panel, (9, y - 5), 5, color, -1, cv2.LINE_AA)
        cv2.putText(panel, text, (24, y), _FONT, 0.45, FAINT, 1, cv2.LINE_AA)


def _sheet(tiles: Sequence[np.ndarray]) -> np.ndarray:
    """Lay tiles of one size out in rows."""
    height, width = tiles[0].shape[:2]
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    size = (_GAP + rows * (height + _GAP), _GAP + columns * (width + _GAP), 3)
    sheet = np.full(size, PAGE, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = _GAP + number // columns * (height + _GAP), _GAP + number % columns * (width + _GAP)
        sheet[y : y + height, x : x + width] = tile
    return sheet
