"""A stand-in for the compiled half of mmcv, ``mmcv._ext``, where only mmcv-lite is installed.

Upstream limitation: mmcv 2.x comes from PyPI as source only and its 2.1.0 build asks for C++17,
which the headers of current PyTorch refuse; wheels exist on OpenMMLab's own index for older
PyTorch. mmcv-lite needs no compiler but fails at ``import mmcv.ops``, and with it mmdet's and
mmpose's models. This module can go when mmcv publishes wheels for the PyTorch versions we support.

Importing this module costs next to nothing: PyTorch is imported when mmcv first asks for an op.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn

from footmm.errors import FootmmError

_EXTENSION = "mmcv._ext"
_IMPLEMENTATIONS = "footmm.compat._mmcv_ext"
_MODULE_OF_OP = {
    "get_compiler_version": "build_info",
    "get_compiling_cuda_version": "build_info",
    "nms": "nms",
    "nms_match": "nms",
    "softnms": "nms",
    "roi_align_forward": "roi_align",
    "roi_align_backward": "roi_align",
    "deform_conv_forward": "deform_conv",
    "deform_conv_backward_input": "deform_conv",
    "deform_conv_backward_parameters": "deform_conv",
    "modulated_deform_conv_forward": "deform_conv",
    "modulated_deform_conv_backward": "deform_conv",
    "ms_deform_attn_forward": "attention",
    "ms_deform_attn_backward": "attention",
    "sigmoid_focal_loss_forward": "focal_loss",
    "sigmoid_focal_loss_backward": "focal_loss",
}


class MmcvOpUnavailableError(FootmmError, ImportError):
    """An op, or a mode of one, was called that exists in compiled mmcv only."""

    def __init__(self, op: str) -> None:
        import torch

        super().__init__(
            f"the mmcv op '{op}' needs compiled mmcv, but this environment has mmcv-lite, for "
            "which footmm replaces only what its own models use. Replace mmcv-lite by compiled "
            f"mmcv 2.1.0: `pip uninstall mmcv-lite`, then a wheel for PyTorch {torch.__version__} "
            f"and CUDA {torch.version.cuda or '(none: CPU build)'} from OpenMMLab's index "
            "(https://mmcv.readthedocs.io/en/latest/get_started/installation.html), or mmcv 2.1.0 "
            "built from source where the index has none"
        )


class _FallbackExtension(ModuleType):
    """``mmcv._ext`` whose ops are imported one module at a time, on first use."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(f"module '{_EXTENSION}' has no attribute '{name}'")
        if name in _MODULE_OF_OP:
            module = importlib.import_module(f"{_IMPLEMENTATIONS}.{_MODULE_OF_OP[name]}")
            op = getattr(module, name)
        else:
            op = _unavailable(name)
        setattr(self, name, op)
        return op


def install_mmcv_ops_fallback() -> None:
    """Put the stand-in at ``mmcv._ext``, unless the compiled extension is installed or loaded.

    ``mmcv.ops`` asserts at import that every op it wraps is an attribute of ``mmcv._ext``: all
    names are, and those without an implementation raise :class:`MmcvOpUnavailableError` when
    called. The stand-in has a spec without a loader, so that OpenMMLab's checks for compiled ops
    (``mmcv_full_available``, ``check_ops_exist``) keep answering that there are none.
    """
    if _EXTENSION in sys.modules or _compiled_extension_exists():
        return
    extension = _FallbackExtension(_EXTENSION, doc="footmm's stand-in for mmcv's compiled ops.")
    extension.__spec__ = ModuleSpec(_EXTENSION, loader=None)
    sys.modules[_EXTENSION] = extension


def _compiled_extension_exists() -> bool:
    # find_spec("mmcv._ext") would import mmcv, and with it PyTorch.
    package = find_spec("mmcv")
    if package is None:
        return False
    return PathFinder.find_spec(_EXTENSION, package.submodule_search_locations) is not None


def _unavailable(name: str) -> Callable[..., NoReturn]:
    def op(*args: object, **kwargs: object) -> NoReturn:
        raise MmcvOpUnavailableError(name)

    op.__name__ = name
    return op
