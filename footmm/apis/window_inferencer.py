"""What the inferencers of windows share: a model, and batches of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from mmengine.config import Config

from footmm.apis.model import init_model
from footmm.apis.runner import config_mistakes_explained
from footmm.errors import ConfigError
from footmm.registry import DATASETS


class WindowDataset(Protocol):
    """A dataset of windows, which its pipeline has packed into ``inputs`` and ``data_samples``."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a window."""

    def __len__(self) -> int:
        """Return the number of windows."""


class WindowInferencer:
    """Base of the inferencers of windows.

    Args:
        config: A config, or its file.
        checkpoint: Weights of the config's model.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.
        batch_size: Windows that are predicted together.

    Raises:
        ConfigError: The config is missing or broken, or ``batch_size`` below 1.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        batch_size: int = 64,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}, it must be at least 1")
        self.model = init_model(config, checkpoint, device)
        self.batch_size = batch_size

    def test_dataset(self) -> WindowDataset:
        """Build the config's test dataset.

        Raises:
            ConfigError: The config has none, or it is broken.
            DatasetNotFoundError: Its files are missing.
            DataFormatError: Its files are broken.
        """
        loader = self.model.cfg.get("test_dataloader")
        if loader is None:
            raise ConfigError(f"config '{self.model.cfg.filename}' has no test_dataloader")
        with config_mistakes_explained():
            dataset = DATASETS.build(loader.dataset)
            dataset.full_init()
        return dataset

    def batches(
        self, dataset: WindowDataset, indices: Iterable[int] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the windows of a dataset, or those of some numbers, a batch at a time."""
        numbers = iter(range(len(dataset)) if indices is None else indices)
        while batch := list(islice(numbers, self.batch_size)):
            yield [dataset[number] for number in batch]
