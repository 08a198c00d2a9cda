"""The checkpoint hook, where a run is killed between two of its steps."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from mmengine.hooks import Hook

from footmm.compat.checkpoints import install_safe_checkpoint_loading
from footmm.engine.hooks import CheckpointHook
from footmm.registry import HOOKS


class Killed(Exception):
    """Stands in for a kill, which runs nothing more either."""


class KillIn(Hook):
    """Ends the run when a method of some hook is called for the n-th time."""

    priority = "NORMAL"

    def __init__(self, method, call=1):
        self.left = call
        setattr(self, method, self.kill)

    def kill(self, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            raise Killed


class Validations(Hook):
    """Notes the epoch of each validation."""

    def __init__(self):
        self.epochs = []

    def before_val_epoch(self, runner):
        self.epochs.append(runner.epoch)


@pytest.fixture
def train(make_runner):
    """Trains with the hook; returns the work dir and the epochs that were validated."""
    install_safe_checkpoint_loading()

    def train(*hooks, epochs=2, resume=False, **options):
        validations = Validations()
        runner = make_runner(
            [validations, *hooks],
            epochs=epochs,
            resume=resume,
            default_hooks={"checkpoint": CheckpointHook(interval=1, **options)},
        )
        with suppress(Killed):
            runner.train()
        return Path(runner.work_dir), validations.epochs

    return train


def test_it_is_the_one_that_configs_name():
    assert HOOKS.get("CheckpointHook") is CheckpointHook


@pytest.mark.parametrize("method", ["before_val_epoch", "after_val_epoch"])
def test_a_validation_that_was_broken_off_is_made_up_for(train, method):
    assert train(KillIn(method, call=2))[1][0] == 1
    assert train(resume=True)[1] == [2]


def test_a_validation_that_the_checkpoint_knows_of_is_not_repeated(train):
    options = {"save_best": "tiny/count", "rule": "greater"}
    assert train(KillIn("before_train_epoch", call=2), **options)[1] == [1]
    assert train(resume=True, **options)[1] == [2]


def test_a_validation_that_is_not_due_is_not_made_up_for(train):
    assert train(KillIn("before_val_epoch"))[1] == [1]

    class NotYet(Hook):
        priority = "VERY_HIGH"

        def before_train(self, runner):
            runner.train_loop.val_begin = 2

    assert train(NotYet(), resume=True)[1] == [2]


def test_the_last_checkpoint_goes_when_the_next_is_there(train):
    work_dir, _ = train(KillIn("before_save_checkpoint", call=2), max_keep_ckpts=1)
    assert [path.name for path in work_dir.glob("*.pth")] == ["epoch_1.pth"]
    work_dir, _ = train(resume=True, max_keep_ckpts=1)
    assert [path.name for path in work_dir.glob("*.pth")] == ["epoch_2.pth"]


def test_more_are_kept_where_they_may_be(train):
    work_dir, _ = train(epochs=4, max_keep_ckpts=2)
    assert {path.name for path in work_dir.glob("*.pth")} == {"epoch_3.pth", "epoch_4.pth"}
    work_dir, _ = train(epochs=4)
    assert len(list(work_dir.glob("*.pth"))) == 4


def test_what_a_kill_has_left_half_written_is_removed(train):
    work_dir, _ = train(KillIn("before_train_epoch", call=2))
    half = work_dir / ".epoch_2.pth.999999999.tmp"
    half.touch()
    train(resume=True)
    assert not half.exists()
