"""What the datasets of sequences share: frames of videos in the MOT layout."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from footmm.datasets.detection.base import DetectionDataset
from footmm.datasets.mot import HOW_TO_GET, MAX_FRAMES, MOTSequence, list_sequences
from footmm.errors import ConfigError, did_you_mean

OTHER = -1
"""The label of boxes that are none of our classes."""


class SequenceDataset(DetectionDataset):
    """Base of the datasets of sequences.

    ``img_id`` is the number of the sequence among all in the folder, from 1, times 1,000,000, plus
    the number of the frame, from 1: it does not depend on which frames are chosen.

    Args:
        data_root: Folder of the splits, or of the sequences.
        split: Folder of the sequences in ``data_root``; None if they lie in ``data_root``.
        every: Only the frames 1, 1 + every, 1 + 2 * every, ... are used.
        sequences: Names of the sequences to use; all if None.
        **kwargs: Further arguments of :class:`footmm.datasets.detection.base.DetectionDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format.
    """

    how_to_get = HOW_TO_GET

    def __init__(
        self,
        data_root: str | os.PathLike[str],
        split: str | None = None,
        every: int = 1,
        sequences: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        if every < 1:
            raise ConfigError(f"{type(self).__name__}(every={every}): give 1 or more")
        self.every = every
        self.sequences = sequences
        super().__init__(data_root, split, **kwargs)

    @abstractmethod
    def read_sequence(self, folder: Path) -> tuple[MOTSequence, np.ndarray]:
        """Return a sequence, and the labels ``(N,)`` of its boxes, or :data:`OTHER`."""

    def read_samples(self) -> Iterator[dict]:
        """Yield the chosen frames, with or without boxes, sequence by sequence."""
        root = Path(self.data_root, self.split or "")
        names = list_sequences(root, self.how_to_get)
        for name in self.sequences or ():
            if name not in names:
                raise ConfigError(f"{root} holds no sequence {name!r}{did_you_mean(name, names)}")
        for number, name in enumerate(names, start=1):
            if self.sequences is None or name in self.sequences:
                yield from self._frames(number, *self.read_sequence(root / name))

    def _frames(self, number: int, sequence: MOTSequence, labels: np.ndarray) -> Iterator[dict]:
        instances = defaultdict(list)
        corners = sequence.boxes + np.pad(sequence.boxes[:, :2], ((0, 0), (2, 0)))
        columns = (array.tolist() for array in (sequence.frames, corners, labels))
        for frame, box, label, place in zip(*columns, sequence.places(), strict=True):
            if label != OTHER:
                instances[frame].append({"bbox": box, "bbox_label": label, "place": place})
        width, height = sequence.image_size
        for frame in range(1, sequence.num_frames + 1, self.every):
            yield {
                "img_id": number * MAX_FRAMES + frame,
                "img_path": str(sequence.image_path(frame)),
                "height": height,
                "width": width,
                "instances": instances[frame],
            }
