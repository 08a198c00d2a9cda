"""The metrics of a test as a file, never without the data they were measured on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.runner import Runner

from footmm.compat.checkpoints import AtomicLocalBackend, load_checkpoint_file
from footmm.engine.hooks.metrics_table import describe_data
from footmm.errors import ConfigError


def check_metrics_file(path: str | Path) -> None:
    """Check, before a test begins, that its metrics can be written to a file.

    Raises:
        ConfigError: The name does not end in .json, or its folder cannot be made.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise ConfigError(f"--metrics: '{path}' must end in .json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--metrics: folder '{path.parent}' cannot be made: {error.strerror}"
        ) from error


def write_metrics(
    path: str | Path, runner: Runner, checkpoint: str | Path, metrics: Mapping[str, float]
) -> None:
    """Write what a test has measured as JSON; in a distributed run the main process does.

    Args:
        path: The file: ``checkpoint``, ``data`` that was tested on, ``trained_on`` and
            ``metrics``, name to number, null where there is none (nan or infinite).
        runner: The Runner that has tested.
        checkpoint: The checkpoint file that was tested.
        metrics: Name to value.
    """
    if runner.rank != 0:
        return
    meta = load_checkpoint_file(checkpoint).get("meta", {})
    content = {
        "checkpoint": str(checkpoint),
        "data": describe_data(getattr(runner.test_dataloader.dataset, "metainfo", None) or {}),
        "trained_on": describe_data(meta.get("dataset_meta") or {}),
        "metrics": {name: _number(value) for name, value in metrics.items()},
    }
    AtomicLocalBackend().put_text(json.dumps(content, indent=2) + "\n", path)


def _number(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
