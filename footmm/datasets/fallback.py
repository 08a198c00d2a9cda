"""Synthetic data where the licensed data is missing, said aloud."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.logging import print_log
from torch.utils.data import Dataset

from footmm.errors import DatasetNotFoundError
from footmm.registry import DATASETS

_BANNER = "=" * 80


@DATASETS.register_module()
class SyntheticFallback(Dataset):
    """The real dataset where its files are present, synthetic data where they are not.

    The choice is made once, when the dataset is initialised, for all processes of a distributed
    run alike: if one of them misses the files, all use synthetic data. ``metainfo`` tells it in
    ``synthetic_fallback``, which MMEngine writes into the checkpoints. Everything else is the
    chosen dataset's.

    Args:
        real: Config of the dataset that is wanted.
        synthetic: Config of the one to use instead.
        lazy_init: Whether to put off the choice, and with it all reading, until first use.
    """

    def __init__(self, real: dict, synthetic: dict, lazy_init: bool = False) -> None:
        self._real = real
        self._synthetic = synthetic
        self._dataset: Any = None
        self._is_fallback = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Choose and read a dataset, if that has not been done yet.

        Only :class:`footmm.errors.DatasetNotFoundError` makes it fall back: a dataset that is
        there but broken is an error.
        """
        if self._dataset is not None:
            return
        dataset, problem = self._build_real()
        problem = next(filter(None, all_gather_object(problem)), "")
        if problem:
            print_log(
                f"\n{_BANNER}\n{problem}\nusing SYNTHETIC data instead: "
                f"{self._synthetic['type']}. The results say nothing about real data.\n{_BANNER}",
                logger="current",
                level=logging.WARNING,
            )
            dataset = DATASETS.build(self._synthetic)
            dataset.full_init()
        self._is_fallback = bool(problem)
        self._dataset = dataset

    def _build_real(self) -> tuple[Any, str]:
        try:
            dataset = DATASETS.build(self._real)
            dataset.full_init()
        except DatasetNotFoundError as error:
            return None, str(error)
        return dataset, ""

    @property
    def metainfo(self) -> dict:
        """The chosen dataset's, with ``synthetic_fallback`` added."""
        self.full_init()
        return self._dataset.metainfo | {"synthetic_fallback": self._is_fallback}

    def __getitem__(self, idx: int) -> dict:
        """Return a sample of the chosen dataset."""
        self.full_init()
        return self._dataset[idx]

    def __len__(self) -> int:
        self.full_init()
        return len(self._dataset)

    def __getattr__(self, name: str) -> Any:
        # Copying and unpickling look for special methods before there is a dataset to ask.
        if name.startswith("__") or "_dataset" not in self.__dict__:
            raise AttributeError(name)
        self.full_init()
        return getattr(self._dataset, name)
