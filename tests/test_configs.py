"""Every shipped config: parses, builds twice, one loss step, one prediction, dumps and reloads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

from footmm.apis.config import load_config
from footmm.registry import DATASETS, HOOKS, METRICS, MODELS
from footmm.testing import shrink_config

CONFIGS = Path(__file__).parents[1] / "configs"
MODEL_CONFIGS = sorted(p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")

#: Of tasks whose networks take seconds an image at their own size.
SMALL_INPUTS = {
    "ball3d": {"num_frames": 10, "num_future": 5},
    "detection": {"input_size": (96, 160)},
    "homography": {"input_size": (128, 224)},
    "synloc": {"input_size": (96, 160)},
}
SMALL_TEST_INPUTS = {
    name: {"test_input_size": (192, 320)}
    for name in (
        "detr_r50_synthetic",
        "detr_r50_synthetic_to_real",
        "yoloxpose_tiny_synthetic",
        "yoloxpose_tiny_640_overfit_scene",
    )
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("configs")


@pytest.fixture(params=MODEL_CONFIGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def config(request, folder, monkeypatch):
    # Published weights are optional, and tests do not wait for the network.
    monkeypatch.setattr(
        "footmm.models.common.pretrained._download", lambda url: "tests download nothing"
    )
    init_default_scope("footmm")
    path = request.param
    overrides = SMALL_INPUTS.get(path.parent.name, {}) | SMALL_TEST_INPUTS.get(path.stem, {})
    return shrink_config(load_config(path, overrides), folder)


def test_config_builds_trains_and_predicts(config):
    MODELS.build(config.model)
    model = MODELS.build(config.model)
    model.init_weights()
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)

    train = DATASETS.build(config.train_dataloader.dataset)
    assert train.metainfo["synthetic"]
    batch = pseudo_collate([train[i] for i in range(4)])
    model.train()
    logs = model.train_step(batch, optim_wrapper)
    assert all(torch.isfinite(value).all() for value in logs.values())

    test = DATASETS.build(config.test_dataloader.dataset)
    model.eval()
    with torch.no_grad():
        predictions = model.test_step(pseudo_collate([test[i] for i in range(2)]))
    assert len(predictions) == 2
    evaluators = config.test_evaluator
    for metric in evaluators if isinstance(evaluators, list) else [evaluators]:
        METRICS.build(metric)


@pytest.mark.parametrize("path", MODEL_CONFIGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_parts_that_small_runs_leave_out_exist(path):
    """The schedulers, which :func:`shrink_config` replaces, and what hooks build in training."""
    init_default_scope("footmm")
    config = load_config(path)
    for scheduler in config.param_scheduler:
        with PARAM_SCHEDULERS.switch_scope_and_registry("footmm") as registry:
            assert registry.get(scheduler.type) is not None
    for hook in config.get("custom_hooks", []):
        assert HOOKS.get(hook.type) is not None
        assert "ema_type" not in hook or MODELS.get(hook.ema_type) is not None
        if "switch_pipeline" in hook:
            Compose(hook.switch_pipeline)


def test_config_dumps_and_reloads(config, tmp_path):
    config.dump(tmp_path / "dumped.py")
    assert Config.fromfile(tmp_path / "dumped.py").to_dict() == config.to_dict()


def test_there_is_a_config_for_every_task_and_none_goes_untested():
    tasks = {"ball3d", "detection", "homography", "reid", "synloc", "tactics", "trajectory"}
    assert {path.parent.name for path in MODEL_CONFIGS} >= tasks
    assert {path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts} == set(
        MODEL_CONFIGS
    )
