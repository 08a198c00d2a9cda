"""What the datasets of windows that are made while they are asked for share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from mmengine.dataset import BaseDataset

from footmm.errors import ConfigError


class Windows(Protocol):
    """An endless sequence of windows, made block by block."""

    def __getitem__(self, index: int) -> Any:
        """Return a window."""

    def shuffled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """The first windows, ``(count,)``, in a random order that makes every block once."""


class SyntheticWindowsDataset(BaseDataset):
    """Base of the datasets whose window ``i`` is decided by seed, split and ``i`` alone.

    Nothing is written to disk. A subclass says how windows are made (:meth:`make_windows`) and what
    a sample is (:meth:`sample_of`).

    Args:
        num_samples: Number of windows.
        split: One of :attr:`SPLITS`, which share nothing.
        seed: Of the whole data.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: There is no such split.
    """

    SPLITS = ("train", "valid", "test")

    def __init__(
        self,
        num_samples: int,
        split: str,
        seed: int,
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if split not in self.SPLITS:
            raise ConfigError(
                f"{type(self).__name__}(split='{split}'): the splits are {', '.join(self.SPLITS)}"
            )
        self.num_samples = num_samples
        entropy = np.random.SeedSequence([seed, self.SPLITS.index(split)]).generate_state(1)
        self._windows = self.make_windows(int(entropy[0]))
        super().__init__(pipeline=list(pipeline), test_mode=test_mode, **kwargs)

    @abstractmethod
    def make_windows(self, seed: int) -> Windows:
        """Return the windows of the split's seed."""

    @abstractmethod
    def sample_of(self, number: int, window: Any) -> dict:
        """Return a window as a sample, before the pipeline."""

    def load_data_list(self) -> list[dict]:
        """Return the numbers of the windows."""
        return [dict(window=number) for number in range(self.num_samples)]

    def shuffled(self, rng: np.random.Generator) -> np.ndarray:
        """All N indices, ``(N,)``, in a random order that makes every block once."""
        self.full_init()
        return self._windows.shuffled(len(self), rng)

    def get_data_info(self, idx: int) -> dict:
        """Return a window before the pipeline."""
        info = super().get_data_info(idx)
        return info | self.sample_of(info["window"], self._windows[info["window"]])
