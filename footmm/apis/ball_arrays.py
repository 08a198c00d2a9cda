"""Windows of a ball whose boxes and cameras are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from footmm.datasets.ball3d.soccernet_ball import (
    BallSequence,
    SoccerNetBallDataset,
    camera_of_each_frame,
)
from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera


class BallArrays(SoccerNetBallDataset):
    """Windows of a sequence in memory.

    Args:
        sequence: The sequence.
        **kwargs: Further arguments of
            :class:`footmm.datasets.ball3d.soccernet_ball.SoccerNetBallDataset`.

    Raises:
        DataFormatError: It is shorter than a window.
    """

    def __init__(self, sequence: BallSequence, **kwargs: Any) -> None:
        self._given = sequence
        super().__init__(data_root=sequence.name, cameras="", **kwargs)

    def load_sequences(self) -> list[BallSequence]:
        """Return the sequence."""
        return [self._given]

    def get_data_info(self, idx: int) -> dict:
        """Return a window before the pipeline."""
        return super().get_data_info(idx) | {"source": "arrays"}


def ball_of_arrays(
    boxes: Any,
    cameras: Camera | Sequence[Camera | None],
    rate: float,
    sequence: str = "ball",
) -> BallSequence:
    """Make a sequence of boxes and cameras.

    Args:
        boxes: ``(T, 4)``, left, top, width, height of the ball's box, pixels; the image's own
            corner is (0, 0); nan where no ball was detected.
        cameras: One that does not move, a batch of T, or T cameras, None where not known.
        rate: Frames a second.
        sequence: Name of the sequence.

    Raises:
        DataFormatError: Boxes or cameras have impossible values, or do not fit together.
    """
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not 0 < rate < np.inf:
        raise DataFormatError(
            f"sequence '{sequence}': boxes are {boxes.shape}, need (frames, 4), at a rate of "
            f"{rate}, needs to be positive"
        )
    detected = np.isfinite(boxes).all(1)
    if (boxes[detected, 2:] <= 0).any():
        raise DataFormatError(f"sequence '{sequence}': a box has no width or height")
    known = _cameras_by_frame(cameras, len(boxes), sequence)
    batch = camera_of_each_frame(known, len(boxes))
    boxes = np.where(detected[:, None], boxes, 0.0)
    # A box covers whole pixels, whose centres are at integers.
    points = boxes[:, :2] + boxes[:, 2:] / 2 - 0.5
    return BallSequence(
        name=sequence,
        rate=float(rate),
        image_size=batch.image_size,
        image_paths=("",) * len(boxes),
        cameras=batch,
        calibrated=np.isin(np.arange(1, len(boxes) + 1), list(known)),
        points=np.where(detected[:, None], points, 0.0).astype(np.float32),
        diameters=np.sqrt(boxes[:, 2] * boxes[:, 3]).astype(np.float32),
        detected=detected,
        positions=np.zeros((len(boxes), 3), np.float32),
        has_position=np.zeros(len(boxes), bool),
    )


def _cameras_by_frame(
    cameras: Camera | Sequence[Camera | None], count: int, sequence: str
) -> dict[int, Camera]:
    """Return the known cameras by the numbers of their frames, from 1."""
    if isinstance(cameras, Camera) and not cameras.batch_shape:
        cameras = [cameras] * count
    if len(cameras) != count:
        raise DataFormatError(
            f"sequence '{sequence}': there are {len(cameras)} cameras for {count} boxes"
        )
    if isinstance(cameras, Camera):
        cameras = [cameras[torch.tensor(number)] for number in range(count)]
    known = {number: camera for number, camera in enumerate(cameras, 1) if camera is not None}
    if not known:
        raise DataFormatError(f"sequence '{sequence}': not a single camera is known")
    return known
