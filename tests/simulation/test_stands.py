from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from footmm.pitch.camera import Camera
from footmm.simulation.stadium import sample_stadium
from footmm.simulation.stands import Surround
from footmm.simulation.viewpoint import Viewpoint

SIZE = (480, 270)
STADIUM = sample_stadium(np.random.default_rng(3))
SURROUND = Surround(STADIUM)
MAIN = Camera.look_at((0.0, -75.0, 18.0), (0.0, 20.0, 0.0), 420.0, SIZE)


def _level(image, view, point):
    column, row = np.rint(view.project(np.array([point], float))[0]).astype(int)
    return image[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).mean(axis=0)


def test_grass_ends_where_the_stadium_says():
    _, half_y = STADIUM.half_size
    view = Viewpoint(Camera.look_at((0.0, -75.0, 18.0), (0.0, half_y, 0.0), 1500.0, SIZE))
    image = SURROUND.paint(view)

    inside = _level(image, view, (0.0, half_y - 3.0, 0.0))
    assert inside[1] > inside[2] > inside[0]
    boards = [_level(image, view, (x, half_y - 0.9, 0.5)) for x in range(-15, 16)]
    assert np.std(boards, axis=0).max() > 15


def test_the_crowd_is_above_the_boards():
    view = Viewpoint(MAIN)
    image = SURROUND.paint(view)
    rise = STADIUM.surroundings.tiers[0]
    _, half_y = STADIUM.half_size
    distance = half_y + STADIUM.surroundings.apron + 0.5 * rise[0]
    height = STADIUM.surroundings.wall_height + 0.5 * rise[1]

    column, row = np.rint(view.project(np.array([[0.0, distance, height]]))[0]).astype(int)
    window = image[row - 4 : row + 5, column - 20 : column + 21].reshape(-1, 3)
    assert window.std(axis=0).min() > 8


@pytest.mark.parametrize(
    ("position", "target"),
    [
        ((0.0, -80.0, 25.0), (0.0, 0.0, 0.0)),
        ((72.0, 0.0, 8.0), (0.0, 0.0, 0.0)),
        ((-60.0, -50.0, 15.0), (30.0, 0.0, 0.0)),
        ((0.0, -38.0, 1.5), (20.0, 0.0, 1.0)),
    ],
)
def test_nothing_stands_between_camera_and_pitch(position, target):
    view = Viewpoint(Camera.look_at(position, target, 500.0, SIZE))
    grass = replace(STADIUM.turf, patchiness=0.0, grain=0.0, contrast=0.0, wear=0.0)
    image = Surround(replace(STADIUM, turf=grass)).paint(view)

    x, y = np.meshgrid(np.linspace(-52, 52, 30), np.linspace(-33.5, 33.5, 30))
    points = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    seen = view.camera.visible(points, margin=-2).numpy()
    # Far from a low camera, the pixel next to the pitch shows something far beyond it.
    pixel_m = view.camera.ground_jacobian(view.camera.project(points)).abs().amax((1, 2)).numpy()
    seen &= pixel_m < 1.0
    pixels = np.rint(view.project(points[seen])).astype(int)
    colors = image[pixels[:, 1], pixels[:, 0]].astype(float)
    assert seen.sum() > 20
    assert (colors[:, 1] > colors[:, 0]).all()
    assert (colors[:, 1] > colors[:, 2]).all()


def test_the_sky_is_seen_above_the_roof_only():
    up = Camera.from_pan_tilt_roll((0.0, -60.0, 15.0), 0.0, -1.0, 0.0, 420.0, SIZE)
    sky = np.array(STADIUM.surroundings.sky_color)

    assert (SURROUND.paint(Viewpoint(up)) == sky).all()
    assert not (SURROUND.paint(Viewpoint(MAIN))[SIZE[1] // 2 :] == sky).all(axis=-1).any()


def test_the_same_stadium_is_painted_the_same_again():
    view = Viewpoint(MAIN)

    assert (Surround(STADIUM).paint(view) == SURROUND.paint(view)).all()
