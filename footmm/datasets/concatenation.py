"""Several datasets as one, which says where all of its samples come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mmengine.dataset

from footmm.registry import DATASETS

_SOURCE_KEYS = ("data_source", "synthetic", "synthetic_fallback", "parts")


@DATASETS.register_module()
class ConcatDataset(mmengine.dataset.ConcatDataset):
    """MMEngine's ConcatDataset, under its name, of real and synthetic parts alike.

    MMEngine's has the ``metainfo`` of the first part, which would call a mixture by one of its
    sources. Here ``metainfo["parts"]`` tells the source of each part, in their order; all else has
    to be the same in all of them.

    Args:
        datasets: The parts, or their configs.
        lazy_init: Whether to put off reading until first use.

    Raises:
        ValueError: The parts differ in something else, as in their classes.
    """

    def __init__(self, datasets: Sequence[Any], lazy_init: bool = False) -> None:
        super().__init__(datasets, lazy_init, ignore_keys=list(_SOURCE_KEYS))

    @property
    def metainfo(self) -> dict:
        """What the parts have in common, and ``parts``: the source of each."""
        common = {key: value for key, value in super().metainfo.items() if key not in _SOURCE_KEYS}
        sources = [
            {key: value for key, value in part.metainfo.items() if key in _SOURCE_KEYS}
            for part in self.datasets
        ]
        return common | {"parts": sources}
