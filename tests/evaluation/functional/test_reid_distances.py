"""Distances by hand."""

import numpy as np
import pytest

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
