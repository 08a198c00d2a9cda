"""Players in the layout of Market-1501."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from footmm.simulation.export.folder import Export, LabelsOf, Unit, write_folder_at_once
from footmm.simulation.export.soccernet_reid import (
    PlayerCrop,
    SoccerNetReIDExportSettings,
    crop_units,
)
from footmm.simulation.player_crop import PlayerCropLabels

MARKET1501_FOLDERS = {
    "train": "bounding_box_train",
    "query": "query",
    "gallery": "bounding_box_test",
}


class Market1501Export(Export):
    """The persons of the train and test splits of a SoccerNet-ReID folder, as Market-1501.

    Args:
        settings: What to draw; the valid and challenge splits have no place in this layout.
    """

    folders = tuple(MARKET1501_FOLDERS.values())

    def __init__(self, settings: SoccerNetReIDExportSettings) -> None:
        self._settings = settings

    def settings(self) -> dict[str, Any]:
        """Return what decides the bytes."""
        return {"format": "market1501", **asdict(self._settings)}

    def units(self) -> list[Unit]:
        """Return the units of both splits."""
        splits = ("train", "test")
        return [unit for split in splits for unit in crop_units(split, self._settings, _path)]

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make nothing: all labels are in the file names."""
        return iter(())


def export_market1501(
    root: Path | str, settings: SoccerNetReIDExportSettings, num_workers: int = 1
) -> Path:
    """Write the persons of the train and test splits as a Market-1501 folder.

    The pictures are those of :func:`export_soccernet_reid`. The camera of an image is its frame:
    the main camera is camera 1, the replays are the others. A person of a match is another
    identity in every action, and a test identity meets the whole gallery.

    Args:
        root: As in :func:`export_soccernet_reid`; so the others.
        settings: What to write; the valid and challenge splits have no place in this layout.
        num_workers: Number of processes that draw.

    Returns:
        The folder.

    Raises:
        DataFormatError: The folder exists and holds something else, or its disk is too small.
    """
    return write_folder_at_once(root, Market1501Export(settings), num_workers)


def _path(crop: PlayerCrop, labels: PlayerCropLabels) -> str:
    # Person 0 is Market-1501's word for distractors, and its cameras count from 1.
    person, camera = crop.person_uid + 1, crop.frame_idx + 1
    folder = MARKET1501_FOLDERS[crop.role]
    return f"{folder}/{person:04d}_c{camera}s1_{crop.bbox_idx:06d}_00.png"
