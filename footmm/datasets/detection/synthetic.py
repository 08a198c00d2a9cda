"""Synthetic frames with players, ball and referees, drawn once and read as COCO json."""

from __future__ import annotations

from footmm.datasets.detection.coco import CocoDetectionDataset
from footmm.datasets.synthetic_folder import SyntheticFrames
from footmm.registry import DATASETS
from footmm.simulation.export import CocoExport
from footmm.simulation.export.scenes import SPLITS


@DATASETS.register_module()
class SyntheticDetectionDataset(SyntheticFrames, CocoDetectionDataset):
    """Frames of matches that were never played, filmed by the cameras of a broadcast.

    Each split has a folder, and matches, stadiums and cameras, of its own.

    Args:
        num_samples: Number of frames.
        split: 'train', 'valid' or 'test'.
        seed: Seed of the frames.
        image_size: Width and height of the frames, pixels.
        **kwargs: Further arguments of :class:`footmm.datasets.synthetic_folder.SyntheticFrames`
            and :class:`footmm.datasets.detection.coco.CocoDetectionDataset`.

    Raises:
        ConfigError: There is no such split, there are to be no frames, or not of that size.
    """

    METAINFO: dict = CocoDetectionDataset.METAINFO | {
        "data_source": "footmm synthetic frames",
        "synthetic": True,
    }
    SPLITS = SPLITS
    folder_prefix = "detection"
    scene_export = CocoExport
