"""Evaluation of athletes on the pitch (mAP-LocSim): sskit and footmm, in one run.

python benchmarks/locsim_eval.py [--images 9309]

Each image has 22 athletes on a pitch of 105 x 68 m and 28 detections: noisy ones of most athletes,
some a second time, the rest anywhere. The test split of SynLoc has 9,309 images. Both start at the
same positions, areas and scores in memory, sskit in its COCO objects (evaluate, accumulate and
summarize), footmm in one ``LocSimFrame`` an image, and end at the 17 stats. CPU time of one thread.
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
from sskit.coco import LocSimCOCOeval
from xtcocotools.coco import COCO

from footmm.evaluation.functional import STAT_NAMES, LocSimFrame, locsim_scores

IMAGES, ATHLETES, DETECTIONS, REPEATS = 9309, 22, 28, 3
#: Share of athletes that are found, and of these that are found twice.
FOUND_SHARE, TWICE_SHARE = 0.93, 0.05
#: Standard deviation of a detected position, metres.
NOISE = 0.2
PITCH = np.array([105.0, 68.0])
#: Side lengths of the boxes, pixels: small, medium and large ones.
SIDES = (12.0, 150.0)


def random_frame(rng: np.random.Generator) -> LocSimFrame:
    true_positions = rng.uniform(-PITCH / 2, PITCH / 2, (ATHLETES, 2))
    true_areas = rng.uniform(*SIDES, ATHLETES) ** 2
    found = np.flatnonzero(rng.random(ATHLETES) < FOUND_SHARE)
    found = np.concatenate([found, found[rng.random(len(found)) < TWICE_SHARE]])[:DETECTIONS]
    num_wrong = DETECTIONS - len(found)
    positions = np.concatenate(
        [
            true_positions[found] + rng.normal(0, NOISE, (len(found), 2)),
            rng.uniform(-PITCH / 2, PITCH / 2, (num_wrong, 2)),
        ]
    )
    areas = np.concatenate([true_areas[found], rng.uniform(*SIDES, num_wrong) ** 2])
    scores = np.concatenate([rng.beta(6, 2, len(found)), rng.beta(2, 4, num_wrong)])
    # Three digits, so that scores tie.
    return LocSimFrame(
        positions, scores.round(3), areas, true_positions, true_areas, np.zeros(ATHLETES, bool)
    )


def coco_objects(frames: Sequence[LocSimFrame]) -> tuple[COCO, COCO]:
    """The frames as sskit takes them: annotations and detections."""
    annotations: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for image_id, frame in enumerate(frames):
        common = {"image_id": image_id, "category_id": 1}
        pairs = zip(frame.true_positions.tolist(), frame.true_areas.tolist(), strict=True)
        for position, area in pairs:
            entry = {"id": len(annotations), "position_on_pitch": position, "area": area}
            annotations.append({**common, **entry, "iscrowd": 0})
        found = frame.positions.tolist(), frame.areas.tolist(), frame.scores.tolist()
        for position, area, score in zip(*found, strict=True):
            entry = {"position_on_pitch": position, "bbox": [0, 0, area, 1], "score": score}
            detections.append({**common, **entry})
    truth = COCO()
    images = [{"id": image_id} for image_id in range(len(frames))]
    truth.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1}]}
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        return truth, truth.loadRes(detections)


def sskit_stats(truth: COCO, detections: COCO) -> np.ndarray:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = LocSimCOCOeval(truth, detections, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def footmm_stats(frames: Sequence[LocSimFrame]) -> np.ndarray:
    return np.array(list(locsim_scores(frames).stats.values()))


def largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        raise SystemExit("a figure is nan on one side only")
    return float(np.nanmax(np.abs(ours - theirs)))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the evaluation of athletes on the pitch.")
    parser.add_argument("--images", type=int, default=IMAGES)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    frames = [random_frame(rng) for _ in range(args.images)]
    footmm_stats(frames[:10])
    runs = [timed(lambda: footmm_stats(frames)) for _ in range(REPEATS)]
    seconds, ours = min(runs, key=lambda run: run[0])
    objects = coco_objects(frames)
    peer_seconds, theirs = timed(lambda: sskit_stats(*objects))
    print(f"{args.images} images x {ATHLETES} athletes x {DETECTIONS} detections, CPU seconds")
    print(f"{'sskit':>10}{'footmm':>10}{'ratio':>9}{'difference':>13}")
    print(
        f"{peer_seconds:>10.2f}{seconds:>10.3f}{peer_seconds / seconds:>8.0f}x"
        f"{largest_difference(ours, theirs):>13.1e}"
    )
    print(", ".join(f"{name} {value:.4f}" for name, value in zip(STAT_NAMES, ours, strict=True)))


if __name__ == "__main__":
    main()
