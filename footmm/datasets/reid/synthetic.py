"""Synthetic players, drawn once and read in the formats of the real data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footmm.datasets.reid.base import ReIDDataset
from footmm.datasets.reid.market1501 import Market1501Dataset
from footmm.datasets.reid.soccernet import SoccerNetReIDDataset
from footmm.datasets.synthetic_folder import SyntheticFolder
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.export import (
    SoccerNetReIDExportSettings,
    export_market1501,
    export_soccernet_reid,
)


class _SyntheticPlayers(SyntheticFolder, ReIDDataset):
    """Players in a folder that a subclass has written, and reads.

    Args:
        split: One of the layout's splits; no two share a match or a player.
        settings: Fields of :class:`footmm.simulation.export.SoccerNetReIDExportSettings` other
            than the seed.
        seed: Seed of the players and images.
        **kwargs: Further arguments of :class:`footmm.datasets.synthetic_folder.SyntheticFolder`
            and of the layout's reader.

    Raises:
        ConfigError: There is no such split or setting.
    """

    METAINFO: dict = ReIDDataset.METAINFO | {
        "data_source": "footmm synthetic players",
        "synthetic": True,
    }
    content = "synthetic players"

    def __init__(
        self,
        split: str = "train",
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        try:
            export_settings = SoccerNetReIDExportSettings(seed=seed, **(settings or {}))
        except TypeError as error:
            raise ConfigError(f"{type(self).__name__}(settings={settings}): {error}") from error
        super().__init__(export_settings, split=split, **kwargs)


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
