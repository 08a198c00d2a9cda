"""Two processes learn what one process learns from the whole batch."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import footmm
from footmm.models.common import gather_batch, gather_with_gradient

ROOT = Path(footmm.__file__).parents[1]
WORKER = Path(__file__).with_name("distributed_worker.py")


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_processes")
    processes = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), "2", str(folder)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert all(process.returncode == 0 for process in processes), "\n".join(errors)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.fixture(scope="module")
def one_process():
    spec = importlib.util.spec_from_file_location("distributed_worker", WORKER)
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    return worker.losses_and_gradients(worker.build_model(), slice(0, 8))


def test_one_process_gathers_nothing():
    tensor = torch.zeros(3, requires_grad=True)
    assert gather_with_gradient(tensor) is tensor
    assert gather_batch(tensor)[0] is tensor


def test_parameter_gradients_equal_those_of_one_process(one_process, two_processes):
    _, expected = one_process
    assert expected["appearance_head.loss_center.centers"].abs().max() > 0
    for result in two_processes:
        assert result["gradients"].keys() == expected.keys()
        for name, gradient in result["gradients"].items():
            assert torch.allclose(gradient, expected[name], rtol=0, atol=1e-6), name


def test_losses_equal_those_of_one_process(one_process, two_processes):
    expected, _ = one_process
    first, second = (result["losses"] for result in two_processes)
    for name in ("loss_triplet", "loss_center", "loss_contrastive"):
        assert first[name] == second[name] == pytest.approx(expected[name], abs=1e-6)
    for name in ("loss_softmax", "loss_jersey", "loss_body_shape"):
        assert (first[name] + second[name]) / 2 == pytest.approx(expected[name], abs=1e-6)


def test_unequal_batches_are_refused(two_processes):
    for result in two_processes:
        assert "different sizes [1, 2]" in result["complaint"]
        assert "drop_last=True" in result["complaint"]
