"""Evaluation of detected boxes (COCO's twelve figures): pycocotools and footmm, in one run.

python benchmarks/detection_eval.py [--images 2000]

Each image has 22 objects (20 players, the ball, a referee) and 50 detections: noisy ones of most
objects, some a second time, the rest anywhere; a few objects are crowds. Both start at the same
boxes, scores and labels in memory, pycocotools in its COCO objects, footmm in one
``DetectedObjects`` an image, and end at the figures over all classes and of each class; both match
once and read the figures of a class from the same tables. CPU time of one thread.
"""

# The number of threads has to be set before numpy is imported.
# ruff: noqa: E402
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import contextlib
import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from footmm.evaluation.functional import COCO_FIGURES, coco_scores
from footmm.structures.detected_objects import (
    BALL,
    CLASSES,
    PLAYER,
    REFEREE,
    DetectedObjects,
    TrueObjects,
)

IMAGES, DETECTIONS, REPEATS = 2000, 50, 3
LABELS = np.array([PLAYER] * 20 + [BALL, REFEREE])
SIZE = (1920, 1080)
#: Share of objects that are found, of these that are found twice, and of crowds.
FOUND_SHARE, TWICE_SHARE, CROWD_SHARE = 0.93, 0.4, 0.02
#: Standard deviation of the corners of a detected box, as a share of its height.
NOISE = 0.05
#: Heights of players and referees, and of the ball, pixels.
HEIGHTS, BALL_HEIGHTS = (25.0, 250.0), (8.0, 25.0)


def random_boxes(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    is_ball = labels == BALL
    heights = np.where(
        is_ball, rng.uniform(*BALL_HEIGHTS, len(labels)), rng.uniform(*HEIGHTS, len(labels))
    )
    sizes = np.stack([np.where(is_ball, heights, 0.4 * heights), heights], axis=1)
    corners = rng.uniform(0, np.array(SIZE) - sizes)
    return np.concatenate([corners, corners + sizes], axis=1)


def random_image(rng: np.random.Generator, image_id: int) -> DetectedObjects:
    boxes = random_boxes(rng, LABELS)
    crowd = rng.random(len(LABELS)) < CROWD_SHARE
    truth = TrueObjects(boxes, LABELS, (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), crowd)
    found = np.flatnonzero(rng.random(len(LABELS)) < FOUND_SHARE)
    found = np.concatenate([found, found[rng.random(len(found)) < TWICE_SHARE]])[:DETECTIONS]
    wrong = rng.choice(LABELS, DETECTIONS - len(found))
    heights = (boxes[found, 3] - boxes[found, 1])[:, None]
    near = boxes[found] + rng.normal(0, NOISE, (len(found), 4)) * heights
    scores = np.concatenate([rng.beta(6, 2, len(found)), rng.beta(2, 4, len(wrong))])
    # Three digits, so that scores tie.
    scores = scores.round(3)
    order = np.argsort(-scores, kind="stable")
    return DetectedObjects(
        image_id,
        f"{image_id:06d}.jpg",
        SIZE,
        np.concatenate([near, random_boxes(rng, wrong)])[order],
        scores[order],
        np.concatenate([LABELS[found], wrong])[order],
        truth,
    )


def coco_objects(images: Sequence[DetectedObjects]) -> tuple[COCO, COCO]:
    """The images as pycocotools takes them: annotations and detections."""
    annotations: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for image in images:
        truth = image.truth
        for box, label, area, crowd in zip(
            truth.boxes, truth.labels, truth.areas, truth.crowd, strict=True
        ):
            entry = {"id": len(annotations) + 1, "area": float(area), "iscrowd": int(crowd)}
            annotations.append({**entry, **common_entry(image, box, label)})
        for box, label, score in zip(image.boxes, image.labels, image.scores, strict=True):
            detections.append({**common_entry(image, box, label), "score": float(score)})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": image.image_id} for image in images],
        "categories": [{"id": label} for label in range(len(CLASSES))],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        return truth, truth.loadRes(detections)


def common_entry(image: DetectedObjects, box: np.ndarray, label: int) -> dict[str, Any]:
    left, top, right, bottom = box.tolist()
    sizes = [left, top, right - left, bottom - top]
    return {"image_id": image.image_id, "category_id": int(label), "bbox": sizes}


def pycocotools_figures(truth: COCO, detections: COCO) -> np.ndarray:
    """Rows: all classes, then each."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, detections, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        rows = [evaluation.stats]
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
        for label in range(len(CLASSES)):
            evaluation.eval["precision"] = precision[:, :, [label]]
            evaluation.eval["recall"] = recall[:, [label]]
            evaluation.summarize()
            rows.append(evaluation.stats)
    figures = np.array(rows)
    return np.where(figures == -1, np.nan, figures)


def footmm_figures(images: Sequence[DetectedObjects]) -> np.ndarray:
    scores = coco_scores(images)
    return np.array([list(row.values()) for row in (scores.overall, *scores.per_class)])


def largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        raise SystemExit("a figure is nan on one side only")
    return float(np.nanmax(np.abs(ours - theirs)))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the evaluation of detected boxes.")
    parser.add_argument("--images", type=int, default=IMAGES)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    images = [random_image(rng, image_id) for image_id in range(1, args.images + 1)]
    footmm_figures(images[:10])
    runs = [timed(lambda: footmm_figures(images)) for _ in range(REPEATS)]
    seconds, ours = min(runs, key=lambda run: run[0])
    objects = coco_objects(images)
    peer_seconds, theirs = timed(lambda: pycocotools_figures(*objects))
    difference = largest_difference(ours, theirs)
    print(f"{args.images} images x {len(LABELS)} objects x {DETECTIONS} detections, CPU seconds")
    print(f"{'pycocotools':>12}{'footmm':>10}{'ratio':>9}{'difference':>13}")
    ratio = peer_seconds / seconds
    print(f"{peer_seconds:>12.2f}{seconds:>10.3f}{ratio:>8.0f}x{difference:>13.1e}")
    for name, row in zip(("all", *CLASSES), ours, strict=True):
        figures = zip(COCO_FIGURES, row, strict=True)
        print(f"{name:8}" + ", ".join(f"{figure} {value:.4f}" for figure, value in figures))
    if difference > 1e-9:
        raise SystemExit("the figures differ by more than 1e-9")


if __name__ == "__main__":
    main()
