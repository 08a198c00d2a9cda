"""Round trips through the heatmaps, and the weights that reach the loss."""

import numpy as np
import pytest
from mmpose.codecs.utils import (
    generate_udp_gaussian_heatmaps,
    get_heatmap_maximum,
    refine_keypoints_dark_udp,
)

from footmm.codecs import PitchHeatmap
from footmm.codecs.pitch_heatmap import visible_ends
from footmm.errors import ConfigError
from footmm.pitch.dimensions import STRAIGHT_LINE_CLASSES
from footmm.registry import TRANSFORMS

INPUT, HEATMAP = (480, 272), (120, 68)
SCALE = np.array([479 / 119, 271 / 67])
MIDDLE = STRAIGHT_LINE_CLASSES.index("Middle line")


@pytest.fixture
def codec():
    return PitchHeatmap(INPUT, HEATMAP, sigma=2.0, with_lines=True)


def random_points(count, margin=0.0):
    """Pixels of the heatmap, at least ``margin`` away from its border."""
    low, high = np.array([margin, margin]), np.array(HEATMAP) - 1 - margin
    return np.random.default_rng(5).uniform(low, high, (count, 2))


def with_noise(heatmaps, height, deviation):
    noise = np.random.default_rng(6).normal(0.0, deviation, heatmaps.shape)
    return np.clip(height * heatmaps + noise, 1e-4, None).astype(np.float32)


def sorted_ends(points):
    ends = visible_ends(points, INPUT)
    return ends[np.lexsort(ends.T[::-1])]


def test_corner_pixels_of_input_and_heatmap_coincide(codec):
    corners = np.array([[[0.0, 0.0], [479.0, 271.0]]])
    heatmaps = codec.encode(corners, lines={})["heatmaps"]
    assert heatmaps.shape == (2, 68, 120)
    assert heatmaps.dtype == np.float32
    assert heatmaps[0, 0, 0] == 1.0
    assert heatmaps[1, 67, 119] == 1.0
    assert heatmaps[0, 0, 2] == pytest.approx(np.exp(-0.5))
    assert np.count_nonzero(heatmaps[0]) == 7 * 7


def test_gaussians_are_those_of_mmpose_where_these_are_right(codec):
    points = random_points(20)
    expected, _ = generate_udp_gaussian_heatmaps(HEATMAP, points[None], np.ones((1, 20)), sigma=2.0)
    heatmaps = codec.encode(points[None] * SCALE, lines={})["heatmaps"]
    # They are cut off half a pixel apart, at three sigmas from the point or from its pixel.
    np.testing.assert_allclose(heatmaps, expected, atol=np.exp(-0.5 * 3**2))


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_keypoints_come_back(sigma):
    codec = PitchHeatmap(INPUT, HEATMAP, sigma)
    points = np.concatenate([random_points(100), [[0, 0], [119, 67], [-0.4, 30.2], [60.5, 67.4]]])
    keypoints, scores = codec.decode(codec.encode(points[None] * SCALE)["heatmaps"])
    assert keypoints.shape == (1, 104, 2)
    assert keypoints.dtype == np.float32
    assert scores.shape == (1, 104)
    assert scores.min() > np.exp(-0.25 / sigma**2) - 1e-6
    np.testing.assert_allclose(keypoints[0] / SCALE, points, atol=0.01)


def test_refinement_is_that_of_the_blurred_map(codec):
    points = random_points(60, margin=8.0)
    heatmaps = with_noise(codec.encode(points[None] * SCALE, lines={})["heatmaps"], 0.8, 0.01)
    peaks, scores = get_heatmap_maximum(heatmaps)
    expected = refine_keypoints_dark_udp(peaks[None].copy(), heatmaps.copy(), blur_kernel_size=11)
    keypoints, found_scores = codec.decode(heatmaps)
    np.testing.assert_allclose(keypoints / SCALE, expected, atol=0.05)
    np.testing.assert_array_equal(found_scores[0], scores)


def test_refined_points_stay_by_their_peaks(codec):
    noise = np.random.default_rng(7).uniform(0.0, 1.0, (57, 68, 120)).astype(np.float32)
    keypoints, _ = codec.decode(noise)
    peaks, _ = get_heatmap_maximum(noise)
    assert np.abs(keypoints[0] / SCALE - peaks).max() < 1.0001


def test_constant_and_empty_maps(codec):
    keypoints, scores = codec.decode(np.stack([np.zeros((68, 120)), np.full((68, 120), 0.3)]))
    assert np.isnan(keypoints[0, 0]).all()
    assert np.isfinite(keypoints[0, 1]).all()
    np.testing.assert_array_equal(scores, [[0.0, 0.3]])


def test_weights_tell_unseen_from_unknown():
    keypoints = np.full((1, 3, 2), 100.0)
    keypoints[0, 2] = np.nan
    encoded = PitchHeatmap(INPUT, HEATMAP).encode(
        keypoints, np.array([[1.0, 0.0, 0.0]]), np.array([[1.0, 1.0, 0.0]])
    )
    np.testing.assert_array_equal(encoded["keypoint_weights"], [[1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(encoded["heatmaps"].any((1, 2)), [True, False, False])


def test_targets_arrive_in_the_data_sample():
    encoder = dict(
        type="footmm.PitchHeatmap", input_size=INPUT, heatmap_size=HEATMAP, with_lines=True
    )
    generate = TRANSFORMS.build(dict(type="mmpose.GenerateTarget", encoder=encoder))
    pack = TRANSFORMS.build(dict(type="mmpose.PackPoseInputs", meta_keys=()))
    sample = dict(
        img=np.zeros((272, 480, 3), np.uint8),
        keypoints=np.array([[[100.0, 50.0], [700.0, 50.0], [0.0, 0.0]]], np.float32),
        keypoints_visible=np.array([[[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]], np.float32),
        lines={"Middle line": np.array([[100.0, 50.0], [200.0, 150.0]])},
    )
    data_sample = pack(generate(sample))["data_samples"]
    labels, fields = data_sample.gt_instance_labels, data_sample.gt_fields
    np.testing.assert_array_equal(labels.keypoint_weights, [[1.0, 1.0, 0.0]])
    np.testing.assert_array_equal(fields.heatmaps.flatten(1).any(1), [True, False, False])
    assert labels.line_weights.sum() == 23
    assert fields.line_heatmaps.flatten(1).any(1).nonzero().tolist() == [[MIDDLE]]


def test_lines_come_back(codec):
    ends = np.random.default_rng(8).uniform([0, 0], [479, 271], (23, 2, 2))
    far = np.linalg.norm(np.diff(ends / SCALE[None, None], axis=1)[:, 0], axis=-1) > 14.0
    lines = dict(zip(STRAIGHT_LINE_CLASSES, ends, strict=True))
    found, scores = codec.decode_lines(
        codec.encode(np.zeros((1, 0, 2)), lines=lines)["line_heatmaps"]
    )
    assert found.shape == (23, 2, 2)
    assert scores.shape == (23, 2)
    assert far.sum() >= 15
    as_given = np.linalg.norm(found - ends, axis=-1).max(-1)
    swapped = np.linalg.norm(found[:, ::-1] - ends, axis=-1).max(-1)
    assert (np.minimum(as_given, swapped) / 4.0)[far].max() < 0.05
    assert (np.diff(scores, axis=1) <= 0).all()


def test_two_peaks_are_apart_and_missing_ones_are_marked(codec):
    heatmaps = np.zeros((3, 68, 120), np.float32)
    heatmaps[1] = codec.encode(SCALE * [[[30.0, 20.0]]], lines={})["heatmaps"][0]
    heatmaps[2] = heatmaps[1]
    heatmaps[2, 20, 32] += 0.1  # a bump on the slope of the peak
    heatmaps[2, 50, 90] = 0.2
    ends, scores = codec.decode_lines(heatmaps)
    np.testing.assert_allclose(scores, [[0.0, 0.0], [1.0, 0.0], [1.0, 0.2]], atol=1e-6)
    assert np.isnan(ends[0]).all()
    assert np.isnan(ends[1, 1]).all()
    np.testing.assert_allclose(ends[1, 0] / SCALE, [30.0, 20.0], atol=0.01)
    np.testing.assert_allclose(ends[2, 1] / SCALE, [90.0, 50.0], atol=0.01)


def test_ends_are_those_of_the_part_in_view():
    line = np.array([[300.0, 100.0], [-100.0, 100.0], [100.0, 100.0], [700.0, 100.0]])
    np.testing.assert_allclose(sorted_ends(line), [[0.0, 100.0], [479.0, 100.0]])
    inside = np.array([[30.0, 40.0], [20.0, 20.0]])
    np.testing.assert_allclose(sorted_ends(inside), inside[::-1])
    border = np.array([[479.0, 10.0], [479.0, 200.0]])
    np.testing.assert_allclose(sorted_ends(border), border)
    assert np.isnan(visible_ends(np.array([[-5.0, 3.0], [3.0, -9.0]]), INPUT)).all()
    assert np.isnan(visible_ends(np.array([[-5.0, 10.0], [-8.0, 40.0]]), INPUT)).all()


def test_ends_lie_on_a_bent_line():
    x = np.linspace(-200.0, 700.0, 46)
    bent = np.stack([x, 260.0 - 2e-4 * (x - 240.0) ** 2], -1)
    ends = sorted_ends(np.random.default_rng(9).permutation(bent))
    np.testing.assert_allclose(ends[:, 0], [0.0, 479.0])
    np.testing.assert_allclose(ends[:, 1], 260.0 - 2e-4 * (ends[:, 0] - 240.0) ** 2, atol=0.05)


def test_lines_without_known_ends(codec):
    lines = {
        "Middle line": np.array([[10.0, 10.0], [100.0, np.nan]]),
        "Side line top": np.array([[-90.0, 10.0], [-50.0, 60.0]]),
        "Circle central": np.array([[10.0, 10.0], [50.0, 60.0]]),
    }
    encoded = codec.encode(np.zeros((1, 0, 2)), lines=lines)
    assert not encoded["line_heatmaps"].any()
    expected = np.ones((1, 23))
    expected[0, MIDDLE] = 0.0
    np.testing.assert_array_equal(encoded["line_weights"], expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(heatmap_size=(120, 1)), "heatmap_size"),
        (dict(sigma=0.0), "sigma"),
        (dict(blur_kernel_size=10), "blur_kernel_size"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ConfigError, match=message):
        PitchHeatmap(**(dict(input_size=INPUT, heatmap_size=HEATMAP) | arguments))


def test_what_does_not_fit_is_refused(codec):
    with pytest.raises(ConfigError, match="heatmap_size"):
        codec.decode(np.zeros((57, 120, 68), np.float32))
    with pytest.raises(ConfigError, match="lines"):
        codec.encode(np.zeros((1, 0, 2)))
