"""Frames in the layout of SoccerNet's camera calibration task, with the exact cameras."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions, soccernet_line_name
from footmm.simulation.export.folder import Item, encode_json
from footmm.simulation.export.scenes import (
    SPLITS,
    Frame,
    ImageExportSettings,
    SceneExport,
    SceneUnit,
    encode_jpeg,
)

IMAGE_SIZE = (960, 540)
"""The size for which SoccerNet's cameras are given and evaluated."""

_MIN_CLASSES = 3
_CIRCLE_POINTS = 9
_MAX_LINE_POINTS = 6
_PIXELS_PER_LINE_POINT = 200.0
_DECIMALS = 7

LineAnnotations = dict[str, list[dict[str, float]]]
"""The official json: line class to points, ``x`` and ``y`` as shares of width - 1, height - 1."""


def annotate_lines(camera: Camera) -> LineAnnotations:
    """Annotate the lines of a 105 x 68 m pitch that a camera sees.

    A class is annotated exactly where ``SoccerNet.Evaluation.CameraCalibration`` finds it in the
    image: where one of the points that it samples along the line falls into it. The annotated
    points are spread over the visible part, both ends included, and are never beyond what the
    evaluator draws: it looks for the place where a line enters the image on the nearest border, so
    a line that cuts off a corner can begin at its first sample inside.

    Args:
        camera: One camera, not batched.

    Returns:
        Points by official class name. Straight lines have two points or more in order, circles
        nine; a single point where all but one sample are outside.
    """
    names, samples, ends = _samples()
    pixels = camera.project(samples).numpy()
    lines = {}
    for name, points in zip(names, np.split(pixels, ends), strict=True):
        parts = _visible_parts(points, camera.image_size)
        if parts:
            lines[soccernet_line_name(name)] = _annotation(name, parts, camera.image_size)
    return lines


@lru_cache(maxsize=1)
def _samples() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return class names, the evaluator's samples of all, and where each but the first begins."""
    samples = PitchDimensions().sample_markings()
    sizes = [len(points) for points in samples.values()]
    return list(samples), np.concatenate(list(samples.values())), np.cumsum(sizes)[:-1]


def _visible_parts(pixels: np.ndarray, image_size: tuple[int, int]) -> list[np.ndarray]:
    """Cut a projected line ``(N, 2)`` into its parts inside the image."""
    inside = ((pixels >= 0) & (pixels < image_size)).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]])))
    parts = []
    for first, end in edges.reshape(-1, 2):
        part = [pixels[first:end]]
        if first > 0:
            part.insert(0, _border_crossing(pixels[first], pixels[first - 1], image_size, True))
        if end < len(pixels):
            part.append(_border_crossing(pixels[end - 1], pixels[end], image_size, False))
        parts.append(np.concatenate(part))
    return parts


def _border_crossing(
    inside: np.ndarray, outside: np.ndarray, image_size: tuple[int, int], is_entry: bool
) -> np.ndarray:
    """Return where the way between two points meets the border, ``(1, 2)``; else ``(0, 2)``."""
    none = np.empty((0, 2))
    border = np.asarray(image_size) - 1.0
    # In the outer half of the last pixels, or with the other point behind the camera.
    if (inside > border).any() or not np.isfinite(outside).all():
        return none
    direction = outside - inside
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.stack([-inside / direction, (border - inside) / direction])
    forward = np.nanmin(np.where(steps > 0, steps, np.inf))
    backward = np.nanmax(np.where(steps <= 0, steps, -np.inf))
    if is_entry and forward > -backward:
        return none
    return (inside + min(forward, 1.0) * direction)[None]


def _annotation(
    name: str, parts: list[np.ndarray], image_size: tuple[int, int]
) -> list[dict[str, float]]:
    lengths = [np.linalg.norm(np.diff(part, axis=0), axis=1) for part in parts]
    total = float(sum(length.sum() for length in lengths))
    count = _CIRCLE_POINTS
    if not name.startswith("Circle"):
        count = min(2 + int(total / _PIXELS_PER_LINE_POINT), _MAX_LINE_POINTS)
    if total == 0:
        count = 1
    # Gaps between parts have no length, so no point falls into them.
    steps = np.concatenate([np.concatenate([[0.0], length]) for length in lengths])
    places, points = np.cumsum(steps), np.concatenate(parts)
    wanted = np.linspace(0, total, count)
    scale = np.asarray(image_size) - 1.0
    chosen = np.stack([np.interp(wanted, places, axis) for axis in points.T], axis=-1) / scale
    return [{"x": x, "y": y} for x, y in np.round(chosen, _DECIMALS).tolist()]


def shows_enough_lines(camera: Camera) -> bool:
    """Whether a frame is worth being annotated: three lines, none of them a mere point."""
    lines = annotate_lines(camera).values()
    return len(lines) >= _MIN_CLASSES and all(len(points) > 1 for points in lines)


class _CalibrationUnit(SceneUnit):
    def item(self, number: int, frame: Frame) -> Item:
        split, camera = self.scenes.split, frame.labels.camera
        return Item(
            {
                f"{split}/{number:05d}.jpg": encode_jpeg(frame.image),
                f"{split}/{number:05d}.json": encode_json(annotate_lines(camera)),
                f"cameras/{split}/camera_{number:05d}.json": encode_json(camera.to_soccernet()),
            }
        )


class SoccerNetCalibrationExport(SceneExport):
    """Frames of broadcast cameras as SoccerNet's calibration task gives them.

    ``<split>/NNNNN.jpg`` and ``.json``; ``cameras/<split>/camera_NNNNN.json`` are the cameras
    themselves, in the format of predictions.

    Args:
        settings: What to draw.

    Raises:
        ConfigError: The official evaluation knows neither other pitches nor other image sizes.
    """

    folders = SPLITS
    format_name = "soccernet-calibration"
    unit = _CalibrationUnit
    accepts = staticmethod(shows_enough_lines)

    def __init__(self, settings: ImageExportSettings) -> None:
        pitch = PitchDimensions()
        fixed = {"image_size": IMAGE_SIZE, "pitch_size": (pitch.length, pitch.width)}
        for key, value in fixed.items():
            if tuple(getattr(settings, key)) != value:
                raise ConfigError(
                    f"{key}={getattr(settings, key)}: SoccerNet's calibration task is evaluated "
                    f"for {value[0]:g} x {value[1]:g} only"
                )
        super().__init__(settings)
