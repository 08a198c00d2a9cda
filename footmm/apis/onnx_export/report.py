"""What the tools of deployment share: arguments, and exports and their speed as text."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from footmm.apis.cli import add_config_arguments
from footmm.apis.onnx_export.check import required_package
from footmm.apis.onnx_export.export import ExportedModel
from footmm.apis.onnx_export.graph import Port
from footmm.apis.onnx_export.tracing import OPSET


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``CONFIG``, ``CHECKPOINT`` and the size of images to a parser."""
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="weights of the config's model")
    parser.add_argument(
        "--input-size",
        type=int,
        nargs=2,
        metavar=("HEIGHT", "WIDTH"),
        help="of images, pixels; default: what the config tests with",
    )


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Rows of cells as lines with aligned columns, all of them to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(indent + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def describe_export(exported: ExportedModel) -> str:
    """What was exported, what goes in and out, and how far it is from PyTorch."""
    graph = exported.graph
    megabytes = exported.path.stat().st_size / 1e6
    batches = ", ".join(map(str, exported.batches))
    runtime = required_package("onnxruntime").__version__
    rows = [("output", "max difference", "share of the largest value")]
    rows += [(d.name, f"{d.absolute:.1e}", f"{d.relative:.1e}") for d in exported.differences]
    worst = max(d.relative for d in exported.differences)
    return "\n".join(
        (
            f"{type(graph.model).__name__} ({graph.task}) -> {exported.path}, {megabytes:.1f} MB, "
            f"opset {OPSET}",
            "inputs",
            table(_port_rows(exported, graph.inputs)),
            "outputs",
            table(_port_rows(exported, graph.outputs)),
            f"outside the graph: {graph.outside}",
            f"batches of {batches}, onnxruntime {runtime} beside PyTorch:",
            table(rows),
            f"max difference {worst:.1e} of an output's largest value; allowed: "
            f"{exported.tolerance:.0e}",
        )
    )


def _port_rows(exported: ExportedModel, ports: dict[str, Port]) -> list[tuple[str, ...]]:
    return [
        (name, exported.dtypes[name], " x ".join(map(str, exported.shapes[name])), port.meaning)
        for name, port in ports.items()
    ]
