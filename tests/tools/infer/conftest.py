"""Frames that the inference tools look at, and what they leave behind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest


def _image(color, size=(192, 108)):
    return np.full((size[1], size[0], 3), color, np.uint8)


@pytest.fixture
def image():
    """Makes an image of one colour."""
    return _image


@pytest.fixture
def folder(tmp_path):
    """Three images, of which the second in order is black."""
    path = tmp_path / "frames"
    path.mkdir()
    for name, color in (("1.png", 90), ("2.jpg", 0), ("10.png", 90)):
        cv2.imwrite(str(path / name), _image(color))
    return path


@pytest.fixture
def video(tmp_path):
    """Three frames at 12 a second, of which the second is black."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (192, 108))
    for color in (90, 0, 90):
        writer.write(_image(color))
    writer.release()
    return path


@pytest.fixture
def files():
    """Lists the files of a folder."""

    def files(out):
        return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())

    return files


@pytest.fixture
def run_tool(tmp_path):
    """Runs a tool on a source; returns the exit code and the folder of the results."""

    def run(tool, config, source, *options, checkpoint="weights.pth"):
        out = tmp_path / "out"
        try:
            options = map(str, options)
            tool.main([config, checkpoint, str(source), "--out", str(out), *options])
        except SystemExit as error:
            return error.code, out
        return 0, out

    return run
