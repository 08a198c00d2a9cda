"""From images and videos to cameras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config

from footmm.apis.frame_predictor import FramePredictor
from footmm.apis.frames import DEFAULT_RATE, Frame, FrameReader, Input
from footmm.pitch.camera import Camera
from footmm.pitch.camera_smoothing import CameraSmoothingSettings, smooth_cameras
from footmm.structures.calibrated_frame import CalibratedFrame


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
        ConfigError: The config is missing, broken or of another task.
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
        self.predict = FramePredictor(
            config, checkpoint, "PackPitchInputs", "homography", device, batch_size
        )
        self.model = self.predict.model
        self.smoothing = CameraSmoothingSettings() if smooth is True else smooth or None

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

        Yields:
            Frames and results.
        """
        if self.smoothing is None:
            yield from self._calibrate(reader)
        else:
            yield from zip(reader, self._calibrate_smoothly(reader, rate), strict=True)

    def _calibrate(self, reader: FrameReader) -> Iterator[tuple[Frame, CalibratedFrame]]:
        keypoint_set = self.model.head.keypoint_set.name
        for frame, sample in self.predict(reader, keypoint_set=keypoint_set):
            yield frame, CalibratedFrame.from_sample(sample)

    def _calibrate_smoothly(self, reader: FrameReader, rate: float | None) -> list[CalibratedFrame]:
        found = [result for _, result in self._calibrate(reader)]
        cameras = smooth_cameras(
            [frame.camera for frame in found],
            rate or reader.rate or DEFAULT_RATE,
            [frame.confidence for frame in found],
            self.smoothing,
        )
        return [_with_camera(*pair) for pair in zip(found, cameras, strict=True)]


def _with_camera(frame: CalibratedFrame, camera: Camera | None) -> CalibratedFrame:
    if camera is None:
        return frame
    homography = camera.homography().numpy()
    return replace(frame, camera=camera, homography=homography, failure=None)
