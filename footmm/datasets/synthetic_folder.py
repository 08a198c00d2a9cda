"""Synthetic data of images: drawn once, then read in the format of the real data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log

import footmm
from footmm.errors import ConfigError
from footmm.simulation.export import ImageExportSettings
from footmm.simulation.export.folder import write_folder_at_once
from footmm.simulation.export.scenes import SceneExport


class SyntheticFolder:
    """Draws a dataset's folder on first use; mixed in before the reader of the folder's layout.

    The images are written to ``<data_root>/<folder_prefix>-<hash>`` when the dataset is first used,
    where the hash is one of the settings (which include the seed) and footmm's version, and are
    read from there ever after. The folder appears when it is complete, so a run that was killed
    while writing leaves nothing that a later one could read, and runs that start together do not
    disturb each other.

    Args:
        settings: Dataclass of everything that decides the images.
        data_root: Folder of all synthetic data.
        num_writers: Number of processes that draw the images, where they have to be drawn.
        **kwargs: Further arguments of the reader.

    Attributes:
        folder_prefix: How the folder's name begins.
        content: What is drawn, in the message at the start.
        export: Writes a folder, given the folder, the settings and ``num_workers``.
    """

    folder_prefix: str
    content: str
    export: Callable[..., Path]

    def __init__(
        self,
        settings: Any,
        data_root: str | os.PathLike[str] = "data/synthetic",
        num_writers: int = 1,
        **kwargs: Any,
    ) -> None:
        self.settings = settings
        self._num_writers = num_writers
        folder = Path(data_root) / f"{self.folder_prefix}-{_fingerprint(settings)}"
        super().__init__(data_root=folder, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Draw the images unless they are there, and return the samples of the split."""
        if is_main_process():
            self._write()
        barrier()
        # Only nodes that do not share the first one's disk have anything left to write here.
        self._write()
        return super().load_data_list()

    def _write(self) -> None:
        if not Path(self.data_root).exists():
            print_log(f"drawing {self.content} into {self.data_root}", logger="current")
        self.export(self.data_root, self.settings, num_workers=self._num_writers)


class SyntheticFrames(SyntheticFolder):
    """Frames of matches that were never played; mixed in before the reader of their layout.

    Each split has a folder, and matches, stadiums and cameras, of its own.

    Args:
        num_samples: Number of frames.
        split: One of the reader's three splits: for training, validation and test.
        seed: Seed of the frames.
        image_size: Width and height of the frames, pixels.
        **kwargs: Further arguments of :class:`SyntheticFolder` and of the reader.

    Attributes:
        scene_export: The format that the frames are written in.

    Raises:
        ConfigError: There is no such split, there are to be no frames, or not of that size.
    """

    scene_export: type[SceneExport]

    def __init__(
        self,
        num_samples: int = 10000,
        split: str = "train",
        seed: int = 0,
        image_size: tuple[int, int] = (960, 540),
        **kwargs: Any,
    ) -> None:
        if num_samples < 1:
            raise ConfigError(f"{type(self).__name__}(num_samples={num_samples}): give 1 or more")
        self.check_split(split)
        settings = ImageExportSettings(
            seed,
            num_images=num_samples,
            image_size=tuple(image_size),
            split_shares=tuple(float(split == name) for name in self.SPLITS),
        )
        self.content = f"{num_samples} synthetic frames"
        super().__init__(settings, split=split, **kwargs)

    def export(self, root: Path, settings: ImageExportSettings, num_workers: int = 1) -> Path:
        """Write the frames into a folder."""
        return write_folder_at_once(root, self.scene_export(settings), num_workers)


def _fingerprint(settings: Any) -> str:
    """Return eight letters that differ where the images do."""
    content = json.dumps([footmm.__version__, asdict(settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]
