"""A training that is killed again and again, and resumed, ends as one that nobody disturbed."""

from __future__ import annotations

import importlib
import os
import random
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from footmm.apis.config import load_config
from footmm.compat.checkpoints import load_checkpoint_file
from footmm.testing import run_forks, shrink_config

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("unformatted_configs")
EPOCHS = 6
TINY = dict(embed_dims=8, num_layers=1, num_heads=2)

#: What a run does, and how often in an epoch: kills fall on one of these points.
STEP, VALIDATION, CHECKPOINT = "step", "validation", "checkpoint"
POINTS = {
    "before_train_iter": STEP,
    "after_train_iter": STEP,
    "before_val_epoch": VALIDATION,
    "after_val_iter": VALIDATION,
    "after_val_epoch": VALIDATION,
}


class Killer:
    """Kills its own process at the n-th point of some kind, without a chance to clean up.

    Points are what training does (the calls of hooks) and every opening, renaming and removing of
    a checkpoint's file or of the note of the last one. A file that is open at the kill is left
    half written.
    """

    def __init__(self, kind: str | None, number: int) -> None:
        self.kind = kind
        self.number = number
        self.passed = 0
        call_hook = Runner.call_hook

        def call_noted_hook(runner: Runner, name: str, **options: Any) -> None:
            if name in POINTS:
                self.reach(POINTS[name])
            call_hook(runner, name, **options)

        Runner.call_hook = call_noted_hook
        sys.addaudithook(self.see)

    def see(self, event: str, arguments: tuple) -> None:
        if event not in ("open", "os.rename", "os.remove") or not isinstance(
            arguments[0], (str, Path)
        ):
            return
        path = Path(arguments[0])
        if ".pth" in path.suffixes or path.name == "last_checkpoint":
            self.reach(CHECKPOINT, path)

    def reach(self, kind: str, path: Path | None = None) -> None:
        self.passed += self.kind in (kind, None)
        if self.passed < self.number:
            return
        if path is not None and (path.suffix == ".tmp" or path.name == "last_checkpoint"):
            cut(path)
        os.kill(os.getpid(), signal.SIGKILL)


def cut(path: Path) -> None:
    """Leave of a file what a write that ended early leaves: half of it, nothing of a short one."""
    size = path.stat().st_size if path.exists() else 0
    if size:
        os.truncate(path, size // 2 if size > 1000 else 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def tiny_config(folder) -> Path:
    """Steps, validations and a best checkpoint in each epoch; a schedule that follows them."""
    config = shrink_config(
        load_config(ROOT / "configs/trajectory/baller2vec_synthetic.py", TINY), folder, EPOCHS
    )
    config.train_dataloader.dataset.update(num_samples=8, matches_per_block=1)
    for name in ("val_dataloader", "test_dataloader"):
        config[name].dataset.update(num_samples=4, matches_per_block=1)
    score = dict(rule="less", monitor="trajectory/ADE@2.0s")
    config.param_scheduler = [dict(type="ReduceOnPlateauLR", patience=0, threshold=0.3, **score)]
    config.default_hooks.checkpoint.update(
        max_keep_ckpts=1, save_best=score["monitor"], rule=score["rule"]
    )
    config.default_hooks.logger.interval = 1
    config.default_hooks.pop("pictures")
    config.visualizer.vis_backends = [dict(type="LocalVisBackend")]
    config.custom_hooks = [dict(type="EMAHook", momentum=0.2)]
    path = folder / "tiny.py"
    config.dump(path)
    return path


@pytest.fixture(scope="module")
def start(tiny_config) -> Callable[..., int]:
    """Starts or resumes training in a process of its own; returns how it ended."""
    main = runpy.run_path(str(ROOT / "tools/train.py"))["main"]
    for part in ("datasets", "engine.hooks", "evaluation.metrics", "models", "visualization"):
        importlib.import_module(f"footmm.{part}")

    def start(work_dir: Path, kind: str | None = None, number: int = sys.maxsize) -> int:
        arguments = [str(tiny_config), "--resume", "--device", "cpu", "--work-dir", str(work_dir)]

        def train() -> None:
            Killer(kind, number)
            main(arguments)

        [end] = run_forks(work_dir.with_suffix(".log"), train)
        return end

    return start


@pytest.fixture(scope="module")
def unbroken(start, folder) -> Path:
    """The work dir of a run that nobody killed."""
    work_dir = folder / "unbroken"
    assert start(work_dir) == 0, work_dir.with_suffix(".log").read_text()
    return work_dir


def checkpoints(work_dir: Path) -> dict[str, dict]:
    """All checkpoints that there are; each must load."""
    return {path.name: load_checkpoint_file(path) for path in work_dir.rglob("*.pth")}


def curves(work_dir: Path) -> dict[str, Any]:
    read_run = runpy.run_path(str(ROOT / "tools/analysis/plot_logs.py"))["read_run"]
    measured = {"time", "data_time", "memory"}
    return {key: curve for key, curve in read_run(work_dir)[0].items() if key not in measured}


def known(checkpoint: dict) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a checkpoint knows, but for names, paths and times: the tensors and the rest."""
    hub = checkpoint["message_hub"]
    states = {key: value for key, value in checkpoint.items() if key.endswith("state_dict")}
    states["optimizer"] = checkpoint.get("optimizer")
    rest = {key: checkpoint["meta"][key] for key in ("epoch", "iter", "seed", "dataset_meta")}
    rest["schedules"] = checkpoint.get("param_schedulers")
    rest["best"] = hub["runtime_info"]["best_score"]
    rest["scalars"] = {
        key: [part.tolist() for part in scalar.data]
        for key, scalar in hub["log_scalars"].items()
        if not key.endswith("time")
    }
    return states, rest


def assert_same_end(work_dir: Path, unbroken: Path) -> None:
    found, wanted = checkpoints(work_dir), checkpoints(unbroken)
    assert found.keys() == wanted.keys()
    assert len(wanted) == 2
    for name in wanted:
        (states, rest), (wanted_states, wanted_rest) = known(found[name]), known(wanted[name])
        torch.testing.assert_close(states, wanted_states, rtol=0, atol=0)
        np.testing.assert_equal(rest, wanted_rest)
    np.testing.assert_equal(curves(work_dir), curves(unbroken))
    assert (work_dir / "last_checkpoint").read_text() == str(work_dir / f"epoch_{EPOCHS}.pth")
    assert not list(work_dir.rglob("*.tmp"))


def test_the_unbroken_run_has_something_to_lose(unbroken):
    last = checkpoints(unbroken)[f"epoch_{EPOCHS}.pth"]
    assert {"ema_state_dict", "optimizer", "param_schedulers"} <= last.keys()
    rates = [rate for _, rate in curves(unbroken)["lr"]]
    assert len(set(rates)) > 1
    assert len(curves(unbroken)["trajectory/ADE@2.0s"]) == EPOCHS


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
def test_five_kills_lose_nothing(start, unbroken, tmp_path, seed):
    """Each within the first epoch after a start, so that an epoch is left for every kill."""
    generator = random.Random(seed)
    kinds = [STEP, VALIDATION, CHECKPOINT, CHECKPOINT, generator.choice((STEP, VALIDATION))]
    generator.shuffle(kinds)
    work_dir = tmp_path / "work"
    for kind in kinds:
        most = 10 if kind == CHECKPOINT else 3
        end = start(work_dir, kind, generator.randint(1, most))
        assert end == -signal.SIGKILL, work_dir.with_suffix(".log").read_text()
        checkpoints(work_dir)
    assert start(work_dir) == 0, work_dir.with_suffix(".log").read_text()
    assert_same_end(work_dir, unbroken)


@pytest.mark.slow
def test_a_kill_at_any_point_loses_nothing(start, unbroken, tmp_path):
    number, end = 0, -signal.SIGKILL
    while end == -signal.SIGKILL:
        number += 1
        work_dir = tmp_path / f"killed_at_{number}"
        end = start(work_dir, None, number)
        checkpoints(work_dir)
        if end == -signal.SIGKILL:
            end_of_resumed = start(work_dir)
            assert end_of_resumed == 0, work_dir.with_suffix(".log").read_text()
        assert_same_end(work_dir, unbroken)
    assert number > 10 * EPOCHS
