"""The settings of a run over all tasks, read from environment variables and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from footmm.apis.train_all.recipes import PROFILES, RECIPES
from footmm.compat.launch import select_device
from footmm.errors import ConfigError, did_you_mean

#: Name of a variable, its values, its default, for --help.
VARIABLES = (
    ("DEVICE", "cpu|cuda", "CUDA if there is a GPU"),
    ("GPUS", "N", "1; processes on a CPU"),
    ("PROFILE", "synthetic|full", "full with DOWNLOAD_DATA=true, else synthetic"),
    ("DOWNLOAD_DATA", "true|false", "false"),
    ("TASKS", '"TASK TASK ..."', "all, in this order: " + " ".join(RECIPES)),
    ("WORK_DIR", "FOLDER", "work_dirs/train_all_<profile>"),
)


@dataclass(frozen=True)
class Settings:
    """What to train, where and with what.

    Attributes:
        device: ``'cpu'`` or ``'cuda'``.
        gpus: GPUS, or processes on a CPU.
        profile: ``'synthetic'`` or ``'full'``, see :class:`footmm.apis.train_all.Recipe`.
        download_data: Whether missing data is downloaded first.
        tasks: Task words, in the order of training.
        work_dir: Holds a folder for each task and the results.
    """

    device: str
    gpus: int
    profile: str
    download_data: bool
    tasks: tuple[str, ...]
    work_dir: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check the variables; one that is empty counts as not set.

        Raises:
            ConfigError: A value is unknown, there are fewer GPUs, or the work dir cannot be made.
        """
        given = {name: environment.get(name, "").strip() for name, _, _ in VARIABLES}
        download = _choice("DOWNLOAD_DATA", given["DOWNLOAD_DATA"] or "false", ("true", "false"))
        default_profile = "full" if download == "true" else "synthetic"
        profile = _choice("PROFILE", given["PROFILE"] or default_profile, PROFILES)
        device = _device(given["DEVICE"])
        return cls(
            device=device,
            gpus=_gpus(given["GPUS"] or "1", device),
            profile=profile,
            download_data=download == "true",
            tasks=_tasks(given["TASKS"]),
            work_dir=_work_dir(given["WORK_DIR"] or f"work_dirs/train_all_{profile}"),
        )

    def __str__(self) -> str:
        return (
            f"DEVICE={self.device} GPUS={self.gpus} PROFILE={self.profile} "
            f"DOWNLOAD_DATA={str(self.download_data).lower()} TASKS='{' '.join(self.tasks)}' "
            f"WORK_DIR={self.work_dir}"
        )


def _choice(name: str, value: str, choices: Collection[str]) -> str:
    if value.lower() in choices:
        return value.lower()
    raise ConfigError(
        f"{name}='{value}' is unknown{did_you_mean(value.lower(), choices)}; choose from "
        f"{', '.join(choices)}"
    )


def _device(value: str) -> str:
    name = _choice("DEVICE", value, ("cpu", "cuda")) if value else None
    return select_device(name)


def _gpus(value: str, device: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", value, re.ASCII):
        raise ConfigError(f"GPUS='{value}' must be a whole number, 1 or more")
    gpus = int(value)
    if device == "cuda" and gpus > torch.cuda.device_count():
        raise ConfigError(
            f"GPUS={gpus}, but PyTorch finds {torch.cuda.device_count()}; check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES"
        )
    return gpus


def _tasks(value: str) -> tuple[str, ...]:
    words = value.replace(",", " ").split()
    return tuple(dict.fromkeys(_choice("TASKS", word, RECIPES) for word in words)) or tuple(RECIPES)


def _work_dir(value: str) -> Path:
    path = Path(value).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"WORK_DIR='{value}' cannot be made: {error.strerror}") from error
    return path
