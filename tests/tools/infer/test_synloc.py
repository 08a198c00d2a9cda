from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

from footmm.apis.config import load_config
from footmm.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
CONFIG = str(ROOT / "configs/synloc/yoloxpose_tiny_640.py")
SMALL = ["--cfg-options", "input_size=(96,160)", "model.backbone.init_cfg=None"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    config = load_config(CONFIG)
    config.model.backbone.init_cfg = None
    init_default_scope("footmm")
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(MODELS.build(config.model).state_dict(), path)
    return str(path)


@pytest.fixture
def run(tool, run_tool, checkpoint):
    def run(source, *options):
        return run_tool(tool, CONFIG, source, *options, *SMALL, checkpoint=checkpoint)

    return run


@pytest.fixture
def folder(synloc_root, tmp_path):
    shutil.copytree(synloc_root / "fullhd" / "test", tmp_path / "frames")
    return tmp_path / "frames"


@pytest.fixture
def cameras(synloc_root):
    return synloc_root / "annotations" / "test.json"


def test_a_folder_of_images(run, folder, cameras, files, capsys):
    (folder / "000002.jpg").write_bytes(b"broken")
    code, out = run(folder, "--cameras", cameras, "--min-score", "0", "--batch-size", "2")
    assert code == 1
    assert files(out) == [
        *(f"pictures/{number:06d}.jpg" for number in (0, 1)),
        "positions.csv",
        "positions.json",
        *(f"top_views/{number:06d}.jpg" for number in (0, 1)),
    ]
    content = json.loads((out / "positions.json").read_text())
    assert list(content["images"]) == ["000000.jpg", "000001.jpg"]
    assert list(content["unreadable"]) == ["000002.jpg"]
    with open(out / "positions.csv") as file:
        images = [row["image"] for row in csv.DictReader(file)]
    counts = [len(image["athletes"]) for image in content["images"].values()]
    assert images == ["000000.jpg"] * counts[0] + ["000001.jpg"] * counts[1]
    printed = capsys.readouterr().out
    assert f"athletes per frame{sum(counts) / 2:>12.2f}" in printed
    assert "score threshold          0.000" in printed


def test_mistakes_are_explained(run, folder, cameras, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for source, options, message in (
        (folder, [], "no place on the pitch without a camera: give cameras"),
        (folder, ["--cameras", tmp_path / "gone.json"], "gone.json' do not exist"),
        (tmp_path / "empty", ["--cameras", cameras], "holds no images"),
    ):
        assert run(source, *options)[0] == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error


def test_without_pictures(run, folder, cameras, files):
    code, out = run(folder / "000001.jpg", "--cameras", cameras, "--no-pictures")
    assert (code, files(out)) == (0, ["positions.csv", "positions.json"])
