import math

import numpy as np
import pytest
from SoccerNet.Evaluation.utils_calibration import SoccerPitch

from footmm.errors import ConfigError, DataFormatError
from footmm.pitch.dimensions import (
    CENTRAL_MIRROR,
    LEFT_RIGHT_MIRROR,
    LINE_CLASSES,
    Arc,
    PitchDimensions,
    Segment,
    clean_line_name,
    soccernet_line_name,
)
from footmm.pitch.frames import soccernet_to_world


@pytest.mark.parametrize(("length", "width"), [(105.0, 68.0), (100.0, 64.0)])
@pytest.mark.parametrize(("spacing", "arc_spacing"), [(0.9, 0.2), (0.1, 0.2), (2.0, 0.5)])
def test_samples_are_those_of_the_official_evaluator(length, width, spacing, arc_spacing):
    official = SoccerPitch(length, width)
    # The official class hard-codes one corner of the standard pitch.
    official.top_left_corner[1] = -width / 2
    expected = official.sample_field_points(spacing, arc_spacing)
    ours = PitchDimensions(length, width).sample_markings(spacing, arc_spacing)
    assert set(ours) == {clean_line_name(name) for name in expected}
    for name, points in expected.items():
        points = soccernet_to_world(np.array(points, dtype=float))
        np.testing.assert_allclose(ours[clean_line_name(name)], points, atol=1e-9, err_msg=name)


def test_names_and_mirrors_are_official():
    official = {n: m for n, m in SoccerPitch.symetric_classes.items() if "unknown" not in n}
    assert {soccernet_line_name(name) for name in LINE_CLASSES} == set(official)
    assert {
        soccernet_line_name(n): soccernet_line_name(m) for n, m in CENTRAL_MIRROR.items()
    } == official
    assert clean_line_name("Goal left post left ") == "Goal left post left"
    with pytest.raises(DataFormatError, match="did you mean 'Middle line'"):
        clean_line_name("Midle line")


@pytest.mark.parametrize(
    ("mirror", "factors"), [(CENTRAL_MIRROR, (-1, -1, 1)), (LEFT_RIGHT_MIRROR, (-1, 1, 1))]
)
def test_mirrored_names_are_mirrored_lines(mirror, factors):
    markings = PitchDimensions(110, 70).markings
    for name, marking in markings.items():
        here = marking.sample(0.5) * factors
        there = markings[mirror[name]].sample(0.5)
        gaps = np.linalg.norm(here[:, None] - there[None], axis=-1).min(axis=1)
        assert gaps.max() < 0.26, name


def test_samples_include_both_ends_and_keep_the_spacing():
    segment = Segment((0, 0, 0), (0, 1, 0))
    np.testing.assert_allclose(segment.sample(0.3)[[0, -1]], [(0, 0, 0), (0, 1, 0)])
    assert len(segment.sample(0.3)) == 5
    arc = Arc((1.0, 0.0), 2.0, 0.0, math.pi)
    np.testing.assert_allclose(arc.sample(0.5)[[0, -1]], [(3, 0, 0), (-1, 0, 0)], atol=1e-12)
    assert arc.length == pytest.approx(2 * math.pi)
    assert not arc.is_circle


def test_corner_arcs_lie_on_the_pitch():
    dimensions = PitchDimensions()
    for arc in dimensions.corner_arcs:
        assert dimensions.contains(arc.sample(0.1), margin=1e-9).all()


def test_contains():
    dimensions = PitchDimensions()
    points = np.array([(52.5, 34.0), (52.6, 0.0), (0.0, -34.1)])
    assert dimensions.contains(points).tolist() == [True, False, False]
    assert dimensions.contains(points, margin=0.2).all()


@pytest.mark.parametrize("size", [(80, 68), (105, 100)])
def test_illegal_sizes_are_refused(size):
    with pytest.raises(ConfigError, match="Law 1 allows"):
        PitchDimensions(*size)


def test_ground_grid_reaches_the_border():
    grid = PitchDimensions(100.0, 60.0).ground_grid(3, 2)
    assert grid.tolist() == [[-50, -30], [-50, 30], [0, -30], [0, 30], [50, -30], [50, 30]]
