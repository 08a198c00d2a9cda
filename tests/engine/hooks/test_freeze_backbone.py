from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from footmm.engine.hooks import FreezeBackboneHook
from footmm.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


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


DISTRIBUTED_RUN = """
import sys
import footmm, torch
import torch.distributed as dist
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from footmm.engine.hooks import FreezeBackboneHook

torch.set_num_threads(1)
dist.init_process_group("gloo")

class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(2, 4)
        self.head = nn.Linear(4, 1)
    def forward(self, inputs, mode="tensor"):
        return {"loss": self.head(self.backbone(torch.stack(inputs))).square().mean()}

class Report(Hook):
    def after_train_epoch(self, runner):
        after = runner.model.module.state_dict()
        changed = sorted({k.split(".")[0] for k in after if not torch.equal(before[k], after[k])})
        flat = torch.cat([v.flatten() for v in after.values()])
        both = [torch.empty_like(flat) for _ in range(2)]
        dist.all_gather(both, flat)
        print("RESULT", runner.epoch, changed, torch.equal(*both), flush=True)

data = [{"inputs": torch.tensor([float(i), 1.0])} for i in range(16)]
torch.manual_seed(dist.get_rank())
runner = Runner(
    model=Model(), work_dir=sys.argv[1], launcher="pytorch", cfg={"model_wrapper_cfg": {
        "type": "MMDistributedDataParallel", "device_ids": None, "broadcast_buffers": False}},
    train_dataloader={"batch_size": 2, "dataset": data, "num_workers": 0,
                      "sampler": {"type": "DefaultSampler", "shuffle": False}},
    train_cfg={"by_epoch": True, "max_epochs": 2}, default_scope="mmengine",
    optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.001}},
    custom_hooks=[FreezeBackboneHook(unfreeze_epoch=1), Report()], log_level="ERROR",
    default_hooks={"checkpoint": None, "logger": None})
before = {k: v.clone() for k, v in runner.model.module.state_dict().items()}
runner.train()
"""


def test_two_processes_train_alike_frozen_and_thawed(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
    }
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", DISTRIBUTED_RUN, str(tmp_path)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    for run in runs:
        output, _ = run.communicate(timeout=120)
        assert "RESULT 0 ['head'] True" in output, output
        assert "RESULT 1 ['backbone', 'head'] True" in output, output
