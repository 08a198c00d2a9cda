"""Crops around detections of a ball."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.camera import Camera
from footmm.simulation.ball_crop import BallInView, paint_ball_crop
from footmm.simulation.viewpoint import Viewpoint


@pytest.fixture(scope="module")
def ball():
    camera = Camera.look_at([0.0, -40.0, 12.0], [0.0, 0.0, 0.11], 4000.0, (1920, 1080))
    return BallInView(Viewpoint(camera), np.array([0.0, 0.0, 0.11]), np.zeros(3), 0.02)


def test_a_ball_is_white_where_the_camera_sees_it(ball):
    """In the middle of the crop, and as large as it is: 0.22 m at 4,000 px from 41.8 m away."""
    around, inside = [], []
    for seed in range(20):
        crop = paint_ball_crop(ball, (960 - 32, 540 - 32), 64, np.random.default_rng(seed))
        assert crop.shape == (64, 64, 3)
        assert crop.dtype == np.uint8
        inside.append(crop[26:38, 26:38].min(axis=-1).mean())
        around.append(crop.min(axis=-1)[np.r_[0:12, 52:64]].mean())
    assert np.mean(inside) > np.mean(around) + 60


def test_the_same_generator_paints_the_same_crop(ball):
    crops = [paint_ball_crop(ball, (928, 508), 64, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(*crops)


def test_balls_beyond_the_edge_and_no_ball_at_all(ball):
    rng = np.random.default_rng(0)
    outside = paint_ball_crop(ball, (0, 0), 32, rng)
    cut = paint_ball_crop(ball, (955, 535), 32, rng)
    nothing = paint_ball_crop(None, (0, 0), 32, rng)
    assert outside.shape == cut.shape == nothing.shape == (32, 32, 3)
