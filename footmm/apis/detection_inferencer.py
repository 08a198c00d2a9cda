"""From images and videos to players, balls and referees."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from mmdet.structures import DetDataSample
from mmengine.config import Config

from footmm.apis.frame_predictor import FramePredictor
from footmm.apis.frames import Frame, FrameReader, Input
from footmm.apis.tiles import TileDetections, check_tiles, merge_tiles, tile_windows
from footmm.errors import ConfigError
from footmm.structures.detected_objects import CLASSES, DetectedObjects

#: Pixels that neighbouring tiles share: people in wide views of 4K are hardly higher.
DEFAULT_TILE_OVERLAP = 256


class DetectionInferencer:
    """Finds the players, balls and referees of frames, whole or cut into tiles.

    MMEngine's ``BaseInferencer`` and mmdet's ``DetInferencer`` on it are not used, for the reasons
    that :class:`~footmm.apis.HomographyInferencer` gives; neither do these read videos.

    Args:
        config: A config of the detection task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        batch_size: Frames, or tiles, that are predicted together.
        tile_size: Width and height of tiles into which frames are cut, pixels; see
            :mod:`footmm.apis.tiles`. Each goes through the pipeline and the model like a frame, so
            it should be about as large as the frames that the model was trained with.
        tile_overlap: Pixels that neighbouring tiles share at least. Objects up to this size are
            seen whole by one of them.
        whole_frame: Whether the whole frame is looked at, too, for what is larger than a tile.
        min_score: Objects below are left out.

    Raises:
        ConfigError: The config is missing, broken or of another task, or no tiles can be laid.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        batch_size: int = 1,
        tile_size: tuple[int, int] | None = None,
        tile_overlap: int = DEFAULT_TILE_OVERLAP,
        whole_frame: bool = False,
        min_score: float = 0.0,
    ) -> None:
        if tile_size is not None:
            check_tiles(tile_size, tile_overlap)
        self.predict = FramePredictor(
            config, checkpoint, "PackDetInputs", "detection", device, batch_size
        )
        self.model = self.predict.model
        self.tile_size, self.tile_overlap = tile_size, tile_overlap
        self.whole_frame = whole_frame
        self.min_score = min_score

    def __call__(self, inputs: Input | Sequence[Input] | FrameReader) -> Iterator[DetectedObjects]:
        """Find the objects of frames.

        Args:
            inputs: What :class:`~footmm.apis.frames.FrameReader` reads, or such a reader, which
                knows afterwards which images could not be read.

        Returns:
            The results in the order of the frames, while they are asked for; ``image_id`` is the
            frame's number, from 1, ``image_path`` its name. Unreadable images are left out, their
            numbers, too.

        Raises:
            DatasetNotFoundError: See :class:`~footmm.apis.frames.FrameReader`, as for
            DataFormatError: Inputs that are no images.
            ConfigError: The model finds other classes than ours.
        """
        reader = inputs if isinstance(inputs, FrameReader) else FrameReader(inputs)
        return (objects for _, objects in self.with_images(reader))

    def with_images(self, reader: FrameReader) -> Iterator[tuple[Frame, DetectedObjects]]:
        """Find the objects of frames and return them with the frames, to be drawn.

        Only as many frames are in memory as a batch is made of.

        Args:
            reader: The frames.

        Yields:
            Frames and results.
        """
        frames: deque[tuple[Frame, np.ndarray]] = deque()

        def views() -> Iterator[Frame]:
            for frame in reader:
                windows = self._windows(frame)
                frames.append((frame, windows))
                for left, top, right, bottom in windows:
                    yield frame._replace(image=frame.image[top:bottom, left:right])

        samples = (sample for _, sample in self.predict(views()))
        for first in samples:
            frame, windows = frames.popleft()
            yield frame, self._merged(frame, windows, [first, *islice(samples, len(windows) - 1)])

    def _windows(self, frame: Frame) -> np.ndarray:
        """Return left, top, right and bottom of what the model looks at, ``(T, 4)``."""
        size = frame.image.shape[1::-1]
        whole = np.array([[0, 0, *size]])
        if self.tile_size is None:
            return whole
        windows = tile_windows(size, self.tile_size, self.tile_overlap)
        return np.vstack([windows, whole]) if self.whole_frame and len(windows) > 1 else windows

    def _merged(
        self, frame: Frame, windows: np.ndarray, samples: Sequence[DetDataSample]
    ) -> DetectedObjects:
        views = [DetectedObjects.from_sample(sample) for sample in samples]
        corners = np.tile(windows[:, :2], 2)
        boxes, scores, labels = merge_tiles(
            TileDetections(
                windows=windows,
                tiles=np.repeat(np.arange(len(views)), [len(view.scores) for view in views]),
                boxes=np.concatenate(
                    [view.boxes + corner for view, corner in zip(views, corners, strict=True)]
                ),
                scores=np.concatenate([view.scores for view in views]),
                labels=np.concatenate([view.labels for view in views]),
            )
        )
        self._check_classes(labels)
        kept = scores >= self.min_score
        size = frame.image.shape[1::-1]
        return DetectedObjects(
            frame.number, frame.name, size, boxes[kept], scores[kept], labels[kept]
        )

    def _check_classes(self, labels: np.ndarray) -> None:
        if len(labels) and labels.max() >= len(CLASSES):
            raise ConfigError(
                f"the model of config '{self.model.cfg.filename}' finds objects of class "
                f"{labels.max()}; it has to be trained with the classes {', '.join(CLASSES)} (0 to "
                f"{len(CLASSES) - 1})"
            )
