"""The score threshold of a validation, kept with the weights it belongs to."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from footmm.compat.checkpoints import AtomicLocalBackend, load_checkpoint_file
from footmm.errors import CheckpointError
from footmm.evaluation.metrics.synloc import FROM_VALIDATION, LocSimMetric
from footmm.registry import HOOKS

KEY = "score_threshold"


@HOOKS.register_module()
class ScoreThresholdHook(Hook):
    """Carries the score threshold from validation to test, by way of the checkpoint's ``meta``.

    After a validation it takes what :class:`LocSimMetric` has found (of several the first one of
    the evaluator); a validation in which no detection is right has found nothing. The checkpoints
    of the weights that were validated get it as ``meta['score_threshold']``: those written after
    the validation, and the periodic one that MMEngine has written just before it, whose file is
    rewritten. Checkpoints of weights that were never validated have none.

    In distributed runs all of this happens in the main process, which alone has the scores.

    In a test every :class:`LocSimMetric` with ``score_threshold='validation'`` is given the
    threshold of the weights that are tested.
    """

    # Before the CheckpointHook, which writes the best checkpoint after a validation.
    priority = "NORMAL"

    def __init__(self) -> None:
        #: Of the current weights.
        self.threshold: float | None = None
        self._is_saved_without = False

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Forget the threshold: the weights are about to change."""
        self.threshold = None
        self._is_saved_without = False

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Take what the metric has found."""
        self.threshold = _found_threshold(_locsim_metrics(runner.val_evaluator))

    def after_val(self, runner: Runner) -> None:
        """Add the threshold to the checkpoint that was written before the validation.

        By now the CheckpointHook may have written it once more.
        """
        path = runner.message_hub.get_info("last_ckpt")
        if self.threshold is None or not self._is_saved_without or path is None:
            return
        self._is_saved_without = False
        if not Path(path).is_file():
            runner.logger.warning(f"{path} is no local file, so it gets no {KEY} from validation")
            return
        add_threshold(path, self.threshold)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Write the threshold of the current weights into the checkpoint, if there is one."""
        self._is_saved_without = self.threshold is None
        if self.threshold is not None:
            checkpoint["meta"][KEY] = self.threshold

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Read the threshold of the loaded weights.

        Raises:
            CheckpointError: It is no number.
        """
        self.threshold = read_threshold(checkpoint)
        # A resumed run may have to make up for the validation of these weights.
        self._is_saved_without = self.threshold is None

    def before_test(self, runner: Runner) -> None:
        """Give the threshold to the metrics that ask for it."""
        for metric in _locsim_metrics(runner.test_evaluator):
            if metric.score_threshold == FROM_VALIDATION:
                metric.validation_threshold = self.threshold


def read_threshold(checkpoint: dict[str, Any]) -> float | None:
    """Return the score threshold that a checkpoint carries, None if it has none.

    Raises:
        CheckpointError: It is no finite number.
    """
    meta = checkpoint.get("meta")
    threshold = meta.get(KEY) if isinstance(meta, dict) else None
    if threshold is None:
        return None
    if not isinstance(threshold, (int, float)) or not math.isfinite(threshold):
        raise CheckpointError(
            f"meta['{KEY}'] of the checkpoint is {threshold!r}, not a number; remove it and test "
            "with a score_threshold of your own"
        )
    return float(threshold)


def add_threshold(path: str | Path, threshold: float) -> None:
    """Write a score threshold into a checkpoint file; it is whole at any time."""
    checkpoint = load_checkpoint_file(path)
    checkpoint["meta"][KEY] = threshold
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    AtomicLocalBackend().put(buffer.getvalue(), path)


def _locsim_metrics(evaluator: Any) -> list[LocSimMetric]:
    return [metric for metric in evaluator.metrics if isinstance(metric, LocSimMetric)]


def _found_threshold(metrics: list[LocSimMetric]) -> float | None:
    if not metrics or metrics[0].scores is None:
        return None
    stats = metrics[0].scores.stats
    # Without a right detection F1 is nan or 0, and so is the best of no choice.
    return stats[KEY] if stats["f1"] > 0 else None
