"""Synthetic frames with their exact cameras, drawn once and read in SoccerNet's format."""

from __future__ import annotations

from footmm.datasets.homography.soccernet import SoccerNetCalibrationDataset
from footmm.datasets.synthetic_folder import SyntheticFrames
from footmm.registry import DATASETS
from footmm.simulation.export import SoccerNetCalibrationExport
from footmm.simulation.export.scenes import SPLITS


@DATASETS.register_module()
class SyntheticHomographyDataset(SyntheticFrames, SoccerNetCalibrationDataset):
    """Frames of matches that were never played, in the layout of SoccerNet's calibration task.

    Each split has a folder, and matches, stadiums and cameras, of its own.

    Args:
        num_samples: Number of frames.
        split: 'train', 'valid' or 'test'.
        seed: Seed of the frames.
        **kwargs: Further arguments of :class:`footmm.datasets.synthetic_folder.SyntheticFrames`
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
    scene_export = SoccerNetCalibrationExport
