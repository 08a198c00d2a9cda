"""Transforms of windows of the ball: what a detector sees, and packing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import BaseDataElement

from footmm.datasets.transforms.common import sample_generator
from footmm.errors import ConfigError, DataFormatError
from footmm.registry import TRANSFORMS

_LABELS = (
    "positions",
    "has_position",
    "velocities",
    "has_velocity",
    "mode",
    "has_mode",
    "future_positions",
    "has_future",
    "future_mode",
    "has_future_mode",
    "true_points",
    "true_diameters",
    "blur",
    "visible",
    "has_image_truth",
    "points",
    "diameters",
    "scores",
    "detected",
    "calibrated",
)
_CROP_LABELS = ("crop_truth", "has_crop_truth")
_META = ("sequence", "source", "rate", "frame_ids", "pitch_size", "image_size", "sample_idx")

_NEAR_PX = 120.0
"""How far most false detections are from the ball: a sock, a penalty mark, a line's end."""

_DETECTOR = 0
"""Purpose of the randomness, see :func:`sample_generator`."""

_BLUR_SHARE = 0.05
"""Share of a streak's length by which detectors measure the ball too large."""


@TRANSFORMS.register_module()
class SimulateBallDetector(BaseTransform):
    """Adds what a detector would see of a ball whose truth is known.

    Of the frames in which the ball is in the image some are missed, alone and in runs (a player in
    front of it), and some have a detection elsewhere. The rest have errors of place and size. A
    streak is measured a twentieth of its length too large.

    Adds ``points`` (T, 2), ``diameters`` (T,), ``scores`` (T,) and ``detected`` (T,); changes
    ``calibrated`` (T,) where calibration is dropped.

    Args:
        point_noise_px: Standard deviation of the centre, pixels.
        point_noise: The same in addition, as a share of the diameter.
        size_noise: Relative standard deviation of the diameter, drawn for each frame.
        size_bias: The same, drawn once for a window.
        miss: Share of the frames that are missed alone.
        occlusion: Expected number of runs of missed frames in 50 frames.
        occlusion_length: Least and greatest number of frames of such a run.
        false_positive: Share of the frames whose detection is elsewhere.
        drop_calibration: Share of the windows that lose calibration for a run of frames.
        seed: With a seed, errors are decided by it and ``sample_idx``; None draws new ones each
            time, from numpy's global state.

    Raises:
        ConfigError: A value is negative, or a share above 1.
    """

    def __init__(
        self,
        point_noise_px: float = 0.7,
        point_noise: float = 0.05,
        size_noise: float = 0.05,
        size_bias: float = 0.02,
        miss: float = 0.05,
        occlusion: float = 0.3,
        occlusion_length: tuple[int, int] = (3, 10),
        false_positive: float = 0.02,
        drop_calibration: float = 0.0,
        seed: int | None = None,
    ) -> None:
        sizes = dict(
            point_noise_px=point_noise_px,
            point_noise=point_noise,
            size_noise=size_noise,
            size_bias=size_bias,
            occlusion=occlusion,
        )
        shares = dict(miss=miss, false_positive=false_positive, drop_calibration=drop_calibration)
        wrong = [f"{name}={value}" for name, value in sizes.items() if value < 0]
        wrong += [f"{name}={value}" for name, value in shares.items() if not 0 <= value <= 1]
        if wrong or not 1 <= occlusion_length[0] <= occlusion_length[1]:
            raise ConfigError(
                f"SimulateBallDetector({', '.join(wrong)}, occlusion_length={occlusion_length}): "
                "give numbers of at least 0, shares of at most 1, and a range of at least 1 frame"
            )
        vars(self).update(sizes, **shares)
        self.occlusion_length = tuple(occlusion_length)
        self.seed = seed

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the window with what a detector sees."""
        rng = sample_generator(self.seed, results, _DETECTOR)
        calibrated = self._calibrated(results["calibrated"], rng)
        visible = results["visible"]
        detected = visible & ~self._missed(len(visible), rng)
        false = detected & (rng.random(len(visible)) < self.false_positive)
        points, diameters = self._measured(results, rng)
        elsewhere = self._elsewhere(results, rng)
        points = np.where(false[:, None], elsewhere, points)
        diameters = np.where(false, diameters * rng.uniform(0.5, 1.8, len(false)), diameters)
        scores = np.where(false, rng.beta(2.0, 3.0, len(false)), rng.beta(8.0, 2.0, len(false)))
        return results | dict(
            calibrated=calibrated,
            points=np.where(detected[:, None], points, 0.0).astype(np.float32),
            diameters=np.where(detected, diameters, 0.0).astype(np.float32),
            scores=np.where(detected, scores, 0.0).astype(np.float32),
            detected=detected,
        )

    def _missed(self, count: int, rng: np.random.Generator) -> np.ndarray:
        missed = rng.random(count) < self.miss
        for _ in range(rng.poisson(self.occlusion * count / 50)):
            missed |= self._run(count, rng)
        return missed

    def _calibrated(self, calibrated: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.drop_calibration:
            return calibrated
        return calibrated & ~self._run(len(calibrated), rng)

    def _run(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Frames ``(T,)`` of a run of a random place and length."""
        low, high = self.occlusion_length
        since = np.arange(count) - rng.integers(count)
        return (since >= 0) & (since < rng.integers(low, high + 1))

    def _measured(
        self, results: dict[str, Any], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        truth, size = results["true_points"], results["true_diameters"]
        deviation = np.hypot(self.point_noise_px, self.point_noise * size)
        points = truth + deviation[:, None] * rng.normal(size=truth.shape)
        ratio = self.size_noise * rng.normal(size=size.shape) + self.size_bias * rng.normal()
        diameters = size * np.exp(ratio) + _BLUR_SHARE * results["blur"]
        return points, np.maximum(diameters, 1.0)

    def _elsewhere(self, results: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
        """Places ``(T, 2)`` of false detections: two of three near the ball."""
        truth = results["true_points"]
        size = np.asarray(results["image_size"]) - 1
        near = truth + rng.normal(0.0, _NEAR_PX, truth.shape)
        anywhere = rng.uniform(0.0, size, truth.shape)
        places = np.where(rng.random((len(truth), 1)) < 2 / 3, near, anywhere)
        return np.clip(places, 0.0, size)


@TRANSFORMS.register_module()
class PackBall3DInputs(BaseTransform):
    """Packs a window into the model's inputs and a data sample.

    Required keys: those of :class:`footmm.datasets.ball3d.SyntheticBall3DDataset` and the
    detections ``points``, ``diameters``, ``scores`` and ``detected``; ``crops`` (T, S, S, 3) if the
    model sees them.

    Packs ``inputs``, a dict of tensors: ``origins`` (T, 3), metres, the cameras' centres, ``rays``
    (T, 3), unit vectors to the detections, ``ray_jacobian`` (T, 3, 2), their derivatives with
    respect to the pixel, ``diameters`` (T,), pixels, ``scores`` (T,), ``observed`` (T,), and
    ``crops`` (T, 3, S, S). A frame is observed if it is calibrated, and its detection is there and
    finite; elsewhere all is 0. And ``data_samples``, which carries the same but the crops, labels
    and names, and the camera as arrays.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``."""
        missing = [name for name in (*_LABELS, "camera") if name not in results]
        if missing:
            raise DataFormatError(
                f"window '{results.get('sequence')}' has no {', '.join(missing)}; detections of "
                "synthetic and Hawk-Eye windows are made by SimulateBallDetector"
            )
        inputs = self._observations(results)
        camera = results["camera"]
        sample = BaseDataElement(
            metainfo={name: results.get(name) for name in _META} | {"camera": camera.to_arrays()}
        )
        names = [name for name in (*_LABELS, *_CROP_LABELS) if name in results]
        labels = {name: torch.from_numpy(np.asarray(results[name])) for name in names}
        for name, value in (labels | inputs).items():
            sample.set_field(value, name)
        if "crops" in results:
            crops = np.ascontiguousarray(results["crops"].transpose(0, 3, 1, 2))
            inputs["crops"] = torch.from_numpy(crops)
        return dict(inputs=inputs, data_samples=sample)

    def _observations(self, results: dict[str, Any]) -> dict[str, torch.Tensor]:
        measured = np.column_stack([results["points"], results["diameters"], results["scores"]])
        finite = np.isfinite(measured).all(1) & (measured[:, 2] > 0)
        observed = torch.from_numpy(results["detected"] & results["calibrated"] & finite)
        calibrated = torch.from_numpy(results["calibrated"])
        measured = torch.from_numpy(measured).double()
        known = observed[:, None]
        points = torch.where(known, measured[:, :2], 0.0)[:, None]
        camera = results["camera"]
        parts = dict(
            rays=torch.where(known, camera.rays(points)[:, 0], 0.0),
            ray_jacobian=torch.where(known[..., None], camera.ray_jacobian(points)[:, 0], 0.0),
            diameters=torch.where(observed, measured[:, 2], 0.0),
            scores=torch.where(observed, measured[:, 3], 0.0),
            origins=torch.where(calibrated[:, None], camera.position, 0.0),
        )
        return {name: part.float() for name, part in parts.items()} | {"observed": observed}
