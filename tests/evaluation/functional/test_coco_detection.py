"""COCO's figures: against pycocotools on random images and at its corners, and of real frames."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from footmm.errors import DataFormatError
from footmm.evaluation.functional import COCO_FIGURES, check_objects, coco_scores
from footmm.structures.detected_objects import DetectedObjects, TrueObjects

NUM_CLASSES = 3


def image(
    found=(), scores=(), labels=0, truth=(), true_labels=0, areas=None, crowd=False, image_id=1
):
    """Boxes are left, top, right, bottom; one label, area or crowd flag stands for all."""
    found, truth = (np.array(boxes, float).reshape(-1, 4) for boxes in (found, truth))
    if areas is None:
        areas = (truth[:, 2:] - truth[:, :2]).prod(axis=1)
    annotated = TrueObjects(
        truth,
        np.broadcast_to(np.array(true_labels, np.int64), len(truth)),
        np.broadcast_to(np.array(areas, float), len(truth)),
        np.broadcast_to(np.array(crowd, bool), len(truth)),
    )
    labels = np.broadcast_to(np.array(labels, np.int64), len(found))
    return DetectedObjects(
        image_id, f"{image_id}.jpg", (640, 360), found, np.array(scores, float), labels, annotated
    )


def random_image(
    rng, image_id, most=12, num_found=30, score_step=0.0, crowd_share=0.0, integers=False
):
    """Objects of the classes 0 and 1 in three sizes; detections near them or anywhere, of all."""
    num_truths = rng.integers(0, most)
    sides = rng.choice([20, 60, 150], num_truths)[:, None] * rng.uniform(0.3, 1.4, (num_truths, 2))
    corners = rng.uniform(0, 80, (num_truths, 2))
    truth = np.c_[corners, corners + sides]
    true_labels = rng.integers(0, 2, num_truths)
    near = rng.integers(0, num_truths, rng.integers(0, num_found) if num_truths else 0)
    corners = rng.uniform(0, 80, (rng.integers(0, 6), 2))
    anywhere = np.c_[corners, corners + rng.uniform(1, 80, corners.shape)]
    found = np.concatenate([truth[near] + rng.normal(0, 2, (len(near), 4)), anywhere])
    labels = np.concatenate([true_labels[near], rng.integers(0, NUM_CLASSES, len(anywhere))])
    scores = rng.uniform(size=len(found))
    if score_step:
        scores = np.round(scores / score_step) * score_step
    if integers:
        truth, found = truth.round(), found.round()
    crowd = rng.random(num_truths) < crowd_share
    return image(found, scores, labels, truth, true_labels, None, crowd, image_id)


def official_files(images, rng):
    """Annotations and detections as COCO's files have them; the images come in any order."""
    order = rng.permutation(len(images))
    annotation_ids = iter(rng.permutation(10_000) + 1)
    annotations, detections = [], []
    for item in (images[number] for number in order):
        truth = item.truth
        for box, label, area, crowd in zip(
            truth.boxes, truth.labels, truth.areas, truth.crowd, strict=True
        ):
            entry = {"id": int(next(annotation_ids)), "area": float(area), "iscrowd": int(crowd)}
            annotations.append({**entry, **common(item, box, label)})
        for box, label, score in zip(item.boxes, item.labels, item.scores, strict=True):
            detections.append({**common(item, box, label), "score": float(score)})
    dataset = {
        "images": [{"id": images[number].image_id} for number in order],
        "categories": [{"id": label} for label in range(NUM_CLASSES)],
        "annotations": annotations,
    }
    return dataset, detections


def common(item, box, label):
    left, top, right, bottom = box.tolist()
    sizes = [left, top, right - left, bottom - top]
    return {"image_id": item.image_id, "category_id": int(label), "bbox": sizes}


def official_figures(dataset, detections):
    """The stats over all categories and of each of them; nan where pycocotools has -1."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = dataset
        truth.createIndex()
        found = truth.loadRes(detections)
        categories = truth.getCatIds()
        rows = []
        for chosen in (categories, *([category] for category in categories)):
            evaluation = COCOeval(truth, found, "bbox")
            evaluation.params.catIds = chosen
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            rows.append(evaluation.stats)
    return nan_for_minus_one(rows)


def nan_for_minus_one(values):
    values = np.array(values)
    return np.where(values == -1, math.nan, values)


def our_figures(images, num_classes=NUM_CLASSES):
    scores = coco_scores(images, num_classes)
    rows = scores.overall, *scores.per_class
    assert all(tuple(row) == COCO_FIGURES for row in rows)
    return np.array([list(row.values()) for row in rows])


def assert_equals_official(images):
    rng = np.random.default_rng(0)
    expected = official_figures(*official_files(images, rng))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = our_figures(images)
    np.testing.assert_allclose(figures, expected, rtol=0, atol=1e-9)
    return figures


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"score_step": 0.25, "integers": True},
        {"crowd_share": 0.4},
        {"crowd_share": 0.3, "score_step": 0.25, "integers": True},
    ],
    ids=["plain", "ties", "crowd", "crowd_and_ties"],
)
def test_equals_pycocotools_on_random_images(seed, options):
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.permutation(1000)[:12]).tolist()
    images = [random_image(rng, number, **options) for number in ids]
    figures = assert_equals_official(images)
    assert 0 < figures[0, 0] < 1
    # Nothing is annotated of the last class.
    assert np.isnan(figures[3]).all()


def test_equals_pycocotools_beyond_100_detections():
    """The right detections have the lowest scores, so that the limit of 100 bites."""
    rng = np.random.default_rng(8)
    images = []
    for number in range(3):
        corners = rng.uniform(0, 500, (30, 2))
        truth = np.c_[corners, corners + 20]
        wrong = np.tile([600.0, 0.0, 620.0, 20.0], (85, 1))
        scores = np.concatenate([rng.uniform(0, 0.5, 30), rng.uniform(0.3, 1, 85)]).round(2)
        images.append(image([*truth, *wrong], scores, 0, truth, image_id=number))
    figures = dict(zip(COCO_FIGURES, assert_equals_official(images)[0], strict=True))
    assert 0 < figures["AR100"] < 1
    assert figures["AR10"] == 0


BOX = (0, 0, 10, 10)
FAR = (50, 50, 60, 60)
HUGE = (0, 0, 300, 300)
RIGHT = image([BOX], [0.8], truth=[BOX])


@pytest.mark.parametrize(
    "images",
    [
        [image([FAR], [0.8], truth=[BOX])],
        [RIGHT, image([BOX], [0.9], image_id=2), image(truth=[FAR], image_id=3), image(image_id=4)],
        [image([BOX], [0.8])],
        [image([BOX, BOX], [0.8, 0.7], truth=[HUGE], crowd=True), replace(RIGHT, image_id=2)],
        [image([BOX], [0.8], truth=[BOX], crowd=True)],
        [image([HUGE], [0.9], truth=[FAR]), replace(RIGHT, image_id=2)],
        [image([BOX], [0.8], truth=[BOX, BOX])],
        [image([BOX], [0.8], truth=[BOX], areas=32**2)],
        [image([(10, 10, 0, 0), (5, 5, 5, 5)], [0.8, 0.7], truth=[BOX])],
        [image([BOX], [0.8], 1, [BOX], 0)],
    ],
    ids=[
        *("all_wrong", "empty_on_one_side", "no_truth", "crowd", "only_crowd", "sizes_differ"),
        *("tied_iou", "limit_of_a_size", "no_extent", "another_class"),
    ],
)
def test_equals_pycocotools_at_the_corners(images):
    assert_equals_official(images)


def test_nothing_found_is_zero_where_pycocotools_fails():
    scores = coco_scores([image(truth=[BOX], true_labels=1)])
    assert scores.per_class[1]["AP"] == scores.overall["AP"] == scores.overall["AR100"] == 0
    assert scores.per_class[1]["APs"] == 0
    assert math.isnan(scores.overall["APm"])
    assert all(map(math.isnan, scores.per_class[0].values()))


def test_figures_by_hand():
    """IoU 0.78 of one object reaches six of ten thresholds; the other is found after a wrong."""
    images = [
        image([(0, 0, 10, 7.8)], [0.8], truth=[BOX]),
        image([FAR, BOX], [0.9, 0.7], 2, [BOX], 2, areas=5000),
    ]
    scores = coco_scores(images)
    player, ball, referee = scores.per_class
    assert player["AP"] == pytest.approx(0.6, abs=1e-12)
    assert (player["AP50"], player["AP75"]) == pytest.approx((1, 1), abs=1e-12)
    assert (player["APs"], player["AR1"]) == pytest.approx((0.6, 0.6), abs=1e-12)
    assert referee["AP"] == referee["AP50"] == pytest.approx(0.5, abs=1e-12)
    assert (referee["AR1"], referee["AR10"], referee["ARm"]) == (0, 1, 1)
    # Its detections are small: where only medium objects count, the wrong one does not.
    assert referee["APm"] == pytest.approx(1, abs=1e-12)
    assert math.isnan(player["APm"])
    assert math.isnan(ball["AP"])
    # Over the classes that have truth.
    assert scores.overall["AP"] == pytest.approx(0.55, abs=1e-12)
    assert scores.overall["APm"] == pytest.approx(1, abs=1e-12)


def test_recall_is_interpolated_over_101_points_by_hand():
    """Right, wrong, right of two objects: precision 1 up to recall 0.5, then 2 / 3."""
    found = [BOX, (200, 200, 210, 210), FAR]
    scores = coco_scores([image(found, [0.9, 0.8, 0.7], truth=[BOX, FAR])])
    assert scores.overall["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101, abs=1e-12)
    assert (scores.overall["AR1"], scores.overall["AR10"]) == (0.5, 1)


def test_ties_of_scores_are_broken_in_the_order_of_the_images():
    wrong = image([FAR], [0.8], truth=[BOX])
    assert coco_scores([RIGHT, wrong]).overall["AP50"] == pytest.approx(51 / 101)
    assert coco_scores([wrong, RIGHT]).overall["AP50"] == pytest.approx(51 / 202)


def test_images_of_the_same_id_are_not_one():
    assert coco_scores([RIGHT, image(truth=[BOX])]).overall["AR100"] == 0.5


def test_says_nothing(capfd, caplog):
    caplog.set_level(logging.DEBUG)
    coco_scores([RIGHT])
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"scores": np.array([math.nan])}, r"image 1 \(1\.jpg\): a score is nan; the model"),
        ({"boxes": np.array([[0, 0, 1, math.nan]])}, "a box holds nan or infinity"),
        ({"labels": np.array([3])}, r"label 3 is outside of the 3 classes \(0 to 2\); look at num"),
        ({"labels": np.array([-1])}, "label -1 is outside"),
        ({"scores": np.ones(2)}, r"scores have the shape \(2,\), need \(1,\)"),
        ({"boxes": np.zeros((1, 5))}, r"boxes have the shape \(1, 5\), need \(1, 4\)"),
        ({"truth": None}, "it is not annotated"),
        ({"truth": image(truth=[(0, 0, 1, math.inf)]).truth}, "a true box holds nan or infinity"),
        ({"truth": image(truth=[BOX], true_labels=7).truth}, "the true label 7 is outside"),
        ({"truth": replace(RIGHT.truth, crowd=np.zeros(0, bool))}, "true crowd have the shape"),
    ],
)
def test_refuses_images_that_cannot_be_scored(broken, message):
    bad = replace(RIGHT, **broken)
    with pytest.raises(DataFormatError, match=message):
        check_objects(bad)
    with pytest.raises(DataFormatError, match=message):
        coco_scores([RIGHT, bad])


def test_refuses_no_images():
    with pytest.raises(DataFormatError, match="no images"):
        coco_scores([])


@pytest.mark.realdata
def test_reproduces_the_figures_of_real_frames(realdata):
    """The file's own four categories, whose ids start at 0."""
    folder = realdata / "detection"
    expected = json.loads((folder / "expected.json").read_text())
    with zipfile.ZipFile(folder / "coco.zip") as archive:
        truth, found = (json.loads(archive.read(f"{name}.json")) for name in ("gt", "detections"))
    names = [category["name"] for category in truth["categories"]]
    assert tuple(expected["stats_names"]) == COCO_FIGURES
    assert names == list(expected["per_category"])
    rows = [expected["all"], *expected["per_category"].values()]
    images = [
        official_image(entry["id"], truth["annotations"], found)
        for entry in sorted(truth["images"], key=lambda entry: entry["id"])
    ]
    np.testing.assert_allclose(
        our_figures(images, len(names)), nan_for_minus_one(rows), rtol=0, atol=1e-9
    )


def official_image(image_id, annotations, detections):
    true_entries, found = (
        [entry for entry in entries if entry["image_id"] == image_id]
        for entries in (annotations, detections)
    )
    return image(
        corners(found),
        [entry["score"] for entry in found],
        [entry["category_id"] for entry in found],
        corners(true_entries),
        [entry["category_id"] for entry in true_entries],
        [entry["area"] for entry in true_entries],
        [entry["iscrowd"] for entry in true_entries],
        image_id,
    )


def corners(entries):
    boxes = np.reshape([entry["bbox"] for entry in entries], (-1, 4))
    return np.c_[boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]


@st.composite
def image_sets(draw):
    """Some images, with or without ties and crowds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    options = {"score_step": draw(st.sampled_from([0.0, 0.25])), "integers": draw(st.booleans())}
    options |= {"crowd_share": draw(st.sampled_from([0.0, 0.4])), "most": 5, "num_found": 9}
    return [random_image(rng, number, **options) for number in range(draw(st.integers(1, 4)))]


@given(image_sets())
def test_equals_pycocotools_on_any_images(images):
    """But where nothing is found in any image, which pycocotools cannot score."""
    figures = our_figures(images)
    assert (np.isnan(figures) | ((figures >= 0) & (figures <= 1 + 1e-9))).all()
    if any(len(item.boxes) for item in images):
        assert_equals_official(images)
    else:
        assert not np.nansum(figures)


@given(image_sets(), st.floats(-20, 20), st.integers(0, 2**32 - 1))
def test_figures_know_no_place_and_no_order(images, shift, seed):
    """Scores do not tie; boxes that are all moved alike, and listed in another order."""
    rng = np.random.default_rng(seed)
    sizes = np.cumsum([0, *(len(item.boxes) for item in images)])
    ranks = rng.permutation(sizes[-1]) / max(sizes[-1], 1)
    scored = [
        replace(item, scores=ranks[start:end])
        for item, start, end in zip(images, sizes[:-1], sizes[1:], strict=True)
    ]
    expected = our_figures(scored)
    moved = []
    for index in rng.permutation(len(scored)):
        item, order = scored[index], rng.permutation(len(scored[index].boxes))
        truth = replace(item.truth, boxes=item.truth.boxes + 4 * round(shift))
        fields = {name: getattr(item, name)[order] for name in ("scores", "labels")}
        boxes = item.boxes[order] + 4 * round(shift)
        moved.append(replace(item, boxes=boxes, truth=truth, **fields))
    np.testing.assert_allclose(our_figures(moved), expected, atol=1e-9)


@given(image_sets())
def test_the_truth_is_perfect_and_one_more_wrong_detection_no_better(images):
    plain = [
        replace(item, truth=replace(item.truth, crowd=np.zeros(len(item.truth.boxes), bool)))
        for item in images
    ]
    exact = [
        replace(
            item,
            boxes=item.truth.boxes,
            labels=item.truth.labels,
            scores=np.linspace(0.9, 0.5, len(item.truth.boxes)),
        )
        for item in plain
    ]
    figures = our_figures(exact)[:, [0, 1, 2, 8]]
    assert figures[~np.isnan(figures)] == pytest.approx(1)
    for item in plain:
        check_objects(item)
    sure = max((item.scores.max(initial=0.0) for item in plain), default=0.0) + 1
    wrong = image([(900, 900, 950, 950)], [sure], 0, image_id=99)
    before, after = our_figures(plain)[:2, 0], our_figures([*plain, wrong])[:2, 0]
    assert not (after > before + 1e-9).any()


@given(st.sampled_from(["boxes", "scores", "labels"]), st.integers(0, 2))
def test_arrays_that_do_not_fit_are_refused(name, size):
    """Of another length, or with one more dimension."""
    item = image([BOX], [0.5], truth=[BOX])
    values = (
        np.repeat(getattr(item, name), size, axis=0) if size != 1 else getattr(item, name)[None]
    )
    with pytest.raises(DataFormatError, match="have the shape"):
        check_objects(replace(item, **{name: values}))
