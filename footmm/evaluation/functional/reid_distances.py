"""Distances between the features of persons."""

from __future__ import annotations

import numpy as np

from footmm.errors import ConfigError

DISTANCES = ("cosine", "euclidean")

#: Rows of a distance matrix that are held at a time.
BLOCK_SIZE = 512


def pairwise_distances(
    query_features: np.ndarray, gallery_features: np.ndarray, distance: str = "cosine"
) -> np.ndarray:
    """Return the distance of every query to every gallery image.

    Args:
        query_features: Shape (Q, D), floating point.
        gallery_features: Shape (G, D).
        distance: ``cosine`` for 1 - cos (a zero vector is at distance 1 from everything), or
            ``euclidean`` for the SQUARED Euclidean distance, which ranks alike.

    Returns:
        Shape (Q, G), in the precision of the features.

    Raises:
        ConfigError: ``distance`` is another word.
    """
    if distance == "cosine":
        return 1 - _normalised(query_features) @ _normalised(gallery_features).T
    if distance == "euclidean":
        products = query_features @ gallery_features.T
        products *= -2
        products += np.square(query_features).sum(axis=1)[:, None]
        products += np.square(gallery_features).sum(axis=1)
        return np.maximum(products, 0, out=products)
    raise ConfigError(f"distance={distance!r} is unknown; choose one of {', '.join(DISTANCES)}")


def _normalised(features: np.ndarray) -> np.ndarray:
    # By a power of two, which is exact, to where squares neither overflow nor vanish.
    _, exponents = np.frexp(np.abs(features).max(axis=1, keepdims=True, initial=0))
    features = np.ldexp(features, -exponents)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(norms, np.finfo(features.dtype).tiny)
