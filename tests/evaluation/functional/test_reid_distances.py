"""Distances by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from footmm.errors import ConfigError
from footmm.evaluation.functional import pairwise_distances


def test_euclidean_is_squared():
    query, gallery = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])
    assert pairwise_distances(query, gallery, "euclidean").tolist() == [[25, 1], [0, 18]]


def test_cosine_ignores_length_and_survives_a_zero_vector():
    query, gallery = np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[5.0, 0.0], [-1.0, 0.0]])
    assert pairwise_distances(query, gallery, "cosine").tolist() == [[0, 2], [1, 1]]


def test_keeps_the_precision_of_the_features():
    features = np.ones((2, 3), dtype=np.float32)
    for distance in ("cosine", "euclidean"):
        assert pairwise_distances(features, features, distance).dtype == np.float32


def test_unknown_distance_is_named():
    with pytest.raises(ConfigError, match="'manhattan' is unknown; choose one of cosine, euclid"):
        pairwise_distances(np.ones((1, 1)), np.ones((1, 1)), "manhattan")


@st.composite
def features(draw, dtype):
    """``(N, D)`` of whole numbers, which are zero or coincide, times a number of any size."""
    shape = draw(st.tuples(st.integers(0, 4), st.just(3)))
    numbers = draw(hnp.arrays(np.int8, shape, elements=st.integers(-3, 3)))
    limits = np.finfo(dtype)
    scale = draw(st.sampled_from([1.0, limits.tiny, limits.max / 4, limits.eps]))
    return numbers.astype(dtype) * dtype(scale)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(
    st.sampled_from([np.float32, np.float64]).flatmap(lambda t: st.tuples(features(t), features(t)))
)
def test_cosine_is_that_of_the_directions_whatever_the_lengths(pair):
    query, gallery = pair
    distances = pairwise_distances(query, gallery)
    assert distances.shape == (len(query), len(gallery))
    assert distances.dtype == query.dtype
    tolerance = 20 * np.finfo(query.dtype).eps
    for row, one in zip(distances, query, strict=True):
        for value, other in zip(row, gallery, strict=True):
            units = [vector / (np.abs(vector).max() or 1) for vector in (one, other)]
            lengths = np.linalg.norm(units[0]) * np.linalg.norm(units[1])
            expected = 1 - units[0] @ units[1] / lengths if lengths else 1.0
            assert value == pytest.approx(expected, abs=tolerance)


@given(st.integers(0, 2**32 - 1))
def test_euclidean_knows_neither_place_nor_side(seed):
    query, gallery = np.random.default_rng(seed).integers(-5, 6, (2, 4, 3)).astype(float)
    distances = pairwise_distances(query, gallery, "euclidean")
    np.testing.assert_array_equal(distances, np.square(query[:, None] - gallery).sum(-1))
    np.testing.assert_array_equal(pairwise_distances(gallery, query, "euclidean"), distances.T)
    moved = pairwise_distances(query[:, ::-1] + 7, gallery[:, ::-1] + 7, "euclidean")
    np.testing.assert_array_equal(moved, distances)
