"""onnxruntime beside PyTorch: does a file compute the same?"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from footmm.apis.onnx_export.graph import ExportError, ExportGraph
from footmm.errors import ConfigError

BATCHES = (1, 2, 3)
"""Sizes of the batches that are compared."""


@dataclass(frozen=True)
class OutputDifference:
    """How far an output of onnxruntime is from PyTorch's.

    Attributes:
        name: Of the output.
        absolute: Largest difference of all batches.
        relative: That over the largest value of PyTorch's output in the same batch.
    """

    name: str
    absolute: float
    relative: float


def required_package(name: str) -> ModuleType:
    """Import a package of the extra ``export``.

    Raises:
        ExportError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExportError(
            f"exporting needs the package {name}, which is not installed: pip install -e "
            "'.[export]'"
        ) from error


def open_session(
    runtime: ModuleType, path: str | Path, device: str = "cpu", threads: int | None = None
) -> Any:
    """Open an ONNX file with onnxruntime.

    Args:
        runtime: The package.
        path: The file.
        device: ``'cpu'`` or ``'cuda'``.
        threads: Threads of an operator; None: onnxruntime's choice.

    Raises:
        ConfigError: There is no such file.
        ExportError: onnxruntime cannot use the file or the device.
    """
    if not Path(path).is_file():
        raise ConfigError(f"ONNX file '{path}' does not exist")
    provider = f"{device.upper()}ExecutionProvider"
    if provider not in runtime.get_available_providers():
        raise ExportError(
            f"this onnxruntime cannot use {device}: pip install onnxruntime-gpu, or --device cpu"
        )
    options = runtime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return runtime.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # a damaged file makes it fail in any way there is
        raise ExportError(f"onnxruntime cannot load '{path}': {first_line(error)}") from error


def run_pytorch(graph: ExportGraph, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
    """What PyTorch computes, by name; shapes as in :meth:`ExportGraph.forward`."""
    with torch.no_grad():
        return dict(zip(graph.outputs, graph(*inputs), strict=True))


def numpy_inputs(graph: ExportGraph, inputs: Sequence[Tensor]) -> dict[str, np.ndarray]:
    """What onnxruntime takes, by name; shapes as in :meth:`ExportGraph.forward`."""
    return {name: value.numpy() for name, value in zip(graph.inputs, inputs, strict=True)}


def compare(graph: ExportGraph, session: Any, batches: Sequence[int]) -> list[OutputDifference]:
    """Compute the same batches with PyTorch and onnxruntime.

    Args:
        graph: The model, on the CPU.
        session: An open ONNX file of it.
        batches: Sizes of the batches.

    Raises:
        ExportError: onnxruntime fails, or an output has another shape.
    """
    rng = np.random.default_rng(1)
    worst = dict.fromkeys(graph.outputs, (0.0, 0.0))
    for batch in batches:
        inputs = graph.draw(batch, rng)
        wanted = run_pytorch(graph, inputs)
        try:
            found = session.run(list(wanted), numpy_inputs(graph, inputs))
        except Exception as error:  # onnxruntime's own classes, which have no common base
            raise ExportError(
                f"onnxruntime fails for a batch of {batch}: {first_line(error)}"
            ) from error
        for (name, value), computed in zip(wanted.items(), found, strict=True):
            pair = _difference(name, batch, value.numpy(), computed)
            worst[name] = tuple(map(max, worst[name], pair))
    return [OutputDifference(name, *pair) for name, pair in worst.items()]


def _difference(
    name: str, batch: int, wanted: np.ndarray, found: np.ndarray
) -> tuple[float, float]:
    """Largest difference, and as a share of the largest value; infinite where one is a nan."""
    if wanted.shape != found.shape:
        raise ExportError(
            f"output '{name}' of a batch of {batch} has the shape {found.shape} in place of "
            f"{wanted.shape}"
        )
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    # What overflows in an untrained network does so in both.
    differs = wanted != found
    misses = np.abs(wanted[differs] - found[differs])
    absolute = float(np.nan_to_num(misses, nan=np.inf).max(initial=0.0))
    sizes = np.abs(wanted[np.isfinite(wanted)])
    return absolute, absolute / float(sizes.max(initial=np.finfo(np.float32).tiny))


def check_differences(differences: Sequence[OutputDifference], tolerance: float) -> None:
    """Refuse a file that computes something else.

    Raises:
        ExportError: An output is further from PyTorch's than the tolerance.
    """
    bad = [d for d in differences if not d.relative <= tolerance]
    if not bad:
        return
    told = ", ".join(f"'{d.name}' {d.absolute:.1e} ({d.relative:.1e} of it)" for d in bad)
    raise ExportError(
        f"onnxruntime does not compute what PyTorch does; largest differences: {told}, where "
        f"{tolerance:.0e} is allowed"
    )


def first_line(error: Exception) -> str:
    """What an error says, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
