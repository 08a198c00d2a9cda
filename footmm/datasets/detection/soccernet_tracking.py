"""The sequences of SoccerNet's tracking task as images with players, ball and referees."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from footmm.datasets.detection.sequences import OTHER, SequenceDataset
from footmm.datasets.mot import MOTSequence
from footmm.datasets.soccernet_sequence import HOW_TO_GET, read_described_sequence, role_of
from footmm.registry import DATASETS
from footmm.structures.detected_objects import label_of_name


@DATASETS.register_module()
class SoccerNetTrackingDataset(SequenceDataset):
    """Frames of SoccerNet's tracking sequences (2022 and 2023; the data is the same).

    .. code-block:: none

        data_root/
          <split>/<sequence>/gt/gt.txt, gameinfo.ini, seqinfo.ini, img1/NNNNNN.jpg

    Goalkeepers are players; who is neither player nor ball nor referee is left out. Boxes of tracks
    without an entry in ``gameinfo.ini`` are dropped, named in a warning and counted.

    The frames of a sequence are alike: with ``every=25`` there is one a second. The labels of the
    official challenge split are not public; the split 'valid' is that of synthetic sequences.

    Source: https://github.com/SoccerNet/sn-tracking

    Args:
        data_root: Folder of the splits, e.g. ``data/soccernet/tracking``.
        split: 'train', 'valid' or 'test'; None if the sequences lie in ``data_root``.
        **kwargs: Further arguments of
            :class:`footmm.datasets.detection.sequences.SequenceDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
        DatasetNotFoundError: Files are missing.
        DataFormatError: A file breaks its format.
    """

    METAINFO: dict = SequenceDataset.METAINFO | {"data_source": "SoccerNet tracking"}
    SPLITS = ("train", "valid", "test")
    how_to_get = HOW_TO_GET

    def __init__(
        self, data_root: str | os.PathLike[str], split: str | None = "train", **kwargs: Any
    ) -> None:
        super().__init__(data_root, split, **kwargs)

    def read_sequence(self, folder: Path) -> tuple[MOTSequence, np.ndarray]:
        """Return a sequence, and the labels of its ``N`` boxes, ``(N,)``."""
        sequence, descriptions = read_described_sequence(folder, self.every, self._rejected.add)
        labels = {track: _label_of(text) for track, text in descriptions.items()}
        return sequence, np.array([labels[track] for track in sequence.tracks.tolist()], np.int64)


def _label_of(description: str) -> int:
    label = label_of_name(role_of(description).partition(" ")[0])
    return OTHER if label is None else label
