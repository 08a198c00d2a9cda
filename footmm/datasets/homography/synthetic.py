"""Synthetic frames with their exact cameras, drawn once and read in SoccerNet's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from footmm.datasets.homography.soccernet import SoccerNetCalibrationDataset
from footmm.datasets.synthetic_folder import SyntheticFolder
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.export import ImageExportSettings, SoccerNetCalibrationExport
from footmm.simulation.export.folder import write_folder_at_once
from footmm.simulation.export.scenes import SPLITS


def _export(root: Path, settings: ImageExportSettings, num_workers: int = 1) -> Path:
    return write_folder_at_once(root, SoccerNetCalibrationExport(settings), num_workers)


@DATASETS.register_module()
class SyntheticHomographyDataset(SyntheticFolder, SoccerNetCalibrationDataset):
    """Frames of matches that were never played, in the layout of SoccerNet's calibration task.

    Each split has a folder, and matches, stadiums and cameras, of its own.

    Args:
        num_samples: Number of frames.
        split: 'train', 'valid' or 'test'.
        seed: Seed of the frames.
        **kwargs: Further arguments of :class:`footmm.datasets.synthetic_folder.SyntheticFolder`
            and :class:`footmm.datasets.homography.soccernet.SoccerNetCalibrationDataset`.

    Raises:
        ConfigError: There is no such split, or there are to be no frames.
    """

    METAINFO: dict = SoccerNetCalibrationDataset.METAINFO | {
        "data_source": "footmm synthetic frames",
        "synthetic": True,
    }
    SPLITS = SPLITS
    folder_prefix = "homography"
    export = staticmethod(_export)

    def __init__(
        self, num_samples: int = 10000, split: str = "train", seed: int = 0, **kwargs: Any
    ) -> None:
        if num_samples < 1:
            raise ConfigError(f"{type(self).__name__}(num_samples={num_samples}): give 1 or more")
        self.check_split(split)
        shares = tuple(float(split == name) for name in SPLITS)
        settings = ImageExportSettings(seed, num_images=num_samples, split_shares=shares)
        self.content = f"{num_samples} synthetic frames"
        super().__init__(settings, split=split, **kwargs)
