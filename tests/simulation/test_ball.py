from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.camera import Camera
from footmm.simulation.ball import paint_ball
from footmm.simulation.viewpoint import Viewpoint

SIZE = (320, 180)
VIEW = Viewpoint(Camera.look_at((0.0, -20.0, 5.0), (0.0, 0.0, 1.0), 800.0, SIZE))
STILL = np.zeros(3)


def test_the_ball_is_a_disc_of_its_size_where_the_camera_projects_it():
    position = np.array([1.0, 2.0, 1.0])
    ball = paint_ball(VIEW, position, STILL, 0.01)

    distance = np.linalg.norm(position - VIEW.position)
    assert ball.center == pytest.approx(VIEW.project(position[None])[0])
    assert ball.radius == pytest.approx(0.11 * 800 / distance, rel=0.03)
    rows, columns = np.nonzero(ball.disc)
    middle = np.array([columns.mean() + ball.left, rows.mean() + ball.top])
    assert middle == pytest.approx(ball.center, abs=0.3)
    assert ball.disc.sum() == pytest.approx(np.pi * ball.radius**2, rel=0.12)


def test_a_fast_ball_is_smeared_along_its_way():
    def extent(velocity):
        alpha = paint_ball(VIEW, np.array([0.0, 0.0, 1.0]), velocity, 0.02).paint[..., 3]
        return (alpha > 20).any(axis=0).sum(), (alpha > 20).any(axis=1).sum()

    still, fast = extent(STILL), extent(np.array([30.0, 0.0, 0.0]))
    assert fast[0] - still[0] == pytest.approx(0.6 * 800 / 20.4, abs=7)
    assert abs(fast[1] - still[1]) <= 2


def test_motion_blur_spreads_the_light_and_does_not_add_to_it():
    position = np.array([0.0, 0.0, 1.0])
    still, fast = (
        paint_ball(VIEW, position, velocity, 0.02).paint[..., 3].astype(float).sum()
        for velocity in (STILL, np.array([20.0, 5.0, 3.0]))
    )

    assert fast == pytest.approx(still, rel=0.03)


def test_a_ball_smaller_than_a_pixel_still_has_one():
    far = Viewpoint(Camera.look_at((0.0, -200.0, 30.0), (0.0, 0.0, 0.0), 300.0, SIZE))

    assert paint_ball(far, np.array([0.0, 0.0, 0.11]), STILL, 0.01).disc.sum() == 1


def test_a_rolling_ball_turns():
    velocity = np.array([1.0, 0.0, 0.0])
    first, same, turned = (
        paint_ball(VIEW, np.array([x, 0.0, 0.11]), velocity, 0.0).paint
        for x in (0.0, 0.0, 0.11 * np.pi)
    )

    assert (first == same).all()
    center = first.shape[0] // 2
    assert (
        first[center - 2 : center + 2] != turned[center - 2 : center + 2, : first.shape[1]]
    ).any()


@pytest.mark.parametrize("position", [(0.0, -30.0, 1.0), (0.0, -19.5, 5.0)])
def test_no_ball_behind_the_camera_or_in_its_face(position):
    assert paint_ball(VIEW, np.array(position), STILL, 0.01) is None
