from __future__ import annotations

import numpy as np
import pytest

from footmm.pitch.camera import Camera
from footmm.simulation.goals import Bar, Net, build_goals
from footmm.simulation.stadium import sample_stadium
from footmm.simulation.viewpoint import Viewpoint

SIZE = (480, 270)
STADIUM = sample_stadium(np.random.default_rng(0))
GOALS = build_goals(STADIUM)
VIEW = Viewpoint(Camera.look_at((35.0, -4.0, 3.0), (52.5, 0.0, 1.2), 800.0, SIZE))


def _canvas():
    image = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
    return image, np.full((SIZE[1], SIZE[0]), 9, np.uint8)


def _painted(pieces, view=VIEW):
    image, owners = _canvas()
    for piece in pieces:
        piece.paint(image, owners, view)
    return image, owners


def test_both_goals_have_bars_and_nets():
    assert sum(isinstance(piece, Bar) for piece in GOALS) == 2 * (2 + 2)
    assert {np.sign(piece.foot[0]) for piece in GOALS} == {-1, 1}
    assert all(abs(piece.foot[0]) >= 52.5 for piece in GOALS if isinstance(piece, Net))


@pytest.mark.parametrize("y", [-3.0, 0.0, 3.0])
def test_the_crossbar_is_at_the_height_of_the_goal(y):
    image, _ = _painted([piece for piece in GOALS if isinstance(piece, Bar)])
    top, bottom = VIEW.project(np.array([(52.5, y, 2.44 + 0.06), (52.5, y, 2.44 - 0.06)]))

    column = round(float(top[0]))
    white = np.flatnonzero(image[: SIZE[1] // 2, column, 1] > 130)
    assert white[0] == pytest.approx(top[1], abs=0.8)
    assert white[-1] == pytest.approx(bottom[1], abs=0.8)


def test_posts_stand_on_the_ground_where_the_goal_is_wide():
    image, owners = _painted([piece for piece in GOALS if isinstance(piece, Bar)])

    for y in (-3.66, 3.66):
        foot, middle = VIEW.project(np.array([(52.5, y, 0.0), (52.5, y, 1.2)]))
        column, row = np.rint(middle).astype(int)
        assert image[row, column, 1] > 150
        assert owners[row, column] == 0
        below = image[int(foot[1]) + 3 :, round(foot[0]) - 2 : round(foot[0]) + 3]
        assert below.max() == 60


def test_a_net_lets_through_what_is_behind():
    image, owners = _painted([piece for piece in GOALS if isinstance(piece, Net)])

    assert (owners == 9).all()
    inside, outside = np.rint(VIEW.project(np.array([(54.5, 0.5, 1.0), (54.5, 9.0, 1.0)]))).astype(
        int
    )
    window = image[inside[1] - 15 : inside[1] + 15, inside[0] - 15 : inside[0] + 15]
    assert 62 < window.mean() < 120
    assert (image[outside[1], outside[0]] == 60).all()


def test_a_camera_that_looks_away_paints_nothing():
    away = Viewpoint(Camera.look_at((0.0, 0.0, 3.0), (0.0, 30.0, 3.0), 800.0, SIZE))
    image, _ = _painted(GOALS, away)

    assert image.max() == 60


def test_a_camera_between_the_posts_paints_what_is_in_front():
    inside = Viewpoint(Camera.look_at((55.0, 0.0, 1.0), (0.0, 0.0, 1.0), 300.0, SIZE))
    image, _ = _painted(GOALS, inside)

    assert image.max() > 200


def test_a_net_seen_from_the_edge_is_not_seen():
    edge_on = Viewpoint(Camera.look_at((40.0, 3.66, 1.0), (52.5, 3.66, 1.0), 300.0, SIZE))
    sides = [piece for piece in GOALS if isinstance(piece, Net) and piece.foot[1] == 3.66]
    image, _ = _painted(sides, edge_on)

    assert len(sides) == 2
    assert image.max() == 60
