from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from footmm.apis.onnx_export.graph import ExportGraph, Port
from footmm.apis.onnx_export.latency import (
    Latency,
    check_same_inputs,
    exported_input_size,
    latency_rows,
    measure,
    time_runs,
)
from footmm.errors import ConfigError


class Doubler(ExportGraph):
    """Twice its input; counts its runs."""

    task = "test"
    inputs = {"values": Port("numbers")}
    outputs = {"twice": Port("numbers")}

    def __init__(self):
        super().__init__(torch.nn.Linear(1, 1), None)
        self.batches = []

    def forward(self, values):
        self.batches.append(len(values))
        return (2 * values,)

    def draw(self, batch, rng):
        return (torch.from_numpy(rng.random((batch, 3))),)


class Session:
    def __init__(self, facts=None):
        self.fed, self.facts = [], facts or {}

    def run(self, names, feed):
        self.fed.append(feed["values"])
        return [2 * feed["values"]]

    def get_inputs(self):
        return [SimpleNamespace(name="values")]

    def get_modelmeta(self):
        return SimpleNamespace(custom_metadata_map=self.facts)


def test_runs_before_do_not_count():
    runs = []
    assert len(time_runs(lambda: runs.append(0), rounds=3, warm_up=2)) == 3
    assert len(runs) == 5


def test_both_engines_see_the_same_batches():
    graph, session = Doubler(), Session()
    found = measure(graph, session, [2, 1], rounds=3, warm_up=1)
    assert [(f.engine, f.batch, len(f.seconds)) for f in found] == [
        (engine, batch, 3) for batch in (2, 1) for engine in ("PyTorch", "onnxruntime")
    ]
    assert graph.batches == [2] * 4 + [1] * 4
    assert [len(values) for values in session.fed] == [2] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("batches", "rounds", "warm_up"), [([], 1, 0), ([0], 1, 0), ([1], 0, 0), ([1], 1, -1)]
)
def test_impossible_numbers_are_refused(batches, rounds, warm_up):
    with pytest.raises(ConfigError, match="at least"):
        measure(Doubler(), Session(), batches, rounds, warm_up)


def test_rows_compare_with_pytorch_of_the_same_batch():
    seconds = [0.01] * 8 + [0.05, 0.09]
    latencies = [
        Latency("PyTorch", 1, seconds),
        Latency("onnxruntime", 1, [0.004] * 10),
        Latency("PyTorch", 8, [0.1]),
        Latency("onnxruntime", 8, [0.2]),
    ]
    rows = latency_rows(latencies)[1:]
    assert rows[0] == ("1", "PyTorch", "10.00", "54.00", "100.0", "1.00")
    assert rows[1] == ("1", "onnxruntime", "4.00", "4.00", "250.0", "2.50")
    assert rows[3] == ("8", "onnxruntime", "200.00", "200.00", "40.0", "0.50")


def test_file_tells_the_size_of_its_images():
    facts = {"footmm_version": "1", "input_size": "[64, 32]"}
    assert exported_input_size(Session(facts)) == (64, 32)
    assert exported_input_size(Session({"footmm_version": "1"})) is None
    with pytest.raises(ConfigError, match="says nothing of footmm"):
        exported_input_size(Session())


def test_file_of_another_model_is_refused():
    graph = Doubler()
    check_same_inputs(graph, Session())
    graph.inputs = {"images": Port("")}
    with pytest.raises(ConfigError, match=r"takes values, .* images"):
        check_same_inputs(graph, Session())
