"""Synthetic frames with athletes, drawn once and read in SynLoc's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from footmm.datasets.synloc.spiideo import SynLocDataset
from footmm.datasets.synthetic_folder import SyntheticFolder
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.export import ImageExportSettings, SynLocExport
from footmm.simulation.export.folder import write_folder_at_once
from footmm.simulation.export.scenes import SPLITS
from footmm.simulation.export.synloc import IMAGE_SIZE, SPLIT_NAMES


def _export(root: Path, settings: ImageExportSettings, num_workers: int = 1) -> Path:
    return write_folder_at_once(root, SynLocExport(settings), num_workers)


@DATASETS.register_module()
class SyntheticSynLocDataset(SyntheticFolder, SynLocDataset):
    """Frames of matches that were never played, in SynLoc's layout.

    Each split has a folder, and matches, stadiums and cameras, of its own.

    Args:
        num_samples: Number of frames.
        split: 'train', 'val' or 'test'.
        seed: Seed of the frames.
        image_size: Width and height of the frames, 16:9; annotated for 3840 x 2160 all the same.
        **kwargs: Further arguments of :class:`footmm.datasets.synthetic_folder.SyntheticFolder`
            and :class:`footmm.datasets.synloc.spiideo.SynLocDataset`.

    Raises:
        ConfigError: There is no such split, there are to be no frames, or they are not 16:9.
    """

    DATA_SOURCE = "footmm synthetic frames"
    IS_SYNTHETIC = True
    SPLITS = tuple(SPLIT_NAMES.values())
    folder_prefix = "synloc"
    export = staticmethod(_export)

    def __init__(
        self,
        num_samples: int = 10000,
        split: str = "train",
        seed: int = 0,
        image_size: tuple[int, int] = IMAGE_SIZE,
        **kwargs: Any,
    ) -> None:
        if num_samples < 1:
            raise ConfigError(f"{type(self).__name__}(num_samples={num_samples}): give 1 or more")
        self.check_split(split)
        shares = tuple(float(split == SPLIT_NAMES[name]) for name in SPLITS)
        settings = ImageExportSettings(
            seed, num_images=num_samples, image_size=tuple(image_size), split_shares=shares
        )
        self.content = f"{num_samples} synthetic frames"
        super().__init__(settings, split=split, **kwargs)
