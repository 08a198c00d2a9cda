"""Another training pipeline from some epoch on."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import Compose
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from footmm.errors import ConfigError
from footmm.registry import HOOKS


@HOOKS.register_module()
class ResumablePipelineSwitchHook(Hook):
    """Replaces the training pipeline from ``switch_epoch`` on.

    A run that is resumed after ``switch_epoch`` switches as well (mmpose's mode-switch hook
    compares with ``==`` and then never does). Datasets inside wrappers are found, and persistent
    workers are restarted.

    Args:
        switch_epoch: The first epoch, counted from 0, that uses ``switch_pipeline``.
        switch_pipeline: Configs of the transforms.
    """

    def __init__(self, switch_epoch: int, switch_pipeline: list[dict]) -> None:
        self.switch_epoch = switch_epoch
        self.switch_pipeline = switch_pipeline
        self._compose: Compose | None = None
        self._switched = False

    def before_train(self, runner: Runner) -> None:
        """Build the pipeline, so that a wrong one is found before hours of training.

        Raises:
            ConfigError: The training is iteration-based, or its dataset has no pipeline.
        """
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            raise ConfigError(
                "ResumablePipelineSwitchHook: switch_epoch needs an epoch-based training; set "
                "train_cfg=dict(by_epoch=True, max_epochs=...)"
            )
        self._compose = Compose(self.switch_pipeline)
        self._switched = False
        _datasets_with_pipeline(runner.train_dataloader.dataset)

    def before_train_epoch(self, runner: Runner) -> None:
        """Switch when the epoch has come; the loader's iterator is made after this."""
        if self._switched or runner.epoch < self.switch_epoch:
            return
        for dataset in _datasets_with_pipeline(runner.train_dataloader.dataset):
            dataset.pipeline = self._compose
        _restart_persistent_workers(runner.train_dataloader)
        self._switched = True
        runner.logger.info(f"the training pipeline is switched at epoch {runner.epoch + 1}")


def _datasets_with_pipeline(dataset: Any) -> list[Any]:
    # Not hasattr: a wrapper that passes attributes on would be given a pipeline it never uses.
    own = getattr(dataset, "__dict__", {})
    if "pipeline" in own:
        return [dataset]
    inner = own.get("datasets") or [own[key] for key in ("dataset", "_dataset") if key in own]
    if not inner:
        raise ConfigError(
            f"ResumablePipelineSwitchHook: train_dataloader.dataset: {type(dataset).__name__} has "
            "no pipeline that could be switched; give it one, or remove the hook"
        )
    return [found for child in inner for found in _datasets_with_pipeline(child)]


def _restart_persistent_workers(loader: DataLoader) -> None:
    # Persistent workers hold a copy of the dataset with its old pipeline. Dropping the loader's
    # iterator ends them; the epoch that begins makes a new one.
    if loader.persistent_workers:
        loader._iterator = None
