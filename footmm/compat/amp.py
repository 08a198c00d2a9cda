"""Mixed precision on CUDA and on the CPU, bfloat16 where the processor has it.

Upstream limitation: MMEngine 0.10.7's ``AmpOptimWrapper`` refuses to work without an accelerator,
and scales losses in bfloat16 too, which has float32's range and needs no scaling.
:class:`BFloat16OptimWrapper` can go when it accepts ``dtype='bfloat16'`` on the CPU.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn

from footmm.errors import ConfigError
from footmm.registry import OPTIM_WRAPPERS

__all__ = ["BFloat16OptimWrapper", "mixed_precision_optim_wrapper"]

# x86: AVX512-BF16 and AMX; ARM: the bf16 extension. Names of torch.cpu and of /proc/cpuinfo.
_BFLOAT16_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16", "sve_bf16", "svebf16"}
_PLAIN_WRAPPERS = ("OptimWrapper", "mmengine.OptimWrapper")
_MIXED_WRAPPERS = ("AmpOptimWrapper", "BFloat16OptimWrapper")


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Runs the forward pass under bfloat16 autocast on the model's device, CPU or CUDA.

    Weights, gradients and the optimizer's state stay in float32, and there is no loss scaling, so
    gradient accumulation, clipping and checkpoints are those of ``OptimWrapper``. A CPU without
    bfloat16 instructions would only be slower for it and computes in float32.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, inside MMEngine's context that delays gradient synchronisation."""
        device = next(model.parameters()).device.type
        autocast = torch.autocast(
            device, dtype=torch.bfloat16, enabled=device != "cpu" or _cpu_has_fast_bfloat16()
        )
        with super().optim_context(model), autocast:
            yield


def mixed_precision_optim_wrapper(optim_wrapper_cfg: dict[str, Any], device: str) -> dict[str, Any]:
    """The mixed-precision version of an ``optim_wrapper`` config for a device.

    CUDA with native bfloat16 (compute capability 8.0 on) and CPUs with bfloat16 instructions get
    :class:`BFloat16OptimWrapper`, older CUDA gets MMEngine's ``AmpOptimWrapper`` in float16 with
    dynamic loss scaling. Other CPUs would be slower than in float32: the config stays as it is,
    with a warning. So does one that asks for mixed precision itself.

    Args:
        optim_wrapper_cfg: Not changed.
        device: ``'cpu'`` or ``'cuda'``.

    Returns:
        A new config.

    Raises:
        ConfigError: The config's wrapper is neither plain nor a mixed-precision one.
    """
    cfg = dict(optim_wrapper_cfg)
    kind = cfg.get("type", "OptimWrapper")
    if str(kind).rpartition(".")[2] in _MIXED_WRAPPERS:
        return cfg
    if kind not in _PLAIN_WRAPPERS or "optimizer" not in cfg:
        raise ConfigError(
            f"optim_wrapper.type='{kind}' cannot be switched to mixed precision: --amp knows "
            "'OptimWrapper' with one optimizer; set the mixed-precision wrapper in the config"
        )
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return {**cfg, "type": "AmpOptimWrapper", "dtype": "float16", "loss_scale": "dynamic"}
    if device == "cpu" and not _cpu_has_fast_bfloat16():
        print_log(
            "--amp: this processor has no bfloat16 instructions (AVX512-BF16, AMX), with which "
            "mixed precision would be slower; training in float32",
            logger="current",
            level=logging.WARNING,
        )
        return cfg
    return {**cfg, "type": "footmm.BFloat16OptimWrapper"}


def _cpu_has_fast_bfloat16() -> bool:
    # torch.ops.mkldnn._is_mkldnn_bf16_supported is no answer: AVX512 without BF16 satisfies it.
    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in _BFLOAT16_INSTRUCTIONS)
    # Older PyTorch has no such query.
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.is_file() and not _BFLOAT16_INSTRUCTIONS.isdisjoint(cpuinfo.read_text().split())
