"""IoU part and whole and projection error: tiny cases, and the published figures of real ones."""

import gzip
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import (
    iou_part,
    iou_whole,
    projection_error,
    published_iou_part,
    published_projection_error,
    published_reprojection_error,
)
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.homography import orient_homography

PITCH = PitchDimensions(length=100.0, width=60.0)
#: One metre is one pixel, the image shows x from -50 to 50 and y from -30 to 30.
MAP = np.array([[1.0, 0.0, 50.0], [0.0, -1.0, 30.0], [0.0, 0.0, 1.0]])
SIZE = (101, 61)

PUBLISHED_SIZE = (1280, 720)


def shifted(x, y=0.0):
    """A prediction that sees everything so many pixels to the right and below."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]) @ MAP


def view(target=(20.0, 0.0, 0.0), focal_length=1500.0, position=(0.0, -60.0, 18.0)):
    camera = Camera.look_at(position, target, focal_length, PUBLISHED_SIZE)
    return camera.homography().numpy()


def random_views(seed):
    generator = np.random.default_rng(seed)
    return [
        view(generator.uniform([-30, -20, 0], [30, 10, 0]), generator.uniform(1200, 2500))
        for _ in range(2)
    ]


def pitch_in_view(first, second):
    """Which squares of 25 cm of the pitch both views show, and which at least one."""
    axes = np.arange(-52.375, 52.5, 0.25), np.arange(-33.875, 34.0, 0.25)
    ground = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    seen = []
    for matrix in (first, second):
        u, v, w = matrix @ np.column_stack([ground, np.ones(len(ground))]).T
        seen.append((w > 0) & (u >= 0) & (u <= 1279 * w) & (v >= 0) & (v <= 719 * w))
    return seen[0] & seen[1], seen[0] | seen[1]


def test_part_of_a_shift():
    assert iou_part(MAP, MAP, SIZE, PITCH) == 1.0
    assert iou_part(shifted(20), MAP, SIZE, PITCH) == pytest.approx(0.8)
    assert iou_part(shifted(20, -15), MAP, SIZE, PITCH) == pytest.approx(0.8 * 0.75)
    assert iou_part(shifted(120), MAP, SIZE, PITCH) == 0.0


def test_part_counts_the_pitch_only():
    # Sees 40 m of ground beside the pitch, which does not matter.
    wide = np.diag([0.5, 0.5, 1.0]) @ shifted(20)
    truth = np.diag([0.5, 0.5, 1.0]) @ MAP
    assert iou_part(wide, truth, SIZE, PITCH) == 1.0


def test_part_without_pitch_in_the_true_view_is_undefined():
    assert np.isnan(iou_part(MAP, shifted(500), SIZE, PITCH))


def test_part_of_a_view_with_the_horizon_in_the_image():
    above = view(target=(0.0, 60.0, 18.0), focal_length=700.0)
    raster = published_iou_part(view(focal_length=1000.0), above)
    assert iou_part(view(focal_length=1000.0), above, PUBLISHED_SIZE) == pytest.approx(
        raster, abs=0.02
    )
    assert iou_part(above, above, PUBLISHED_SIZE) == pytest.approx(1.0)


def test_part_leaves_out_ground_behind_the_camera():
    # Above the centre spot: a point behind has its image in the sky, on the other side of the
    # horizon, and the published code takes it for a pixel.
    centre = (0.0, 0.0, 10.0)
    level = view(target=(40.0, 0.0, 10.0), focal_length=300.0, position=centre)
    steep = view(target=(15.0, 0.0, 0.0), focal_length=900.0, position=centre)
    common, union = pitch_in_view(level, steep)
    expected = np.count_nonzero(common) / np.count_nonzero(union)
    assert iou_part(level, steep, PUBLISHED_SIZE) == pytest.approx(expected, abs=5e-3)
    assert published_iou_part(level, steep) < 0.7 * expected


def test_whole_of_a_shift():
    assert iou_whole(MAP, MAP, SIZE) == 1.0
    assert iou_whole(shifted(20), MAP, SIZE) == pytest.approx(80 / 120)
    assert iou_whole(shifted(0, 30), MAP, SIZE) == pytest.approx(30 / 90)
    assert iou_whole(shifted(200), MAP, SIZE) == 0.0


def test_whole_of_a_zoom():
    zoom = np.diag([0.5, 0.5, 1.0]) @ MAP
    assert iou_whole(zoom, MAP, SIZE) == pytest.approx(0.25)
    assert iou_whole(MAP, zoom, SIZE) == pytest.approx(0.25)


def test_whole_is_zero_where_the_predicted_horizon_cuts_the_true_view():
    horizon = np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, -0.5]])
    assert iou_whole(horizon @ MAP, MAP, SIZE) == 0.0
    assert iou_whole(-MAP, MAP, SIZE) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_whole_equals_opencv_on_random_views(seed):
    predicted, true = random_views(seed)
    image = np.array([[0, 0], [1279, 0], [1279, 719], [0, 719]], dtype=np.float64)
    corners = cv2.perspectiveTransform(image[None], predicted @ np.linalg.inv(true))[0]
    pair = image.astype(np.float32), corners.astype(np.float32)
    common, _ = cv2.intersectConvexConvex(*pair)
    union = sum(cv2.contourArea(polygon) for polygon in pair) - common
    assert iou_whole(predicted, true, PUBLISHED_SIZE) == pytest.approx(common / union, abs=1e-5)


@pytest.mark.parametrize("seed", range(10))
def test_part_equals_counting_the_pitch_in_view(seed):
    predicted, true = random_views(seed)
    common, union = pitch_in_view(predicted, true)
    counted = np.count_nonzero(common) / np.count_nonzero(union)
    assert iou_part(predicted, true, PUBLISHED_SIZE) == pytest.approx(counted, abs=5e-3)


def test_projection_error_of_a_shift():
    assert projection_error(MAP, MAP, SIZE, PITCH) == 0.0
    assert projection_error(shifted(3, 4), MAP, SIZE, PITCH) == pytest.approx(5.0)


def test_projection_error_counts_points_off_the_pitch_up_to_its_length():
    assert projection_error(shifted(80), MAP, SIZE, PITCH) == pytest.approx(80.0)
    assert projection_error(shifted(300), MAP, SIZE, PITCH) == 100.0
    assert projection_error(-MAP, MAP, SIZE, PITCH) == 100.0


def test_projection_error_without_pitch_in_view_is_undefined():
    assert np.isnan(projection_error(MAP, shifted(500), SIZE, PITCH))
    assert np.isnan(published_projection_error(view(), view(target=(0.0, -80.0, 0.0))))


def test_published_projection_error_is_squeezed():
    true, along, across = (
        np.diag([10.0, 10.0, 1.0])
        @ np.array([[1, 0, 64 + x], [0, -1, 36 + y], [0, 0, 1]], dtype=np.float64)
        for x, y in ((0, 0), (2, 0), (0, 2))
    )
    metres = 2 * 1.09361 * 0.9144
    assert published_projection_error(along, true) == pytest.approx(metres * 100 / 115)
    assert published_projection_error(across, true) == pytest.approx(metres * 60 / 74)
    assert projection_error(along, true, PUBLISHED_SIZE) == pytest.approx(2.0)


def test_published_projection_error_depends_on_the_seed_alone():
    pair = view(), view(target=(21.0, 1.0, 0.0))
    first, again, other = (published_projection_error(*pair, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first == pytest.approx(other, rel=0.05)


def test_published_reprojection_error_without_common_points_is_undefined():
    assert np.isnan(published_reprojection_error(view(), view(target=(0.0, -80.0, 0.0))))


def oriented(homography):
    """Turned so that the lower border of the image sees ground in front of the camera."""
    ground = np.linalg.inv(homography) @ [640.0, 719.0, 1.0]
    return orient_homography(homography, ground[None, :2] / ground[2]).numpy()


@pytest.fixture(scope="module")
def published(realdata):
    """Predicted and true homography, and the published figures, of 8 estimators x 40 frames."""
    folder = realdata / "homography_wc14"
    truth = json.loads((folder / "gt_homographies.json").read_text())["homographies"]
    with gzip.open(folder / "expected_per_frame.json.gz") as file:
        expected = json.load(file)
    to_yards = np.array([[1.09361, 0, 1.09361 * 52.5], [0, -1.09361, 1.09361 * 34], [0, 0, 1]])
    from_soccernet = np.diag([1.0, -1.0, 1.0])
    rows = []
    for detector, frames in expected.items():
        for name, estimates in frames.items():
            true = oriented(np.array(truth[name]) @ to_yards)
            for estimator, figures in estimates.items():
                to_world = from_soccernet @ np.array(figures["H_image_to_world_m"])
                pair = oriented(np.linalg.inv(to_world)), true
                rows.append((f"{detector} {estimator}", pair, figures))
    return rows


@pytest.mark.realdata
def test_published_part_and_reprojection_error(published):
    assert len(published) == 320
    for _, pair, figures in published:
        assert published_iou_part(*pair) == pytest.approx(figures["iou_part"], abs=1e-12)
        error = published_reprojection_error(*pair)
        assert error == pytest.approx(figures["reproj"], abs=1e-12)


@pytest.mark.realdata
def test_published_projection_error(published):
    for _, pair, figures in published:
        # The published code maps the pixels in single precision.
        printed = 0.9144 * figures["proj"]
        assert published_projection_error(*pair) == pytest.approx(printed, rel=1e-6, abs=1e-6)


@pytest.mark.realdata
def test_whole_equals_the_published_one_but_for_horizons(published):
    cut = []
    for estimator, pair, figures in published:
        share = iou_whole(*pair, PUBLISHED_SIZE)
        if abs(share - figures["iou_whole"]) > 1e-9:
            assert share == 0.0
            cut.append(estimator)
    # Least squares over gross outliers; none of the robust estimators.
    assert len(cut) == 27
    assert {name.split()[1] for name in cut} == {"dlt", "dlt_world2img"}


@pytest.mark.realdata
def test_exact_part_is_near_the_raster_for_sound_estimators(published):
    for estimator, pair, figures in published:
        if estimator.endswith(("official", "ransac20_world2img")):
            exact = iou_part(*pair, PUBLISHED_SIZE)
            assert exact == pytest.approx(figures["iou_part"], abs=0.01)


@st.composite
def views(draw):
    """``(3, 3)`` to 1280 x 720, of a camera that looks anywhere, often up or off the pitch."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    position = rng.uniform([-40, -70, 2], [40, 20, 30])
    target = rng.uniform([-80, -60, 0], [80, 60, 15])
    return view(target, rng.uniform(400, 3000), position)


PAIRS = st.tuples(views(), views())


def figure(function, predicted, true):
    return float(function(predicted, true, PUBLISHED_SIZE))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("function", [iou_part, iou_whole, projection_error])
@given(PAIRS, st.floats(0.1, 10))
def test_exact_figures_are_bounded_whatever_the_scale(function, pair, scale):
    value = figure(function, *pair)
    sees_nothing = not pitch_in_view(pair[1], pair[1])[0].any()
    assert not np.isnan(value) or sees_nothing
    limit = 105.0 if function is projection_error else 1.0
    assert np.isnan(value) or 0 <= value <= limit + 1e-9
    scaled = figure(function, scale * pair[0], pair[1] / scale)
    assert scaled == pytest.approx(value, abs=1e-6, nan_ok=True)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("function", [iou_part, iou_whole, projection_error])
@given(views())
def test_the_truth_is_perfect(function, true):
    expected = 0.0 if function is projection_error else 1.0
    value = figure(function, true, true)
    assert np.isnan(value) or value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("function", [iou_part, iou_whole])
@given(PAIRS)
def test_shares_are_those_of_the_pitch_turned_by_half(function, pair):
    """The pitch is its own mirror image, and so are both views of it."""
    turned = [homography @ np.diag([-1.0, -1.0, 1.0]) for homography in pair]
    assert figure(function, *turned) == pytest.approx(
        figure(function, *pair), abs=1e-6, nan_ok=True
    )


@given(PAIRS)
def test_part_knows_no_side(pair):
    """Where both views show the pitch."""
    shares = figure(iou_part, *pair), figure(iou_part, *pair[::-1])
    assert np.isnan(shares).any() or shares[0] == pytest.approx(shares[1], abs=1e-9)


@pytest.mark.parametrize(
    "function", [published_iou_part, published_projection_error, published_reprojection_error]
)
@given(st.integers(0, 2**32 - 1).map(random_views))
def test_published_figures_are_bounded_and_perfect_for_the_truth(function, pair):
    value, exact = function(*pair), function(pair[1], pair[1])
    is_share = function is published_iou_part
    assert exact == pytest.approx(1.0 if is_share else 0.0, abs=1e-6)
    assert np.isnan(value) or 0 <= value <= (1.0 if is_share else 200.0)
