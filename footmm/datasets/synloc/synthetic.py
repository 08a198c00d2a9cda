"""Synthetic frames with athletes, drawn once and read in SynLoc's format."""

from __future__ import annotations

from typing import Any

from footmm.datasets.synloc.spiideo import SynLocDataset
from footmm.datasets.synthetic_folder import SyntheticFrames
from footmm.registry import DATASETS
from footmm.simulation.export import SynLocExport
from footmm.simulation.export.synloc import IMAGE_SIZE, SPLIT_NAMES


@DATASETS.register_module()
class SyntheticSynLocDataset(SyntheticFrames, SynLocDataset):
    """Frames of matches that were never played, in SynLoc's layout.

    Each split has a folder, and matches, stadiums and cameras, of its own.

    Args:
        num_samples: Number of frames.
        split: 'train', 'val' or 'test'.
        seed: Seed of the frames.
        image_size: Width and height of the frames, 16:9; annotated for 3840 x 2160 all the same.
        **kwargs: Further arguments of :class:`footmm.datasets.synthetic_folder.SyntheticFrames`
            and :class:`footmm.datasets.synloc.spiideo.SynLocDataset`.

    Raises:
        ConfigError: There is no such split, there are to be no frames, or they are not 16:9.
    """

    DATA_SOURCE = "footmm synthetic frames"
    IS_SYNTHETIC = True
    SPLITS = tuple(SPLIT_NAMES.values())
    folder_prefix = "synloc"
    scene_export = SynLocExport

    def __init__(
        self,
        num_samples: int = 10000,
        split: str = "train",
        seed: int = 0,
        image_size: tuple[int, int] = IMAGE_SIZE,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_samples, split, seed, image_size, **kwargs)
