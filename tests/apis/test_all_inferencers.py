"""The same call for every task, on the smallest of the shipped models, untrained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

import footmm.apis
from footmm.apis.config import load_config
from footmm.pitch.camera import Camera
from footmm.pitch.lens import PolynomialLens
from footmm.registry import MODELS

CONFIGS = Path(__file__).parents[2] / "configs"

#: Config, options that make it small, and the file that tells how far a run got.
TASKS = {
    "Homography": (
        "homography/efficientnet_lite0_synthetic.py",
        {"input_size": (64, 96)},
        "cameras.json",
    ),
    "Detection": (
        "detection/detr_r50_synthetic.py",
        {"test_input_size": (96, 160)},
        "detections.json",
    ),
    "SynLoc": (
        "synloc/yoloxpose_tiny_640.py",
        {"input_size": (96, 160), "model.backbone.init_cfg": None},
        "positions.json",
    ),
    "ReID": ("reid/osnet_synthetic.py", {}, "embeddings.npz"),
    "Trajectory": (
        "trajectory/baller2vec_synthetic.py",
        {"num_frames": 12, "num_observed": 8},
        "summary.json",
    ),
    "Tactics": (
        "tactics/gat_bilstm_synthetic.py",
        {"num_frames": 31, "num_observed": 21, "embed_dims": 8, "num_heads": 2},
        "summary.json",
    ),
    "Ball3D": (
        "ball3d/tcn_synthetic.py",
        {"num_frames": 6, "num_future": 5, "channels": 8},
        "summary.json",
    ),
}


def camera():
    polynomial = torch.tensor([1.0, 0.0], dtype=torch.float64)
    lens = PolynomialLens(polynomial, polynomial)
    look = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 160.0, (160, 90))
    return Camera(look.intrinsics, look.rotation, look.position, look.image_size, lens)


def settings(task):
    return {"cameras": camera()} if task == "SynLoc" else {}


def inputs(task, rate):
    """Three results' worth."""
    if task == "Ball3D":
        return dict(boxes=np.ones((12, 4)), cameras=camera(), rate=rate)
    if task in ("Trajectory", "Tactics"):
        frames = 32 if task == "Trajectory" else 42
        positions = np.random.default_rng(0).uniform(-30, 30, (frames, 23, 2))
        return dict(positions=positions, team=np.repeat([0, 1, 2], [11, 11, 1]), rate=rate)
    return [np.full((90, 160, 3), color, np.uint8) for color in (0, 100, 200)]


def is_complete(path):
    if path.suffix == ".npz":
        with np.load(path) as content:
            return bool(content["complete"])
    content = json.loads(path.read_text())
    return content.get("info", content)["complete"]


@pytest.mark.parametrize("task", TASKS)
def test_every_task(task, tmp_path, capsys):
    name, options, results = TASKS[task]
    config = load_config(CONFIGS / name, options)
    init_default_scope("footmm")
    torch.manual_seed(0)
    torch.save(MODELS.build(config.model).state_dict(), tmp_path / "weights.pth")
    cls = getattr(footmm.apis, f"{task}Inferencer")
    inferencer = cls(config, tmp_path / "weights.pth", "cpu", **settings(task))
    given = inputs(task, config.get("rate"))

    assert len(list(inferencer(given))) == 3
    assert "3/3" in capsys.readouterr().err
    out = tmp_path / "out"
    call = dict(batch_size=2, show=False, out_dir=out, progress=False, overwrite=False)
    with inferencer(given, **call) as found:
        next(found)
    assert not is_complete(out / results)
    assert not [path for path in out.iterdir() if ".tmp" in path.name]
    if task not in ("Trajectory", "Tactics", "Ball3D"):
        # The pictures of those that keep windows to the end have tests of their own.
        assert len(list(inferencer(given, **call))) == 3
        assert is_complete(out / results)
    assert capsys.readouterr().err == ""
