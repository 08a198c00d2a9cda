"""Pictures of what the model predicts, every few epochs and in tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dist import collect_results, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from mmengine.structures import BaseDataElement

from footmm.compat.checkpoints import AtomicLocalBackend
from footmm.errors import ConfigError
from footmm.registry import HOOKS


@HOOKS.register_module()
class ValidationPictureHook(Hook):
    """Hands the predicted data samples to the visualizer and keeps the pictures it draws.

    The task's visualizer says what is drawn, by a method ``draw_samples(samples)`` that returns a
    dict of names to uint8 RGB arrays (H, W, 3). The files are ``<name>_epoch_<n>.png`` in
    training (``<name>_iter_<n>.png`` when it is iteration-based, where every validation is drawn),
    ``<name>_val.png`` and ``<name>_test.png`` otherwise; each also goes to the vis backends.

    In distributed runs the samples of all processes are collected as MMEngine's metrics collect
    theirs (through files on the CPU side), so pictures are those of one process over all data.

    Args:
        interval: Draw every ``interval`` epochs and at the last one.
        max_samples: Draw the first so many samples of the dataset; None for all of them, which
            rankings need.
        out_dir: Folder of the pictures; None for ``<work_dir>/pictures``.
    """

    priority = "LOW"

    def __init__(
        self, interval: int = 1, max_samples: int | None = None, out_dir: str | None = None
    ) -> None:
        self.interval = interval
        self.max_samples = max_samples
        self.out_dir = out_dir
        self._training = False
        self._samples: list[BaseDataElement] = []

    def before_run(self, runner: Runner) -> None:
        """Check that the visualizer can draw.

        Raises:
            ConfigError: It has no method ``draw_samples``.
        """
        if not hasattr(runner.visualizer, "draw_samples"):
            raise ConfigError(
                "ValidationPictureHook: the visualizer "
                f"visualizer.type='{type(runner.visualizer).__name__}' has no method draw_samples; "
                "use the visualizer of the task, or remove the hook"
            )

    def before_train(self, runner: Runner) -> None:
        """Remember that validations belong to epochs from here on."""
        self._training = True

    def after_train(self, runner: Runner) -> None:
        """Forget it again."""
        self._training = False

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Keep the predictions of a batch if this validation is drawn."""
        if self._is_drawn(runner):
            self._keep(outputs)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[BaseDataElement] | None = None,
    ) -> None:
        """Keep the predictions of a batch."""
        self._keep(outputs)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw the predictions of this validation."""
        if not self._training:
            self._draw(runner, runner.val_dataloader.dataset, "val", step=0)
        elif self._is_drawn(runner):
            unit = "iter" if isinstance(runner.train_loop, IterBasedTrainLoop) else "epoch"
            step = getattr(runner, unit)
            self._draw(runner, runner.val_dataloader.dataset, f"{unit}_{step}", step)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Draw the predictions of the test."""
        self._draw(runner, runner.test_dataloader.dataset, "test", step=0)

    def _is_drawn(self, runner: Runner) -> bool:
        # Outside of training the Runner would build the train loop to answer for the epoch.
        if not self._training or isinstance(runner.train_loop, IterBasedTrainLoop):
            return True
        return runner.epoch % self.interval == 0 or runner.epoch == runner.max_epochs

    def _keep(self, outputs: Sequence[BaseDataElement] | None) -> None:
        room = None if self.max_samples is None else self.max_samples - len(self._samples)
        self._samples.extend(sample.detach().cpu() for sample in list(outputs or [])[:room])

    def _draw(self, runner: Runner, dataset: Any, suffix: str, step: int) -> None:
        samples, self._samples = self._samples, []
        size = min(len(dataset), self.max_samples or len(dataset))
        if get_world_size() > 1:
            samples = collect_results(samples, size, device="cpu")
        if not is_main_process():
            return
        folder = Path(self.out_dir or Path(runner.work_dir) / "pictures")
        folder.mkdir(parents=True, exist_ok=True)
        for name, image in runner.visualizer.draw_samples(samples[:size]).items():
            path = folder / f"{name}_{suffix}.png"
            write_png(path, image)
            runner.visualizer.add_image(name, image, step)
            runner.logger.info(f"picture: {path}")


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an RGB picture under a temporary name, then rename it.

    Args:
        path: Target file.
        image: uint8, (H, W, 3), RGB.
    """
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    AtomicLocalBackend().put(data.tobytes(), path)
