"""What the inferencers of windows share: batches of a dataset, and what tells how far a run got."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mmengine.registry import init_default_scope

from footmm.apis.inferencer import Inferencer, Result
from footmm.apis.runner import config_mistakes_explained
from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError
from footmm.registry import DATASETS

SUMMARY_FILE = "summary.json"


@runtime_checkable
class WindowDataset(Protocol):
    """A dataset of windows, which its pipeline has packed into ``inputs`` and ``data_samples``."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a window."""

    def __len__(self) -> int:
        """Return the number of windows."""


class WindowInferencer(Inferencer[Result]):
    """Base of the inferencers of windows; :meth:`batches` reads them, some at a time."""

    default_batch_size = 64

    def test_dataset(self) -> WindowDataset:
        """Build the config's test dataset, which a call takes.

        Raises:
            ConfigError: The config has none, or it is broken.
            DatasetNotFoundError: Its files are missing.
            DataFormatError: Its files are broken.
        """
        loader = self.model.cfg.get("test_dataloader")
        if loader is None:
            raise ConfigError(f"config '{self.model.cfg.filename}' has no test_dataloader")
        with self.building():
            dataset = DATASETS.build(loader.dataset)
            dataset.full_init()
        return dataset

    @contextmanager
    def building(self) -> Iterator[None]:
        """Explain mistakes in the config's parts, which are looked up in its own scope."""
        # Whatever else was built since the model was.
        init_default_scope(self.model.cfg.get("default_scope", "footmm"))
        with config_mistakes_explained():
            yield

    def batches(self, dataset: WindowDataset, batch_size: int) -> Iterator[list[dict[str, Any]]]:
        """Yield the windows of a dataset, a batch at a time."""
        numbers = iter(range(len(dataset)))
        while batch := list(islice(numbers, batch_size)):
            yield [dataset[number] for number in batch]


def write_summary(out: Path, complete: bool, num_windows: int) -> None:
    """Write ``summary.json``, which tells whether all windows were predicted, and how many were.

    Args:
        out: Folder of the results.
        complete: Whether these are all.
        num_windows: Windows with results.
    """
    content = {"complete": complete, "windows": num_windows}
    AtomicLocalBackend().put_text(json.dumps(content), out / SUMMARY_FILE)
