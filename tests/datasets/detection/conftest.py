"""Small data of every format, and the real frames."""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
import pytest

INFO = "[Sequence]\nname={name}\nframeRate=25\nseqLength=5\nimWidth=100\nimHeight=50\n"


@pytest.fixture(scope="session")
def write_image():
    """Write a grey image of a width and height."""

    def write(path, width=100, height=50):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((height, width, 3), 120, np.uint8))

    return write


@pytest.fixture(scope="session")
def write_sequence():
    """Write a sequence of 5 frames of 100 x 50, without images."""

    def write(folder, lines, tracks=None):
        (folder / "gt").mkdir(parents=True)
        (folder / "gt" / "gt.txt").write_text("\n".join(lines))
        (folder / "seqinfo.ini").write_text(INFO.format(name=folder.name))
        if tracks is not None:
            entries = [f"trackletID_{track}= {text}" for track, text in tracks.items()]
            (folder / "gameinfo.ini").write_text("\n".join(["[Sequence]", *entries]))
        return folder

    return write


@pytest.fixture(scope="session")
def instances_of():
    """Return label, ignore_flag and corners of the objects of a sample."""

    def instances(sample):
        return [(i["bbox_label"], i["ignore_flag"], *i["bbox"]) for i in sample["instances"]]

    return instances


@pytest.fixture(scope="session")
def football_frames(realdata, tmp_path_factory):
    """The 24 real frames: data.yaml, images and labels, and gt.json."""
    folder = tmp_path_factory.mktemp("football")
    for name in ("football_players_yolo.zip", "coco.zip"):
        with zipfile.ZipFile(realdata / "detection" / name) as archive:
            archive.extractall(folder)
    return folder
