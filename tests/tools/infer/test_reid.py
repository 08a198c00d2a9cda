from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from footmm.apis.config import load_config
from footmm.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
CONFIG = str(ROOT / "configs/reid/osnet_synthetic.py")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    init_default_scope("footmm")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(MODELS.build(load_config(CONFIG).model).state_dict(), path)
    return str(path)


@pytest.fixture
def run(tool, run_tool, checkpoint):
    return partial(run_tool, tool, CONFIG, checkpoint=checkpoint)


@pytest.fixture
def gallery(tmp_path):
    """Five pictures of noise."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(5):
        picture = rng.integers(0, 255, (6, 3, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.resize(picture, (40, 80)))
    return folder


def test_embeddings(run, gallery, files, capsys):
    (gallery / "9.png").write_bytes(b"broken")
    code, out = run(gallery)
    assert (code, files(out)) == (1, ["embeddings.npz"])
    with np.load(out / "embeddings.npz") as content:
        assert content["name"].tolist() == [f"{number}.png" for number in range(5)]
        assert content["embedding"].shape == (5, 256)
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    assert (printed["frames"], printed["unreadable"]) == ("5", "1")


def test_a_query(run, gallery, tmp_path, files, capsys):
    query = tmp_path / "query"
    query.mkdir()
    for number in (3, 1):
        (query / f"{number}.png").write_bytes((gallery / f"{number}.png").read_bytes())
    code, out = run(gallery, "--query", query, "--num-nearest", 2)
    assert (code, files(out)) == (0, ["embeddings.npz", "ranking.csv", "ranking.png"])
    with open(out / "ranking.csv") as file:
        rows = [(row["query"], row["rank"], row["gallery"]) for row in csv.DictReader(file)]
    assert len(rows) == 4
    assert rows[0] == ("1.png", "1", "1.png")
    assert rows[2] == ("3.png", "1", "3.png")
    assert "3.png is most like 3.png (distance 0.0000)" in capsys.readouterr().out
    # Into its own folder it writes again.
    assert run(gallery)[0] == 0


def test_mistakes_are_explained(run, gallery, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for source, options, message in (
        (tmp_path / "empty", [], "holds no images"),
        (gallery, ["--query", tmp_path / "gone.png"], "gone.png' does not exist"),
        (gallery, ["--num-nearest", 0], "num_nearest=0 at least 1"),
        (gallery, ["--batch-size", 0], "batch_size is 0"),
    ):
        assert run(source, *options)[0] == 2
        error = capsys.readouterr().err
        assert message in error
        assert "Traceback" not in error
