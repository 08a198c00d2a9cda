"""What can be read off vectors by a linear map: a measure of what they represent."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_MAX_ITERATIONS = 1000


def linear_probe_predictions(
    train_vectors: np.ndarray, train_labels: np.ndarray, vectors: np.ndarray
) -> np.ndarray:
    """Classify vectors by logistic regression on other vectors, all standardised.

    Args:
        train_vectors: ``(N, C)``.
        train_labels: ``(N,)``, of two or more classes.
        vectors: ``(M, C)``.

    Returns:
        ``(M,)``, labels.
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_MAX_ITERATIONS))
    return probe.fit(train_vectors, train_labels).predict(vectors)
