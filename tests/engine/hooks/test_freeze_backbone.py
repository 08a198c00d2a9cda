from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import distributed as dist
from torch import nn

from footmm.engine.hooks import FreezeBackboneHook
from footmm.errors import ConfigError
from footmm.testing import run_ranks


def _changed(runner, before):
    after = runner.model.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


def test_only_the_head_is_trained(make_runner):
    runner = make_runner([FreezeBackboneHook()])
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    assert _changed(runner, before) == {"head.weight", "head.bias"}


def test_other_module_and_statistics_of_trained_norms(make_runner):
    runner = make_runner([FreezeBackboneHook(module="backbone.0")], epochs=1)
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    changed = _changed(runner, before)
    assert not any(name.startswith("backbone.0") for name in changed)
    assert "backbone.1.running_mean" in changed


@pytest.mark.parametrize("start", [0, 2])
def test_thaws_at_its_epoch_and_when_resumed_later(make_runner, start):
    runner = make_runner([FreezeBackboneHook(unfreeze_epoch=1)], epochs=start + 1)
    runner.train_loop._epoch = start
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    trained = {"backbone.0.weight", "backbone.1.running_mean"} <= _changed(runner, before)
    assert trained == (start >= 1)


def test_thaws_within_a_training(make_runner):
    runner = make_runner([FreezeBackboneHook(unfreeze_epoch=1)], epochs=2)
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    assert _changed(runner, before) == set(before)


def test_iteration_based_training(make_runner):
    runner = make_runner([FreezeBackboneHook()], iterations=4)
    before = copy.deepcopy(runner.model.state_dict())
    runner.train()
    assert _changed(runner, before) == {"head.weight", "head.bias"}


def test_unknown_module_names_the_known_ones(make_runner):
    runner = make_runner([FreezeBackboneHook(module="trunk")])
    with pytest.raises(ConfigError, match=r"module='trunk'.*data_preprocessor, backbone, head"):
        runner.train()


class Report(Hook):
    """Prints, after each epoch, what has changed and whether both processes have the same."""

    def __init__(self, before):
        self.before = before

    def after_train_epoch(self, runner):
        after = runner.model.module.state_dict()
        changed = {k.split(".")[0] for k in after if not torch.equal(self.before[k], after[k])}
        flat = torch.cat([value.flatten() for value in after.values()])
        both = [torch.empty_like(flat) for _ in range(2)]
        dist.all_gather(both, flat)
        print("RESULT", runner.epoch, sorted(changed), torch.equal(*both), flush=True)


class LinearModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, inputs, mode="tensor"):
        return {"loss": self.head(self.backbone(torch.stack(inputs))).square().mean()}


def train_one_of_two(rank, work_dir):
    dist.init_process_group("gloo")
    torch.manual_seed(rank)
    wrapper = {
        "type": "MMDistributedDataParallel",
        "device_ids": None,
        "broadcast_buffers": False,
    }
    runner = Runner(
        model=LinearModel(),
        work_dir=str(work_dir),
        launcher="pytorch",
        cfg={"model_wrapper_cfg": wrapper},
        train_dataloader={
            "batch_size": 2,
            "dataset": [{"inputs": torch.tensor([float(i), 1.0])} for i in range(16)],
            "num_workers": 0,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
        },
        train_cfg={"by_epoch": True, "max_epochs": 2},
        default_scope="mmengine",
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.001}},
        custom_hooks=[FreezeBackboneHook(unfreeze_epoch=1)],
        log_level="ERROR",
        default_hooks={"checkpoint": None, "logger": None},
    )
    runner.register_hook(Report(copy.deepcopy(runner.model.module.state_dict())))
    runner.train()


def test_two_processes_train_alike_frozen_and_thawed(tmp_path):
    log = tmp_path / "log"
    ends = run_ranks(log, 2, partial(train_one_of_two, work_dir=tmp_path / "work"))
    assert ends == [0, 0], log.read_text()
    assert log.read_text().count("RESULT 0 ['head'] True") == 2
    assert log.read_text().count("RESULT 1 ['backbone', 'head'] True") == 2
