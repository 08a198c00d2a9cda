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


def _fingerprint(settings: Any) -> str:
    """Return eight letters that differ where the images do."""
    content = json.dumps([footmm.__version__, asdict(settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]
