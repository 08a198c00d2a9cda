"""Models as ONNX files, and their latency: what ``tools/deploy`` does."""

from footmm.apis.onnx_export.export import GRAPHS, ExportedModel, export_onnx, load_graph
from footmm.apis.onnx_export.graph import ExportError, ExportGraph, Port

__all__ = [
    "GRAPHS",
    "ExportError",
    "ExportGraph",
    "ExportedModel",
    "Port",
    "export_onnx",
    "load_graph",
]
