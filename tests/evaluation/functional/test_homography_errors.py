"""Reprojection error, PCK and the pixels of a picture at two sizes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import (
    correct_keypoints,
    point_errors,
    reprojection_errors,
    visible_pitch_points,
)
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.frames import pixel_scaling

SIZE = (101, 51)
#: One metre is one pixel; the middle of the image is the centre spot, y goes up.
MAP = np.array([[1.0, 0.0, 50.0], [0.0, -1.0, 25.0], [0.0, 0.0, 1.0]])


def camera(target=(20.0, 5.0, 0.0), focal_length=900.0):
    return Camera.look_at([0.0, -60.0, 18.0], target, focal_length, (960, 540))


@pytest.mark.parametrize(("old", "new"), [((1280, 720), (960, 540)), ((960, 540), (1920, 544))])
def test_pixel_scaling_is_that_of_cameras(old, new):
    view = Camera.look_at([0.0, -60.0, 18.0], [20.0, 5.0, 0.0], 900.0, old)
    expected = view.resized(*new).homography().numpy()
    scaled = pixel_scaling(old, new) @ view.homography().numpy()
    np.testing.assert_allclose(scaled / scaled[2, 2], expected / expected[2, 2], rtol=1e-12)


def test_visible_points_are_a_grid_with_the_border_of_the_pitch():
    whole = np.array([[1.0, 0.0, 60.0], [0.0, -1.0, 40.0], [0.0, 0.0, 1.0]])
    ground, pixels = visible_pitch_points(whole, (121, 81), spacing=10.0)
    xs, ys = (np.unique(ground[:, axis]) for axis in (0, 1))
    np.testing.assert_allclose(xs, np.linspace(-52.5, 52.5, 12))
    np.testing.assert_allclose(ys, np.linspace(-34.0, 34.0, 8))
    assert len(ground) == 12 * 8
    np.testing.assert_allclose(pixels, [60.0, 40.0] + ground * [1.0, -1.0])


def test_visible_points_end_at_the_last_pixel_centres():
    ground, pixels = visible_pitch_points(MAP, SIZE, PitchDimensions(length=100.0, width=68.0))
    assert pixels.min(0).tolist() == [0.0, 1.0]
    assert pixels.max(0).tolist() == [100.0, 49.0]
    assert np.abs(ground).max(0).tolist() == [50.0, 24.0]


def test_points_behind_the_camera_are_not_visible():
    from_the_middle = Camera.look_at([0.0, 0.0, 15.0], [30.0, 0.0, 0.0], 600.0, (960, 540))
    ground, pixels = visible_pitch_points(from_the_middle.homography().numpy(), (960, 540))
    assert ground[:, 0].min() > 0
    expected = from_the_middle.project(np.pad(ground, ((0, 0), (0, 1))))
    np.testing.assert_allclose(pixels, expected.numpy(), atol=1e-9)


def test_a_shift_has_its_length_in_pixels_and_metres():
    predicted = np.diag([2.0, 2.0, 1.0]) @ np.array([[1, 0, 3], [0, 1, 4], [0, 0, 1.0]]) @ MAP
    errors = reprojection_errors(predicted, np.diag([2.0, 2.0, 1.0]) @ MAP, (201, 101))
    assert len(errors.metres) == len(errors.pixels) > 1000
    np.testing.assert_allclose(errors.pixels, 10.0)
    np.testing.assert_allclose(errors.metres, 5.0)


def test_a_perfect_prediction_of_any_scale_has_no_error():
    true = camera().homography().numpy()
    errors = reprojection_errors(7.0 * true, true, (960, 540))
    assert errors.metres.max() < 1e-9
    assert errors.pixels.max() < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_projection_by_cameras(seed):
    generator = np.random.default_rng(seed)
    true = camera(generator.uniform([-30, -10, 0], [30, 20, 0]))
    predicted = camera(generator.uniform([-30, -10, 0], [30, 20, 0]), generator.uniform(700, 1500))
    matrices = [view.homography().numpy() for view in (predicted, true)]
    ground, _ = visible_pitch_points(matrices[1], (960, 540))
    errors = reprojection_errors(*matrices, (960, 540))

    points = torch.from_numpy(np.pad(ground, ((0, 0), (0, 1))))
    pixels = true.project(points)
    in_pixels = (predicted.project(points) - pixels).norm(dim=-1).nan_to_num(nan=math.inf)
    landed = predicted.image_to_ground(pixels)
    in_metres = (landed[..., :2] - points[..., :2]).norm(dim=-1).nan_to_num(nan=math.inf)
    np.testing.assert_allclose(errors.pixels, in_pixels.clamp(max=math.hypot(960, 540)))
    np.testing.assert_allclose(errors.metres, in_metres.clamp(max=105.0))


def test_errors_are_cut_off_behind_the_camera_and_beyond_the_horizon():
    opposite = Camera.look_at([0.0, -60.0, 18.0], [0.0, -120.0, 0.0], 900.0, (960, 540))
    true = camera().homography().numpy()
    errors = reprojection_errors(opposite.homography().numpy(), true, (960, 540))
    assert set(errors.pixels) == {math.hypot(960, 540)}

    sky = np.array([[480.0, -5000.0]])
    errors = point_errors(true, np.zeros((1, 2)), sky, (960, 540), PitchDimensions(length=100.0))
    assert errors.metres.tolist() == [100.0]


def test_a_view_beside_the_pitch_has_no_points():
    away = MAP + np.array([[0, 0, 500], [0, 0, 0], [0, 0, 0]])
    errors = reprojection_errors(MAP, away, SIZE)
    assert errors.metres.shape == errors.pixels.shape == (0,)


def test_counts_correct_keypoints():
    true = np.zeros((5, 2))
    predicted = np.array([[3.0, 4.0], [5.1, 0.0], [0.0, 0.0], [np.nan, 0.0], [0.0, -20.0]])
    visible = np.array([True, True, False, True, True])
    assert correct_keypoints(predicted, true, visible, (5, 10, 20)).tolist() == [1, 2, 3]


def test_no_visible_keypoint_is_no_correct_one():
    points = np.zeros((2, 2))
    assert correct_keypoints(points, points, np.zeros(2, bool), (5, 10)).tolist() == [0, 0]


@st.composite
def homographies(draw, anything=False):
    """``(3, 3)`` to 960 x 540: of a camera beside or above the pitch, or of random numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if anything:
        return rng.normal(size=(3, 3)) * [[1e2], [1e2], [1.0]]
    position = rng.uniform([-40, -70, 8], [40, -20, 30])
    target = rng.uniform([-40, -15, 0], [40, 30, 0])
    return Camera.look_at(position, target, rng.uniform(500, 2500), (960, 540)).homography().numpy()


IN_960 = (960, 540)


@given(homographies(), st.one_of(homographies(), homographies(anything=True)), st.floats(0.1, 9))
def test_errors_are_bounded_and_none_for_the_truth(true, predicted, scale):
    errors = reprojection_errors(scale * predicted, true, IN_960)
    ground, pixels = visible_pitch_points(scale * true, IN_960)
    assert errors.metres.shape == errors.pixels.shape == (len(ground),)
    assert ((errors.metres >= 0) & (errors.metres <= 105)).all()
    assert ((errors.pixels >= 0) & (errors.pixels <= math.hypot(*IN_960))).all()
    assert (np.abs(ground) <= [52.5, 34]).all()
    assert ((pixels >= 0) & (pixels <= [959, 539])).all()
    again = point_errors(predicted, ground, pixels, IN_960)
    np.testing.assert_allclose(again, errors, rtol=1e-9, atol=1e-9)
    exact = reprojection_errors(true, true, IN_960)
    assert not len(ground) or max(exact.metres.max(), exact.pixels.max()) < 1e-6


@given(homographies(), homographies(), st.integers(0, 2**32 - 1))
def test_errors_of_points_know_no_order(predicted, true, seed):
    ground, pixels = visible_pitch_points(true, IN_960)
    errors = point_errors(predicted, ground, pixels, IN_960)
    order = np.random.default_rng(seed).permutation(len(ground))
    again = point_errors(predicted, ground[order], pixels[order], IN_960)
    np.testing.assert_allclose(again, np.array(errors)[:, order], rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 6),
    st.lists(st.floats(0, 9), max_size=3).map(sorted),
    st.sampled_from([np.nan, np.inf, -1.7e308]),
)
def test_correct_keypoints_are_those_near_enough_of_the_visible(seed, count, thresholds, anything):
    rng = np.random.default_rng(seed)
    predicted, true = rng.integers(-4, 5, (2, count, 2)).astype(float)
    visible = rng.random(count) < 0.7
    correct = correct_keypoints(predicted, true, visible, thresholds)
    assert (np.diff(correct) >= 0).all()
    assert (correct <= visible.sum()).all()
    assert (correct_keypoints(true, true, visible, thresholds) == visible.sum()).all()
    order = rng.permutation(count)
    again = correct_keypoints(predicted[order], true[order], visible[order], thresholds)
    assert again.tolist() == correct.tolist()
    hidden = [np.where(visible[:, None], points, -anything) for points in (predicted, true)]
    assert correct_keypoints(*hidden, visible, thresholds).tolist() == correct.tolist()
    lost = np.where(visible[:, None], np.nan, predicted)
    assert not correct_keypoints(lost, true, visible, thresholds).any()
