"""How long a model takes in PyTorch and as an ONNX file, on the same inputs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from footmm.apis.onnx_export.check import numpy_inputs, run_pytorch
from footmm.apis.onnx_export.graph import ExportGraph
from footmm.errors import ConfigError


@dataclass(frozen=True)
class Latency:
    """Times of one engine and batch size.

    Attributes:
        engine: ``PyTorch`` or ``onnxruntime``.
        batch: Size of the batch.
        seconds: Of each run.
    """

    engine: str
    batch: int
    seconds: Sequence[float]

    @property
    def median_ms(self) -> float:
        """Milliseconds that half of the runs took at most."""
        return 1e3 * float(np.median(self.seconds))

    @property
    def p90_ms(self) -> float:
        """Milliseconds that nine of ten runs took at most."""
        return 1e3 * float(np.percentile(self.seconds, 90))

    @property
    def throughput(self) -> float:
        """Items a second, at the median."""
        return 1e3 * self.batch / self.median_ms


def time_runs(run: Callable[[], object], rounds: int, warm_up: int) -> list[float]:
    """Seconds of each of some runs, after others that do not count."""
    for _ in range(warm_up):
        run()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def measure(
    graph: ExportGraph, session: Any, batches: Sequence[int], rounds: int, warm_up: int
) -> list[Latency]:
    """Time both engines, batch size after batch size.

    Inputs start and outputs end in the memory of the CPU, as numpy arrays or tensors, and
    normalisation is part of what is timed, in both.

    Args:
        graph: The model, on its device.
        session: An open ONNX file of it.
        batches: Sizes of the batches.
        rounds: Runs that count.
        warm_up: Runs before them.

    Raises:
        ConfigError: A number is impossible.
    """
    if not batches or min(*batches, rounds) < 1 or warm_up < 0:
        raise ConfigError(
            f"--batch-size {' '.join(map(str, batches))} --rounds {rounds} --warm-up {warm_up}: "
            "give batches and rounds of at least 1, and a warm-up of at least 0"
        )
    device = next(graph.parameters()).device
    found = []
    for batch in batches:
        inputs = graph.draw(batch, np.random.default_rng(batch))
        feed = numpy_inputs(graph, inputs)

        def pytorch(inputs: Sequence[torch.Tensor] = inputs) -> list[torch.Tensor]:
            outputs = run_pytorch(graph, [value.to(device) for value in inputs])
            return [value.cpu() for value in outputs.values()]

        def runtime(feed: dict[str, np.ndarray] = feed) -> list[np.ndarray]:
            return session.run(None, feed)

        found += [
            Latency("PyTorch", batch, time_runs(pytorch, rounds, warm_up)),
            Latency("onnxruntime", batch, time_runs(runtime, rounds, warm_up)),
        ]
    return found


def latency_rows(latencies: Sequence[Latency]) -> list[tuple[str, ...]]:
    """Rows of a table, the ratio of PyTorch's time to each engine's in the last column."""
    reference = {found.batch: found for found in latencies if found.engine == "PyTorch"}
    rows = [("batch", "engine", "median ms", "p90 ms", "items/s", "PyTorch / this")]
    for found in latencies:
        ratio = reference[found.batch].median_ms / found.median_ms
        numbers = (found.median_ms, found.p90_ms, found.throughput, ratio)
        formats = ("{:.2f}", "{:.2f}", "{:.1f}", "{:.2f}")
        cells = (form.format(number) for form, number in zip(formats, numbers, strict=True))
        rows.append((str(found.batch), found.engine, *cells))
    return rows


def exported_input_size(session: Any) -> tuple[int, int] | None:
    """Height and width of the images of an ONNX file of footmm; None where it takes none.

    Raises:
        ConfigError: The file is not of footmm.
    """
    facts = session.get_modelmeta().custom_metadata_map
    if "footmm_version" not in facts:
        raise ConfigError(
            "the ONNX file says nothing of footmm: give one that tools/deploy/export_onnx.py wrote"
        )
    size = facts.get("input_size")
    return None if size is None else tuple(json.loads(size))


def check_same_inputs(graph: ExportGraph, session: Any) -> None:
    """Check that a file takes what a model takes.

    Raises:
        ConfigError: It does not.
    """
    found = [value.name for value in session.get_inputs()]
    if found != list(graph.inputs):
        raise ConfigError(
            f"the ONNX file takes {', '.join(found)}, the config's "
            f"{type(graph.model).__name__} {', '.join(graph.inputs)}: it is of another model"
        )
