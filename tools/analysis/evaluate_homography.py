"""Measure the solver: cameras from detected keypoints and lines, or from annotated lines.

tools/analysis/evaluate_homography.py --detections keypoints.zip --annotations annotations.zip
tools/analysis/evaluate_homography.py --detections keypoints.zip --homographies gt.json
tools/analysis/evaluate_homography.py --annotations data/calibration-2023/valid
"""

from __future__ import annotations

import argparse
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from footmm.apis.cli import report_errors
from footmm.datasets.homography import lines_in_pixels
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.evaluation.functional.calibration_jac import JAC_THRESHOLDS, frame_jac
from footmm.evaluation.functional.homography_iou import (
    METRES_TO_TEMPLATE,
    PUBLISHED_IMAGE_SIZE,
    iou_whole,
    published_iou_part,
)
from footmm.pitch.calibration import (
    Calibration,
    CalibrationSettings,
    calibrate,
    calibrate_lines,
)
from footmm.pitch.camera import SOCCERNET_IMAGE_SIZE
from footmm.pitch.dimensions import STRAIGHT_LINE_CLASSES
from footmm.pitch.homography import orient_homography
from footmm.pitch.keypoints import KEYPOINT_SETS, PUBLISHED_NUMBERS

_KEYPOINTS = KEYPOINT_SETS["kp57"]

# The published scheme numbers the straight lines in the order of their names.
_LINE_NUMBERS = {str(number): name for number, name in enumerate(STRAIGHT_LINE_CLASSES, start=1)}


class Detections(NamedTuple):
    """Keypoints and lines of a frame, in pixels of 960 x 540.

    Attributes:
        keypoints: ``(57, 2)``, nan where there is none.
        scores: ``(57,)``.
        lines: Both ends ``(2, 2)`` by line class.
        line_scores: ``(2,)`` by line class.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    lines: dict[str, np.ndarray]
    line_scores: dict[str, np.ndarray]


@dataclass
class Figures:
    """What is measured of the frames of one file.

    Attributes:
        milliseconds: CPU time of every frame.
        jac: Score at each threshold of :data:`JAC_THRESHOLDS`, of frames with camera and labels.
        iou: IoU part and whole of frames with camera and ground truth.
        confidences: Of frames with a camera.
        failures: Why frames have none.
    """

    milliseconds: list[float] = field(default_factory=list)
    jac: list[list[float]] = field(default_factory=list)
    iou: list[tuple[float, float]] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--detections",
        nargs="+",
        type=Path,
        metavar="FILES",
        help="folders or zip files of NAME.json with keypoints and lines as PnLCalib and "
        "No-Bells-Just-Whistles write them",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        help="folder or zip file of SoccerNet's line annotations NAME.json; without --detections "
        "the cameras are found from them",
    )
    parser.add_argument(
        "--homographies",
        type=Path,
        help="ground truth of WorldCup 2014: a folder of NAME.homographyMatrix (image of 1280 x "
        "720 to yards), or a json with the inverse matrices under 'homographies'",
    )
    parser.add_argument("--min-score", type=float, default=CalibrationSettings.min_score)
    parser.add_argument("--failures", action="store_true", help="tell why frames have no camera")
    return parser.parse_args(argv)


def read_json_files(source: Path) -> dict[str, Any]:
    """Read all frames of a folder or a zip file.

    Returns:
        Contents by the file's stem.

    Raises:
        DatasetNotFoundError: There are none.
        DataFormatError: A file is no json; the message names it.
    """
    frames = {}
    for name, text in _json_texts(source):
        try:
            frames[Path(name).stem] = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataFormatError(f"{source}, {name}: {error}") from error
    if not frames:
        raise DatasetNotFoundError(f"no json files in '{source}': expected a folder or a zip file")
    return frames


def _json_texts(source: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            names = [name for name in archive.namelist() if name.endswith(".json")]
            yield from ((name, archive.read(name)) for name in sorted(names))
        return
    for path in sorted(source.glob("[!.]*.json")):
        if not path.name.startswith(("camera_", "match_info")):
            yield path.name, path.read_bytes()


def read_annotations(source: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read SoccerNet's line annotations as pixels of 960 x 540 by frame and line class."""
    return {
        frame: lines_in_pixels(annotation, f"{source}, {frame}.json")
        for frame, annotation in read_json_files(source).items()
    }


def read_detections(source: Path) -> dict[str, Detections]:
    """Read predicted keypoints and lines; auxiliary keypoints, from 58 on, are left out."""
    frames = {}
    for frame, content in read_json_files(source).items():
        with _naming(f"{source}, {frame}.json"):
            found = content if isinstance(content, dict) else {"kp": content[0]}
            frames[frame] = _detections(found)
    return frames


def _detections(found: Mapping[str, Any]) -> Detections:
    keypoints, scores = np.full((len(_KEYPOINTS), 2), np.nan), np.zeros(len(_KEYPOINTS))
    for row, name in enumerate(_KEYPOINTS.names):
        point = found["kp"].get(str(PUBLISHED_NUMBERS[name]))
        if point is not None:
            keypoints[row], scores[row] = (point["x"], point["y"]), point["p"]
    ends, line_scores = {}, {}
    for number, line in found.get("lines", {}).items():
        name = _LINE_NUMBERS[number]
        ends[name] = np.array([(line[f"x_{end}"], line[f"y_{end}"]) for end in (1, 2)])
        line_scores[name] = np.array([line["p_1"], line["p_2"]])
    size = np.array(SOCCERNET_IMAGE_SIZE)
    lines = {name: points * size for name, points in ends.items()}
    return Detections(keypoints * size, scores, lines, line_scores)


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Turn the errors of a content that is not as expected into one that names the place."""
    try:
        yield
    except DataFormatError as error:
        raise DataFormatError(f"{place}: {error}") from error
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise DataFormatError(f"{place} is not as expected: {error!r}") from error


def read_homographies(source: Path) -> dict[str, np.ndarray]:
    """Read ground truth as oriented homographies from metres to pixels of 1280 x 720."""
    matrices = {}
    with _naming(str(source)):
        if source.is_dir():
            files = sorted(source.glob("*.homographyMatrix"))
            matrices = {file.stem: np.linalg.inv(np.loadtxt(file)) for file in files}
        elif source.is_file():
            content = json.loads(source.read_text(encoding="utf-8"))["homographies"]
            matrices = {name: np.array(matrix, dtype=float) for name, matrix in content.items()}
    if not matrices:
        raise DatasetNotFoundError(
            f"no homographies in '{source}': expected a folder of NAME.homographyMatrix or a json "
            "with 'homographies'"
        )
    return {name: _oriented(matrix @ METRES_TO_TEMPLATE) for name, matrix in matrices.items()}


def _oriented(homography: np.ndarray) -> np.ndarray:
    """Choose the sign by the ground at the lower border of the image, which is always seen."""
    width, height = PUBLISHED_IMAGE_SIZE
    bottom = np.linalg.inv(homography) @ [width / 2, height - 1.0, 1.0]
    return orient_homography(homography, bottom[None, :2] / bottom[2]).numpy()


def measure(
    solve: Mapping[str, Callable[[], Calibration]],
    annotations: Mapping[str, dict[str, np.ndarray]],
    homographies: Mapping[str, np.ndarray],
) -> Figures:
    """Solve all frames and compare them with what is known of them.

    Args:
        solve: What finds the camera of each frame, for 960 x 540.
        annotations: Lines of frames, as :func:`read_annotations` gives them.
        homographies: Ground truth of frames, as :func:`read_homographies` gives it.
    """
    figures = Figures()
    for frame, find in solve.items():
        start = time.process_time()
        found = find()
        figures.milliseconds.append(1e3 * (time.process_time() - start))
        if found.camera is None or found.homography is None:
            figures.failures[frame] = found.failure or ""
            continue
        figures.confidences.append(found.confidence)
        if frame in annotations:
            scores = frame_jac(found.camera, annotations[frame])
            figures.jac.append([scores[threshold].accuracy for threshold in JAC_THRESHOLDS])
        if frame in homographies:
            scale = np.divide(PUBLISHED_IMAGE_SIZE, SOCCERNET_IMAGE_SIZE)
            homography = np.diag([*scale, 1.0]) @ found.homography
            figures.iou.append(
                (
                    published_iou_part(homography, homographies[frame]),
                    iou_whole(homography, homographies[frame], PUBLISHED_IMAGE_SIZE),
                )
            )
    return figures


def table_lines(figures: Figures) -> Iterator[str]:
    """Write figures as lines of text; those that need what was not given are left out."""
    count, solved = len(figures.milliseconds), len(figures.confidences)
    completeness = solved / count
    rows = [
        ("frames", f"{count}"),
        ("completeness", f"{completeness:.4f}"),
        ("confidence, median", f"{np.median(figures.confidences or [np.nan]):.2f}"),
    ]
    if figures.jac:
        means = np.mean(figures.jac, axis=0)
        for threshold, mean in zip(JAC_THRESHOLDS, means, strict=True):
            rows.append((f"JaC@{threshold:g}", f"{mean:.4f}"))
        rows.append((f"final score @{JAC_THRESHOLDS[0]:g}", f"{means[0] * completeness:.4f}"))
    if figures.iou:
        for name, values in zip(("part", "whole"), np.transpose(figures.iou), strict=True):
            rows.append((f"IoU {name}, mean", f"{values.mean():.5f}"))
            rows.append((f"IoU {name}, median", f"{np.median(values):.5f}"))
    rows.append(("CPU ms a frame, median", f"{np.median(figures.milliseconds):.1f}"))
    rows.append(("CPU ms a frame, 95 %", f"{np.quantile(figures.milliseconds, 0.95):.1f}"))
    yield from (f"  {name:24}{value:>10}" for name, value in rows)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    torch.set_num_threads(1)
    with report_errors():
        if args.detections is None and args.annotations is None:
            raise ConfigError("give --detections, or --annotations to solve from: nothing to do")
        settings = CalibrationSettings(min_score=args.min_score)
        annotations = read_annotations(args.annotations) if args.annotations else {}
        homographies = read_homographies(args.homographies) if args.homographies else {}
        for title, solve in _problems(args.detections, annotations, settings):
            figures = measure(solve, annotations, homographies)
            print(title)
            for line in table_lines(figures):
                print(line)
            for frame, failure in figures.failures.items() if args.failures else ():
                print(f"  {frame}: {failure}")


def _problems(
    detections: Sequence[Path] | None,
    annotations: Mapping[str, dict[str, np.ndarray]],
    settings: CalibrationSettings,
) -> Iterator[tuple[str, dict[str, Callable[[], Calibration]]]]:
    """What is to be solved: a title, and what finds the camera of each frame."""
    if detections is None:

        def from_lines(lines: dict[str, np.ndarray]) -> Callable[[], Calibration]:
            return lambda: calibrate_lines(lines, SOCCERNET_IMAGE_SIZE, settings=settings)

        yield (
            "annotated lines",
            {frame: from_lines(lines) for frame, lines in annotations.items()},
        )
        return
    for source in detections:

        def from_detections(found: Detections) -> Callable[[], Calibration]:
            return lambda: calibrate(SOCCERNET_IMAGE_SIZE, _KEYPOINTS, *found, settings=settings)

        frames = read_detections(source)
        yield str(source), {frame: from_detections(found) for frame, found in frames.items()}


if __name__ == "__main__":
    main()
