"""The progress of a run: a bar where there is a terminal, plain log lines where there is none."""

from __future__ import annotations

import atexit
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from footmm.registry import HOOKS

SECONDS_BETWEEN_REFRESHES = 0.1


class LoopMeter:
    """Measures how fast one loop runs and how long it waits for its data.

    Everything between the end of one iteration and the arrival of the next batch counts as
    waiting for data.
    """

    def __init__(self) -> None:
        self.iterations = 0
        self.items = 0
        self.waiting_seconds = 0.0
        self.seconds = 0.0
        self.resume()

    def resume(self) -> None:
        """Start the clock again after something that is not part of the loop, e.g. a validation."""
        self._last_end = time.perf_counter()

    def batch_arrived(self) -> None:
        """Count the time since the last iteration as waiting."""
        self.waiting_seconds += time.perf_counter() - self._last_end

    def iteration_done(self, items: int) -> None:
        """Count one iteration over ``items`` samples."""
        now = time.perf_counter()
        self.seconds += now - self._last_end
        self._last_end = now
        self.iterations += 1
        self.items += items

    @property
    def items_per_second(self) -> float:
        """Samples per second of wall time."""
        return self.items / max(self.seconds, 1e-9)

    @property
    def waiting_share(self) -> float:
        """Share of the wall time spent waiting for data, 0 to 1."""
        return min(1.0, self.waiting_seconds / max(self.seconds, 1e-9))

    @property
    def seconds_per_iteration(self) -> float:
        """Mean wall time of one iteration in seconds."""
        return self.seconds / max(self.iterations, 1)


@HOOKS.register_module()
class RichProgressHook(Hook):
    """Shows epoch, loss, items/s, the share of time spent waiting for data and the time left.

    On a terminal these are a bar at the bottom of the screen, and MMEngine's log lines scroll by
    above it. Elsewhere (a pipe, a file, a notebook, a batch job) each finished loop writes one line
    to the log. Only the main process shows anything; its items/s are those of all processes.

    MMEngine calls no hook when a run crashes. The cursor therefore stays visible and the drawing
    uses no thread, so that even a killed run leaves a usable terminal; :meth:`close` takes the bar
    away at the interpreter's exit at the latest.

    Args:
        interval: Without a terminal, also write a line every ``interval`` iterations; 0 for none.
        smoothing: Number of iterations over which the shown loss is averaged.
    """

    # After all other hooks, so that their time is not mistaken for waiting.
    priority = "LOWEST"

    def __init__(self, interval: int = 0, smoothing: int = 20) -> None:
        self.interval = interval
        self.smoothing = smoothing
        self.console = Console()
        self._meters: dict[str, LoopMeter] = {}
        self._training_meter = LoopMeter()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._redirected: list[tuple[logging.StreamHandler, Any]] = []
        self._last_refresh = 0.0

    def before_train(self, runner: Runner) -> None:
        """Start measuring the whole training, which the time left is estimated from."""
        self._training_meter = LoopMeter()

    def after_train(self, runner: Runner) -> None:
        """Take the bar away."""
        self.close()

    def after_run(self, runner: Runner) -> None:
        """Take the bar away."""
        self.close()

    def close(self) -> None:
        """Take the bar away and give the streams back; safe to call at any time."""
        if self._progress is None:
            return
        for handler, stream in self._redirected:
            handler.setStream(stream)
        self._redirected.clear()
        self._progress.stop()
        self._progress = None
        self._tasks.clear()
        atexit.unregister(self.close)

    def _before_epoch(self, runner: Runner, mode: str = "train") -> None:
        if not is_main_process():
            return
        self._meters[mode] = LoopMeter()
        if mode == "train":
            self._training_meter.resume()
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            return
        if self._progress is None:
            self._open(runner.logger)
        done = runner.iter if mode == "train" and _is_iteration_based(runner) else 0
        self._tasks[mode] = self._progress.add_task(
            _title(runner, mode), total=_loop_length(runner, mode), completed=done, status=""
        )
        self._progress.refresh()

    def _before_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, mode: str = "train"
    ) -> None:
        if mode in self._meters:
            self._meters[mode].batch_arrived()

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | Sequence | None = None,
        mode: str = "train",
    ) -> None:
        if mode not in self._meters:
            return
        items = _batch_size(data_batch) * get_world_size()
        self._meters[mode].iteration_done(items)
        if mode == "train":
            self._training_meter.iteration_done(items)
        if self._progress is not None:
            self._advance_bar(runner, batch_idx + 1, mode)
        elif self.every_n_inner_iters(batch_idx, self.interval):
            done = f"[{batch_idx + 1}/{_loop_length(runner, mode)}]"
            runner.logger.info(
                f"{_title(runner, mode)} {done}: {self._status(runner, batch_idx + 1, mode)}"
            )

    def _after_epoch(self, runner: Runner, mode: str = "train") -> None:
        if mode not in self._meters:
            return
        if self._progress is not None:
            self._progress.remove_task(self._tasks.pop(mode))
            self._progress.refresh()
        else:
            self._log_summary(runner, mode)
        del self._meters[mode]
        if mode == "val" and "train" in self._meters:  # iteration-based: training goes on
            self._meters["train"].resume()
            self._training_meter.resume()

    def _log_summary(self, runner: Runner, mode: str) -> None:
        meter = self._meters[mode]
        iteration_based = mode == "train" and _is_iteration_based(runner)
        done = runner.iter if iteration_based else meter.iterations
        runner.logger.info(
            f"{_title(runner, mode)} done: {meter.iterations} iterations in "
            f"{_clock(meter.seconds)}, {self._status(runner, done, mode)}"
        )

    def _open(self, logger: logging.Logger) -> None:
        # No refresh thread: data-loading workers are forked from this process, and one forked
        # while the thread holds the console's lock would hang at its first warning.
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            console=self.console,
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        atexit.register(self.close)
        self._progress.start()
        self.console.show_cursor(True)
        # The logger keeps the stream it was made with, so rich's own redirection of sys.stdout
        # does not reach it and its lines would tear the bar.
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(
                handler, logging.FileHandler
            ):
                self._redirected.append((handler, handler.stream))
                handler.setStream(FileProxy(self.console, handler.stream))

    def _advance_bar(self, runner: Runner, done: int, mode: str) -> None:
        now = time.monotonic()
        if now - self._last_refresh < SECONDS_BETWEEN_REFRESHES:
            return
        self._last_refresh = now
        self._progress.update(
            self._tasks[mode], completed=done, status=self._status(runner, done, mode)
        )
        self._progress.refresh()

    def _status(self, runner: Runner, done: int, mode: str) -> str:
        meter = self._meters[mode]
        parts = [
            f"{meter.items_per_second:.4g} items/s",
            f"data wait {meter.waiting_share:.0%}",
        ]
        loss = runner.message_hub.log_scalars.get("train/loss")
        if mode == "train" and loss is not None:
            parts.insert(0, f"loss {loss.mean(self.smoothing):.4f}")
        seconds = self._seconds_left(runner, done, mode)
        if seconds > 0:
            parts.append(f"ETA {_clock(seconds)}")
        return ", ".join(parts)

    def _seconds_left(self, runner: Runner, done: int, mode: str) -> float:
        """Time to the end of the training, or of a validation or test on its own."""
        if mode != "train":
            left = _loop_length(runner, mode) - done
            return left * self._meters[mode].seconds_per_iteration
        earlier = 0 if _is_iteration_based(runner) else runner.epoch * _loop_length(runner, mode)
        left = runner.max_iters - earlier - done
        return left * self._training_meter.seconds_per_iteration


def _is_iteration_based(runner: Runner) -> bool:
    return isinstance(runner.train_loop, IterBasedTrainLoop)


def _loop_length(runner: Runner, mode: str) -> int:
    if mode == "train" and _is_iteration_based(runner):
        return runner.max_iters
    return len(getattr(runner, f"{mode}_dataloader"))


def _title(runner: Runner, mode: str) -> str:
    if mode == "val":
        return "Validation"
    if mode == "test":
        return "Test"
    if _is_iteration_based(runner):
        return "Training"
    return f"Epoch {runner.epoch + 1}/{runner.max_epochs}"


def _batch_size(data_batch: Any) -> int:
    if isinstance(data_batch, dict):
        return len(next(iter(data_batch.values())))
    return len(data_batch[0])


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
