from __future__ import annotations

import numpy as np
import pytest
import torch

from footmm.pitch.camera import Camera
from footmm.pitch.lens import BrownConradyLens, PolynomialLens
from footmm.simulation.viewpoint import (
    GROUND,
    MipMap,
    Plane,
    Viewpoint,
    blend,
    camera_key,
    coverage,
)

SIZE = (320, 180)
LENS = BrownConradyLens(
    torch.tensor([-0.3, 0.05, 0, 0, 0, 0], dtype=torch.float64),
    torch.zeros(2, dtype=torch.float64),
    torch.zeros(4, dtype=torch.float64),
)


def _view(lens=None, position=(5.0, -60.0, 20.0), target=(0.0, 0.0, 0.0), focal=300.0):
    return Viewpoint(Camera.look_at(position, target, focal, SIZE, lens=lens))


@pytest.mark.parametrize("lens", [None, LENS])
def test_pixels_of_a_plane_are_where_the_camera_projects_its_points(lens):
    view = _view(lens)
    pixels = np.array([(3.0, 60.0), (160.0, 90.0), (300.0, 170.0)])

    ground = view.coordinates(GROUND, pixels)

    points = np.concatenate([ground, np.zeros((3, 1))], axis=1)
    assert view.camera.project(points).numpy() == pytest.approx(pixels, abs=0.02)


def test_an_approximate_inverse_of_a_lens_is_refined():
    # The inverse of 0.7 theta with an error of 2 %: as projected, not as undistorted, counts.
    lens = PolynomialLens(
        torch.tensor([0.7, 0.0], dtype=torch.float64),
        torch.tensor([1.02 / 0.7, 0.0], dtype=torch.float64),
    )
    view = _view(lens)
    ground = view.coordinates(GROUND, np.array([[40.0, 150.0]]))

    projected = view.project(np.array([[*ground[0], 0.0]]))
    assert projected == pytest.approx(np.array([[40.0, 150.0]]), abs=0.02)


def test_pixels_above_the_horizon_meet_no_ground():
    view = _view(target=(0.0, 0.0, 20.0))
    ground = view.coordinates(GROUND, np.array([(160.0, 20.0), (160.0, 160.0)]))

    assert np.isnan(ground[0]).all()
    assert np.isfinite(ground[1]).all()


@pytest.mark.parametrize("lens", [None, LENS])
def test_a_sampled_texture_lies_where_its_plane_is(lens):
    view = _view(lens)
    image = np.zeros((64, 64), np.uint8)
    image[:, 32:] = 255
    texture = MipMap(image, 1.0, corner=(-32.0, -32.0), wraps=False)

    painted = view.sample(texture, GROUND, (0, 0, *SIZE))

    for x, y in ((-8.0, -10.0), (-3.0, 5.0), (3.0, 5.0), (8.0, -10.0)):
        column, row = np.rint(view.project(np.array([[x, y, 0.0]]))[0]).astype(int)
        assert painted[row, column] == (255 if x > 0 else 0)


def test_a_texture_repeats_with_its_period():
    view = _view()
    image = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    block = (100, 80, 200, 140)

    first = view.sample(MipMap(image, 4.0), GROUND, block)
    moved = view.sample(MipMap(image, 4.0, corner=(16.0 * 5, -16.0 * 3)), GROUND, block)

    assert np.abs(first.astype(int) - moved).max() <= 1


def test_far_away_a_texture_becomes_its_mean():
    image = np.zeros((256, 256), np.uint8)
    image[::2] = 200

    painted = _view().sample(MipMap(image, 20.0), GROUND, (0, 100, 320, 140))

    assert painted.std() < 8
    assert painted.mean() == pytest.approx(100, abs=4)


def test_an_outline_in_view_is_the_projection_of_its_corners():
    view = _view()
    corners = np.array([(-5, -5, 0), (5, -5, 0), (5, 5, 0), (-5, 5, 0)], float)

    assert view.outline(corners) == pytest.approx(view.project(corners))


def test_an_outline_that_passes_behind_the_camera_is_cut():
    view = _view()
    far = 500.0
    outline = view.outline(
        np.array([(-far, -far, 0), (far, -far, 0), (far, far, 0), (-far, far, 0)])
    )

    assert np.isfinite(outline).all()
    assert outline[:, 1].max() >= SIZE[1] - 1
    assert view.outline(np.array([(-5, -80, 0), (5, -80, 0), (0, -90, 0)], float)) is None


def test_the_outline_bends_with_the_lens():
    view = _view(LENS)
    outline = view.outline(np.array([(-30, -5, 0), (30, -5, 0), (30, 5, 0), (-30, 5, 0)], float))

    assert len(outline) > 20
    ground = view.coordinates(GROUND, np.rint(outline))
    on_edge = np.minimum(np.abs(np.abs(ground[:, 1]) - 5), np.abs(np.abs(ground[:, 0]) - 30))
    inside = ((outline > 0) & (outline < np.array(SIZE) - 1)).all(axis=1)
    assert on_edge[inside].max() < 0.5


def test_points_behind_the_camera_are_not_seen():
    assert _view().may_see(np.array([(0, 0, 0), (0, -80, 0)], float)).tolist() == [True, False]


def test_with_a_lens_points_far_outside_are_not_trusted():
    points = np.array([(0, 0, 0), (300, -10, 0)], float)

    assert _view().may_see(points).tolist() == [True, True]
    assert _view(LENS).may_see(points).tolist() == [True, False]


def test_cameras_that_see_the_same_have_the_same_key():
    assert camera_key(_view().camera) == camera_key(_view().camera)
    assert camera_key(_view().camera) != camera_key(_view(LENS).camera)
    assert camera_key(_view().camera) != camera_key(_view(focal=301.0).camera)


def test_coverage_is_the_covered_share_of_a_pixel():
    square = np.array([(1.5, 1.5), (4.0, 1.5), (4.0, 3.5), (1.5, 3.5)])
    mask = coverage(square, (0, 0, 6, 6), factor=16)

    # OpenCV fills half a sample too much on every side.
    assert mask[2, 2] == mask[3, 3] == 255
    assert mask[2, 4] / 255 == pytest.approx(0.5, abs=0.07)
    assert mask[[0, 5]].max() == 0


def test_blend_mixes_by_weight():
    region = np.zeros((1, 3, 3), np.uint8)
    blend(region, (200, 100, 50), np.array([[0, 128, 255]], np.uint8))

    assert region[0].tolist() == [[0, 0, 0], [100, 50, 25], [200, 100, 50]]


def test_a_plane_knows_its_points_and_its_front():
    wall = Plane((1.0, 2.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))

    assert wall.points(np.array([2.0, 3.0])).tolist() == [3.0, 2.0, 3.0]
    assert wall.normal.tolist() == [0.0, -1.0, 0.0]
