"""Training by MMEngine's Runner with footmm's hooks, and in a bare PyTorch loop, in one run.

    python benchmarks/training_overhead.py [CONFIG ...] [--steps 20] [--rounds 4]

Both train the config's model from the same weights on the same batches, with the same optimiser,
learning rate and clipping; the bare loop does nothing else. They take turns, an epoch of so many
steps each, of which the first does not count: ``step`` is the median over the other epochs.
``difference`` is the largest between the parameters of both in the end.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Sampler

from footmm.apis.config import load_config
from footmm.apis.runner import build_runner
from footmm.engine.hooks.epoch_seed import EpochSeedHook
from footmm.registry import DATA_SAMPLERS, MODELS

CONFIGS = ("configs/trajectory/baller2vec_synthetic.py", "configs/reid/osnet_synthetic.py")


@DATA_SAMPLERS.register_module()
class FirstSamples(Sampler[int]):
    """The first samples of another sampler's epoch."""

    def __init__(self, dataset: Any, sampler: dict, count: int, seed: int | None = None) -> None:
        arguments = dict(dataset=dataset, seed=seed)
        self.sampler = DATA_SAMPLERS.build(sampler, default_args=arguments)
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return islice(iter(self.sampler), self.count)

    def __len__(self) -> int:
        return self.count

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch."""
        self.sampler.set_epoch(epoch)


class BareLoop(Hook):
    """Trains a copy of the Runner's model after each of its epochs, and times both.

    Its epochs begin before all other hooks' and end before them, so it times the Runner's steps
    with everything that happens between them.
    """

    priority = "HIGHEST"

    def __init__(self, config: Config) -> None:
        self.config = config
        self.runner_seconds: list[float] = []
        self.bare_seconds: list[float] = []

    def before_train(self, runner: Runner) -> None:
        """Copy the model, and build what the bare loop needs."""
        self.model = MODELS.build(self.config.model).to(next(runner.model.parameters()).device)
        self.model.load_state_dict(runner.model.state_dict())
        optimizer = dict(self.config.optim_wrapper.optimizer)
        kind = getattr(torch.optim, optimizer.pop("type"))
        self.optimizer = kind(self.model.parameters(), **optimizer)
        self.loader = Runner.build_dataloader(self.config.train_dataloader, seed=runner.seed)

    def before_train_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def after_train_epoch(self, runner: Runner) -> None:
        """Stop the clock, and train the copy for an epoch of the same samples."""
        self.runner_seconds.append(time.perf_counter() - self._start)
        seeds = SimpleNamespace(seed=runner.seed, epoch=runner.epoch)
        self.loader.sampler.set_epoch(runner.epoch)
        start = time.perf_counter()
        EpochSeedHook().before_train_epoch(seeds)
        self._train()
        self.bare_seconds.append(time.perf_counter() - start)

    def _train(self) -> None:
        model, clip = self.model.train(), self.config.optim_wrapper.get("clip_grad")
        for batch in self.loader:
            losses = model(**model.data_preprocessor(batch, True), mode="loss")
            loss = sum(value.mean() for name, value in losses.items() if "loss" in name)
            loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), **clip)
            self.optimizer.step()
            self.optimizer.zero_grad()

    def difference(self, model: nn.Module) -> float:
        """Largest difference between parameters."""
        pairs = zip(self.model.parameters(), model.parameters(), strict=True)
        return max(float((ours - theirs).detach().abs().max()) for ours, theirs in pairs)


def shortened(path: str, steps: int, epochs: int, work_dir: str) -> Config:
    """The config with epochs of so many steps, at one learning rate, without validation."""
    config = load_config(path)
    if config.optim_wrapper.type != "OptimWrapper":
        raise SystemExit(f"{path} trains in mixed precision, which the bare loop does not")
    loader = config.train_dataloader
    count = steps * loader.batch_size
    loader.sampler = dict(type="FirstSamples", sampler=loader.sampler, count=count)
    config.train_cfg = dict(type="EpochBasedTrainLoop", max_epochs=epochs)
    config.param_scheduler = None
    for name in ("val", "test"):
        for part in ("cfg", "dataloader", "evaluator"):
            config[f"{name}_{part}"] = None
    config.work_dir = work_dir
    return config


def measure(path: str, steps: int, rounds: int) -> tuple[float, float, float]:
    """Seconds of a step in the Runner and in the bare loop, and the difference of the results."""
    with tempfile.TemporaryDirectory() as folder:
        config = shortened(path, steps, rounds + 1, folder)
        runner = build_runner(config)
        bare = BareLoop(config)
        runner.register_hook(bare)
        runner.train()
    ours, theirs = (
        statistics.median(seconds[1:]) / steps
        for seconds in (bare.runner_seconds, bare.bare_seconds)
    )
    return ours, theirs, bare.difference(runner.model)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time training with and without the Runner.")
    parser.add_argument("configs", nargs="*", default=CONFIGS)
    parser.add_argument("--steps", type=int, default=20, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=4, help="epochs that are timed")
    args = parser.parse_args()
    rows = [(path, *measure(path, args.steps, args.rounds)) for path in args.configs]
    print(
        f"\n{'config':<44}{'Runner, step':>14}{'bare, step':>14}{'overhead':>10}{'difference':>12}"
    )
    for path, ours, theirs, difference in rows:
        print(
            f"{path:<44}{1000 * ours:>11.1f} ms{1000 * theirs:>11.1f} ms"
            f"{100 * (ours / theirs - 1):>+8.1f} %{difference:>12.1e}"
        )


if __name__ == "__main__":
    main()
