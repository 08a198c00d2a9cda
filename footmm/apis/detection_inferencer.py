"""From images and videos to players, balls and referees."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from mmdet.structures import DetDataSample
from mmengine.config import Config

from footmm.apis.detection_files import growing_coco, growing_mot
from footmm.apis.frame_inferencer import FrameInferencer, Record
from footmm.apis.frames import Frame, FrameReader
from footmm.apis.inferencer import Pictures
from footmm.apis.tiles import TileDetections, check_tiles, merge_tiles, tile_windows
from footmm.errors import ConfigError
from footmm.structures.detected_objects import CLASSES, DetectedObjects
from footmm.visualization.detection import draw_detections

MOT_FILE, COCO_FILE = "detections.txt", "detections.json"

#: Pixels that neighbouring tiles share: people in wide views of 4K are hardly higher.
DEFAULT_TILE_OVERLAP = 256


class DetectionInferencer(FrameInferencer[DetectedObjects]):
    """Finds the players, balls and referees of frames, whole or cut into tiles.

    ``out_dir`` gets ``detections.txt`` and ``detections.json``, see
    :mod:`footmm.apis.detection_files`, and the frames with what was found (``pictures/``, or
    ``detections.mp4`` of a video). In results, ``image_id`` is the frame's number, from 1, and
    ``image_path`` its name; images that cannot be read are left out, their numbers, too.

    Args:
        config: A config of the detection task, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        tile_size: Width and height of tiles into which frames are cut, pixels; see
            :mod:`footmm.apis.tiles`. Each goes through the pipeline and the model like a frame, so
            it should be about as large as the frames that the model was trained with. A batch is
            then one of tiles.
        tile_overlap: Pixels that neighbouring tiles share at least. Objects up to this size are
            seen whole by one of them.
        whole_frame: Whether the whole frame is looked at, too, for what is larger than a tile.
        min_score: Objects below are left out.
        pictures: Whether ``out_dir`` gets pictures.

    Raises:
        ConfigError: The config is missing, broken or of another task, no tiles can be laid, or,
            while results are asked for, the model finds other classes than ours.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    task = "detection"
    packer = "PackDetInputs"
    result_files = (COCO_FILE,)
    picture_files = {"pictures": "detections.mp4"}

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        tile_size: tuple[int, int] | None = None,
        tile_overlap: int = DEFAULT_TILE_OVERLAP,
        whole_frame: bool = False,
        min_score: float = 0.0,
        pictures: bool = True,
    ) -> None:
        if tile_size is not None:
            check_tiles(tile_size, tile_overlap)
        super().__init__(config, checkpoint, device, pictures)
        self.tile_size, self.tile_overlap = tile_size, tile_overlap
        self.whole_frame = whole_frame
        self.min_score = min_score

    def predict(
        self, source: FrameReader, batch_size: int, drawn: bool
    ) -> Iterator[tuple[Frame, DetectedObjects]]:
        """See :meth:`footmm.apis.inferencer.Inferencer.predict`."""
        frames: deque[tuple[Frame, np.ndarray]] = deque()

        def views() -> Iterator[Frame]:
            for frame in source:
                windows = self._windows(frame)
                frames.append((frame, windows))
                for left, top, right, bottom in windows:
                    yield frame._replace(image=frame.image[top:bottom, left:right])

        samples = (sample for _, sample in self.predict_samples(views(), batch_size))
        for first in samples:
            frame, windows = frames.popleft()
            yield frame, self._merged(frame, windows, [first, *islice(samples, len(windows) - 1)])

    def draw(self, item: Frame, result: DetectedObjects) -> Pictures:
        """Draw what was found on the frame."""
        return {"pictures": draw_detections(item.image, result, self.min_score)}

    @contextmanager
    def open_records(self, out: Path, source: FrameReader) -> Iterator[Record[DetectedObjects]]:
        """See :meth:`footmm.apis.frame_inferencer.FrameInferencer.open_records`."""
        with (
            growing_mot(out / MOT_FILE) as write_mot,
            growing_coco(out / COCO_FILE, source.report) as write_coco,
        ):

            def record(frame: Frame, result: DetectedObjects) -> None:
                write_mot(result)
                write_coco(result)

            yield record

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
