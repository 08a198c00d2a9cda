"""Stops a training whose loss is no longer a number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner, find_latest_checkpoint

from footmm.errors import TrainingError
from footmm.registry import HOOKS

MAX_FILES_NAMED = 8


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Raises when a value the model logs in training is NaN or infinite.

    It runs before the CheckpointHook, so no checkpoint of the damaged weights is written. In
    distributed training the process whose batch is bad raises, and the launcher ends the others.
    """

    priority = "VERY_HIGH"

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the log variables of the iteration.

        Raises:
            TrainingError: A value is NaN or infinite; the message names the values, the iteration,
                the files of the batch and the last checkpoint.
        """
        values = {name: torch.as_tensor(v).detach() for name, v in (outputs or {}).items()}
        bad = {name: v.tolist() for name, v in values.items() if not torch.isfinite(v).all()}
        if not bad:
            return
        terms = ", ".join(f"{name}={value}" for name, value in bad.items())
        raise TrainingError(
            f"the loss is not finite at iteration {runner.iter + 1} (epoch {runner.epoch + 1}): "
            f"{terms}\n{_describe_files(data_batch)}\n{_describe_checkpoint(runner.work_dir)}\n"
            "Look at these files with tools/analysis/browse_dataset.py, lower optim_wrapper."
            "optimizer.lr, or set optim_wrapper.clip_grad=dict(max_norm=...)."
        )


def _describe_files(data_batch: Any) -> str:
    samples: Sequence = data_batch.get("data_samples", ()) if isinstance(data_batch, dict) else ()
    files = [str(sample.get("img_path")) for sample in samples if "img_path" in sample]
    if not files:
        return "The batch names no files."
    more = len(files) - MAX_FILES_NAMED
    named = files[:MAX_FILES_NAMED] + ([f"and {more} more"] if more > 0 else [])
    return "Files of the batch:\n  " + "\n  ".join(named)


def _describe_checkpoint(work_dir: str) -> str:
    if not (Path(work_dir) / "last_checkpoint").is_file():
        return "No checkpoint has been written yet."
    return f"Last good checkpoint: {find_latest_checkpoint(work_dir)}"
