"""The training features of docs/configs.md, each by the config line that the page gives."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from footmm.apis.config import load_config
from footmm.apis.runner import build_runner, train
from footmm.compat.amp import mixed_precision_optim_wrapper
from footmm.testing import shrink_config

CONFIG = Path(__file__).parents[2] / "configs/reid/osnet_synthetic.py"
ITERATIONS = 5
"""Batches of an epoch of the shrunk config."""

pytestmark = pytest.mark.usefixtures("unformatted_configs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def train_with(folder, tmp_path) -> Callable[..., Runner]:
    """Train the shrunk config with some lines changed; returns the finished Runner."""

    def run(epochs: int = 1, validate: bool = False, **lines) -> Runner:
        config = shrink_config(load_config(CONFIG), folder, epochs=epochs)
        config.work_dir = str(tmp_path / "work")
        config.default_hooks.pop("pictures")
        config.merge_from_dict(lines)
        if not validate:
            config.val_cfg = config.val_dataloader = config.val_evaluator = None
        runner = build_runner(config, "cpu")
        train(runner)
        return runner

    return run


def scalars(runner: Runner) -> list[dict]:
    file = next(Path(runner.work_dir).rglob("vis_data/scalars.json"))
    return [json.loads(line) for line in file.read_text().splitlines()]


def logged(runner: Runner, key: str) -> list[float]:
    return [line[key] for line in scalars(runner) if key in line]


def step_counter(monkeypatch) -> list[float]:
    """Notes the gradient norm at every step of the optimiser."""
    norms = []
    step = torch.optim.Adam.step

    def counted(self, *args, **kwargs):
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(torch.cat([g.flatten() for g in gradients if g is not None]).norm().item())
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    return norms


def test_length_of_an_epoch(train_with):
    assert len(train_with().train_dataloader) == ITERATIONS


def test_mixed_precision(train_with, monkeypatch):
    monkeypatch.setattr("footmm.compat.amp._cpu_has_fast_bfloat16", lambda: True)
    plain = load_config(CONFIG).optim_wrapper
    seen = []

    def note(module, args, output):
        seen.append(output.dtype)

    handle = torch.nn.modules.module.register_module_forward_hook(
        lambda m, a, o: note(m, a, o) if isinstance(m, torch.nn.Conv2d) else None
    )
    try:
        runner = train_with(optim_wrapper=mixed_precision_optim_wrapper(plain, "cpu"))
    finally:
        handle.remove()
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in runner.model.parameters()} == {torch.float32}


def test_gradient_accumulation(train_with, monkeypatch):
    steps = step_counter(monkeypatch)
    train_with(epochs=2, **{"optim_wrapper.accumulative_counts": 2})
    assert len(steps) == 2 * ITERATIONS // 2


def test_gradient_clipping(train_with, monkeypatch):
    norms = step_counter(monkeypatch)
    train_with(optim_wrapper={"clip_grad": {"max_norm": 0.01}})
    assert norms == pytest.approx([0.01] * ITERATIONS, rel=1e-3)


def test_exponential_moving_average_is_saved_and_validated(train_with, monkeypatch):
    swaps = []
    swap = EMAHook._swap_ema_parameters
    monkeypatch.setattr(EMAHook, "_swap_ema_parameters", lambda s: (swaps.append(1), swap(s)))
    runner = train_with(validate=True, custom_hooks=[{"type": "EMAHook", "momentum": 0.1}])
    checkpoint = torch.load(Path(runner.work_dir) / "epoch_1.pth", weights_only=False)
    name = "appearance_head.classifier.weight"
    averaged, last = checkpoint["state_dict"][name], checkpoint["ema_state_dict"]["module." + name]
    assert not torch.equal(averaged, last)
    assert len(swaps) >= 2


def test_frozen_backbone(train_with):
    runner = train_with(custom_hooks=[{"type": "FreezeBackboneHook"}])
    fresh = build_runner(runner.cfg, "cpu")
    fresh._init_model_weights()
    assert not any(p.requires_grad for p in runner.model.backbone.parameters())
    assert all(p.requires_grad for p in runner.model.appearance_head.parameters())


def test_fine_tuning_starts_from_other_weights(train_with, tmp_path):
    first = train_with()
    weights = Path(first.work_dir) / "epoch_1.pth"
    wanted = torch.load(weights, weights_only=False)["state_dict"]
    line = {"load_from": str(weights), "optim_wrapper.optimizer.lr": 0.0}
    tuned = train_with(**line)
    assert tuned.epoch == 1
    for name, parameter in tuned.model.named_parameters():
        torch.testing.assert_close(parameter.data, wanted[name])


def test_early_stopping(train_with):
    hook = {
        "type": "EarlyStoppingHook",
        "monitor": "reid/mAP",
        "rule": "greater",
        "patience": 1,
        "min_delta": 2.0,  # no mAP is ever better by that much
        "strict": True,
    }
    runner = train_with(epochs=5, validate=True, custom_hooks=[hook])
    assert runner.epoch == 2


def test_best_and_periodic_checkpoints(train_with):
    line = {"interval": 2, "max_keep_ckpts": 1, "save_best": "reid/mAP", "rule": "greater"}
    hooks = {"default_hooks.checkpoint": {"type": "CheckpointHook", **line}}
    runner = train_with(epochs=4, validate=True, **hooks)
    names = {path.name for path in Path(runner.work_dir).glob("*.pth")}
    assert "epoch_4.pth" in names
    assert not names & {"epoch_1.pth", "epoch_2.pth", "epoch_3.pth"}
    assert sum(name.startswith("best_reid_mAP") for name in names) == 1


@pytest.mark.parametrize(
    ("scheduler", "factors"),
    [
        ({"type": "MultiStepLR", "milestones": [1, 2], "gamma": 0.1}, [1.0, 0.1, 0.01]),
        ({"type": "CosineAnnealingLR", "T_max": 2, "end": 3}, [1.0, 0.5, 0.0]),
        ({"type": "LinearLR", "start_factor": 0.2, "begin": 0, "end": 3}, [0.2, 0.6, 1.0]),
    ],
)
def test_schedules(train_with, scheduler, factors):
    runner = train_with(
        epochs=3, param_scheduler=[scheduler], **{"default_hooks.logger.interval": 1}
    )
    rates = logged(runner, "lr")[ITERATIONS - 1 :: ITERATIONS]
    peak = runner.cfg.optim_wrapper.optimizer.lr
    assert rates == pytest.approx([factor * peak for factor in factors], abs=1e-9)


def test_plateau_schedule(train_with):
    scheduler = {
        "type": "ReduceOnPlateauLR",
        "monitor": "reid/mAP",
        "rule": "greater",
        "patience": 0,
        "threshold": 2.0,
        "factor": 0.1,
    }
    runner = train_with(
        epochs=3,
        validate=True,
        param_scheduler=[scheduler],
        **{"default_hooks.logger.interval": 1},
    )
    rates = logged(runner, "lr")
    assert rates[-1] < 0.2 * rates[0]


def test_cudnn_benchmark(train_with, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    train_with(env_cfg={"cudnn_benchmark": True})
    assert torch.backends.cudnn.benchmark


def test_tensorboard(train_with):
    runner = train_with()
    assert list(Path(runner.work_dir).rglob("events.out.tfevents*"))


def test_weights_and_biases_offline(train_with, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setitem(os.environ, "WANDB_MODE", "offline")
    monkeypatch.setitem(os.environ, "WANDB_SILENT", "true")
    backends = [
        {"type": "LocalVisBackend"},
        {"type": "WandbVisBackend", "init_kwargs": {"project": "footmm"}},
    ]
    runner = train_with(**{"visualizer.vis_backends": backends})
    runner.visualizer.close()
    assert list(Path(runner.work_dir).rglob("offline-run-*/*.wandb"))


def test_auto_scaled_learning_rate(train_with):
    runner = train_with(auto_scale_lr={"base_batch_size": 16, "enable": True})
    configured = load_config(CONFIG).optim_wrapper.optimizer.lr
    batch_size = runner.train_dataloader.batch_size
    assert runner.optim_wrapper.get_lr()["lr"] == [pytest.approx(configured * batch_size / 16)]
