"""What a linear map can and cannot read off vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import linear_probe_predictions


@pytest.fixture
def vectors():
    """Of three labels, which are not in order and of which one is named 7."""
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 2, 7], 120)
    centers = {0: (0, 0, 9), 2: (5, 0, 9), 7: (0, 5, 9)}
    points = np.array([centers[label] for label in labels]) + 0.3 * rng.standard_normal((120, 3))
    return points, labels


def test_separable_labels_are_read_off(vectors):
    points, labels = vectors
    found = linear_probe_predictions(points[:60], labels[:60], points[60:])
    assert found.tolist() == labels[60:].tolist()


def test_units_do_not_matter(vectors):
    points, labels = vectors
    noisy = points + np.random.default_rng(1).standard_normal(points.shape) * 3
    found = linear_probe_predictions(noisy[:60], labels[:60], noisy[60:])
    scaled = noisy * (1e-3, 1, 1e4) + (0, 50, 1e3)
    assert found.tolist() != labels[60:].tolist()
    again = linear_probe_predictions(scaled[:60], labels[:60], scaled[60:])
    assert again.tolist() == found.tolist()


def test_what_is_not_linear_is_not_read_off():
    points = np.random.default_rng(0).standard_normal((400, 2))
    labels = (points[:, 0] * points[:, 1] > 0).astype(int)
    found = linear_probe_predictions(points[:200], labels[:200], points[200:])
    assert (found == labels[200:]).mean() < 0.65


@given(st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_answers_are_labels_that_were_seen_whatever_the_order_and_the_units(seed, count):
    rng = np.random.default_rng(seed)
    labels = np.append([3, 8], rng.choice([3, 5, 8], 10))
    known, asked = rng.normal(size=(12, 2)) + labels[:, None], rng.normal(size=(count + 1, 2)) + 5
    found = linear_probe_predictions(known, labels, asked)
    assert set(found) <= set(labels)
    order, asked_order = rng.permutation(12), rng.permutation(count + 1)
    scale, shift = rng.uniform(0.1, 10, 2), rng.normal(size=2)
    again = linear_probe_predictions(
        known[order] * scale + shift, labels[order], asked[asked_order] * scale + shift
    )
    assert again.tolist() == found[asked_order].tolist()
