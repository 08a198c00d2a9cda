"""Mixed precision: what is computed in which type, and which wrapper a device gets."""

from __future__ import annotations

import logging

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import DefaultScope
from torch import nn

from footmm.compat import amp
from footmm.compat.amp import BFloat16OptimWrapper, mixed_precision_optim_wrapper
from footmm.errors import ConfigError
from footmm.registry import OPTIM_WRAPPERS

CFG = {
    "type": "OptimWrapper",
    "optimizer": {"type": "SGD", "lr": 0.1},
    "clip_grad": {"max_norm": 1},
}


def linear():
    model = nn.Linear(3, 2, bias=False)
    nn.init.constant_(model.weight, 0.5)
    return model


def sgd(model, **kwargs):
    return BFloat16OptimWrapper(torch.optim.SGD(model.parameters(), lr=1.0), **kwargs)


@pytest.fixture
def machine(monkeypatch):
    def set_up(cuda=False, cpu=False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: cuda)
        capabilities = {"avx512_f": True, "avx512_bf16": cpu}
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    return set_up


def test_the_forward_pass_is_bfloat16_and_weights_stay_float32(machine):
    machine(cpu=True)
    model = linear()
    wrapper = sgd(model)
    with wrapper.optim_context(model):
        output = model(torch.tensor([[1.0, 2.0, 3.0]]))
    assert output.dtype == torch.bfloat16
    assert model(torch.ones(1, 3)).dtype == torch.float32
    wrapper.backward(output.float().sum())
    assert model.weight.dtype == model.weight.grad.dtype == torch.float32
    wrapper.step()
    assert model.weight[0].tolist() == [-0.5, -1.5, -2.5]


def test_a_cpu_without_bfloat16_computes_in_float32(machine):
    machine(cpu=False)
    model = linear()
    with sgd(model).optim_context(model):
        assert model(torch.ones(1, 3)).dtype == torch.float32


def test_small_updates_are_not_lost_to_bfloat16():
    # 0.5 and 0.5 - 2 ** -12 are the same number in bfloat16.
    model = linear()
    wrapper = sgd(model)
    for _ in range(4):
        with wrapper.optim_context(model):
            loss = model(torch.full((1, 3), 2.0**-12)).sum()
        wrapper.update_params(loss)
    assert model.weight[0].tolist() == [0.5 - 2.0**-10] * 3


def test_gradients_accumulate_over_steps():
    model = linear()
    wrapper = sgd(model, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    for step, expected in enumerate([0.5, -1.5]):
        with wrapper.optim_context(model):
            loss = model(torch.full((1, 3), 1.0 + 2 * step)).sum()
        wrapper.update_params(loss)  # mean of gradients 1 and 3
        assert model.weight[0].tolist() == [expected] * 3


def test_gradients_are_clipped():
    model = linear()
    wrapper = sgd(model, clip_grad={"max_norm": 1.0})
    with wrapper.optim_context(model):
        loss = model(torch.full((1, 3), 100.0)).sum()
    wrapper.update_params(loss)
    step = model.weight.detach() - 0.5
    assert step.norm().item() == pytest.approx(1, abs=1e-5)


def test_the_state_is_that_of_the_plain_wrapper():
    model = linear()
    plain = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.25))
    wrapper = sgd(model)
    wrapper.load_state_dict(plain.state_dict())
    assert wrapper.get_lr() == {"lr": [0.25]}


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_device_with_bfloat16_gets_our_wrapper(machine, device):
    machine(cuda=True, cpu=True)
    cfg = mixed_precision_optim_wrapper(CFG, device)
    assert cfg == {**CFG, "type": "footmm.BFloat16OptimWrapper"}
    assert CFG["type"] == "OptimWrapper"
    optimizer = torch.optim.SGD(linear().parameters(), lr=0.1)
    built = {"type": cfg["type"], "optimizer": optimizer}
    assert type(OPTIM_WRAPPERS.build(built)) is BFloat16OptimWrapper
    # As Runner does it: from MMEngine's registry in the scope of the config.
    with DefaultScope.overwrite_default_scope("footmm"):
        assert type(MMENGINE_OPTIM_WRAPPERS.build(built)) is BFloat16OptimWrapper


def test_cuda_without_bfloat16_gets_float16_with_loss_scaling(machine):
    machine()
    cfg = mixed_precision_optim_wrapper({"optimizer": CFG["optimizer"]}, "cuda")
    assert cfg == {
        "type": "AmpOptimWrapper",
        "dtype": "float16",
        "loss_scale": "dynamic",
        "optimizer": CFG["optimizer"],
    }


def test_a_cpu_without_bfloat16_trains_in_float32_and_is_told(machine, monkeypatch):
    machine()
    told = []
    monkeypatch.setattr(amp, "print_log", lambda message, **kwargs: told.append((message, kwargs)))
    assert mixed_precision_optim_wrapper(CFG, "cpu") == CFG
    assert "no bfloat16 instructions" in told[0][0]
    assert told[0][1]["level"] == logging.WARNING


@pytest.mark.parametrize("kind", ["AmpOptimWrapper", "footmm.BFloat16OptimWrapper"])
def test_a_config_that_asks_for_mixed_precision_itself_is_kept(machine, kind):
    machine()
    cfg = {**CFG, "type": kind}
    assert mixed_precision_optim_wrapper(cfg, "cpu") == cfg


@pytest.mark.parametrize("cfg", [{**CFG, "type": "ApexOptimWrapper"}, {"constructor": "Mine"}])
def test_other_wrappers_are_refused(cfg):
    with pytest.raises(ConfigError, match="cannot be switched to mixed precision"):
        mixed_precision_optim_wrapper(cfg, "cpu")


@pytest.mark.parametrize(("flags", "fast"), [("fma avx512_bf16", True), ("fma avx512f", False)])
def test_older_pytorch_reads_the_flags_of_the_processor(monkeypatch, tmp_path, flags, fast):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor : 0\nflags\t\t: {flags}\n")
    monkeypatch.setattr(amp, "Path", lambda path: cpuinfo)
    assert amp._cpu_has_fast_bfloat16() is fast
