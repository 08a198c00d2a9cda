"""Cameras of a video's frames."""

from __future__ import annotations

import json

import pytest

from footmm.datasets.soccernet_cameras import read_cameras
from footmm.errors import DataFormatError, DatasetNotFoundError

SIZE = (1920, 1080)


def test_missing_cameras_say_how_to_get_them(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"tools/infer/homography.py CONFIG"):
        read_cameras(tmp_path / "cameras.json", SIZE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "holds a list, not an object"),
        ({}, "has no object 'frames'"),
        ({"frames": {"000001.jpg": {}}}, "frame '000001.jpg': 'camera' is missing"),
        ({"frames": {"000001.jpg": {"camera": {}}}}, "frame '000001.jpg': the camera has no"),
        ({"frames": {"kick_off.jpg": {"camera": None}}}, "must end in its number"),
        # Frames of a video file count from 0.
        ({"frames": {"video_000000": {"camera": None}}}, "must end in its number, from 1 on"),
        ({"frames": {"a1.jpg": {"camera": None}, "b1.jpg": {"camera": None}}}, "each once"),
    ],
)
def test_broken_cameras_are_named(tmp_path, content, message):
    (tmp_path / "cameras.json").write_text(json.dumps(content))
    with pytest.raises(DataFormatError, match=f"cameras.json.*{message}"):
        read_cameras(tmp_path / "cameras.json", SIZE)
