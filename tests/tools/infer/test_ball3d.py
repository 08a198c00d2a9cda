"""The ball in 3D, as a command."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

from footmm.apis.config import load_config
from footmm.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
CONFIG = str(ROOT / "configs/ball3d/tcn_synthetic.py")
SMALL = ["--cfg-options", "num_frames=6", "num_future=5", "channels=8"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    init_default_scope("footmm")
    config = load_config(CONFIG, dict(num_frames=6, num_future=5, channels=8))
    path = tmp_path_factory.mktemp("checkpoint") / "model.pth"
    torch.save(MODELS.build(config.model).state_dict(), path)
    return str(path)


def test_a_sequence_is_tracked_written_and_drawn(tool, checkpoint, soccernet_ball_root, capsys):
    root, out = soccernet_ball_root, soccernet_ball_root / "out"
    sequence = str(root / "train" / "SNMOT-060")
    arguments = [
        CONFIG,
        checkpoint,
        sequence,
        str(root / "cameras" / "SNMOT-060"),
        "--out",
        str(out),
    ]
    tool.main([*arguments, *SMALL])
    with open(out / "ball.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(1, 13))
    assert {row["mode"] for row in rows} <= {"fly", "roll", "possessed", "out"}
    assert all(abs(float(row["z"])) < 100 for row in rows)
    assert "12 frames" in capsys.readouterr().out
    with Image.open(out / "flight.gif") as animation:
        assert animation.n_frames == 6
    assert (out / "flights.png").is_file()
    # Into its own folder it writes again, without the animation too.
    tool.main([*arguments, "--no-animation", *SMALL])


def test_mistakes_are_explained(tool, checkpoint, soccernet_ball_root, capsys):
    root = soccernet_ball_root
    sequence, out = str(root / "train" / "SNMOT-060"), str(root / "out")
    for arguments, message in (
        ([CONFIG, checkpoint, sequence, str(root / "none"), "--out", out], "holds no cameras"),
        ([CONFIG, checkpoint, str(root / "none"), "x", "--out", out], "no sequence 'none'"),
        (
            [CONFIG, checkpoint, sequence, str(root / "cameras"), "--out", str(root)],
            "holds files, and no ball.csv",
        ),
    ):
        with pytest.raises(SystemExit) as caught:
            tool.main([*arguments, *SMALL])
        assert caught.value.code == 2
        assert message in capsys.readouterr().err
    info = Path(sequence, "seqinfo.ini")
    info.write_text(info.read_text().replace("frameRate=25", "frameRate=30"))
    with pytest.raises(SystemExit):
        tool.main(
            [
                CONFIG,
                checkpoint,
                sequence,
                str(root / "cameras" / "SNMOT-060"),
                "--out",
                out,
                *SMALL,
            ]
        )
    assert "30 frames a second, the model was trained with 25" in capsys.readouterr().err
