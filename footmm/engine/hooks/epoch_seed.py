"""Random numbers that depend on the epoch, not on how the run got there."""

from __future__ import annotations

import logging
import random
from functools import partial

import numpy as np
import torch
from mmengine.dataset import worker_init_fn as mmengine_worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from footmm.registry import HOOKS


@FUNCTIONS.register_module()
def seed_worker_from_epoch(worker_id: int) -> None:
    """Seed a data-loading worker from the main process's random state.

    MMEngine's default seeds the workers alike at every start, and they start at every epoch: each
    epoch then repeats the augmentations of the one before. A DataLoader draws a base seed from
    torch's generator when an epoch begins, which :class:`EpochSeedHook` has just set.

    Args:
        worker_id: Unused: torch has already mixed it into ``torch.initial_seed()``.
    """
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds Python, NumPy and torch (all devices) from (seed, epoch, rank) at every epoch.

    A run resumed at an epoch's start then goes on exactly as the unbroken one. The data-loading
    workers follow with ``train_dataloader.worker_init_fn=dict(type='seed_worker_from_epoch')``
    and ``persistent_workers=False``; a loader that is set otherwise is warned about.

    Made for epoch-based training: an iteration-based one is seeded once, at its start.
    """

    # Before everything that may draw a number at the start of an epoch.
    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        """Warn where the workers' random numbers cannot follow the epoch."""
        problem = _loader_problem(runner.train_dataloader)
        if problem:
            print_log(f"EpochSeedHook: {problem}", logger="current", level=logging.WARNING)

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed all generators for the epoch that begins."""
        sequence = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()])
        seed = int(sequence.generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)


def _loader_problem(loader: DataLoader) -> str | None:
    if loader.num_workers == 0:
        return None
    if loader.persistent_workers:
        return (
            "train_dataloader.persistent_workers=True keeps the workers' random state from epoch "
            "to epoch, so a resumed run will not repeat the unbroken one; set it to False"
        )
    function = loader.worker_init_fn
    if isinstance(function, partial) and function.func is mmengine_worker_init_fn:
        return (
            "MMEngine seeds the workers alike at every epoch, so all epochs repeat the same "
            "augmentations; set train_dataloader.worker_init_fn=dict(type='seed_worker_from_epoch')"
        )
    return None
