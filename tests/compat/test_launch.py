"""Device choice, and process groups on the CPU: from torchrun, Slurm and Open MPI."""

from __future__ import annotations

import json
import os
from functools import partial

import mmengine.device
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import distributed

from footmm.compat import launch
from footmm.compat.launch import init_distributed, model_wrapper_cfg, select_device
from footmm.errors import ConfigError
from footmm.testing import run_ranks


class TinyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode):
        return {"loss": self.linear(torch.stack(inputs)).square().mean()}


def train_one_of_two(rank, work_dir):
    """What a process that torchrun has started does; it writes the weights that it ends with."""
    device = select_device("cpu")
    init_distributed("pytorch", device)
    torch.manual_seed(rank)  # data parallel starts all ranks with the weights of rank 0
    runner = Runner(
        model=TinyModel(),
        work_dir=str(work_dir),
        train_dataloader={
            "batch_size": 2,
            "dataset": [{"inputs": torch.tensor([i, 1.0])} for i in range(8)],
            "sampler": {"type": "DefaultSampler", "shuffle": False},
        },
        train_cfg={"by_epoch": True, "max_epochs": 1},
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.01}},
        cfg={"model_wrapper_cfg": model_wrapper_cfg(device)},
        launcher="pytorch",
        log_level="ERROR",
        experiment_name="two",
    )
    runner.train()
    linear = runner.model.module.linear
    result = {"weight": linear.weight.tolist(), "bias": linear.bias.tolist()}
    (work_dir / f"rank{rank}.json").write_text(json.dumps(result))


def test_two_processes_train_as_one_with_the_whole_batch(tmp_path):
    log = tmp_path / "log"
    ends = run_ranks(log, 2, partial(train_one_of_two, work_dir=tmp_path))
    assert ends == [0, 0], log.read_text()
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first == second

    torch.manual_seed(0)
    linear = torch.nn.Linear(2, 1)
    start = linear.weight.tolist()
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.01)
    for batch in ([0, 1, 2, 3], [4, 5, 6, 7]):  # rank 0 sees the even items, rank 1 the odd ones
        loss = linear(torch.tensor([[i, 1.0] for i in batch])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert first["weight"] != start
    torch.testing.assert_close(torch.tensor(first["weight"]), linear.weight.detach())
    torch.testing.assert_close(torch.tensor(first["bias"]), linear.bias.detach())


@pytest.fixture
def mmengine_device(monkeypatch):
    """MMEngine's device, as on a machine with a GPU, restored afterwards."""
    monkeypatch.setattr(mmengine.device.utils, "DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_cpu_is_used_even_where_there_is_a_gpu(mmengine_device):
    assert select_device("cpu") == "cpu"
    assert mmengine.device.get_device() == "cpu"
    assert select_device(None) == "cuda"
    assert mmengine.device.get_device() == "cuda"


def test_a_missing_gpu_and_an_unknown_device_are_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert select_device(None) == "cpu"
    with pytest.raises(ConfigError, match=r"'cuda' asked for.*finds no GPU.*--device cpu"):
        select_device("cuda")
    with pytest.raises(ConfigError, match=r"'gpu' is not supported; choose one of cpu, cuda"):
        select_device("gpu")


def test_the_wrapper_names_devices_on_the_cpu_only():
    assert model_wrapper_cfg("cpu")["device_ids"] is None
    assert "device_ids" not in model_wrapper_cfg("cuda", find_unused_parameters=True)
    assert model_wrapper_cfg("cuda", find_unused_parameters=True)["find_unused_parameters"]


@pytest.fixture
def clean_environment(monkeypatch):
    """No launcher's variables before the test, and what the test sets gone after it."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("SLURM_", "OMPI_", "MASTER_")) or name in {"RANK", "WORLD_SIZE"}:
            monkeypatch.delenv(name)
    kept = dict(os.environ)
    yield monkeypatch
    if distributed.is_initialized():
        distributed.destroy_process_group()
    os.environ.clear()
    os.environ.update(kept)


LAUNCHED = {
    "slurm": {"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_LOCALID": "0"},
    "mpi": {
        "OMPI_COMM_WORLD_RANK": "0",
        "OMPI_COMM_WORLD_SIZE": "1",
        "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    },
}


@pytest.mark.parametrize("launcher", LAUNCHED)
def test_slurm_and_mpi_make_a_gloo_group(clean_environment, launcher):
    for name, value in {
        **LAUNCHED[launcher],
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "0",
    }.items():
        clean_environment.setenv(name, value)
    init_distributed(launcher, "cpu")
    assert distributed.get_backend() == "gloo"
    assert distributed.get_world_size() == 1
    assert os.environ["LOCAL_RANK"] == "0"
    init_distributed(launcher, "cpu")  # a second call finds the group


def test_no_launcher_makes_no_group(clean_environment):
    init_distributed("none", "cpu")
    assert not distributed.is_initialized()


def test_slurm_tells_the_host_of_rank_0(clean_environment, tmp_path):
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(
        '#!/bin/sh\n[ "$*" = "show hostnames node[3-4]" ] && echo node3 && echo node4\n'
    )
    scontrol.chmod(0o755)
    environment = {
        "SLURM_PROCID": "5",
        "SLURM_NTASKS": "8",
        "SLURM_LOCALID": "1",
        "SLURM_NODELIST": "node[3-4]",
    }
    with pytest.raises(
        ConfigError, match=r"'scontrol show hostnames node\[3-4\]' failed.*MASTER_ADDR"
    ):
        launch._torchrun_environment("slurm", environment)
    clean_environment.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert launch._torchrun_environment("slurm", environment) == {
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "MASTER_ADDR": "node3",
        "MASTER_PORT": "29500",
    }


def test_cuda_goes_through_mmengines_own_initialisation(clean_environment):
    calls = []
    clean_environment.setattr(launch, "init_dist", lambda *a, **k: calls.append((a, k)))
    for name, value in {**LAUNCHED["mpi"], "MASTER_ADDR": "host"}.items():
        clean_environment.setenv(name, value)
    init_distributed("mpi", "cuda")
    assert calls == [(("mpi",), {"backend": "nccl"})]
    assert os.environ["LOCAL_RANK"] == "0"  # MMEngine's own forgets it and Runner needs it


def test_a_process_that_the_launcher_did_not_start_is_told_how(clean_environment):
    with pytest.raises(ConfigError, match=r"RANK, WORLD_SIZE.* not set.*dist_train\.sh"):
        init_distributed("pytorch", "cpu")
    with pytest.raises(ConfigError, match=r"launcher 'ray' does not exist; choose one of none, "):
        init_distributed("ray", "cpu")
    for name, value in LAUNCHED["mpi"].items():
        clean_environment.setenv(name, value)
    with pytest.raises(ConfigError, match="set MASTER_ADDR"):
        init_distributed("mpi", "cpu")
