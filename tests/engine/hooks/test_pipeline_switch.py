from __future__ import annotations

import pytest
from mmengine.dataset import RepeatDataset
from torch.utils.data import ConcatDataset

from footmm.engine.hooks import ResumablePipelineSwitchHook
from footmm.errors import ConfigError


def _later(results):
    return {"epoch_of": "later", "index": results["index"]}


@pytest.mark.parametrize("workers", [0, 1])
def test_switches_at_the_epoch_and_stays(make_runner, workers):
    options = {"num_workers": workers, "persistent_workers": bool(workers)}
    runner = make_runner([], loader=options)
    hook = ResumablePipelineSwitchHook(switch_epoch=1, switch_pipeline=[_later])
    hook.before_train(runner)
    seen = []
    for epoch in range(3):
        runner.train_loop._epoch = epoch
        hook.before_train_epoch(runner)
        seen.append("epoch_of" in next(iter(list(runner.train_dataloader))))
    runner.train_dataloader._iterator = None  # ends the workers
    assert seen == [False, True, True]


def test_run_resumed_after_the_epoch_switches(make_runner):
    runner = make_runner([])
    hook = ResumablePipelineSwitchHook(switch_epoch=1, switch_pipeline=[_later])
    hook.before_train(runner)
    runner.train_loop._epoch = 5
    hook.before_train_epoch(runner)
    assert runner.train_dataloader.dataset[0] == {"epoch_of": "later", "index": 0}


def test_wrapped_datasets_are_switched(make_runner, tiny_dataset):
    wrapped = ConcatDataset([RepeatDataset(tiny_dataset(), times=2), tiny_dataset()])
    runner = make_runner([], loader={"dataset": wrapped})
    hook = ResumablePipelineSwitchHook(switch_epoch=0, switch_pipeline=[_later])
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    dataset = runner.train_dataloader.dataset
    assert dataset[9] == {"epoch_of": "later", "index": 1}
    assert dataset[18] == {"epoch_of": "later", "index": 2}


class PassingOn:
    """Like SyntheticFallback: shows the attributes of the dataset it holds as its own."""

    def __init__(self, dataset):
        self._dataset = dataset

    def __len__(self):
        return len(self._dataset)

    def __getitem__(self, index):
        return self._dataset[index]

    def __getattr__(self, name):
        if name.startswith("__") or "_dataset" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._dataset, name)


def test_dataset_behind_passed_on_attributes_is_switched(make_runner, tiny_dataset):
    runner = make_runner([], loader={"dataset": PassingOn(tiny_dataset())})
    hook = ResumablePipelineSwitchHook(switch_epoch=0, switch_pipeline=[_later])
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    assert runner.train_dataloader.dataset[1] == {"epoch_of": "later", "index": 1}


def test_training_goes_on_with_the_new_pipeline(make_runner, tiny_dataset):
    dataset = tiny_dataset()
    original = dataset.pipeline
    seen = []

    def recording(results):
        seen.append(results["index"])
        return original(results)

    hook = ResumablePipelineSwitchHook(switch_epoch=2, switch_pipeline=[recording])
    make_runner([hook], epochs=3, loader={"dataset": dataset}).train()
    assert seen == list(range(8))


def test_iteration_based_training_is_refused(make_runner):
    runner = make_runner([ResumablePipelineSwitchHook(1, [_later])], iterations=2)
    with pytest.raises(ConfigError, match="max_epochs"):
        runner.train()


def test_dataset_without_a_pipeline_is_refused(make_runner):
    runner = make_runner([], loader={"dataset": list(range(8))})
    with pytest.raises(ConfigError, match=r"train_dataloader\.dataset: list has no pipeline"):
        ResumablePipelineSwitchHook(1, [_later]).before_train(runner)
