"""What ``mmcv.utils.collect_env`` asks the compiled extension about its build."""

from __future__ import annotations


def get_compiler_version() -> str:
    """The compiler of the ops."""
    return "none (footmm's fallback for mmcv-lite)"


def get_compiling_cuda_version() -> str:
    """The CUDA version the ops were compiled with."""
    return "not available"
