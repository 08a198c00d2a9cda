"""Frames of a known camera in SoccerNet's layout."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from footmm.pitch.camera import Camera
from footmm.simulation.export.soccernet_calibration import annotate_lines


def _write_frame(folder, stem, lines=None, camera=None, image_size=(96, 54), split="train"):
    """Write a frame; without an image where ``image_size`` is None."""
    (folder / split).mkdir(parents=True, exist_ok=True)
    if image_size is not None:
        image = np.full((image_size[1], image_size[0], 3), 90, np.uint8)
        cv2.imwrite(str(folder / split / f"{stem}.jpg"), image)
    if lines is not None:
        content = lines if isinstance(lines, str) else json.dumps(lines)
        (folder / split / f"{stem}.json").write_text(content)
    if camera is not None:
        cameras = folder / "cameras" / split
        cameras.mkdir(parents=True, exist_ok=True)
        (cameras / f"camera_{stem}.json").write_text(json.dumps(camera))


@pytest.fixture(scope="session")
def write_frame():
    return _write_frame


@pytest.fixture(scope="session")
def camera():
    """Looks at the right penalty area from the main stand."""
    return Camera.look_at((5.0, -60.0, 15.0), (40.0, 0.0, 0.0), 1500.0, (960, 540))


@pytest.fixture(scope="session")
def lines(camera):
    return annotate_lines(camera)
