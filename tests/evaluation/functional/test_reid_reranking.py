"""Re-ranking against the paper's sets, written as plain loops, and against torchreid."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import k_reciprocal_distances, pairwise_distances


def plain_reranking(query, gallery, distance, k1, k2, lambda_value):
    """Section 3 of Zhong et al. 2017 with Python sets."""
    features = np.concatenate([query, gallery])
    count = len(features)
    raw = pairwise_distances(features, features, distance)
    d = [[raw[i][j] / max(raw[i]) for j in range(count)] for i in range(count)]
    nearest = [sorted(range(count), key=lambda j, i=i: (j != i, d[i][j])) for i in range(count)]

    def reciprocal(i, k):
        return {j for j in nearest[i][: k + 1] if i in nearest[j][: k + 1]}

    codes = []
    for i in range(count):
        members = reciprocal(i, k1)
        expanded = set(members)
        for j in members:
            small = reciprocal(j, round(k1 / 2))
            if len(small & members) * 3 > 2 * len(small):
                expanded |= small
        total = sum(math.exp(-d[i][j]) for j in expanded)
        codes.append([math.exp(-d[i][j]) / total * (j in expanded) for j in range(count)])
    codes = [np.mean([codes[j] for j in nearest[i][:k2]], axis=0) for i in range(count)]
    final = np.empty((len(query), len(gallery)))
    for i in range(len(query)):
        for j in range(len(gallery)):
            a, b = codes[i], codes[len(query) + j]
            jaccard = 1 - np.minimum(a, b).sum() / np.maximum(a, b).sum()
            own = d[i][len(query) + j]
            final[i, j] = (1 - lambda_value) * jaccard + lambda_value * own
    return final


def clustered(seed, num_query, num_gallery, scale=0.6):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(6, 8))
    query = centres[rng.integers(6, size=num_query)]
    gallery = centres[rng.integers(6, size=num_gallery)]
    noise = rng.normal(scale=scale, size=(num_query + num_gallery, 8))
    return query + noise[:num_query], gallery + noise[num_query:]


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize(("k1", "k2", "lambda_value"), [(20, 6, 0.3), (7, 3, 0.5), (5, 1, 0.0)])
def test_equals_plain_loops(distance, k1, k2, lambda_value):
    query, gallery = clustered(0, 12, 45)
    parameters = {"k1": k1, "k2": k2, "lambda_value": lambda_value}
    ours = k_reciprocal_distances(query, gallery, distance, **parameters, block_size=10)
    expected = plain_reranking(query, gallery, distance, **parameters)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_fewer_images_than_neighbours():
    query, gallery = clustered(1, 2, 5)
    ours = k_reciprocal_distances(query, gallery, "euclidean")
    expected = plain_reranking(query, gallery, "euclidean", 20, 6, 0.3)
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_lambda_one_is_the_original_order():
    query, gallery = clustered(2, 4, 20)
    ours = k_reciprocal_distances(query, gallery, lambda_value=1.0)
    expected = pairwise_distances(query, gallery)
    assert np.array_equal(np.argsort(ours, axis=1), np.argsort(expected, axis=1))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
@pytest.mark.parametrize("count", [1, 30])
def test_identical_images_are_at_no_distance(distance, count):
    """Rounding must not make the least differences large, nor put images below 0."""
    for seed in range(20):
        vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
        features = np.tile(vector, (count + 1, 1))
        distances = k_reciprocal_distances(features[:1], features[1:], distance)
        assert ((distances > -1e-6) & (distances < 1 + 1e-6)).all()


@pytest.mark.parametrize("seed", range(3))
def test_equals_torchreid(seed):
    peer = pytest.importorskip("torchreid.reid.utils.rerank")
    query, gallery = clustered(seed, 30, 150)
    # Theirs squares the distances that it is given.
    distances = [
        np.sqrt(pairwise_distances(a, b, "euclidean"))
        for a, b in ((query, gallery), (query, query), (gallery, gallery))
    ]
    ours = k_reciprocal_distances(query, gallery, "euclidean")
    np.testing.assert_allclose(ours, peer.re_ranking(*distances), atol=1e-6)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(0, 3), st.integers(2, 6)),
    st.tuples(st.integers(1, 5), st.integers(1, 3), st.floats(0, 1)),
    st.sampled_from(["cosine", "euclidean"]),
)
def test_equals_plain_loops_in_any_order_and_is_a_share(seed, counts, values, distance):
    parameters = dict(zip(("k1", "k2", "lambda_value"), values, strict=True))
    query, gallery = clustered(seed, *counts)
    ours = k_reciprocal_distances(query, gallery, distance, **parameters)
    assert ours.shape == counts
    assert ((ours > -1e-9) & (ours <= 1 + 1e-9)).all()
    expected = plain_reranking(query, gallery, distance, **parameters)
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    order = np.random.default_rng(seed).permutation(len(gallery))
    again = k_reciprocal_distances(query, gallery[order], distance, **parameters, block_size=2)
    np.testing.assert_allclose(again, ours[:, order], atol=1e-9)
