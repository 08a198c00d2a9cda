from __future__ import annotations

import re
import runpy
from pathlib import Path

import onnxruntime
import pytest
import torch
from mmengine.registry import init_default_scope

from footmm.apis.config import load_config
from footmm.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
CONFIG = str(ROOT / "configs/trajectory/baller2vec_synthetic.py")
SMALL = ["--cfg-options", "num_layers=1", "embed_dims=16"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    init_default_scope("footmm")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    config = load_config(CONFIG, {"num_layers": 1, "embed_dims": 16})
    torch.save(MODELS.build(config.model).state_dict(), path)
    return path


def _run(name, checkpoint, *options):
    tool = runpy.run_path(str(ROOT / f"tools/deploy/{name}.py"))
    tool["main"]([CONFIG, str(checkpoint), *map(str, options), *SMALL])


def _fails(capsys, name, checkpoint, *options):
    with pytest.raises(SystemExit) as caught:
        _run(name, checkpoint, *options)
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def exported(checkpoint):
    """Beside the checkpoint, as nobody says where."""
    _run("export_onnx", checkpoint)
    return checkpoint.with_suffix(".onnx")


def test_export_says_what_goes_in_and_out_and_how_far_it_is_off(checkpoint, tmp_path, capsys):
    out = tmp_path / "new" / "scene.onnx"
    _run("export_onnx", checkpoint, "--out", out, "--batch-sizes", 1, 4)
    printed = capsys.readouterr().out
    assert f"Baller2Vec (trajectory) -> {out}" in printed
    assert re.search(r"^  present +bool +batch x 10 x 23 +whether", printed, re.M)
    assert re.search(r"^  embedding +float32 +batch x 48 +", printed, re.M)
    assert "outside the graph: cutting of tracks" in printed
    assert "batches of 1, 4, onnxruntime" in printed
    worst = re.search(r"max difference (\S+) of an output's largest value; allowed: 1e-03", printed)
    shares = re.findall(r"^  \w+ +\S+e\S+ +(\S+e\S+)$", printed, re.M)
    assert len(shares) == 4
    assert float(worst[1]) == max(map(float, shares)) < 1e-4


def test_refused_export_leaves_no_file(checkpoint, tmp_path, capsys):
    out = tmp_path / "scene.onnx"
    message = _fails(capsys, "export_onnx", checkpoint, "--out", out, "--tolerance", "1e-12")
    assert message.startswith("error: onnxruntime does not compute what PyTorch does")
    assert not list(tmp_path.iterdir())
    message = _fails(capsys, "export_onnx", checkpoint, "--out", out, "--input-size", 64, 64)
    assert "leave it out" in message


def test_benchmark_of_a_file_prints_a_row_for_engine_and_batch(exported, checkpoint, capsys):
    options = ("--rounds", 2, "--warm-up", 0, "--threads", torch.get_num_threads())
    _run("benchmark", checkpoint, "--onnx", exported, "--batch-size", 1, 3, *options)
    printed = capsys.readouterr().out
    assert f"onnxruntime {onnxruntime.__version__}, cpu" in printed
    assert f"{torch.get_num_threads()} threads, 2 runs" in printed
    rows = [line.split() for line in printed.splitlines()[2:]]
    assert [row[:2] for row in rows] == [
        [batch, engine] for batch in "13" for engine in ("PyTorch", "onnxruntime")
    ]
    for _, _, median, p90, throughput, _ in rows:
        assert 0 < float(median) <= float(p90)
        assert float(throughput) > 0
    assert float(rows[1][5]) == pytest.approx(float(rows[0][2]) / float(rows[1][2]), rel=0.05)


def test_benchmark_exports_where_no_file_is_given(checkpoint, capsys):
    _run("benchmark", checkpoint, "--batch-size", 1, "--rounds", 1, "--warm-up", 0)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_benchmark_refuses_the_file_of_other_weights(exported, checkpoint, tmp_path, capsys):
    state = torch.load(checkpoint, weights_only=True)
    state["encoder.norm.bias"] += 1.0
    torch.save(state, tmp_path / "other.pth")
    message = _fails(capsys, "benchmark", tmp_path / "other.pth", "--onnx", exported)
    assert "'embedding'" in message


def test_benchmark_refuses_what_is_no_file_of_footmm(checkpoint, tmp_path, capsys):
    message = _fails(capsys, "benchmark", checkpoint, "--onnx", tmp_path / "absent.onnx")
    assert "absent.onnx' does not exist" in message
    message = _fails(capsys, "benchmark", checkpoint, "--onnx", tmp_path, "--input-size", 64, 64)
    assert "give one of both" in message
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no protobuf")
    message = _fails(capsys, "benchmark", checkpoint, "--onnx", broken)
    assert "onnxruntime cannot load" in message
