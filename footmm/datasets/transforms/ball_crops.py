"""Crops of the image around detections of the ball."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from footmm.datasets.transforms.common import UnreadableImageError, sample_generator
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import TRANSFORMS
from footmm.simulation.ball_crop import BallInView, paint_ball_crop
from footmm.simulation.viewpoint import Viewpoint

_CROPS = 1
"""Purpose of the randomness, see :func:`sample_generator`."""

_SHUTTER = 0.5
"""Share of the time between two frames in which the shutter is open, as in ``blur``."""


class _BallCrops(BaseTransform):
    """Base of the transforms that add ``crops`` (T, size, size, 3), RGB, uint8.

    Pixel (size / 2, size / 2) of a crop is the pixel of the image that is nearest to the detection;
    frames without one have black crops.

    Args:
        size: Side of the crops, pixels; a multiple of 32.

    Raises:
        ConfigError: ``size`` is no positive multiple of 32.
    """

    def __init__(self, size: int = 64) -> None:
        if size < 32 or size % 32:
            raise ConfigError(f"{type(self).__name__}(size={size}): give a positive multiple of 32")
        self.size = size

    def corners(self, points: np.ndarray) -> np.ndarray:
        """Columns and rows ``(T, 2)`` where the crops of detections ``(T, 2)`` begin."""
        return np.rint(np.nan_to_num(points)).astype(int) - self.size // 2

    def empty(self, count: int) -> np.ndarray:
        """Black crops."""
        return np.zeros((count, self.size, self.size, 3), np.uint8)


@TRANSFORMS.register_module()
class PaintBallCrops(_BallCrops):
    """Paints the crops of a synthetic ball: turf, lines, legs, and the ball where it is in view.

    Goes after :class:`SimulateBallDetector`. Adds ``crops`` and, for each frame, ``crop_truth``,
    1 where the ball's centre is in the crop, and ``has_crop_truth``.

    Args:
        size: Side of the crops, pixels.
        seed: With a seed, the crops are decided by it and ``sample_idx``; None draws new ones.
    """

    def __init__(self, size: int = 64, seed: int | None = None) -> None:
        super().__init__(size)
        self.seed = seed

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the window with crops."""
        detected = results["detected"] & results["visible"]
        rng = sample_generator(self.seed, results, _CROPS)
        crops = self.empty(len(detected))
        corners = self.corners(results["points"])
        inside = np.abs(results["true_points"] - results["points"]) < 0.5 * self.size - 1
        has_ball = detected & inside.all(1)
        for frame in np.flatnonzero(detected).tolist():
            ball = self._ball(results, frame) if has_ball[frame] else None
            crops[frame] = paint_ball_crop(ball, tuple(corners[frame]), self.size, rng)
        return results | dict(
            crops=crops, crop_truth=has_ball.astype(np.float32), has_crop_truth=detected
        )

    @staticmethod
    def _ball(results: dict[str, Any], frame: int) -> BallInView:
        return BallInView(
            Viewpoint(results["camera"][frame]),
            results["positions"][frame].astype(float),
            results["velocities"][frame].astype(float),
            _SHUTTER / results["rate"],
        )


@TRANSFORMS.register_module()
class LoadBallCrops(_BallCrops):
    """Cuts the crops out of the frames' images, ``img_paths``.

    What is outside the image is black. Nobody says what the crops show: ``has_crop_truth`` is
    False.

    Args:
        size: Side of the crops, pixels.

    Raises:
        UnreadableImageError: An image is missing or broken.
        DataFormatError: The window names no images.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the window with crops."""
        if "img_paths" not in results:
            raise DataFormatError(
                f"window '{results.get('sequence')}' names no images (img_paths); crops of "
                "synthetic and Hawk-Eye windows are painted by PaintBallCrops"
            )
        detected = results["detected"]
        crops = self.empty(len(detected))
        corners = self.corners(results["points"])
        for frame in np.flatnonzero(detected).tolist():
            crops[frame] = self._cut(results["img_paths"][frame], corners[frame].tolist())
        nothing = np.zeros(len(detected), bool)
        return results | dict(
            crops=crops, crop_truth=nothing.astype(np.float32), has_crop_truth=nothing
        )

    def _cut(self, path: str, corner: Sequence[int]) -> np.ndarray:
        image = cv2.imread(path) if os.path.isfile(path) else None
        if image is None:
            raise UnreadableImageError(f"{path} is missing or no image; unzip the sequence again")
        left, top = corner
        height, width = image.shape[:2]
        crop = self.empty(1)[0]
        columns = slice(max(left, 0), min(left + self.size, width))
        rows = slice(max(top, 0), min(top + self.size, height))
        part = image[rows, columns, ::-1]
        crop[
            rows.start - top : rows.start - top + len(part),
            columns.start - left : columns.start - left + part.shape[1],
        ] = part
        return crop
