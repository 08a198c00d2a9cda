"""From images and videos to cameras."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from footmm.apis.frame_inferencer import FrameInferencer, Record
from footmm.apis.frames import DEFAULT_RATE, Frame, FrameReader
from footmm.apis.growing_files import growing_json
from footmm.apis.inferencer import Pictures
from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.camera_smoothing import CameraSmoothingSettings, smooth_cameras
from footmm.structures.calibrated_frame import CalibratedFrame
from footmm.visualization.homography import draw_calibration, draw_top_view

CAMERAS_FILE = "cameras.json"


class HomographyInferencer(FrameInferencer[CalibratedFrame]):
    """Finds the cameras of frames, one frame after the other or smoothed over a video.

    ``out_dir`` gets ``cameras.json`` (:meth:`CalibratedFrame.to_json` by frame), the pitch drawn
    over the frames (``overlays/``, or ``overlay.mp4`` of a video) and the ground that they show
    (``top_views/``, ``top_view.mp4``).

    Args:
        config: A config of the homography task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        smooth: Whether frames are consecutive frames of a video and their cameras are smoothed, or
            how; see :func:`~footmm.pitch.camera_smoothing.smooth_cameras`. All results are kept
            until the last frame was read; the frames are not, but read again to be drawn.
        pictures: Whether ``out_dir`` gets pictures.

    Raises:
        ConfigError: The config is missing, broken or of another task.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    task = "homography"
    packer = "PackPitchInputs"
    result_files = (CAMERAS_FILE,)
    picture_files = {"overlays": "overlay.mp4", "top_views": "top_view.mp4"}

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        smooth: bool | CameraSmoothingSettings = False,
        pictures: bool = True,
    ) -> None:
        super().__init__(config, checkpoint, device, pictures)
        self.smoothing = CameraSmoothingSettings() if smooth is True else smooth or None

    def predict(
        self, source: FrameReader, batch_size: int, drawn: bool
    ) -> Iterator[tuple[Frame | None, CalibratedFrame]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`.

        Raises:
            ConfigError: Frames of an iterator would have to be read again.
        """
        if self.smoothing is None:
            return self._calibrate(source, batch_size)
        if drawn and source.is_stream:
            raise ConfigError(
                "frames of an iterator are read once, and smoothed cameras are known only then: "
                "no pictures can be drawn; give a video, a folder or a list, or pictures=False"
            )
        return self._predict_smoothly(source, batch_size, drawn)

    def load(self, frame: Frame) -> dict[str, Any]:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.load`."""
        return super().load(frame) | {"keypoint_set": self.model.head.keypoint_set.name}

    def draw(self, item: Frame, result: CalibratedFrame) -> Pictures:
        """Draw the pitch over the frame, and the ground that it shows."""
        return {
            "overlays": draw_calibration(item.image, result),
            "top_views": draw_top_view(result),
        }

    @contextmanager
    def open_records(self, out: Path, source: FrameReader) -> Iterator[Record[CalibratedFrame]]:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.open_records`."""
        with growing_json(out / CAMERAS_FILE, "frames", source.report) as write:
            yield lambda frame, result: write(result.name, result.to_json())

    def _calibrate(
        self, reader: FrameReader, batch_size: int
    ) -> Iterator[tuple[Frame, CalibratedFrame]]:
        for frame, sample in self.predict_samples(reader, batch_size):
            yield frame, CalibratedFrame.from_sample(sample)

    def _predict_smoothly(
        self, reader: FrameReader, batch_size: int, drawn: bool
    ) -> Iterator[tuple[Frame | None, CalibratedFrame]]:
        found = [result for _, result in self._calibrate(reader, batch_size)]
        cameras = smooth_cameras(
            [frame.camera for frame in found],
            reader.rate or DEFAULT_RATE,
            [frame.confidence for frame in found],
            self.smoothing,
        )
        frames = reader if drawn else [None] * len(found)
        for frame, result, camera in zip(frames, found, cameras, strict=True):
            yield frame, _with_camera(result, camera)


def _with_camera(frame: CalibratedFrame, camera: Camera | None) -> CalibratedFrame:
    if camera is None:
        return frame
    homography = camera.homography().numpy()
    return replace(frame, camera=camera, homography=homography, failure=None)
