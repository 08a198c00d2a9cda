from __future__ import annotations

import pytest
import torch
from mmengine.structures import BaseDataElement

from footmm.engine.hooks import NonFiniteLossHook
from footmm.engine.hooks.non_finite_loss import _describe_files
from footmm.errors import TrainingError


def _spoil(model, from_call):
    step, calls = model.train_step, []

    def train_step(data, optim_wrapper):
        calls.append(1)
        logged = step(data, optim_wrapper)
        return (
            {**logged, "loss_a": torch.tensor(float("nan"))} if len(calls) >= from_call else logged
        )

    model.train_step = train_step


def test_finite_losses_pass(make_runner):
    runner = make_runner([NonFiniteLossHook()])
    runner.train()
    assert runner.iter == 4


def test_nan_names_loss_iteration_files_and_checkpoint(make_runner):
    runner = make_runner([NonFiniteLossHook()], epochs=3)
    _spoil(runner.model, from_call=4)
    with pytest.raises(TrainingError) as error:
        runner.train()
    message = str(error.value)
    assert "iteration 4 (epoch 2): loss_a=nan" in message
    assert "loss=" not in message.replace("loss_a=nan", "")
    assert "images/4.png\n  images/5.png\n  images/6.png\n  images/7.png" in message
    assert f"Last good checkpoint: {runner.work_dir}/epoch_1.pth" in message
    assert "optim_wrapper.optimizer.lr" in message


def test_infinity_before_the_first_checkpoint(make_runner):
    runner = make_runner([])
    runner.train_loop  # noqa: B018  (builds it)
    with pytest.raises(TrainingError, match=r"loss_b=-inf\n.*no files\.\nNo checkpoint has been"):
        NonFiniteLossHook().after_train_iter(
            runner, 0, {"inputs": []}, {"loss_a": torch.tensor(1.0), "loss_b": float("-inf")}
        )


def test_at_most_eight_files_are_named():
    samples = [BaseDataElement(metainfo={"img_path": f"{i}.png"}) for i in range(11)]
    text = _describe_files({"data_samples": samples})
    assert "7.png" in text
    assert "8.png" not in text
    assert "and 3 more" in text
