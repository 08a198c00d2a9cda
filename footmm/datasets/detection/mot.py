"""Any sequences in the layout of MOTChallenge, all of whose boxes are of one class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from footmm.datasets.detection.sequences import SequenceDataset
from footmm.datasets.mot import MOTSequence, read_mot_sequence
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.structures.detected_objects import CLASSES, label_of_name


@DATASETS.register_module()
class MOTDataset(SequenceDataset):
    """Frames of sequences in the layout of MOTChallenge, e.g. SportsMOT's of football.

    .. code-block:: none

        data_root/
          <sequence>/gt/gt.txt, seqinfo.ini, img1/NNNNNN.jpg

    A line of ``gt.txt`` is frame (from 1), track, left, top, width, height; what follows is not
    read.

    Source: https://github.com/MCG-NJU/SportsMOT

    Args:
        data_root: Folder of the sequences.
        category: The class of all boxes.
        **kwargs: Further arguments of
            :class:`footmm.datasets.detection.sequences.SequenceDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format.
    """

    METAINFO: dict = SequenceDataset.METAINFO | {"data_source": "MOT sequences"}

    def __init__(
        self, data_root: str | os.PathLike[str], category: str = "player", **kwargs: Any
    ) -> None:
        label = label_of_name(category)
        if label is None:
            raise ConfigError(
                f"{type(self).__name__}(category={category!r}): the classes are "
                f"{', '.join(CLASSES)}"
            )
        self._label = label
        super().__init__(data_root, **kwargs)

    def read_sequence(self, folder: Path) -> tuple[MOTSequence, np.ndarray]:
        """Return a sequence, and the labels of its ``N`` boxes, ``(N,)``."""
        sequence = read_mot_sequence(folder, self.every, self._rejected.add)
        return sequence, np.full(len(sequence.boxes), self._label)
