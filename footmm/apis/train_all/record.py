"""What is known of a task's run, in a file that survives being killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from footmm.compat.checkpoints import AtomicLocalBackend

RECORD_FILE = "train_all.json"
TRAINING, TEST, FINISHED = "training", "test", "finished"


@dataclass
class TrainingRecord:
    """How far a task has come. A record that is neither finished nor failed was interrupted.

    Attributes:
        config: Path of the config.
        fingerprint: Of the config's content and what else decides the result.
        missing_data: Folders of real data that were missing when the training began.
        stage: ``'training'`` or ``'test'``, whichever is to be done next, or ``'finished'``.
        seconds: Time spent on training and testing, all attempts together.
        error: Why the last attempt failed.
        checkpoint: Name of the tested checkpoint, in the task's folder.
        data: What was tested on.
        trained_on: What was trained on.
        metrics: Name to number, None where there is none.
    """

    config: str
    fingerprint: str = ""
    missing_data: list[str] = field(default_factory=list)
    stage: str = TRAINING
    seconds: float = 0.0
    error: str | None = None
    checkpoint: str | None = None
    data: str | None = None
    trained_on: str | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """``'finished'``, ``'failed'`` or ``'interrupted'``."""
        if self.error is not None:
            return "failed"
        return FINISHED if self.stage == FINISHED else "interrupted"

    @property
    def data_has_come(self) -> bool:
        """Whether real data that was missing when the training began is there now."""
        return any(Path(folder).exists() for folder in self.missing_data)

    @classmethod
    def load(cls, folder: Path) -> TrainingRecord | None:
        """The record in a task's folder; None where there is none that can be read."""
        try:
            return cls(**json.loads((folder / RECORD_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def save(self, folder: Path) -> None:
        """Write the record into a task's folder."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        AtomicLocalBackend().put_text(text, folder / RECORD_FILE)


def fingerprint(config: Config, gpus: int) -> str:
    """Tell runs apart whose results may differ: another config, or another total batch size."""
    return hashlib.sha256(repr((config.to_dict(), gpus)).encode()).hexdigest()[:16]


def missing_data(config: Config) -> list[str]:
    """Folders and files of real data that a config falls back from and that do not exist."""
    places = {
        str(value)
        for loader in ("train_dataloader", "val_dataloader", "test_dataloader")
        for dataset in _dicts(config.get(loader))
        if dataset.get("type") == "SyntheticFallback"
        for real in _dicts(dataset.get("real"))
        for key, value in real.items()
        if key in ("data_root", "path")
    }
    return sorted(place for place in places if not Path(place).exists())


def _dicts(node: Any) -> Iterator[dict[str, Any]]:
    """All dicts in a config's node, itself included."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _dicts(child)
