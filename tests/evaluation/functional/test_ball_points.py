"""The ball as a point, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footmm.evaluation.functional import BallPoints, ball_points
from footmm.structures.detected_objects import BALL, PLAYER, DetectedObjects, TrueObjects


def boxes_at(centres, size=10.0):
    centres = np.array(centres, float).reshape(-1, 2)
    return np.c_[centres - size / 2, centres + size / 2]


def image(found=(), scores=None, balls=(), crowds=(), label=BALL):
    """Detections of one class, balls, and crowds of 100 x 100 pixels; all by their centres."""
    scores = np.full(len(found), 0.9) if scores is None else np.array(scores)
    truth = np.concatenate([boxes_at(balls), boxes_at(crowds, 100.0)])
    crowd = np.arange(len(truth)) >= len(balls)
    labels = np.full(len(truth), BALL)
    annotated = TrueObjects(truth, labels, np.full(len(truth), 100.0), crowd)
    labels = np.full(len(found), label)
    return DetectedObjects(1, "1.jpg", (1920, 1080), boxes_at(found), scores, labels, annotated)


def counts(*images, score_threshold=0.3, **options):
    points = ball_points(images, score_threshold, **options)
    return points.found, points.wrong, points.missed


def test_figures_by_hand():
    images = [
        image([(50, 50)], balls=[(52, 50)]),
        image([(50, 50), (90, 90)], [0.9, 0.5], balls=[(50, 53)]),
        image([(50, 50)], balls=[(60, 50)]),
        image(balls=[(50, 50)]),
        image([(50, 50)]),
        image(),
    ]
    points = ball_points(images, 0.3)
    assert points == BallPoints(found=2, wrong=3, missed=2)
    assert points.precision == 0.4
    assert points.recall == 0.5
    assert points.f1 == pytest.approx(2 * 0.4 * 0.5 / 0.9)


def test_the_radius_belongs_to_it():
    ball = [(50, 50)]
    assert counts(image([(54, 50)], balls=ball)) == (1, 0, 0)
    assert counts(image([(54.01, 50)], balls=ball)) == (0, 1, 1)
    # 3 to the right and 3 down are 4.2 px.
    assert counts(image([(53, 53)], balls=ball)) == (0, 1, 1)
    assert counts(image([(53, 53)], balls=ball), radius_px=5.0) == (1, 0, 0)


def test_the_score_threshold_belongs_to_it():
    images = [image([(50, 50)], [0.3], balls=[(50, 50)]), image([(50, 50)], [0.29], [(50, 50)])]
    assert counts(*images) == (1, 0, 1)
    assert counts(*images, score_threshold=0.0) == (2, 0, 0)


def test_centres_count_whatever_the_size_of_the_boxes():
    far_too_large = image([(50, 50)], balls=[(50, 50)])
    far_too_large.boxes[:] = boxes_at([(52, 50)], 80.0)
    assert counts(far_too_large) == (1, 0, 0)


def test_other_classes_do_not_count():
    assert counts(image([(50, 50)], balls=[(50, 50)], label=PLAYER)) == (0, 0, 1)
    others = image([(50, 50)], balls=[(50, 50)])
    others.truth.labels[:] = PLAYER
    assert counts(others) == (0, 1, 0)


def test_a_ball_is_found_once():
    assert counts(image([(50, 50), (51, 50)], balls=[(50, 50)])) == (1, 1, 0)


def test_the_surest_choose_first_and_take_the_nearest_that_is_free():
    balls = [(50, 50), (56, 50)]
    # Both are within reach of the first detection, only the left one of the second.
    reach = [(52.9, 50), (49, 50)]
    assert counts(image(reach, [0.9, 0.8], balls)) == (1, 1, 1)
    assert counts(image(reach, [0.8, 0.9], balls)) == (2, 0, 0)
    assert counts(image([(53.1, 50), (49, 50)], [0.9, 0.8], balls)) == (2, 0, 0)


def test_crowds_are_neither_missed_nor_make_detections_wrong():
    crowd = [(200, 200)]
    assert counts(image(crowds=crowd)) == (0, 0, 0)
    assert counts(image([(200, 200), (240, 160), (253, 200)], crowds=crowd)) == (0, 0, 0)
    assert counts(image([(254.5, 200), (253, 253)], crowds=crowd)) == (0, 2, 0)
    # A ball in front of a crowd is found, and what finds no ball there is not wrong.
    inside = image([(210, 210), (220, 220)], balls=[(210, 211)], crowds=crowd)
    assert counts(inside) == (1, 0, 0)
    assert counts(image([(220, 220)], balls=[(210, 211)], crowds=crowd)) == (0, 0, 1)


def test_what_cannot_be_measured_is_nan():
    nothing, unseen, invented = (
        ball_points(images, 0.3) for images in ([], [image(balls=[(5, 5)])], [image([(5, 5)])])
    )
    assert all(map(math.isnan, (nothing.precision, nothing.recall, nothing.f1)))
    assert math.isnan(unseen.precision)
    assert (unseen.recall, unseen.f1) == (0, 0)
    assert math.isnan(invented.recall)
    assert (invented.precision, invented.f1) == (0, 0)


@st.composite
def ball_images(draw):
    """Whole pixels and tenths of scores, so that places and scores tie."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    found, balls, crowds = (rng.integers(0, 30, (rng.integers(0, 5), 2)) for _ in range(3))
    return image(found, rng.integers(0, 11, len(found)) / 10, balls, crowds[:1])


@given(st.lists(ball_images(), max_size=4), st.floats(0, 1), st.floats(0, 9), st.randoms())
def test_counts_are_of_all_balls_and_know_no_order(images, threshold, radius, random):
    points = ball_points(images, threshold, radius)
    balls = [item.truth.boxes[~item.truth.crowd] for item in images]
    assert points.found + points.missed == sum(map(len, balls))
    sure = sum(np.count_nonzero(item.scores >= threshold) for item in images)
    assert points.found + points.wrong <= sure
    for share in (points.precision, points.recall, points.f1):
        assert math.isnan(share) or 0 <= share <= 1
    alone = [ball_points([item], threshold, radius) for item in images]
    random.shuffle(alone)
    assert points.found == sum(part.found for part in alone)
    assert points.wrong == sum(part.wrong for part in alone)
    exact = [
        replace(item, boxes=own, scores=np.ones(len(own)), labels=np.full(len(own), BALL))
        for item, own in zip(images, balls, strict=True)
    ]
    perfect = ball_points(exact, threshold, radius)
    assert (perfect.found, perfect.wrong, perfect.missed) == (sum(map(len, balls)), 0, 0)


@given(ball_images(), st.floats(0, 9))
def test_one_more_wrong_detection_is_not_better(item, radius):
    """Far from everything, and the least sure of all."""
    worse = replace(
        item,
        boxes=np.concatenate([item.boxes, boxes_at([(500, 500)])]),
        scores=np.append(item.scores, 0.0),
        labels=np.append(item.labels, BALL),
    )
    before, after = (ball_points([case], 0.0, radius) for case in (item, worse))
    assert (after.found, after.missed) == (before.found, before.missed)
    assert after.wrong == before.wrong + 1
    assert not after.precision > before.precision
    wider = ball_points([item], 0.0, radius + 1)
    assert wider.wrong <= before.wrong + before.found - min(wider.found, before.found)
