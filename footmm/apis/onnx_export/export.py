"""From a config and a checkpoint to an ONNX file that computes the same.

A file appears under its name after onnxruntime has computed from it, for batches of several sizes,
what PyTorch computes. The exporter is PyTorch's tracing one: it runs the model once, with all
axes but those named in the graph's ports fixed.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor
from torch.onnx import OnnxExporterError

import footmm
from footmm.apis.model import init_model
from footmm.apis.onnx_export.check import (
    BATCHES,
    OutputDifference,
    check_differences,
    compare,
    first_line,
    open_session,
    required_package,
    run_pytorch,
)
from footmm.apis.onnx_export.graph import ExportError, ExportGraph
from footmm.apis.onnx_export.images import DetectionGraph, HomographyGraph, ReIDGraph, SynLocGraph
from footmm.apis.onnx_export.tracing import OPSET, exportable_functions
from footmm.apis.onnx_export.tracks import Ball3DGraph, TacticsGraph, TrajectoryGraph
from footmm.errors import ConfigError
from footmm.models.ball3d import Ball3DTracker
from footmm.models.detection import DETR, DINO, ConditionalDETR
from footmm.models.homography import PitchKeypointEstimator
from footmm.models.reid import ReIDModel
from footmm.models.synloc import AthleteLocaliser
from footmm.models.tactics import TacticsGNN
from footmm.models.trajectory import Baller2Vec

_TRACED_BATCH = 2

GRAPHS: Mapping[type[BaseModel], type[ExportGraph]] = {
    ReIDModel: ReIDGraph,
    PitchKeypointEstimator: HomographyGraph,
    AthleteLocaliser: SynLocGraph,
    DETR: DetectionGraph,
    ConditionalDETR: DetectionGraph,
    DINO: DetectionGraph,
    Baller2Vec: TrajectoryGraph,
    Ball3DTracker: Ball3DGraph,
    TacticsGNN: TacticsGraph,
}
"""The graph of each model; a subclass has that of its nearest parent."""


@dataclass(frozen=True)
class ExportedModel:
    """What was exported.

    Attributes:
        path: The file.
        graph: What goes in and out.
        shapes: Shape of each input and output, names in place of free lengths.
        dtypes: Their types.
        batches: Sizes of the batches that were compared.
        differences: Of each output.
        tolerance: What was allowed.
    """

    path: Path
    graph: ExportGraph
    shapes: Mapping[str, tuple[int | str, ...]]
    dtypes: Mapping[str, str]
    batches: Sequence[int]
    differences: Sequence[OutputDifference]
    tolerance: float


def load_graph(
    config: str | Path | Config,
    checkpoint: str | Path,
    input_size: tuple[int, int] | None = None,
) -> ExportGraph:
    """Build a config's model on the CPU, with a checkpoint's weights and tensors in and out.

    Args:
        config: A config file, or a config.
        checkpoint: Weights of the config's model.
        input_size: Height and width of the images, pixels; None: the config's.

    Raises:
        ConfigError: The config is missing or broken, or the input size is impossible.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
        ExportError: Nobody has said what goes in and out of such a model.
    """
    model = init_model(config, checkpoint, "cpu")
    for parent in type(model).__mro__:
        if parent in GRAPHS:
            return GRAPHS[parent](model, model.cfg, input_size).eval()
    known = ", ".join(kind.__name__ for kind in GRAPHS)
    raise ExportError(
        f"config '{model.cfg.filename}' builds a {type(model).__name__}, of which nobody has said "
        f"which tensors go in and out; known are {known} and their subclasses. Write an "
        "ExportGraph for it and enter it in footmm.apis.onnx_export.GRAPHS"
    )


def export_onnx(
    config: str | Path | Config,
    checkpoint: str | Path,
    out: str | Path,
    input_size: tuple[int, int] | None = None,
    batches: Sequence[int] = BATCHES,
    tolerance: float | None = None,
) -> ExportedModel:
    """Write a model as an ONNX file that onnxruntime has been seen to compute from.

    Args:
        config: A config file, or a config.
        checkpoint: Weights of the config's model.
        out: The file; it appears, or is replaced, when all is well.
        input_size: Height and width of the images, pixels; None: the config's.
        batches: Sizes of the batches that are compared with PyTorch.
        tolerance: Largest difference, as a share of an output's largest value; None: the graph's.

    Raises:
        ConfigError: The config is missing or broken, an argument is impossible, or the file cannot
            be written.
        CheckpointError: The checkpoint is missing, damaged, unsafe or of another model.
        ExportError: A package is missing, the model cannot be exported, or the file does not
            compute what PyTorch does.
    """
    if not batches or min(batches) < 1 or (tolerance is not None and not tolerance >= 0):
        raise ConfigError(
            f"batches={tuple(batches)}, tolerance={tolerance}: give batches of at least 1, and a "
            "tolerance of at least 0"
        )
    runtime, out = required_package("onnxruntime"), Path(out)
    with _appearing_whole(out) as partial:
        graph = load_graph(config, checkpoint, input_size)
        allowed = graph.tolerance if tolerance is None else tolerance
        shapes, dtypes = _write(graph, checkpoint, partial)
        differences = compare(graph, open_session(runtime, partial), batches)
        check_differences(differences, allowed)
    return ExportedModel(out, graph, shapes, dtypes, tuple(batches), differences, allowed)


def _write(
    graph: ExportGraph, checkpoint: str | Path, path: Path
) -> tuple[dict[str, tuple[int | str, ...]], dict[str, str]]:
    """Write the file; returns shapes and types of inputs and outputs by name."""
    onnx = required_package("onnx")
    examples = graph.draw(_TRACED_BATCH, np.random.default_rng(0))
    _trace(graph, examples, path)
    values = dict(zip(graph.inputs, examples, strict=True)) | run_pytorch(graph, examples)
    shapes = {
        name: tuple(port.dynamic.get(axis, size) for axis, size in enumerate(values[name].shape))
        for name, port in graph.ports.items()
    }
    model = onnx.load(path)
    _label(onnx, model, shapes, _metadata(graph, checkpoint))
    onnx.save(model, path)
    return shapes, {name: str(value.dtype).removeprefix("torch.") for name, value in values.items()}


@contextmanager
def _appearing_whole(out: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes ``out`` if all goes well and vanishes if not."""
    try:
        if out.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder:
            partial = Path(folder) / out.name
            yield partial
            os.replace(partial, out)
    except OSError as error:
        raise ConfigError(
            f"'{out}' cannot be written: {error.strerror or error}; choose another --out"
        ) from error


def _trace(graph: ExportGraph, examples: Sequence[Tensor], path: Path) -> None:
    try:
        # The exporter warns of all that is fixed, and prints the whole graph when it fails.
        with (
            torch.no_grad(),
            exportable_functions(),
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                tuple(examples),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes={name: dict(port.dynamic) for name, port in graph.ports.items()},
            )
    except (OnnxExporterError, NotImplementedError) as error:
        raise ExportError(
            f"{type(graph.model).__name__} cannot be exported: {first_line(error)}. Compute that "
            "by functions that ONNX has (footmm.apis.onnx_export.tracing), or leave the part out "
            "of the graph"
        ) from error


def _label(
    onnx: ModuleType,
    model: Any,
    shapes: Mapping[str, tuple[int | str, ...]],
    metadata: Mapping[str, str],
) -> None:
    """Write names of free lengths and what the file is about into an ONNX model."""
    # The exporter's notes on shapes in between are those of the traced batch.
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.tensor_type.elem_type
        value.type.CopyFrom(onnx.helper.make_tensor_type_proto(kind, shapes[value.name]))
    onnx.helper.set_model_props(model, dict(metadata))
    model.producer_name, model.producer_version = "footmm", footmm.__version__


def _metadata(graph: ExportGraph, checkpoint: str | Path) -> dict[str, str]:
    ports = {"inputs": graph.inputs, "outputs": graph.outputs}
    facts = {
        "task": graph.task,
        "config": Path(graph.config.filename or "").stem,
        "checkpoint": Path(checkpoint).name,
        "model": type(graph.model).__name__,
        "footmm_version": footmm.__version__,
        "outside": graph.outside,
        **{kind: {n: port.meaning for n, port in known.items()} for kind, known in ports.items()},
        **graph.facts(),
    }
    return {
        name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in facts.items()
    }
