"""Synthetic players, drawn once and read in the formats of the real data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log

import footmm
from footmm.datasets.reid.base import ReIDDataset
from footmm.datasets.reid.market1501 import Market1501Dataset
from footmm.datasets.reid.soccernet import SoccerNetReIDDataset
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.export import (
    SoccerNetReIDExportSettings,
    export_market1501,
    export_soccernet_reid,
)


class _SyntheticPlayers(ReIDDataset):
    """Draws a folder on first use; a subclass adds the reader of the folder's layout.

    The images are written to ``<data_root>/<folder_prefix>-<hash>`` when the dataset is first used,
    where the hash is one of the settings, the seed and footmm's version, and are read from there
    ever after. The folder appears when it is complete, so a run that was killed while writing
    leaves nothing that a later one could read, and runs that start together do not disturb each
    other.

    Args:
        split: One of the layout's splits; no two share a match or a player.
        settings: Fields of :class:`footmm.simulation.export.SoccerNetReIDExportSettings` other
            than the seed.
        seed: Seed of the players and images.
        data_root: Folder of all synthetic data.
        pipeline: Transforms, or their configs.
        test_mode: Whether the samples are evaluated, not trained on.
        num_writers: Number of processes that draw the images, where they have to be drawn.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split or setting.
    """

    METAINFO: dict = ReIDDataset.METAINFO | {
        "data_source": "footmm synthetic players",
        "synthetic": True,
    }
    folder_prefix: str
    export: Callable[..., Path]

    def __init__(
        self,
        split: str = "train",
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        data_root: str | os.PathLike[str] = "data/synthetic",
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        num_writers: int = 1,
        **kwargs: Any,
    ) -> None:
        try:
            self.settings = SoccerNetReIDExportSettings(seed=seed, **(settings or {}))
        except TypeError as error:
            raise ConfigError(f"{type(self).__name__}(settings={settings}): {error}") from error
        self._num_writers = num_writers
        super().__init__(
            data_root=Path(data_root) / f"{self.folder_prefix}-{_fingerprint(self.settings)}",
            split=split,
            pipeline=pipeline,
            test_mode=test_mode,
            **kwargs,
        )

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
            print_log(f"drawing synthetic players into {self.data_root}", logger="current")
        self.export(self.data_root, self.settings, num_workers=self._num_writers)


@DATASETS.register_module()
class SyntheticReIDDataset(_SyntheticPlayers, SoccerNetReIDDataset):
    """Players that were never filmed, in the official layout of SoccerNet-ReID."""

    folder_prefix = "reid"
    export = staticmethod(export_soccernet_reid)


@DATASETS.register_module()
class SyntheticMarket1501Dataset(_SyntheticPlayers, Market1501Dataset):
    """The same players in the layout of Market-1501; jersey and body shape find no place in it."""

    folder_prefix = "reid-market1501"
    export = staticmethod(export_market1501)


def _fingerprint(settings: SoccerNetReIDExportSettings) -> str:
    """Return eight letters that differ where the images do."""
    content = json.dumps([footmm.__version__, asdict(settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:8]
