"""Metrics, never without the data they were measured on."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from rich import box
from rich.console import Console
from rich.table import Table

from footmm.registry import HOOKS

TABLE_WIDTH = 100


def describe_data(metainfo: Mapping[str, Any]) -> str:
    """Say in a few words where the samples of a dataset come from.

    Args:
        metainfo: Of the dataset; the keys ``synthetic`` (bool), ``synthetic_fallback`` (bool: the
            real data was asked for and not found) and ``data_source`` (str) are read, and ``parts``
            of a :class:`footmm.datasets.ConcatDataset`.

    Returns:
        E.g. ``"real: SoccerNet-ReID"``; ``"not stated"`` if the dataset does not say.
    """
    if "parts" in metainfo:
        return "; ".join(dict.fromkeys(map(describe_data, metainfo["parts"])))
    if metainfo.get("synthetic_fallback"):
        return "synthetic (fallback: real data not found)"
    if "synthetic" not in metainfo:
        return "not stated"
    kind = "synthetic" if metainfo["synthetic"] else "real"
    source = metainfo.get("data_source")
    return f"{kind}: {source}" if source else kind


def format_metrics_table(title: str, metrics: Mapping[str, Any], data: str) -> str:
    """Lay metrics out as text, one section per prefix (the part before the first slash).

    Args:
        title: Of the table.
        metrics: Name to value.
        data: What they were measured on, see :func:`describe_data`.

    Returns:
        Lines without colours, for terminals and log files alike.
    """
    # Plain characters: log files are written in the encoding of the locale.
    table = Table(title=title, box=box.ASCII2, title_justify="left")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("data")
    prefix = None
    for name, value in metrics.items():
        if prefix is not None and name.partition("/")[0] != prefix:
            table.add_section()
        prefix = name.partition("/")[0]
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value), data)
    console = Console(file=io.StringIO(), width=TABLE_WIDTH, color_system=None)
    console.print(table)
    return console.file.getvalue().rstrip()


@HOOKS.register_module()
class MetricsTableHook(Hook):
    """Prints the metrics as a table that says beside each of them what data it was measured on.

    Tests, validations on their own and the end of a training get the table, the latter with the
    best checkpoint. Validations within a training, whose metrics the LoggerHook prints, get one
    line that states the data.
    """

    # The LoggerHook's; of equals the one registered later runs later, right after its metrics.
    priority = "BELOW_NORMAL"

    def __init__(self) -> None:
        self._training = False
        self._last: tuple[str, dict[str, Any]] | None = None

    def before_train(self, runner: Runner) -> None:
        """Expect validations that belong to the training."""
        self._training = True
        self._last = None

    @master_only
    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """State the data of the metrics in training; print the table otherwise."""
        if not self._training:
            _print_table(runner, "Validation", metrics, runner.val_dataloader.dataset)
            return
        by_iteration = isinstance(runner.train_loop, IterBasedTrainLoop)
        moment = f"iteration {runner.iter}" if by_iteration else f"epoch {runner.epoch}"
        self._last = (f"Validation after {moment}", dict(metrics or {}))
        data = describe_data(_metainfo(runner.val_dataloader.dataset))
        runner.logger.info(f"Data of these metrics: {data}")

    @master_only
    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Print the table."""
        _print_table(runner, "Test", metrics, runner.test_dataloader.dataset)

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Print the table of the last validation and the best checkpoints."""
        self._training = False
        if self._last is not None:
            _print_table(runner, *self._last, runner.val_dataloader.dataset)
        for line in _best_checkpoints(runner.message_hub.runtime_info):
            runner.logger.info(line)


def _print_table(runner: Runner, title: str, metrics: Mapping | None, dataset: Any) -> None:
    if metrics:
        data = describe_data(_metainfo(dataset))
        # Through the logger: it reaches the log file, and a progress bar is not torn.
        runner.logger.info("\n" + format_metrics_table(title, metrics, data))


def _metainfo(dataset: Any) -> Mapping[str, Any]:
    return getattr(dataset, "metainfo", None) or {}


def _best_checkpoints(runtime_info: Mapping[str, Any]) -> list[str]:
    """Read what MMEngine's CheckpointHook has noted (``best_ckpt``, or one per metric)."""
    lines = []
    for key, path in runtime_info.items():
        if not key.startswith("best_ckpt") or path is None:
            continue
        metric = key.removeprefix("best_ckpt").removeprefix("_")
        score = runtime_info.get(key.replace("best_ckpt", "best_score", 1))
        name = f" by {metric}" if metric else ""
        lines.append(f"Best checkpoint{name}: {path} (score {score:.4f})")
    return lines
