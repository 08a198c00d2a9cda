"""Every shipped config through the doors of the tools: train, validate, save, resume, test."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.hooks import EMAHook, Hook
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope
from mmengine.runner import Runner

from footmm.apis.config import load_config
from footmm.apis.runner import build_runner, resume_from, train
from footmm.apis.runner import test as run_test
from footmm.engine.hooks.metrics_table import describe_data
from footmm.registry import HOOKS, MODELS
from footmm.simulation.match import simulate_matches
from footmm.testing import shrink_config, shrink_model

CONFIGS = Path(__file__).parents[1] / "configs"
MODEL_CONFIGS = sorted(p for p in CONFIGS.glob("*/*.py") if p.parent.name != "_base_")

#: Of tasks whose networks take seconds an image at their own size.
SMALL_INPUTS = {
    "ball3d": {"num_frames": 10, "num_future": 5},
    "detection": {"input_size": (96, 160)},
    "homography": {"input_size": (128, 224)},
    "reid": {"input_size": (64, 32)},
    "synloc": {"input_size": (96, 160)},
}
SMALL_PARTS = {
    name: {"test_input_size": (192, 320)}
    for name in (
        "detr_r50_synthetic",
        "detr_r50_synthetic_to_real",
        "yoloxpose_tiny_synthetic",
        "yoloxpose_tiny_640_overfit_scene",
    )
} | {"efficientnet_b3_tcn": {"crop_size": 32}}

#: Scores of what tiny data and untrained weights have none of: objects of a size, a ball that
#: rolls, rises or lands, homographies, strategies.
MAY_BE_NAN = {
    "ball3d": r"/(error_median_\w+|landing_\w+|peak_\w+)$",
    "detection": r"/(mAP_(small|medium|large)|ball_point_\w+)$",
    "homography": r"/((re)?projection_error|iou_|JaC@)",
    "trajectory": r"^trajectory_strategy/",
}


class Stop(Exception):
    """Ends a training that has shown enough."""


class ResumedRun(Hook):
    """Compares a resumed run with the one that it continues, and ends it after a step."""

    priority = "LOWEST"

    def __init__(self, finished: Runner) -> None:
        self.wanted = state(finished)

    def before_train(self, runner: Runner) -> None:
        found = state(runner)
        assert found.pop("schedules") == self.wanted["schedules"]
        wanted = {key: self.wanted[key] for key in found}
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        assert runner.epoch == 1
        assert runner.iter == self.wanted["iter"]
        raise Stop


def state(runner: Runner) -> dict[str, Any]:
    return {
        "epoch": runner.epoch,
        "iter": runner.iter,
        "weights": runner.model.state_dict(),
        "optimizer": runner.optim_wrapper.state_dict(),
        "schedules": [scheduler.state_dict() for scheduler in runner.param_schedulers],
        "ema": [h.ema_model.state_dict() for h in runner.hooks if isinstance(h, EMAHook)],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("configs")


@pytest.fixture(scope="module")
def matches():
    """The simulation of matches, which remembers: what one config has played serves the next."""
    played: dict[str, list] = {}

    def simulate(settings, seeds):
        key = repr((settings, seeds))
        if key not in played:
            played[key] = simulate_matches(settings, seeds)
        return played[key]

    return simulate


def _parameter(path: Path) -> Any:
    """A config; those that differ from another one in nothing but sizes, which shrink, are slow."""
    is_like_another = re.fullmatch(r"yoloxpose_[sml]_(640|1280)(_simcc)?", path.stem)
    name = f"{path.parent.name}/{path.stem}"
    return pytest.param(path, id=name, marks=[pytest.mark.slow] if is_like_another else [])


@pytest.fixture(params=map(_parameter, MODEL_CONFIGS))
def config(request, folder, matches, tmp_path, monkeypatch):
    # Published weights are optional, and tests do not wait for the network.
    monkeypatch.setattr(
        "footmm.models.common.pretrained._download", lambda url: "tests download nothing"
    )
    # Half of the time of such short runs, for line breaks.
    monkeypatch.setattr("mmengine.config.config.FormatCode", lambda text, **_: (text, True))
    monkeypatch.setattr("footmm.simulation.windows.simulate_matches", matches)
    init_default_scope("footmm")
    path = request.param
    overrides = SMALL_INPUTS.get(path.parent.name, {}) | SMALL_PARTS.get(path.stem, {})
    config = shrink_model(shrink_config(load_config(path, overrides), folder))
    config.work_dir = str(tmp_path)
    if path.parent.name == "reid":
        config.model.appearance_head.num_classes = 50
    config.default_hooks.pop("pictures")
    config.visualizer.vis_backends = []
    return config


def test_config_trains_validates_saves_resumes_and_tests(config):
    task = Path(config.filename).parent.name
    MODELS.build(config.model)
    first = build_runner(config, "cpu")
    assert describe_data(first.train_dataloader.dataset.metainfo).startswith("synthetic")
    train(first)
    losses = scalars(first, "train/")
    assert {"loss", "lr"} <= losses.keys()
    assert all(math.isfinite(loss) for loss in losses.values())
    assert_scores(scalars(first, "val/"), task)
    dumped = Config.fromfile(Path(config.work_dir) / Path(config.filename).name)
    assert dumped.to_dict() == config.to_dict()

    config.train_cfg.update(max_epochs=2, val_begin=2)
    resume_from(config, None)
    assert Path(config.load_from).name == "epoch_1.pth"
    resumed = build_runner(config, "cpu")
    resumed.register_hook(ResumedRun(first))
    with pytest.raises(Stop):
        train(resumed)

    assert_scores(run_test(first, config.load_from), task)


def scalars(runner: Runner, prefix: str) -> dict[str, float]:
    """What a run logged last, but for the times."""
    logged = runner.message_hub.log_scalars
    return {
        name.removeprefix(prefix): scalar.current()
        for name, scalar in logged.items()
        if name.startswith(prefix) and not name.endswith("time")
    }


def assert_scores(scores: dict[str, float], task: str) -> None:
    assert any(math.isfinite(score) for score in scores.values())
    for name, score in scores.items():
        assert re.match(rf"{task}(_\w+)?/", name), name
        may_be_nan = re.search(MAY_BE_NAN.get(task, "^$"), name)
        assert math.isfinite(score) or (may_be_nan and math.isnan(score)), name


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


def test_there_is_a_config_for_every_task_and_none_goes_untested():
    tasks = {"ball3d", "detection", "homography", "reid", "synloc", "tactics", "trajectory"}
    assert {path.parent.name for path in MODEL_CONFIGS} >= tasks
    assert {path for path in CONFIGS.rglob("*.py") if "_base_" not in path.parts} == set(
        MODEL_CONFIGS
    )
