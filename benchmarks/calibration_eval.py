"""Evaluation of cameras (JaC@5, 10, 20): the SoccerNet package and footmm, in one run.

python benchmarks/calibration_eval.py [--frames 40]
python benchmarks/calibration_eval.py --annotations FOLDER --predictions FOLDER

Without folders the frames are those of simulated broadcast cameras, and the predictions are these
cameras, moved, turned and zoomed a little; a few frames have none. The folders hold NNNNN.json and
camera_NNNNN.json. Both start at the same zip files and end at the scores; the package evaluates one
threshold at a time. CPU time of one thread.
"""

# The number of threads has to be set before numpy is imported.
# ruff: noqa: E402
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["TQDM_DISABLE"] = "1"

import argparse
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from SoccerNet.Evaluation.CameraCalibration import evaluate

from footmm.datasets.homography import lines_in_pixels
from footmm.evaluation.functional import (
    JAC_THRESHOLDS,
    CalibrationScores,
    FrameJaC,
    calibration_scores,
    frame_jac,
)
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import soccernet_line_name
from footmm.simulation.broadcast import sample_camera_operator
from footmm.simulation.camera_rigs import CameraKind
from footmm.simulation.export.soccernet_calibration import annotate_lines, shows_enough_lines
from footmm.simulation.match import MatchSettings, simulate_match

KINDS = (CameraKind.MAIN, CameraKind.SIXTEEN_METRES_LEFT, CameraKind.HIGH_BEHIND_RIGHT)
MISSED_SHARE, REPEATS = 0.1, 3
#: Standard deviations of the errors of the predictions: metres, radians, share of the focal length.
POSITION_ERROR, ANGLE_ERROR, FOCAL_ERROR = 0.2, 0.0005, 0.005

Frames = dict[str, tuple[dict[str, Any], dict[str, Any] | None]]


def simulated_frames(count: int) -> Frames:
    """Annotations and predicted cameras by name."""
    rng = np.random.default_rng(0)
    tracks = simulate_match(MatchSettings(duration_s=60.0, rate=5.0), np.random.SeedSequence(0))
    films = [sample_camera_operator(kind, rng).film(tracks) for kind in KINDS]
    frames: Frames = {}
    while len(frames) < count:
        film = films[rng.integers(len(films))]
        camera = film[int(rng.integers(len(film)))]
        if shows_enough_lines(camera):
            prediction = None if rng.random() < MISSED_SHARE else perturbed(camera, rng)
            frames[f"{len(frames):05d}"] = annotate_lines(camera), prediction
    return frames


def perturbed(camera: Camera, rng: np.random.Generator) -> dict[str, Any]:
    position = camera.position + torch.from_numpy(rng.normal(0, POSITION_ERROR, 3))
    angles = [angle + rng.normal(0, ANGLE_ERROR) for angle in camera.pan_tilt_roll()]
    focal_length = camera.intrinsics[0, 0] * (1 + rng.normal(0, FOCAL_ERROR))
    moved = Camera.from_pan_tilt_roll(position, *angles, focal_length, camera.image_size)
    return replace(moved, lens=camera.lens).to_soccernet()


def read_frames(annotations: Path, predictions: Path) -> Frames:
    frames: Frames = {}
    for path in sorted(annotations.glob("*.json")):
        prediction = predictions / f"camera_{path.name}"
        camera = json.loads(prediction.read_text()) if prediction.exists() else None
        frames[path.stem] = json.loads(path.read_text()), camera
    return frames


def write_zips(frames: Frames, folder: Path) -> tuple[Path, Path]:
    paths = folder / "annotations.zip", folder / "predictions.zip"
    with zipfile.ZipFile(paths[0], "w") as labels, zipfile.ZipFile(paths[1], "w") as cameras:
        for name, (lines, camera) in frames.items():
            labels.writestr(f"test/{name}.json", json.dumps(lines))
            if camera is not None:
                cameras.writestr(f"camera_{name}.json", json.dumps(camera))
    return paths


def footmm_scores(
    annotations: Path, predictions: Path
) -> tuple[list[dict[float, FrameJaC] | None], dict[float, CalibrationScores]]:
    frames: list[dict[float, FrameJaC] | None] = []
    with zipfile.ZipFile(annotations) as labels, zipfile.ZipFile(predictions) as cameras:
        available = set(cameras.namelist())
        for name in labels.namelist():
            camera = f"camera_{Path(name).name}"
            if camera not in available:
                frames.append(None)
                continue
            lines = lines_in_pixels(json.loads(labels.read(name)), name)
            frames.append(frame_jac(json.loads(cameras.read(camera)), lines))
    return frames, calibration_scores(frames)


def official_figures(frames: list[FrameJaC], scores: CalibrationScores) -> dict[str, float]:
    """What the package calls them; its mean JaC is taken in single precision."""
    accuracies = np.array([frame.accuracy for frame in frames], dtype=np.float32)
    figures = {
        "completeness": scores.completeness,
        "meanAccuracies": np.mean(accuracies),
        "meanPrecision": scores.precision.mean,
        "meanRecall": scores.recall.mean,
    }
    for name, line in scores.per_class.items():
        official = soccernet_line_name(name)
        figures[f"{official}Accuracy"] = line.accuracy
        figures[f"{official}Precision"] = line.precision
        figures[f"{official}Recall"] = line.recall
    return figures


def largest_difference(ours: dict[str, float], theirs: dict[str, float]) -> float:
    if ours.keys() != theirs.keys():
        raise SystemExit(f"figures of one side only: {sorted(ours.keys() ^ theirs.keys())}")
    pairs = np.array([(ours[key], theirs[key]) for key in theirs], dtype=np.float64)
    if not np.array_equal(*np.isnan(pairs).T):
        raise SystemExit("a figure is nan on one side only")
    return float(np.nanmax(np.abs(pairs[:, 0] - pairs[:, 1])))


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the evaluation of cameras.")
    parser.add_argument("--frames", type=int, default=40, help="simulated frames")
    parser.add_argument("--annotations", type=Path, metavar="FOLDER")
    parser.add_argument("--predictions", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    if (args.annotations is None) != (args.predictions is None):
        parser.error("give --annotations and --predictions together")
    torch.set_num_threads(1)
    # Classes that are never annotated or never projected have scores of 0 / 0 in the package.
    np.seterr(invalid="ignore")
    if args.annotations:
        frames = read_frames(args.annotations, args.predictions)
    else:
        frames = simulated_frames(args.frames)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_zips(frames, Path(folder))
        footmm_scores(*paths)
        runs = [timed(lambda: footmm_scores(*paths)) for _ in range(REPEATS)]
        seconds = min(run[0] for run in runs)
        per_frame, scores = runs[0][1]
        peers = {t: timed(lambda t=t: evaluate(*paths, threshold=t)) for t in JAC_THRESHOLDS}
    scored = [frame for frame in per_frame if frame is not None]
    print(f"{len(frames)} frames, {len(scored)} of them with a camera; CPU ms per frame")
    print(f"{'':12}{'SoccerNet':>12}{'footmm':>12}{'ratio':>9}{'difference':>13}")
    for threshold, (peer, figures) in peers.items():
        ours = official_figures([frame[threshold] for frame in scored], scores[threshold])
        print(
            f"{f'JaC@{threshold:g}':12}{1e3 * peer / len(frames):>12.1f}{'':>21}"
            f"{largest_difference(ours, figures):>13.1e}"
        )
    total = sum(peer for peer, _ in peers.values())
    print(
        f"{'all three':12}{1e3 * total / len(frames):>12.1f}{1e3 * seconds / len(frames):>12.2f}"
        f"{total / seconds:>8.0f}x"
    )
    for threshold, score in scores.items():
        print(f"JaC@{threshold:g} {score.accuracy.mean:.4f}, final {score.final_score:.4f}")


if __name__ == "__main__":
    main()
