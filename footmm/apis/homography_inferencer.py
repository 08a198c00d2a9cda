"""From images and videos to cameras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from footmm.apis.frames import Frame, FrameReader, Input
from footmm.apis.model import init_model
from footmm.apis.runner import config_mistakes_explained
from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.camera_smoothing import CameraSmoothingSettings, smooth_cameras
from footmm.registry import TRANSFORMS
from footmm.structures.calibrated_frame import CalibratedFrame

#: Frames a second of images in a folder, and of videos that do not state theirs.
DEFAULT_RATE = 25.0


class HomographyInferencer:
    """Finds the cameras of frames, one frame after the other or smoothed over a video.

    MMEngine's ``BaseInferencer`` is not used: it turns its inputs into a list, and keeps all
    predictions and pictures until the end, which a video has no room for, and its calls return
    dictionaries by conventions that each library on it has replaced.

    Args:
        config: A config of the homography task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        smooth: Whether frames are consecutive frames of a video and their cameras are smoothed, or
            how; see :func:`~footmm.pitch.camera_smoothing.smooth_cameras`. Their results come when
            the last frame was read.
        batch_size: Frames that are predicted together.

    Raises:
        ConfigError: The config is missing or broken, or its test pipeline does not begin with
            ``LoadImageFromFile``.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        smooth: bool | CameraSmoothingSettings = False,
        batch_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}, it must be at least 1")
        self.model = init_model(config, checkpoint, device)
        self.pipeline = _pipeline_of_images(self.model.cfg)
        self.smoothing = CameraSmoothingSettings() if smooth is True else smooth or None
        self.batch_size = batch_size

    def __call__(
        self, inputs: Input | Sequence[Input] | FrameReader, rate: float | None = None
    ) -> Iterator[CalibratedFrame]:
        """Find the cameras of frames.

        Args:
            inputs: What :class:`~footmm.apis.frames.FrameReader` reads, or such a reader, which
                knows afterwards which images could not be read.
            rate: Frames a second, for smoothing; without it the video's own, or 25.

        Returns:
            The results in the order of the frames; unreadable images are left out.

        Raises:
            DatasetNotFoundError: See :class:`~footmm.apis.frames.FrameReader`, as for
            DataFormatError: Inputs that are no images.
        """
        reader = inputs if isinstance(inputs, FrameReader) else FrameReader(inputs)
        if self.smoothing is not None:
            return iter(self._calibrate_smoothly(reader, rate))
        return (result for _, result in self._calibrate(reader))

    def with_images(
        self, reader: FrameReader, rate: float | None = None
    ) -> Iterator[tuple[Frame, CalibratedFrame]]:
        """Find the cameras of frames and return them with the frames, to be drawn.

        Only a batch is in memory at a time: for smoothing, the frames are read twice.

        Args:
            reader: The frames.
            rate: As in :meth:`__call__`.

        Returns:
            Frames and results.
        """
        if self.smoothing is None:
            return self._calibrate(reader)
        return zip(reader, self._calibrate_smoothly(reader, rate), strict=True)

    def _calibrate(self, reader: FrameReader) -> Iterator[tuple[Frame, CalibratedFrame]]:
        frames = iter(reader)
        while batch := list(islice(frames, self.batch_size)):
            data = pseudo_collate([self.pipeline(self._pipeline_input(frame)) for frame in batch])
            with torch.no_grad():
                samples = self.model.test_step(data)
            results = [CalibratedFrame.from_sample(sample.cpu()) for sample in samples]
            yield from zip(batch, results, strict=True)

    def _calibrate_smoothly(self, reader: FrameReader, rate: float | None) -> list[CalibratedFrame]:
        found = [result for _, result in self._calibrate(reader)]
        cameras = smooth_cameras(
            [frame.camera for frame in found],
            rate or reader.rate or DEFAULT_RATE,
            [frame.confidence for frame in found],
            self.smoothing,
        )
        return [_with_camera(*pair) for pair in zip(found, cameras, strict=True)]

    def _pipeline_input(self, frame: Frame) -> dict[str, Any]:
        """What ``LoadImageFromFile`` would have made of the frame."""
        return {
            "img": frame.image,
            "img_path": frame.name,
            "img_shape": frame.image.shape[:2],
            "ori_shape": frame.image.shape[:2],
            "sample_id": frame.name,
            "keypoint_set": self.model.head.keypoint_set.name,
        }


def _with_camera(frame: CalibratedFrame, camera: Camera | None) -> CalibratedFrame:
    if camera is None:
        return frame
    homography = camera.homography().numpy()
    return replace(frame, camera=camera, homography=homography, failure=None)


def _pipeline_of_images(config: Config) -> Compose:
    """The test pipeline without its first transform, which reads an image file."""
    pipeline: list[Mapping[str, Any]] = config.get("test_pipeline") or []
    if not pipeline or pipeline[0]["type"] != "LoadImageFromFile":
        raise ConfigError(
            f"config '{config.filename}' needs a test_pipeline that begins with LoadImageFromFile"
        )
    with config_mistakes_explained():
        return Compose([TRANSFORMS.build(transform) for transform in pipeline[1:]])
