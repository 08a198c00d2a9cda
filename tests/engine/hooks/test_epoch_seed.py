from __future__ import annotations

import copy
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from footmm.engine.hooks import epoch_seed
from footmm.engine.hooks.epoch_seed import EpochSeedHook, seed_worker_from_epoch


class RandomNumbers(Dataset):
    """Each sample is one random number of each generator."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return random.random(), float(np.random.rand()), float(torch.rand(()))


def _epochs(first, last, seed=7):
    """The numbers that a run which starts at epoch ``first`` sees, epoch by epoch."""
    loader = Runner.build_dataloader(
        {
            "batch_size": 1,
            "num_workers": 2,
            "dataset": RandomNumbers(),
            "sampler": {"type": "DefaultSampler", "shuffle": False},
            "worker_init_fn": {"type": "seed_worker_from_epoch"},
            "collate_fn": _first,
        },
        seed=seed,
    )
    random.seed(first), np.random.seed(first), torch.manual_seed(first)  # another history
    hook, seen = EpochSeedHook(), {}
    for epoch in range(first, last):
        hook.before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
        seen[epoch] = [*loader, torch.rand(()).item()]
    return seen


def _first(batch):
    return batch[0]


def test_resumed_run_sees_the_numbers_of_the_unbroken_one():
    unbroken, resumed = _epochs(0, 3), _epochs(1, 3)
    assert resumed[1] == unbroken[1]
    assert resumed[2] == unbroken[2]
    numbers = [number for sample in unbroken[0][:4] for number in sample]
    assert len(set(numbers)) == 12  # the two workers differ as well
    for generator in range(3):
        assert len({unbroken[epoch][0][generator] for epoch in unbroken}) == 3


def _draw(seed, epoch):
    EpochSeedHook().before_train_epoch(SimpleNamespace(seed=seed, epoch=epoch))
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_numbers_depend_on_seed_epoch_and_rank(monkeypatch):
    base = _draw(0, 1)
    assert _draw(0, 1) == base
    others = [_draw(1, 0), _draw(0, 2), _draw(1, 1)]
    monkeypatch.setattr(epoch_seed, "get_rank", lambda: 1)
    others.append(_draw(0, 1))
    for generator in range(3):
        assert len({base[generator], *(o[generator] for o in others)}) == 5


def test_worker_function_is_found_by_name():
    assert FUNCTIONS.get("seed_worker_from_epoch") is seed_worker_from_epoch


@pytest.mark.parametrize(
    ("loader", "warning"),
    [
        ({"num_workers": 0}, None),
        ({"num_workers": 1}, "repeat the same augmentations"),
        ({"num_workers": 1, "persistent_workers": True}, "persistent_workers=True"),
        ({"num_workers": 1, "worker_init_fn": {"type": "seed_worker_from_epoch"}}, None),
    ],
)
def test_unsuitable_loaders_are_warned_about(make_runner, read_log, loader, warning):
    runner = make_runner([], loader=loader)
    EpochSeedHook().before_train(runner)
    log = read_log(runner)
    assert ("EpochSeedHook:" in log) == (warning is not None)
    assert warning is None or warning in log


class RandomScale(torch.nn.Module):
    """Makes the training depend on the random state."""

    def forward(self, x):
        return x * torch.rand(())


def test_training_goes_on_from_an_epoch_as_if_unbroken(make_runner):
    def run(epochs, hooks):
        runner = make_runner(hooks, epochs=epochs)
        runner.model.backbone.append(RandomScale())
        return runner

    unbroken = run(3, [EpochSeedHook()])
    start = copy.deepcopy(unbroken.model.state_dict())
    unbroken.train()
    first = run(1, [EpochSeedHook()])
    first.model.load_state_dict(start)
    first.train()
    second = run(3, [EpochSeedHook()])
    second.model.load_state_dict(first.model.state_dict())
    second.train_loop._epoch, second.train_loop._iter = 1, 2
    second.train()
    for name, value in unbroken.model.state_dict().items():
        assert torch.equal(second.model.state_dict()[name], value), name
