"""From a config to a Runner that trains or tests, with errors that name the config's mistake."""

from __future__ import annotations

import inspect
import os
import re
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from mmengine.config import Config
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import nn

from footmm.compat.checkpoints import (
    AtomicLocalBackend,
    check_checkpoint_fits,
    find_resume_checkpoint,
    install_atomic_checkpoint_saving,
    install_safe_checkpoint_loading,
    load_checkpoint_file,
)
from footmm.compat.launch import init_distributed, model_wrapper_cfg, select_device
from footmm.errors import ConfigError, FootmmError, TrainingError, did_you_mean


def build_runner(config: Config, device: str | None = None) -> Runner:
    """Build the Runner of a config.

    Args:
        config: A config with ``work_dir`` set.
        device: ``'cpu'`` or ``'cuda'``; ``None`` takes CUDA where there is one.

    Returns:
        A Runner ready to train or test.

    Raises:
        ConfigError: The config names an unknown type or argument, or its work dir is not writable.
        CheckpointError: A checkpoint the config names cannot be loaded.
    """
    _check_writable(config.work_dir)
    device = select_device(device)
    launcher = config.get("launcher", "none")
    if launcher != "none":
        init_distributed(launcher, device)
        unused = config.get("find_unused_parameters", False)
        config.setdefault("model_wrapper_cfg", model_wrapper_cfg(device, unused))
    install_safe_checkpoint_loading()
    install_atomic_checkpoint_saving()
    with config_mistakes_explained():
        runner = Runner.from_cfg(config)
    if config.get("resume") and config.get("load_from"):
        check_checkpoint_fits(
            load_checkpoint_file(config.load_from), _bare_model(runner), config.load_from
        )
    return runner


def train(runner: Runner) -> None:
    """Run the training loop of a Runner.

    Raises:
        ConfigError: A part that is built at the start of training has an unknown type or argument.
        TrainingError: A data-loading worker died.
        KeyboardInterrupt: After Ctrl-C; by then a checkpoint is written, if training had begun.
    """
    try:
        with config_mistakes_explained(), _worker_deaths_explained():
            runner.train()
    except KeyboardInterrupt:
        _save_interrupted(runner)
        raise


def test(runner: Runner, checkpoint: str | Path) -> dict[str, float]:
    """Test a Runner's model with the weights of a checkpoint.

    Args:
        runner: A Runner built from a config with test parts.
        checkpoint: A checkpoint file of the same model.

    Returns:
        The metrics, name to value.

    Raises:
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
    """
    content = load_checkpoint_file(checkpoint)
    check_checkpoint_fits(content, _bare_model(runner), checkpoint)
    runner._load_from = str(checkpoint)
    with config_mistakes_explained(), _worker_deaths_explained():
        return runner.test()


def _bare_model(runner: Runner) -> nn.Module:
    """The model without the wrapper of data-parallel training or test-time augmentation."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return model.module if isinstance(model, BaseTTAModel) else model


def _check_writable(work_dir: str | Path) -> None:
    try:
        Path(work_dir).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=work_dir):
            pass
    except OSError as error:
        raise ConfigError(
            f"work dir '{work_dir}' cannot be written: {error.strerror}; choose another --work-dir"
        ) from error


def _save_interrupted(runner: Runner) -> None:
    """Save what a run knows when it is interrupted; the epoch under way will be repeated."""
    if not isinstance(runner.optim_wrapper, OptimWrapper):
        return  # interrupted before training began: there is nothing to save
    epoch = runner.epoch
    meta = {"epoch": epoch, "iter": epoch * len(runner.train_dataloader)}
    name = f"interrupted_in_epoch_{epoch + 1}.pth"
    runner.save_checkpoint(runner.work_dir, name, meta=meta)
    path = os.path.join(runner.work_dir, name)
    if runner.rank == 0:
        AtomicLocalBackend().put_text(path, Path(runner.work_dir) / "last_checkpoint")
    runner.logger.info(f"interrupted: checkpoint written to {path}; continue with --resume")


@contextmanager
def _worker_deaths_explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if not re.match(r"DataLoader worker \(pid", str(error)):
            raise
        raise TrainingError(
            f"{error}. A data-loading process died without a Python error, most often because "
            "memory or /dev/shm is full: lower num_workers (with --cfg-options num_workers=0 the "
            "data is loaded in the training process and the real error shows)"
        ) from error


@contextmanager
def config_mistakes_explained() -> Iterator[None]:
    """Turn the errors that a config's types, arguments and values cause into a ConfigError."""
    try:
        yield
    except FootmmError:
        raise
    except (TypeError, ValueError, AssertionError) as error:
        built = _class_under_construction(error.__traceback__)
        if built is None:
            raise
        raise ConfigError(_construction_message(built, error)) from error
    except KeyError as error:
        # Raised for parts that are looked up in another library's scope; footmm's own registries
        # raise an UnknownTypeError, which is a ConfigError already.
        if " is not in the " not in str(error):
            raise
        raise ConfigError(str(error.args[0])) from error


def _class_under_construction(trace: TracebackType | None) -> type | None:
    """The innermost class that a registry was building when an error was raised."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    building = [f for f in frames if {"obj_cls", "registry"} <= f.f_locals.keys()]
    return building[-1].f_locals["obj_cls"] if building else None


def _construction_message(built: type, error: Exception) -> str:
    wrong = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if wrong is None:
        return f"config of '{built.__name__}': {error}"
    arguments = [name for name in inspect.signature(built).parameters if name != "self"]
    hint = did_you_mean(wrong[1], arguments, count=1) or f"; it takes {', '.join(arguments)}"
    return f"config of '{built.__name__}': it has no argument '{wrong[1]}'{hint}"


def resume_from(config: Config, checkpoint: str | None) -> None:
    """Make a config resume: from a given checkpoint, or from the newest one of its work dir.

    A work dir without a checkpoint starts from scratch, so that the same command both starts a
    run and goes on with it.
    """
    found = checkpoint or find_resume_checkpoint(config.work_dir)
    config.resume = found is not None
    config.load_from = None if found is None else str(found)
