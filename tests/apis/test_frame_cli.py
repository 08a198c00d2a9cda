from __future__ import annotations

import argparse

import cv2
import numpy as np
import pytest

from footmm.apis.frame_cli import add_frame_arguments, exit_if_incomplete, print_frame_summary
from footmm.apis.frames import FrameReader


def test_arguments():
    parser = argparse.ArgumentParser()
    add_frame_arguments(parser)
    args = parser.parse_args(["c.py", "w.pth", "clip.mp4", "--out", "found", "--rate", "12.5"])
    assert (args.config, args.checkpoint, args.input) == ("c.py", "w.pth", "clip.mp4")
    assert (args.out.name, args.rate, args.batch_size, args.overwrite) == ("found", 12.5, 1, False)


def test_summary(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"broken")
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((16, 32, 3), np.uint8))
    reader = FrameReader(tmp_path)
    assert len(list(reader)) == 1
    print_frame_summary([("balls", "2.50")], 4, 0.1, reader)
    *rows, skipped = capsys.readouterr().out.splitlines()[-5:]
    assert [row.split() for row in rows] == [
        ["frames", "4"],
        ["balls", "2.50"],
        ["ms", "per", "frame", "25.0"],
        ["unreadable", "1"],
    ]
    assert skipped.startswith("skipped: ")
    assert "a.png" in skipped
    print_frame_summary([], 0, 0.1, reader)
    assert capsys.readouterr().out.splitlines()[2].split() == ["ms", "per", "frame", "-"]
    with pytest.raises(SystemExit, match="1"):
        exit_if_incomplete(reader)
    exit_if_incomplete(FrameReader(tmp_path / "b.png"))
