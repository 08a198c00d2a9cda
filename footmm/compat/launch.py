"""Devices and process groups on machines with and without a GPU.

Upstream limitations (MMEngine 0.10.7): ``init_dist`` calls ``torch.cuda.set_device`` for every
launcher; ``Runner.wrap_model`` passes ``device_ids=[LOCAL_RANK]``, which data-parallel training on
the CPU refuses, and reads ``LOCAL_RANK``, which the MPI launcher does not set; the device is chosen
once, at import. Each function here can go when MMEngine takes a device.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any

import mmengine.device.utils
import torch
import torch.multiprocessing
from mmengine.dist import init_dist, is_distributed
from torch import distributed

from footmm.errors import ConfigError

_DEVICES = ("cpu", "cuda")
_DEFAULT_PORT = "29500"
# Where each launcher tells rank, world size and rank on the node.
_RANK_VARIABLES = {
    "pytorch": ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    "slurm": ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
    "mpi": (
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
    ),
}
_START_COMMANDS = {
    "pytorch": "tools/dist_train.sh CONFIG PROCESSES, or torchrun",
    "slurm": "tools/slurm_train.sh, or srun",
    "mpi": "mpirun (Open MPI)",
}


def select_device(name: str | None) -> str:
    """Choose the device of this process and make MMEngine use it.

    MMEngine decides at import and takes CUDA wherever there is one; its decision is replaced.

    Args:
        name: ``'cpu'``, ``'cuda'``, or ``None`` for CUDA where there is one.

    Returns:
        ``'cpu'`` or ``'cuda'``.

    Raises:
        ConfigError: The name is another one, or there is no CUDA device.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in _DEVICES:
        raise ConfigError(f"device '{name}' is not supported; choose one of {', '.join(_DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "a CPU build"
        raise ConfigError(
            f"device 'cuda' asked for, but PyTorch {torch.__version__} ({build}) finds no GPU; "
            "check nvidia-smi and CUDA_VISIBLE_DEVICES, or train with --device cpu"
        )
    mmengine.device.utils.DEVICE = name
    return name


def init_distributed(launcher: str, device: str) -> None:
    """Join the process group of a launcher; MMEngine's Runner then finds it and makes none.

    On CUDA that is MMEngine's own ``init_dist`` with NCCL, on the CPU a group with Gloo. Does
    nothing for the launcher ``'none'`` and where this process is in a group already.

    Args:
        launcher: ``'none'``, ``'pytorch'`` (torchrun), ``'slurm'`` or ``'mpi'`` (Open MPI).
        device: ``'cpu'`` or ``'cuda'``, see :func:`select_device`.

    Raises:
        ConfigError: The launcher is unknown, or this process was not started by it.
    """
    if launcher == "none" or is_distributed():
        return
    if launcher not in _RANK_VARIABLES:
        names = ", ".join(["none", *_RANK_VARIABLES])
        raise ConfigError(f"launcher '{launcher}' does not exist; choose one of {names}")
    os.environ.update(_torchrun_environment(launcher, os.environ))
    if device == "cpu":
        distributed.init_process_group("gloo")
        return
    # Runner wants fork; init_dist would choose spawn first, and Runner would warn about it.
    if torch.multiprocessing.get_start_method(allow_none=True) is None:
        torch.multiprocessing.set_start_method("fork")
    init_dist(launcher, backend="nccl")


def model_wrapper_cfg(device: str, find_unused_parameters: bool = False) -> dict[str, Any]:
    """The data-parallel wrapper, for the key ``model_wrapper_cfg`` of a Runner's config.

    Args:
        device: ``'cpu'`` or ``'cuda'``.
        find_unused_parameters: Allow parameters without a gradient in a step, at some cost.

    Returns:
        A config equal to what Runner uses by default on CUDA, and valid on the CPU as well.
    """
    cfg: dict[str, Any] = {
        "type": "MMDistributedDataParallel",
        "broadcast_buffers": False,
        "find_unused_parameters": find_unused_parameters,
    }
    if device == "cpu":
        # Overrides Runner's [LOCAL_RANK], which stands for a GPU.
        cfg["device_ids"] = None
    return cfg


def _torchrun_environment(launcher: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that torchrun sets, from those of another launcher."""
    variables = _RANK_VARIABLES[launcher]
    absent = [name for name in variables if name not in environment]
    if absent:
        raise ConfigError(
            f"launcher '{launcher}' asked for, but {', '.join(absent)} not set in the environment: "
            f"start with {_START_COMMANDS[launcher]}, or without --launcher"
        )
    ranks = (environment[name] for name in variables)
    derived = dict(zip(_RANK_VARIABLES["pytorch"], ranks, strict=True))
    derived["MASTER_PORT"] = environment.get("MASTER_PORT", _DEFAULT_PORT)
    derived["MASTER_ADDR"] = environment.get("MASTER_ADDR") or _master_address(
        launcher, environment
    )
    return derived


def _master_address(launcher: str, environment: Mapping[str, str]) -> str:
    """The host of rank 0."""
    advice = "set MASTER_ADDR to the name of the host of rank 0"
    if launcher != "slurm":
        raise ConfigError(f"launcher '{launcher}' does not tell the first host; {advice}")
    nodes = environment.get("SLURM_NODELIST", "")
    command = ["scontrol", "show", "hostnames", nodes]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"'{' '.join(command)}' failed ({error}); {advice}") from error
    return listing.split()[0]
