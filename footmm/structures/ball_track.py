"""A window of the ball: what was seen of it, where it was, where it was said to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.structures.samples import as_array, check_shapes, required


@dataclass(frozen=True, eq=False)
class BallTrack:
    """``T`` frames of the ball and ``F`` after them; unlabelled entries are 0 and masked.

    Attributes:
        sequence: Name of the window's sequence.
        source: Where it comes from.
        rate: Frames a second.
        frame_ids: ``(T,)``, numbers of the frames in the sequence.
        pitch_size: Length and width, metres.
        camera: Of T frames.
        calibrated: ``(T,)`` bool, whether the camera of a frame is known.
        origins: ``(T, 3)``, metres, the cameras' centres; 0 where not calibrated.
        rays: ``(T, 3)``, unit vectors to the detections; 0 where not observed.
        ray_jacobian: ``(T, 3, 2)``, their derivatives with respect to the pixel.
        points: ``(T, 2)``, pixels, the detections.
        diameters: ``(T,)``, pixels; 0 where not observed.
        observed: ``(T,)`` bool.
        positions: ``(T, 3)``, metres, world frame, the ball's centre.
        has_position: ``(T,)`` bool.
        mode: ``(T,)`` of :class:`footmm.simulation.tracks.BallMode`.
        has_mode: ``(T,)`` bool.
        future_positions: ``(F, 3)``, metres.
        has_future: ``(F,)`` bool.
        future_mode: ``(F,)``.
        has_future_mode: ``(F,)`` bool.
        true_points: ``(T, 2)``, pixels, where the ball is in the image.
        visible: ``(T,)`` bool, whether it is in the image, as far as that is known.
        pred_positions: ``(T, 3)``, metres.
        pred_velocities: ``(T, 3)``, metres a second.
        pred_scales: ``(T, 2)``, standard deviations along and across the ray, metres.
        pred_mode_scores: ``(T, 4)``, probabilities.
        pred_reliable: ``(T,)`` bool.
        pred_future: ``(F, 3)``, metres.
    """

    sequence: str
    source: str
    rate: float
    frame_ids: np.ndarray
    pitch_size: tuple[float, float]
    camera: Camera
    calibrated: np.ndarray
    origins: np.ndarray
    rays: np.ndarray
    ray_jacobian: np.ndarray
    points: np.ndarray
    diameters: np.ndarray
    observed: np.ndarray
    positions: np.ndarray
    has_position: np.ndarray
    mode: np.ndarray
    has_mode: np.ndarray
    future_positions: np.ndarray
    has_future: np.ndarray
    future_mode: np.ndarray
    has_future_mode: np.ndarray
    true_points: np.ndarray
    visible: np.ndarray
    pred_positions: np.ndarray
    pred_velocities: np.ndarray
    pred_scales: np.ndarray
    pred_mode_scores: np.ndarray
    pred_reliable: np.ndarray
    pred_future: np.ndarray

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any] | BaseDataElement) -> BallTrack:
        """Read the data sample of a window that :class:`Ball3DTracker` has predicted.

        Raises:
            DataFormatError: The sample lacks a key, or its arrays do not fit together.
        """
        arrays = {name: as_array(_required(sample, name)) for name in _ARRAYS}
        arrays |= {name: arrays[name].astype(bool) for name in _MASKS}
        arrays |= {name: arrays[name].astype(np.int64) for name in ("mode", "future_mode")}
        image_size = tuple(_required(sample, "image_size"))
        sequence = str(_required(sample, "sequence"))
        frame_ids = np.asarray(_required(sample, "frame_ids"), dtype=np.int64)
        _check_shapes(arrays, len(frame_ids), sequence)
        camera = Camera.from_arrays(_required(sample, "camera"), image_size)
        tails = {"intrinsics": (3, 3), "rotation": (3, 3), "position": (3,)}
        views = {name: (len(frame_ids), *tail) for name, tail in tails.items()}
        check_shapes(f"the cameras of sequence '{sequence}'", camera.to_arrays(), views)
        return cls(
            sequence=sequence,
            source=str(_required(sample, "source")),
            rate=float(_required(sample, "rate")),
            frame_ids=frame_ids,
            pitch_size=tuple(_required(sample, "pitch_size")),
            camera=camera,
            **arrays,
        )

    @property
    def scored(self) -> np.ndarray:
        """``(T,)`` bool: frames whose position is known, with a camera."""
        return self.has_position & self.calibrated

    @property
    def time(self) -> np.ndarray:
        """``(T,)``, seconds since the first frame."""
        return np.arange(len(self.positions)) / self.rate

    def project(self, positions: np.ndarray) -> np.ndarray:
        """Return where positions ``(T, 3)`` are in their frames, pixels ``(T, 2)``.

        They are nan where the camera is not known or the position is behind it.
        """
        pixels = self.camera.project(torch.as_tensor(positions)[:, None])[:, 0].numpy().copy()
        pixels[~self.calibrated] = np.nan
        return pixels


_MASKS = (
    "calibrated",
    "observed",
    "has_position",
    "has_mode",
    "has_future",
    "has_future_mode",
    "visible",
    "pred_reliable",
)
_NUMBERS = (
    "origins",
    "rays",
    "ray_jacobian",
    "points",
    "diameters",
    "positions",
    "mode",
    "future_positions",
    "future_mode",
    "true_points",
    "pred_positions",
    "pred_velocities",
    "pred_scales",
    "pred_mode_scores",
    "pred_future",
)
_ARRAYS = (*_MASKS, *_NUMBERS)


def _required(sample: Mapping[str, Any] | BaseDataElement, key: str) -> Any:
    return required(sample, key, named_by="sequence")


def _check_shapes(arrays: Mapping[str, np.ndarray], frames: int, name: str) -> None:
    """Check that arrays fit to the number of frames, and of frames after the window."""
    future = len(arrays["future_positions"])
    for key, array in arrays.items():
        count = future if "future" in key else frames
        shape = (count, *_TAILS.get(key, ()))
        if array.shape != shape:
            raise DataFormatError(
                f"a window of sequence '{name}': '{key}' has the shape {array.shape}, it needs to "
                f"be {shape}"
            )


_TAILS: Mapping[str, tuple[int, ...]] = {
    "ray_jacobian": (3, 2),
    "points": (2,),
    "true_points": (2,),
    "pred_scales": (2,),
    "pred_mode_scores": (4,),
} | dict.fromkeys(
    (
        "origins",
        "rays",
        "positions",
        "future_positions",
        "pred_positions",
        "pred_velocities",
        "pred_future",
    ),
    (3,),
)
"""What the arrays have after the frames."""
