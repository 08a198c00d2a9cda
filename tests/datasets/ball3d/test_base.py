"""How a ball looks in the image."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.datasets.ball3d.base import image_truth
from footmm.pitch.camera import Camera


def test_what_is_not_seen_is_zero():
    camera = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 4000.0, (1920, 1080))
    camera = Camera.stack([camera] * 4)
    # In view; behind the camera; outside the image; in view of a camera that is not known.
    positions = np.array([[0, 0, 0.11], [0, -90, 20], [50, 0, 0.11], [1, 0, 0.11]], float)
    velocities = np.array([[10.0, 0.0, 0.0]] * 4)
    known = np.array([True, True, True, False])
    truth = image_truth(camera, known, positions, velocities, 25.0)
    assert truth["visible"].tolist() == [True, False, False, False]
    assert truth["has_image_truth"].tolist() == known.tolist()
    for name in ("true_points", "true_diameters", "blur"):
        assert truth[name][0].all()
        assert not truth[name][1:].any()
    # 10 m/s for half of 1/25 s, from 61.8 m away.
    assert truth["blur"][0] == pytest.approx(0.2 * 4000 / 61.8, rel=0.01)
    assert truth["true_diameters"][0] == pytest.approx(0.2196 * 4000 / 61.8, rel=0.01)
