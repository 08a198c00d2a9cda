"""JaC of cameras: against the official functions and figures, and at their corners."""

from __future__ import annotations

import gzip
import json
import math
import warnings
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from SoccerNet.Evaluation.CameraCalibration import evaluate
from SoccerNet.Evaluation.utils_calibration import (
    distance_to_polyline,
    evaluate_camera_prediction,
    get_polylines,
)

from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    calibration_scores,
    distances_to_polyline,
    frame_jac,
    project_markings,
)
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import CENTRAL_MIRROR, clean_line_name, soccernet_line_name
from footmm.pitch.lens import BrownConradyLens

SIZE = (960, 540)
THRESHOLDS = (5, 10, 20)

#: With numpy 2 the official camera rounds pixels to single precision.
PIXEL_TOLERANCE = 1e-9 if np.lib.NumpyVersion(np.__version__) < "2.0.0" else 1e-3


def random_camera(rng: np.random.Generator, anywhere: bool = False) -> Camera:
    """A camera of the main stand, or one anywhere above the pitch that looks anywhere."""
    if anywhere:
        position = rng.uniform((-60, -60, 0.5), (60, 60, 40))
        pan, tilt, roll = rng.uniform((-3, -0.2, -0.5), (3, 1.0, 0.5))
        focal_length = rng.uniform(200, 1500, 2)
    else:
        position = rng.uniform((-15, -75, 10), (15, -55, 25))
        pan, tilt, roll = rng.uniform((-0.7, 0.12, -0.03), (0.7, 0.3, 0.03))
        focal_length = rng.uniform(800, 3000)
    lens = None
    if rng.random() < 0.5:
        lens = BrownConradyLens(*(rng.normal(0, 0.02, count) for count in (6, 2, 4)))
    center = rng.normal((479.5, 269.5), 10)
    return Camera.from_pan_tilt_roll(position, pan, tilt, roll, focal_length, SIZE, center, lens)


def center_camera(scale: int = 1) -> Camera:
    """A camera that sees the centre circle, the middle line and nothing else."""
    size = (960 * scale, 540 * scale)
    return Camera.look_at((0.0, -60.0, 45.0), (0.0, 0.0, 0.0), 2000.0 * scale, size)


def shifted(camera: Camera, metres: float) -> Camera:
    position = camera.position + torch.tensor([metres, 0, 0])
    return Camera(camera.intrinsics, camera.rotation, position, camera.image_size, camera.lens)


def annotate(camera: Camera, count: int = 9) -> dict[str, np.ndarray]:
    """Some points of each line that a camera sees."""
    lines = project_markings(camera)
    return {
        name: points[np.linspace(0, len(points) - 1, count).astype(int)]
        for name, points in lines.items()
    }


def mirrored(lines):
    return {CENTRAL_MIRROR[name]: points for name, points in lines.items()}


def as_dicts(points):
    return [{"x": x, "y": y} for x, y in points.tolist()]


def as_official(lines):
    return {soccernet_line_name(name): as_dicts(points) for name, points in lines.items()}


def as_fractions(lines):
    return as_official({name: points / (959, 539) for name, points in lines.items()})


def as_pixels(annotation):
    return {
        clean_line_name(name): np.array([(p["x"] * 959, p["y"] * 539) for p in points])
        for name, points in annotation.items()
    }


@pytest.mark.parametrize("anywhere", [False, True])
def test_projects_what_the_official_code_projects(anywhere):
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(12):
        camera = random_camera(rng, anywhere)
        with np.errstate(all="ignore"):
            official = get_polylines(camera.to_soccernet(), *SIZE, sampling_factor=0.9)
        lines = project_markings(Camera.from_soccernet(camera.to_soccernet()))
        assert {soccernet_line_name(name) for name in lines} == official.keys()
        for name, points in lines.items():
            expected = [(p["x"], p["y"]) for p in official[soccernet_line_name(name)]]
            np.testing.assert_allclose(points, expected, rtol=0, atol=PIXEL_TOLERANCE)
            seen += 1
    assert seen > 50


def test_border_points_of_a_line_that_crosses_the_image():
    """The touchline leaves and enters the image on its sides, from one sample to the next."""
    camera = Camera.look_at((0.0, -100.0, 20.0), (0.0, 34.0, 0.0), 2000.0, SIZE)
    points = project_markings(camera)["Side line top"]
    assert points[0, 0] == 0
    assert points[-1, 0] == 959
    np.testing.assert_allclose(points[:, 1], 269.5, atol=1e-3)


def test_distances_equal_the_official_ones():
    rng = np.random.default_rng(4)
    for length in (1, 2, 3, 40):
        polyline = rng.uniform(0, 500, (length, 2))
        points = rng.uniform(-50, 550, (15, 2))
        expected = [distance_to_polyline(p, as_dicts(polyline)) for p in as_dicts(points)]
        np.testing.assert_allclose(
            distances_to_polyline(points, polyline), expected, rtol=0, atol=1e-12
        )


def test_distances_by_hand():
    points = np.array([(5.0, 2.0), (-3.0, 4.0), (10.0, 0.0), (13.0, 9.0)])
    polyline = np.array([(0.0, 0.0), (10.0, 0.0), (10.0, 0.0), (10.0, 5.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert distances_to_polyline(points, polyline).tolist() == [2, 5, 0, 5]
        assert distances_to_polyline(points, polyline[:1]).tolist() == pytest.approx(
            [29**0.5, 5, 10, 250**0.5]
        )


def test_scores_equal_the_official_ones_per_frame():
    rng = np.random.default_rng(8)
    for step, turned in ((0.02, False), (0.1, True), (0.2, False)):
        camera = random_camera(rng)
        lines = annotate(camera, 4)
        del lines[sorted(lines)[0]]
        prediction = shifted(camera, step).to_soccernet()
        official = evaluate_camera_prediction(
            get_polylines(prediction, *SIZE, sampling_factor=0.9), as_official(lines), 5
        )
        frame = frame_jac(prediction, mirrored(lines) if turned else lines, (5,))[5]
        assert frame.used_mirror == turned
        assert not frame.is_tied
        counts = {soccernet_line_name(name): c for name, c in frame.points.items()}
        assert official[0].ravel().tolist() == [*frame.lines, 0]
        assert {name: c.ravel().tolist() for name, c in official[1].items()} == {
            name: [*c, 0] for name, c in counts.items()
        }
        errors = {soccernet_line_name(name): e for name, e in frame.errors.items()}
        assert errors.keys() == official[2].keys()
        for name, distances in errors.items():
            np.testing.assert_allclose(distances, official[2][name], rtol=0, atol=PIXEL_TOLERANCE)


def test_scores_equal_the_official_ones_over_a_set(tmp_path):
    """With a missed frame, a tie, mirrored labels and an empty class."""
    rng = np.random.default_rng(6)
    cameras = [random_camera(rng) for _ in range(5)]
    labels = [annotate(camera, 2) for camera in cameras]
    labels[1] = mirrored(labels[1])
    labels[2]["Circle left"] = np.empty((0, 2))
    predictions = [shifted(camera, 0.2).to_soccernet() for camera in cameras]
    predictions[3] = None
    # Looks away from the pitch, so nothing is projected with either labels.
    predictions[4] |= {"pan_degrees": 180.0}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as answers:
        for index, lines in enumerate(labels):
            answers.writestr(f"test/{index}.json", json.dumps(as_fractions(lines)))
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for index, camera in enumerate(predictions):
            if camera:
                archive.writestr(f"camera_{index}.json", json.dumps(camera))
    frames = [
        camera and frame_jac(camera, as_pixels(as_fractions(lines)), (10,))
        for camera, lines in zip(predictions, labels, strict=True)
    ]
    with np.errstate(all="ignore"):
        official = evaluate(tmp_path / "a.zip", tmp_path / "p.zip", threshold=10)
    scores = calibration_scores(frames, (10,))[10]
    accuracies = [frame[10].accuracy for frame in frames if frame]
    assert np.mean(np.float32(accuracies)) == official.pop("meanAccuracies")
    assert scores.accuracy.mean == pytest.approx(np.mean(accuracies), abs=1e-15)
    assert scores.completeness == official.pop("completeness") == 0.8
    assert scores.precision.mean == official.pop("meanPrecision")
    assert scores.recall.mean == official.pop("meanRecall")
    assert (scores.num_frames, scores.num_missed, scores.num_mirrored) == (5, 1, 1)
    assert [frame and frame[10].is_tied for frame in frames] == [False, False, False, None, True]
    figures = {}
    for name, line in scores.per_class.items():
        for figure in ("Accuracy", "Recall", "Precision"):
            figures[soccernet_line_name(name) + figure] = getattr(line, figure.lower())
    assert figures == pytest.approx(official, abs=0, nan_ok=True)


def test_a_tie_takes_the_mirrored_labels():
    """The centre circle and the middle line are their own mirror images."""
    camera = center_camera()
    lines = annotate(camera) | {"Side line top": np.array([(10.0, 10.0)])}
    frame = frame_jac(camera, lines)[5]
    assert frame.used_mirror
    assert frame.is_tied
    assert "Side line bottom" in frame.points
    assert "Side line top" not in frame.points
    scores = calibration_scores([{5: frame}], (5,))[5]
    assert scores.num_mirrored == 0


def test_a_line_is_right_if_all_its_points_are_near():
    camera = center_camera()
    lines = annotate(camera, 3)
    circle = lines["Circle central"]
    circle[0] += (7.0, 0)
    frames = frame_jac(camera, lines)
    off = distances_to_polyline(circle[:1], project_markings(camera)["Circle central"])[0]
    assert 5 < off < 10
    assert frames[5].points["Circle central"] == (2, 1, 0)
    assert frames[5].lines == (len(lines) - 1, 1, 0)
    assert frames[10].lines == (len(lines), 0, 0)
    assert frames[5].errors["Circle central"] == pytest.approx([off, 0, 0], abs=1e-9)
    # The distance has to be smaller than the threshold.
    assert frame_jac(camera, lines, (off,))[off].points["Circle central"] == (2, 1, 0)


def test_counts_of_lines_on_one_side_only():
    camera = center_camera()
    assert project_markings(camera).keys() == {"Circle central", "Middle line"}
    frame = frame_jac(camera, {"Side line left": np.zeros((3, 2))})[5]
    assert frame.points == {
        "Circle central": (0, 9, 0),
        "Middle line": (0, 2, 0),
        "Side line right": (0, 0, 3),
    }
    assert frame.lines == (0, 2, 1)
    assert (frame.accuracy, frame.precision, frame.recall) == (0, 0, 0)


def test_points_behind_the_camera_are_not_projected():
    """Half of the pitch is behind this camera, and its horizon is in the image."""
    camera = Camera.from_pan_tilt_roll((0.0, 0.0, 5.0), math.pi / 2, 0.1, 0.0, 500.0, SIZE)
    names = project_markings(camera).keys()
    assert "Side line right" in names
    assert "Side line left" not in names
    assert "Middle line" not in names


def test_nothing_projected_and_nothing_annotated():
    away = Camera.from_pan_tilt_roll((0.0, -60.0, 15.0), math.pi, 0.0, 0.0, 1500.0, SIZE)
    assert project_markings(away) == {}
    frame = frame_jac(away, {"Middle line": np.empty((0, 2))})[5]
    assert frame.lines == (0, 0, 0)
    assert frame.points == {}
    assert frame.accuracy == 0
    assert math.isnan(frame.precision)
    assert math.isnan(frame.recall)
    scores = calibration_scores([{5: frame}], (5,))[5]
    assert (scores.completeness, scores.accuracy.mean, scores.final_score) == (1, 0, 0)
    assert math.isnan(scores.precision.mean)
    assert math.isnan(scores.mean_error_px)
    assert scores.per_class == {}


def test_frames_without_a_camera_lower_the_completeness_only():
    camera = center_camera()
    frame = frame_jac(camera, annotate(camera))
    scores = calibration_scores([frame, None, None, frame])[5]
    assert (scores.completeness, scores.accuracy.mean, scores.final_score) == (0.5, 1, 0.5)
    assert scores.accuracy == (1, 0, 1)
    nothing = calibration_scores([None, None])[20]
    assert (nothing.completeness, nothing.final_score, nothing.num_missed) == (0, 0, 2)
    assert math.isnan(nothing.accuracy.mean)


def test_a_class_that_is_never_projected_has_no_precision():
    camera = center_camera()
    lines = annotate(camera) | {"Goal left crossbar": np.ones((2, 2))}
    scores = calibration_scores([frame_jac(camera, lines)])[5].per_class
    crossbar = scores["Goal right crossbar"]
    assert (crossbar.accuracy, crossbar.recall) == (0, 0)
    assert math.isnan(crossbar.precision)
    assert math.isnan(crossbar.mean_error_px)
    assert scores["Middle line"] == (1, 1, 1, 0)


def test_scores_cameras_of_other_image_sizes():
    camera = center_camera(scale=2)
    lines = annotate(camera)
    assert max(points.max() for points in lines.values()) > 1000
    assert frame_jac(camera, lines)[5].accuracy == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({"Middel line": np.zeros((2, 2))}, "did you mean 'Middle line'"),
        ({"Middle line": np.zeros(3)}, r"shape \(3,\), need \(N, 2\)"),
        ({"Middle line": np.zeros((2, 3))}, r"shape \(2, 3\), need \(N, 2\)"),
    ],
)
def test_refuses_other_annotations(lines, message):
    camera = center_camera()
    with pytest.raises(DataFormatError, match=message):
        frame_jac(camera, lines)


def test_refuses_no_frames_and_no_camera():
    with pytest.raises(DataFormatError, match="no frames"):
        calibration_scores([])
    with pytest.raises(DataFormatError, match="pan_degrees"):
        frame_jac({"tilt_degrees": 80.0}, {})


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["calibration_sn22", "calibration_wc14"])
@pytest.mark.parametrize("method", ["pnlcalib", "nbjw"])
def test_reproduces_the_official_figures_of_real_frames(realdata, folder, method):
    """Every figure of every frame, both methods, ties included."""
    root = realdata / folder
    with gzip.open(root / "expected_per_frame.json.gz") as file:
        expected_frames = json.load(file)[method]
    expected = json.loads((root / "expected.json").read_text())["methods"][method]
    frames = {}
    with (
        zipfile.ZipFile(root / "annotations.zip") as labels,
        zipfile.ZipFile(root / f"cameras_{method}.zip") as cameras,
    ):
        for name in labels.namelist():
            if f"camera_{name}" not in cameras.namelist():
                frames[name] = None
                continue
            camera = json.loads(cameras.read(f"camera_{name}"))
            frames[name] = frame_jac(camera, as_pixels(json.loads(labels.read(name))))
    assert {name: as_expected_frame(frame) for name, frame in frames.items()} == expected_frames
    scores = calibration_scores(list(frames.values()))
    for threshold in THRESHOLDS:
        figures = dict(expected[f"t{threshold}"])
        per_class = figures.pop("per_class")
        errors = figures.pop("reprojection_error_px")
        score = scores[threshold]
        assert set_figures(score) == pytest.approx(figures, abs=1e-12)
        assert len(score.errors_px) == errors["n"]
        assert score.mean_error_px == pytest.approx(errors["mean"], abs=1e-9)
        assert score.median_error_px == pytest.approx(errors["median"], abs=1e-9)
        names = {soccernet_line_name(name): line for name, line in score.per_class.items()}
        assert names.keys() == per_class.keys()
        for name, line in names.items():
            keys = ("accuracy", "precision", "recall", "mean_reprojection_error_px")
            assert list(line) == pytest.approx([per_class[name][key] for key in keys], abs=1e-9)


def as_expected_frame(frame):
    if frame is None:
        return None
    return {
        str(threshold): {
            "confusion": [list(score.lines[:2]), [score.lines.false_negatives, 0]],
            "accuracy": score.accuracy,
            "kept_mirrored": score.used_mirror,
        }
        for threshold, score in ((t, frame[t]) for t in THRESHOLDS)
    }


def set_figures(score):
    figures = {
        "frames": score.num_frames,
        "missed": score.num_missed,
        "completeness": score.completeness,
        "finalScore": score.final_score,
        "frames_scored_with_mirrored_labels": score.num_mirrored,
    }
    for name, summary in (
        ("Accuracies", score.accuracy),
        ("Precision", score.precision),
        ("Recall", score.recall),
    ):
        for statistic in ("mean", "std", "median"):
            figures[statistic + name] = getattr(summary, statistic)
    return figures


@st.composite
def cameras(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return random_camera(rng, anywhere=draw(st.booleans()))


def accuracies(frame):
    return {threshold: score.accuracy for threshold, score in frame.items()}


@given(cameras(), st.integers(2, 6))
def test_the_own_lines_of_a_camera_are_right_at_any_threshold(camera, count):
    lines = annotate(camera, count)
    frame = frame_jac(camera, lines, (1e-3, 5))
    scores = calibration_scores([frame, None], (5,))[5]
    if lines:
        assert accuracies(frame) == {1e-3: 1, 5: 1}
        assert (scores.accuracy.mean, scores.final_score, scores.completeness) == (1, 0.5, 0.5)
    else:
        assert accuracies(frame) == {1e-3: 0, 5: 0}
    for points in project_markings(camera).values():
        assert ((points >= 0) & (points < SIZE)).all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(cameras(), st.floats(0, 3), st.integers(0, 2**32 - 1))
def test_scores_know_no_order_and_no_side_and_grow_with_the_threshold(camera, metres, seed):
    rng = np.random.default_rng(seed)
    lines = {name: points for name, points in annotate(camera, 4).items() if rng.random() < 0.8}
    prediction = shifted(camera, metres)
    frame = frame_jac(prediction, lines)
    values = list(accuracies(frame).values())
    assert values == sorted(values)
    assert all(0 <= value <= 1 for value in values)
    assert accuracies(frame_jac(prediction, mirrored(lines))) == accuracies(frame)
    names = rng.permutation(list(lines))
    other = {name: rng.permutation(lines[name]) for name in names}
    assert accuracies(frame_jac(prediction, other)) == accuracies(frame)
    # A line that is annotated and not seen makes it no better.
    hidden = sorted(set(CENTRAL_MIRROR) - set(lines))
    more = lines | {name: np.full((2, 2), -500.0) for name in hidden[:1]}
    assert frame_jac(prediction, more)[5].accuracy <= frame[5].accuracy


@given(st.lists(st.one_of(st.none(), cameras()), min_size=1, max_size=4), st.randoms())
def test_scores_of_a_set_know_no_order_and_are_shares(views, random):
    frames = [
        None if view is None else frame_jac(shifted(view, 0.3), annotate(view, 3)) for view in views
    ]
    scores = calibration_scores(frames)
    random.shuffle(frames)
    for threshold, again in calibration_scores(frames).items():
        score = scores[threshold]
        assert again.accuracy == pytest.approx(score.accuracy, nan_ok=True)
        assert again.per_class.keys() == score.per_class.keys()
        assert 0 <= score.final_score <= score.completeness <= 1
        assert not score.final_score > score.accuracy.mean
        assert sorted(again.errors_px) == sorted(score.errors_px)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@given(st.integers(0, 2**32 - 1), st.integers(0, 4), st.integers(1, 5))
def test_distances_are_the_nearest_to_any_part(seed, num_points, num_vertices):
    """Whole numbers: vertices that coincide, points on them; never farther than a vertex."""
    rng = np.random.default_rng(seed)
    points = rng.integers(-3, 4, (num_points, 2)).astype(float)
    polyline = rng.integers(-3, 4, (num_vertices, 2)).astype(float)
    distances = distances_to_polyline(points, polyline)
    assert distances.shape == (num_points,)
    to_vertices = np.linalg.norm(points[:, None] - polyline, axis=-1).min(axis=1)
    assert (distances <= to_vertices + 1e-9).all()
    steps = np.linspace(0, 1, 201)[:, None]
    starts, ends = polyline[:-1], polyline[1:]
    fine = [start + steps * (end - start) for start, end in zip(starts, ends, strict=True)]
    dense = np.concatenate([polyline, *fine])
    expected = np.linalg.norm(points[:, None] - dense, axis=-1).min(axis=1)
    np.testing.assert_allclose(distances, expected, atol=0.05)
    np.testing.assert_allclose(distances_to_polyline(points, polyline[::-1]), distances, atol=1e-9)
