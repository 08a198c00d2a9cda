"""How long a model takes in PyTorch and as an ONNX file: both on the same inputs in one run."""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from footmm.apis.cli import report_errors
from footmm.apis.config import load_config
from footmm.apis.onnx_export import export_onnx, load_graph
from footmm.apis.onnx_export.check import (
    check_differences,
    compare,
    open_session,
    required_package,
)
from footmm.apis.onnx_export.graph import ExportGraph
from footmm.apis.onnx_export.latency import (
    check_same_inputs,
    exported_input_size,
    latency_rows,
    measure,
)
from footmm.apis.onnx_export.report import add_model_arguments, table
from footmm.compat.launch import select_device
from footmm.errors import ConfigError


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_model_arguments(parser)
    parser.add_argument("--onnx", type=Path, help="its ONNX file (exported on the fly)")
    parser.add_argument(
        "--batch-size", type=int, nargs="+", default=[1, 8], metavar="N", help="(%(default)s)"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="(%(default)s)")
    parser.add_argument("--threads", type=int, help="of an operator (PyTorch's choice)")
    parser.add_argument("--rounds", type=int, default=30, help="runs that count (%(default)s)")
    parser.add_argument("--warm-up", type=int, default=5, help="runs before (%(default)s)")
    return parser.parse_args(argv)


@contextmanager
def onnx_file(args: argparse.Namespace, config: Config) -> Iterator[Path]:
    """The file that was given, or one that is exported now and deleted afterwards."""
    if args.onnx is not None:
        if args.input_size:
            raise ConfigError("--input-size: the ONNX file has a size of its own; give one of both")
        yield args.onnx
        return
    size = args.input_size and tuple(args.input_size)
    with tempfile.TemporaryDirectory() as folder:
        yield export_onnx(config, args.checkpoint, Path(folder) / "model.onnx", size).path


def benchmark(args: argparse.Namespace) -> str:
    """Measure and describe."""
    config = load_config(args.config, args.cfg_options)
    runtime = required_package("onnxruntime")
    if args.threads is not None:
        if args.threads < 1:
            raise ConfigError(f"--threads {args.threads}: give at least 1")
        torch.set_num_threads(args.threads)
    threads = torch.get_num_threads()
    with onnx_file(args, config) as path:
        session = open_session(runtime, path, args.device, threads)
        graph = load_graph(config, args.checkpoint, exported_input_size(session))
        check_same_inputs(graph, session)
        differences = compare(graph, session, [1])
        check_differences(differences, graph.tolerance)
        graph.model.to(select_device(args.device))
        rows = latency_rows(measure(graph, session, args.batch_size, args.rounds, args.warm_up))
    return "\n".join((headline(args, graph, runtime, threads), table(rows)))


def headline(args: argparse.Namespace, graph: ExportGraph, runtime: Any, threads: int) -> str:
    """What was measured, and on what."""
    device = torch.cuda.get_device_name() if args.device == "cuda" else platform.machine()
    size = getattr(graph, "input_size", None)
    images = "" if size is None else f", images of {size[1]} x {size[0]}"
    return (
        f"{type(graph.model).__name__}{images}; PyTorch {torch.__version__}, onnxruntime "
        f"{runtime.__version__}, {args.device} ({device}), {threads} threads, {args.rounds} runs"
    )


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        print(benchmark(args))


if __name__ == "__main__":
    main()
