"""Re-ranking with k-reciprocal encoding (Zhong et al., CVPR 2017).

Two images that are among each other's nearest are likely the same person. Each image is encoded
by its k-reciprocal neighbours, and images are compared by the Jaccard distance of these codes.
The codes are sparse, so nothing larger than a block of the distances among all images is held.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from footmm.evaluation.functional.reid_distances import BLOCK_SIZE, pairwise_distances


def k_reciprocal_distances(
    query_features: np.ndarray,
    gallery_features: np.ndarray,
    distance: str = "cosine",
    *,
    k1: int = 20,
    k2: int = 6,
    lambda_value: float = 0.3,
    block_size: int = BLOCK_SIZE,
) -> np.ndarray:
    """Return re-ranked distances.

    Equals the authors' code (in the version that takes distance matrices and squares them) given
    the Euclidean distances of the features, L2-normalised ones for ``cosine``. Sets with fewer
    than ``k1`` images use all there are, as theirs do. An image always is its own nearest one,
    which decides the order where a set holds copies of an image.

    Args:
        query_features: Shape (Q, D).
        gallery_features: Shape (G, D).
        distance: See :func:`pairwise_distances`.
        k1: Neighbours in which two images look for each other.
        k2: Nearest neighbours over which a code is averaged (local query expansion).
        lambda_value: Share of the original distance, divided by the query's largest one.
        block_size: Images whose distances to all others are held at a time.

    Returns:
        Shape (Q, G), in the precision of the features.
    """
    features = np.concatenate([query_features, gallery_features])
    num_query = len(query_features)
    neighbours, largest = _nearest(features, distance, max(k1 + 1, k2), block_size)
    expanded = _expanded_neighbours(neighbours, k1)
    codes = _codes(features, distance, expanded, largest, block_size)
    codes = _membership(neighbours[:, :k2], len(features)).astype(codes.dtype) @ codes
    codes /= min(k2, len(features))
    reranked = pairwise_distances(query_features, gallery_features, distance)
    reranked /= largest[:num_query, None]
    # The largest is rounded in another way, which matters where all images are the same.
    np.clip(reranked, 0, 1, out=reranked)
    reranked *= lambda_value
    _add_jaccard(reranked, codes, 1 - lambda_value)
    return reranked


def _distance_rows(
    features: np.ndarray, distance: str, block_size: int
) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(features), block_size):
        rows = slice(start, min(start + block_size, len(features)))
        distances = pairwise_distances(features[rows], features, distance)
        # Rounding puts copies of an image below 0, by cosine.
        yield rows, np.maximum(distances, 0, out=distances)


def _nearest(
    features: np.ndarray, distance: str, depth: int, block_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest images in order, (N, depth), and the distance of the farthest, (N,)."""
    depth = min(depth, len(features))
    neighbours, largest = [], []
    for rows, distances in _distance_rows(features, distance, block_size):
        largest.append(distances.max(axis=1))
        np.put_along_axis(distances, np.arange(rows.start, rows.stop)[:, None], -1, axis=1)
        nearest = np.argpartition(distances, depth - 1, axis=1)[:, :depth]
        order = np.argsort(np.take_along_axis(distances, nearest, axis=1), axis=1)
        neighbours.append(np.take_along_axis(nearest, order, axis=1))
    tiny = np.finfo(features.dtype).tiny
    return np.concatenate(neighbours), np.maximum(np.concatenate(largest), tiny)


def _membership(neighbours: np.ndarray, num_images: int) -> sparse.csr_matrix:
    """Return the 0/1 matrix (N, num_images) whose row i marks the images neighbours[i]."""
    count, depth = neighbours.shape
    indptr = np.arange(0, count * depth + 1, depth)
    ones = np.ones(count * depth, dtype=np.int32)
    return sparse.csr_matrix((ones, neighbours.ravel(), indptr), shape=(count, num_images))


def _reciprocal(neighbours: np.ndarray) -> sparse.csr_matrix:
    forward = _membership(neighbours, len(neighbours))
    return forward.multiply(forward.T).tocsr()


def _expanded_neighbours(neighbours: np.ndarray, k1: int) -> sparse.csr_matrix:
    """Return R*(p, k1) of equation 5 as a matrix whose non-zero entries are the members.

    The set of k-reciprocal neighbours takes in the (k1/2)-reciprocal set of each of its members
    that shares more than two thirds with it.
    """
    members = _reciprocal(neighbours[:, : k1 + 1])
    small = _reciprocal(neighbours[:, : round(k1 / 2) + 1])
    shared = members.multiply(members @ small.T).tocoo()
    sizes = np.asarray(small.sum(axis=1)).ravel()
    takes_in = 3 * shared.data > 2 * sizes[shared.col]
    accepted = sparse.csr_matrix(
        (np.ones(takes_in.sum(), dtype=np.int32), (shared.row[takes_in], shared.col[takes_in])),
        shape=members.shape,
    )
    return (members + accepted @ small).tocsr()


def _codes(
    features: np.ndarray,
    distance: str,
    expanded: sparse.csr_matrix,
    largest: np.ndarray,
    block_size: int,
) -> sparse.csr_matrix:
    """Return V of equation 7, (N, N): weights exp(-d) over the members, each row sums to 1."""
    weights = np.empty(expanded.nnz, dtype=features.dtype)
    rows_of = np.repeat(np.arange(len(features)), np.diff(expanded.indptr))
    for rows, distances in _distance_rows(features, distance, block_size):
        entries = slice(expanded.indptr[rows.start], expanded.indptr[rows.stop])
        row, col = rows_of[entries], expanded.indices[entries]
        weights[entries] = np.exp(-distances[row - rows.start, col] / largest[row])
    totals = np.bincount(rows_of, weights, minlength=len(features))
    weights /= totals[rows_of]
    return sparse.csr_matrix((weights, expanded.indices, expanded.indptr), shape=expanded.shape)


def _add_jaccard(distances: np.ndarray, codes: sparse.csr_matrix, share: float) -> None:
    """Add the Jaccard distance (equation 10) of queries and gallery to (Q, G), times ``share``."""
    num_query, num_gallery = distances.shape
    gallery = codes[num_query:].tocsc()
    for query in range(num_query):
        code = codes[query]
        columns = gallery[:, code.indices]
        smaller = np.minimum(columns.data, np.repeat(code.data, np.diff(columns.indptr)))
        overlap = np.bincount(columns.indices, smaller, minlength=num_gallery)
        # Codes sum to 1, so the sum of the larger weights is 2 minus that of the smaller ones.
        distances[query] += share * (1 - overlap / (2 - overlap))
