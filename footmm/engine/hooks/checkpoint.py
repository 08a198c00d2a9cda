"""Checkpoints of a run that may be killed at any moment."""

from __future__ import annotations

from typing import Any

import mmengine.hooks
from mmengine.dist import is_main_process
from mmengine.runner import EpochBasedTrainLoop, Runner

from footmm.compat.checkpoints import remove_partial_files
from footmm.registry import HOOKS

_VALIDATED = "validated_iter"


@HOOKS.register_module()
class CheckpointHook(mmengine.hooks.CheckpointHook):
    """MMEngine's CheckpointHook, under its name, for runs that are killed and resumed.

    * A checkpoint that is one too many is removed after the new one is written and noted.
      MMEngine removes it before: with ``max_keep_ckpts=1`` a kill in between loses the run.
    * A checkpoint is written before the validation of its weights. A run that was killed between
      the two makes up for the validation when it is resumed; MMEngine never does, which loses a
      best checkpoint and a step of a plateau schedule.
    * The halves of files that killed processes were writing are removed from the work dir.
    """

    def before_train(self, runner: Runner) -> None:
        """Clean the work dir, and validate what the resumed checkpoint's weights lack."""
        super().before_train(runner)
        if is_main_process():
            remove_partial_files(runner.work_dir)
        if runner._resume and _validation_is_missing(runner):
            runner.logger.info("the run was stopped before this checkpoint's validation was saved")
            runner.val_loop.run()

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Save the best checkpoint, with the note that its weights have been validated."""
        runner.message_hub.update_info(_VALIDATED, runner.iter)
        super().after_val_epoch(runner, metrics)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        outdated = self._retire_oldest(runner, step)
        super()._save_checkpoint_with_step(runner, step, meta)
        if outdated is None or not is_main_process():
            return
        path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(outdated))
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)

    def _retire_oldest(self, runner: Runner, step: int) -> int | None:
        """Note a new checkpoint, as MMEngine would; return the one that has to go for it."""
        if self.max_keep_ckpts <= 0:
            return None
        kept = self.keep_ckpt_ids
        if kept and kept[-1] == step:
            return None
        outdated = kept.popleft() if len(kept) == self.max_keep_ckpts else None
        kept.append(step)
        runner.message_hub.update_info("keep_ckpt_ids", list(kept))
        return outdated


def _validation_is_missing(runner: Runner) -> bool:
    """Whether the loop validates weights as old as those resumed, and has not done so."""
    loop = runner.train_loop
    if runner.val_loop is None or runner.message_hub.get_info(_VALIDATED) == runner.iter:
        return False
    by_epoch = isinstance(loop, EpochBasedTrainLoop)
    done, last = (loop.epoch, loop.max_epochs) if by_epoch else (loop.iter, loop.max_iters)
    return done >= max(1, loop.val_begin) and (done % loop.val_interval == 0 or done == last)
