"""The camera of a frame from keypoints and lines."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from footmm.errors import DataFormatError
from footmm.evaluation.functional.calibration_jac import frame_jac
from footmm.evaluation.functional.homography_iou import iou_whole, published_iou_part
from footmm.pitch.calibration import Calibration, CalibrationSettings, calibrate, calibrate_lines
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import (
    STRAIGHT_LINE_CLASSES,
    Arc,
    PitchDimensions,
    clean_line_name,
)
from footmm.pitch.homography import apply_homography
from footmm.pitch.keypoints import KEYPOINT_SETS, PUBLISHED_NUMBERS
from footmm.pitch.lens import BrownConradyLens

SIZE = (1920, 1080)
KP57, KP29 = KEYPOINT_SETS["kp57"], KEYPOINT_SETS["kp29"]


def look(target, focal_length=3600.0, k1=0.3, position=(2.0, -68.0, 17.0), size=SIZE):
    lens = BrownConradyLens.from_radial(torch.tensor(k1).double())
    scale = size[0] / SIZE[0]
    return Camera.look_at(position, target, focal_length * scale, size, roll=0.005, lens=lens)


MARKINGS = PitchDimensions().markings
LEFT = look([-36.0, 2.0, 0.0])
MIDDLE = look([0.0, 4.0, 0.0], 2600.0, 0.15)
RIGHT_WIDE = look([28.0, 0.0, 0.0], 2400.0, 0.1)
CAMERAS = {"left": LEFT, "middle": MIDDLE, "right wide": RIGHT_WIDE}


def detected(camera, keypoint_set=KP57, noise=0.0, outliers=0.0, seed=0):
    """Keypoints and scores as a network gives them; a share of them anywhere in the image."""
    rng = np.random.default_rng(seed)
    world = keypoint_set.world()
    visible = camera.visible(world).numpy()
    keypoints = camera.project(world).numpy() + rng.normal(0, noise, (len(world), 2))
    wrong = np.flatnonzero(visible)
    wrong = rng.choice(wrong, round(outliers * len(wrong)), replace=False)
    keypoints[wrong] = rng.uniform(0, camera.image_size, (len(wrong), 2))
    keypoints[~visible] = np.nan
    return keypoints, np.where(visible, 0.8, 0.0), wrong


def seen_lines(camera, noise=0.0, num=2, seed=1, names=None):
    """Image points of the markings: the ends of straight lines, ten points of circles."""
    rng, lines = np.random.default_rng(seed), {}
    for name, marking in PitchDimensions().markings.items():
        points = marking.sample(0.2)
        pixels = camera.project(points).numpy()[camera.visible(points).numpy()]
        if len(pixels) < 12 or (names is not None and name not in names):
            continue
        count = 10 if isinstance(marking, Arc) else num
        chosen = pixels[np.linspace(0, len(pixels) - 1, count).astype(int)]
        lines[name] = chosen + rng.normal(0, noise, chosen.shape)
    return lines


def straight(lines):
    return {name: lines[name] for name in lines if name in STRAIGHT_LINE_CLASSES}


def pixel_errors(found: Calibration, camera: Camera) -> np.ndarray:
    """How far off the markings that the camera sees are."""
    points = np.concatenate([m.sample(1.0) for m in PitchDimensions().markings.values()])
    error = (found.camera.project(points) - camera.project(points)).norm(dim=-1)
    return error[camera.visible(points)].numpy()


class TestKeypointsAndLines:
    @pytest.mark.parametrize("name", CAMERAS)
    def test_exact_observations_give_the_camera(self, name):
        camera = CAMERAS[name]
        keypoints, scores, _ = detected(camera)
        found = calibrate(SIZE, KP57, keypoints, scores, straight(seen_lines(camera)))
        # The prior, which is worth a few pixels, pulls.
        assert pixel_errors(found, camera).max() < 1.5
        assert found.failure is None
        assert found.camera.image_size == SIZE
        assert found.camera.batch_shape == ()
        assert (found.camera.position - camera.position).norm() < 3.0
        assert found.rms_px < 0.5
        assert found.confidence > 0.9
        np.testing.assert_array_equal(found.keypoint_inliers, scores > 0)
        np.testing.assert_array_equal(
            found.camera.intrinsics[:2, 2].numpy(), [(1920 - 1) / 2, (1080 - 1) / 2]
        )

    @pytest.mark.parametrize("name", CAMERAS)
    def test_noise_and_gross_outliers(self, name):
        camera = CAMERAS[name]
        keypoints, scores, wrong = detected(camera, noise=1.5, outliers=0.3, seed=3)
        lines = straight(seen_lines(camera, noise=1.5))
        lines["Side line bottom"] = np.array([[100.0, 200.0], [1800.0, 220.0]])
        found = calibrate(SIZE, KP57, keypoints, scores, lines)
        assert np.median(pixel_errors(found, camera)) < 3.0
        assert len(wrong) >= 4
        assert not found.keypoint_inliers[wrong].any()
        assert found.keypoint_inliers.sum() >= (scores > 0).sum() - len(wrong) - 1
        clean = calibrate(SIZE, KP57, *detected(camera)[:2], straight(seen_lines(camera)))
        assert 0.2 < found.confidence < clean.confidence

    @pytest.mark.parametrize("keypoint_set", [KP29, KP57])
    def test_keypoints_alone(self, keypoint_set):
        keypoints, scores, _ = detected(LEFT, keypoint_set, noise=1.0)
        found = calibrate(SIZE, keypoint_set, keypoints, scores)
        assert np.median(pixel_errors(found, LEFT)) < 4.0

    def test_lines_alone(self):
        nothing = np.full((len(KP57), 2), np.nan), np.zeros(len(KP57))
        found = calibrate(SIZE, KP57, *nothing, straight(seen_lines(RIGHT_WIDE, noise=0.5)))
        assert np.median(pixel_errors(found, RIGHT_WIDE)) < 3.0
        assert not found.keypoint_inliers.any()

    def test_lines_and_circles_make_it_better(self):
        errors = {"points": [], "lines": [], "circles": []}
        for seed in range(8):
            keypoints, scores, _ = detected(MIDDLE, KP29, noise=2.0, seed=seed)
            lines = seen_lines(MIDDLE, noise=2.0, num=4, seed=seed)
            for kind, used in (("points", {}), ("lines", straight(lines)), ("circles", lines)):
                found = calibrate(SIZE, KP29, keypoints, scores, used)
                errors[kind].append(np.median(pixel_errors(found, MIDDLE)))
        points, with_lines, with_circles = (np.median(of) for of in errors.values())
        assert with_circles < with_lines < points

    def test_the_lens_is_found(self):
        keypoints, scores, _ = detected(RIGHT_WIDE)
        found = calibrate(SIZE, KP57, keypoints, scores, seen_lines(RIGHT_WIDE, num=10))
        assert float(found.camera.lens.radial[0]) == pytest.approx(0.1, abs=0.02)
        assert not found.camera.lens.radial[1:].any()

    def test_a_lens_that_shows_ghosts_needs_a_reason(self):
        points = torch.cat([torch.from_numpy(m.sample(1.0)) for m in MARKINGS.values()])

        def find(k1, noise, seed=0):
            camera = look([34.0, 0.0, 0.0], 3000.0, k1)
            found = calibrate(SIZE, KP29, *detected(camera, KP29, noise, seed=seed)[:2])
            pixels = found.camera.project(points)
            inside = ((pixels >= 0) & (pixels <= torch.tensor(SIZE) - 1)).all(-1)
            ghosts = inside & ~found.camera.visible(points)
            return float(found.camera.lens.radial[0]), int(ghosts.sum())

        for seed in range(6):
            assert find(0.0, 3.0, seed)[1] == 0
        k1, ghosts = find(-0.6, 0.0)
        assert k1 < -0.2
        assert ghosts > 0

    def test_goal_posts_count(self):
        ground = [name for name in seen_lines(LEFT) if "Goal" not in name]
        errors = []
        for names in (ground, None):
            lines = seen_lines(LEFT, noise=2.0, names=names, seed=5)
            found = calibrate_lines(lines, SIZE)
            height = abs(float(found.camera.position[2] - LEFT.position[2]))
            errors.append((height, pixel_errors(found, LEFT).max()))
        assert len(seen_lines(LEFT)) > len(ground)
        assert errors[1][1] < errors[0][1]

    def test_a_camera_that_fits_anything_gets_no_confidence(self):
        keypoints, scores, _ = detected(LEFT, KP29)
        some = np.flatnonzero((scores > 0) & (KP29.world()[:, 2] == 0))
        confidences = []
        for count in (4, 6, 9):
            chosen = np.isin(np.arange(29), some[:: len(some) // count][:count])
            found = calibrate(SIZE, KP29, keypoints, np.where(chosen, scores, 0.0))
            confidences.append(found.confidence)
        assert confidences[0] < 0.15
        assert confidences == sorted(confidences)
        assert confidences[2] > 0.4

    def test_scores_decide_what_counts(self):
        keypoints, scores, _ = detected(LEFT)
        keypoints[~(scores > 0)] = 500.0
        found = calibrate(SIZE, KP57, keypoints, np.where(scores > 0, 0.8, 0.09))
        assert pixel_errors(found, LEFT).max() < 2.0
        strict = CalibrationSettings(min_score=0.9)
        assert "too little" in calibrate(SIZE, KP57, keypoints, scores, settings=strict).failure

    def test_line_scores(self):
        keypoints, scores, _ = detected(LEFT, noise=1.0)
        lines = straight(seen_lines(LEFT))
        wrong = {**lines, "Middle line": np.array([[300.0, 300.0], [1500.0, 900.0]])}
        line_scores = {name: np.array([0.9, 0.7]) for name in lines}
        given = calibrate(SIZE, KP57, keypoints, scores, lines, line_scores)
        ignored = calibrate(
            SIZE, KP57, keypoints, scores, wrong, {**line_scores, "Middle line": 0.05}
        )
        assert torch.equal(given.camera.position, ignored.camera.position)

    def test_another_size_of_the_image_is_the_same_camera(self):
        keypoints, scores, _ = detected(LEFT, noise=1.0)
        found = calibrate(SIZE, KP57, keypoints, scores)
        small = calibrate((960, 540), KP57, (keypoints + 0.5) / 2 - 0.5, scores)
        assert torch.allclose(found.camera.position, small.camera.position, atol=1e-6)
        resized = found.camera.resized(960, 540)
        assert torch.allclose(resized.intrinsics, small.camera.intrinsics, atol=1e-5)
        assert found.rms_px == pytest.approx(2 * small.rms_px, rel=1e-6)
        ground = np.array([[-40.0, 5.0], [-50.0, -10.0], [-30.0, 20.0]])
        np.testing.assert_allclose(
            apply_homography(found.homography, ground),
            2 * (apply_homography(small.homography, ground) + 0.5) - 0.5,
            atol=1e-6,
        )

    def test_another_pitch(self):
        dimensions = PitchDimensions(length=100.0, width=64.0)
        world = KP57.world(dimensions)
        visible = MIDDLE.visible(world).numpy()
        keypoints = MIDDLE.project(world).numpy()
        found = calibrate(SIZE, KP57, keypoints, visible * 1.0, dimensions=dimensions)
        assert pixel_errors(found, MIDDLE).max() < 3.0
        assert calibrate(SIZE, KP57, keypoints, visible * 1.0).rms_px > 5 * found.rms_px

    def test_twice_is_the_same(self):
        keypoints, scores, _ = detected(MIDDLE, noise=2.0, outliers=0.3)
        first, second = (calibrate(SIZE, KP57, keypoints, scores) for _ in range(2))
        assert torch.equal(first.camera.rotation, second.camera.rotation)
        np.testing.assert_array_equal(first.homography, second.homography)
        assert first.confidence == second.confidence


class TestInitial:
    def test_it_helps_where_the_homography_is_lost(self):
        # Two thirds of the keypoints agree on a picture that is shifted: another camera.
        keypoints, scores, _ = detected(LEFT)
        seen = np.flatnonzero(scores > 0)
        keypoints[seen[::2]] += [260.0, 90.0]
        keypoints[seen[1::4]] += [-190.0, 40.0]
        lines = seen_lines(LEFT)
        with_last = calibrate(SIZE, KP57, keypoints, scores, lines, initial=LEFT)
        assert pixel_errors(with_last, LEFT).max() < 3.0

    def test_a_wrong_one_does_no_harm(self):
        keypoints, scores, _ = detected(LEFT, noise=1.0)
        alone = calibrate(SIZE, KP57, keypoints, scores)
        other = calibrate(SIZE, KP57, keypoints, scores, initial=RIGHT_WIDE)
        assert torch.allclose(alone.camera.position, other.camera.position, atol=0.05)


class TestHomography:
    def test_without_a_lens_it_is_the_cameras(self):
        camera = replace(LEFT, lens=None)
        keypoints, scores, _ = detected(camera)
        free = replace(CalibrationSettings().prior, bend=(0.0, 1e-4))
        found = calibrate(SIZE, KP57, keypoints, scores, settings=CalibrationSettings(prior=free))
        grid = np.array([[x, y] for x in (-50.0, -40.0, -30.0) for y in (-10.0, 5.0, 20.0)])
        expected = apply_homography(camera.homography(), grid)
        error = apply_homography(found.homography, grid) - expected
        assert error.norm(dim=-1).max() < 1.0
        assert np.linalg.norm(found.homography) == pytest.approx(1.0)

    def test_with_a_lens_it_is_nearer_to_the_image_than_the_cameras(self):
        camera = look([-36.0, 2.0, 0.0], 2600.0, 0.6)
        keypoints, scores, _ = detected(camera)
        found = calibrate(SIZE, KP57, keypoints, scores, seen_lines(camera))
        world = torch.from_numpy(KP57.world()[(scores > 0) & (KP57.world()[:, 2] == 0)])
        seen = camera.project(world)
        plain, linear = (
            (apply_homography(matrix, world[:, :2]) - seen).norm(dim=-1).mean()
            for matrix in (found.homography, found.camera.homography())
        )
        assert plain < 0.5 * linear


class TestLines:
    @pytest.mark.parametrize("name", CAMERAS)
    def test_annotated_lines_give_the_camera(self, name):
        camera = CAMERAS[name]
        found = calibrate_lines(seen_lines(camera, noise=0.5, num=4), SIZE)
        assert np.median(pixel_errors(found, camera)) < 2.0
        assert found.keypoint_inliers.shape == (57,)
        assert found.keypoint_inliers.sum() >= 5

    def test_too_few_points_for_a_homography(self):
        # Three keypoints, none of them on a common line with the centre circle.
        names = ("Side line top", "Big rect. right top", "Big rect. right main", "Circle central")
        camera = look([22.0, 12.0, 0.0], 2500.0, 0.2)
        lines = seen_lines(camera, num=4, names=(*names, "Circle right"))
        found = calibrate_lines(lines, SIZE)
        assert np.median(pixel_errors(found, camera)) < 5.0

    def test_a_wrong_line_does_not_spoil_the_rest(self):
        lines = seen_lines(LEFT, num=3)
        lines["Small rect. left main"] = lines["Small rect. left main"] + [90.0, 60.0]
        assert np.median(pixel_errors(calibrate_lines(lines, SIZE), LEFT)) < 2.0


class TestNoCamera:
    def expect(self, found: Calibration, reason: str):
        assert found.camera is None
        assert found.homography is None
        assert found.confidence == 0.0
        assert reason in found.failure
        assert np.isnan(found.rms_px)
        assert found.keypoint_inliers.shape == (57,)
        assert not found.keypoint_inliers.any()

    def test_nothing(self):
        nothing = np.full((57, 2), np.nan), np.zeros(57)
        self.expect(calibrate(SIZE, KP57, *nothing), "0 different keypoints")
        self.expect(
            calibrate(SIZE, KP57, *nothing, {"Middle line": np.zeros((0, 2))}), "too little"
        )
        self.expect(calibrate_lines({}, SIZE), "too little")

    def test_three_points(self):
        keypoints, scores, _ = detected(LEFT)
        scores[np.flatnonzero(scores)[3:]] = 0
        self.expect(calibrate(SIZE, KP57, keypoints, scores), "a camera needs 4")

    def test_one_line(self):
        self.expect(calibrate_lines({"Side line top": np.eye(2) * 500}, SIZE), "too little")

    def test_random_points(self):
        rng = np.random.default_rng(0)
        for _ in range(5):
            keypoints = rng.uniform(0, SIZE, (57, 2))
            self.expect(calibrate(SIZE, KP57, keypoints, np.ones(57)), "no camera explains")

    @pytest.mark.parametrize("kind", ["one pixel", "one image line", "one pitch line"])
    def test_degenerate_points_raise_nothing(self, kind):
        keypoints, scores, _ = detected(LEFT)
        if kind == "one pixel":
            keypoints[:] = 400.0
        elif kind == "one image line":
            keypoints[:, 1] = 300.0
        else:
            scores[np.abs(KP57.world()[:, 0] + 52.5) > 0.1] = 0.0
        found = calibrate(SIZE, KP57, keypoints, scores)
        assert (found.camera is None) == (found.failure is not None)
        if found.camera is not None:
            assert found.camera.position.isfinite().all()

    def test_nonsense_raises_nothing(self):
        rng = np.random.default_rng(1)
        for case in range(30):
            keypoints = rng.uniform(-400, 1400, (57, 2)) * (1000.0 if case % 3 == 0 else 1.0)
            scores = rng.random(57) < rng.uniform(0, 0.4)
            names = rng.choice(STRAIGHT_LINE_CLASSES, 5, replace=False)
            lines = {str(name): rng.uniform(0, 900, (case % 4, 2)) for name in names}
            lines["Circle left"] = np.tile(rng.uniform(0, 900, 2), (case % 7, 1))
            for found in (
                calibrate(SIZE, KP57, keypoints, scores, lines),
                calibrate_lines(lines, SIZE),
            ):
                assert 0 <= found.confidence <= 1
                assert (found.camera is None) == (found.failure is not None)
                assert (found.camera is None) == (found.homography is None)
                if found.camera is not None:
                    assert np.isfinite(found.homography).all()

    def test_a_mirrored_picture(self):
        keypoints, scores, _ = detected(LEFT)
        keypoints[:, 0] = SIZE[0] - 1 - keypoints[:, 0]
        lines = {n: p * [-1, 1] + [SIZE[0] - 1, 0] for n, p in straight(seen_lines(LEFT)).items()}
        assert calibrate(SIZE, KP57, keypoints, scores, lines).camera is None


class TestErrors:
    def test_wrong_shapes(self):
        with pytest.raises(DataFormatError, match=r"kp57 needs \(57, 2\)"):
            calibrate(SIZE, KP57, np.zeros((29, 2)), np.zeros(29))
        nothing = np.zeros((57, 2)), np.zeros(57)
        with pytest.raises(DataFormatError, match=r"'Middle line'.*\(2, 3\)"):
            calibrate(SIZE, KP57, *nothing, {"Middle line": np.zeros((2, 3))})
        line = {"Middle line": np.zeros((2, 2))}
        with pytest.raises(DataFormatError, match=r"scores \(3,\)"):
            calibrate(SIZE, KP57, *nothing, line, {"Middle line": np.zeros(3)})

    def test_unknown_line(self):
        with pytest.raises(DataFormatError, match="did you mean 'Middle line'"):
            calibrate(SIZE, KP57, np.zeros((57, 2)), np.zeros(57), {"Midle line": np.zeros((2, 2))})

    def test_settings(self):
        with pytest.raises(ValueError, match="min_score"):
            CalibrationSettings(min_score=-1.0)
        with pytest.raises(ValueError, match="min_inliers"):
            CalibrationSettings(min_inliers=0.0)


def read_archive(path: Path) -> dict[str, dict]:
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".json"))
        return {Path(name).stem: json.loads(archive.read(name)) for name in names}


def read_annotations(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    return {
        frame: {
            clean_line_name(name): np.array([(p["x"] * 959, p["y"] * 539) for p in points])
            for name, points in lines.items()
        }
        for frame, lines in read_archive(folder / "annotations.zip").items()
    }


def read_detections(folder: Path, method: str) -> dict[str, tuple]:
    scheme = json.loads((folder / "keypoint_scheme.json").read_text())
    numbers = [str(PUBLISHED_NUMBERS[name]) for name in KP57.names]
    frames = {}
    for frame, found in read_archive(folder / f"keypoints_{method}.zip").items():
        found = found if isinstance(found, dict) else {"kp": found[0], "lines": {}}
        missing = {"x": np.nan, "y": np.nan, "p": 0.0}
        points = [found["kp"].get(number, missing) for number in numbers]
        lines, scores = {}, {}
        for number, line in found["lines"].items():
            name = clean_line_name(scheme["lines"][number]["name"])
            lines[name] = np.array([[line[f"{axis}_{end}"] for axis in "xy"] for end in (1, 2)])
            lines[name] *= (960, 540)
            scores[name] = np.array([line["p_1"], line["p_2"]])
        keypoints = np.array([[point["x"] * 960, point["y"] * 540] for point in points])
        frames[frame] = keypoints, np.array([point["p"] for point in points]), lines, scores
    return frames


def ground_truth(homography):
    """A homography of the data set, from yards, the corner being the origin, as one of ours."""
    to_yards = np.diag([1.09361, 1.09361, 1.0]) @ [[1, 0, 52.5], [0, -1, 34], [0, 0, 1]]
    matrix = homography @ to_yards
    # Oriented: from above, x to y turns left on the ground and right in the image.
    return -np.sign(np.linalg.det(matrix)) * matrix


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("method", "published_jac"), [("pnlcalib", 0.8560391), ("nbjw", 0.8419897)]
)
def test_real_detections_beat_the_published_estimator(realdata, method, published_jac):
    folder = realdata / "homography_wc14"
    truth = json.loads((folder / "gt_homographies.json").read_text())["homographies"]
    published = json.loads((folder / "expected.json").read_text())["results"][method]["official"]
    annotations = read_annotations(realdata / "calibration_wc14")
    parts, wholes, jacs = [], [], []
    for frame, detections in read_detections(folder, method).items():
        found = calibrate((960, 540), KP57, *detections)
        homography = np.diag([4 / 3, 4 / 3, 1.0]) @ found.homography
        expected = ground_truth(np.array(truth[frame]))
        parts.append(published_iou_part(homography, expected))
        wholes.append(iou_whole(homography, expected, (1280, 720)))
        jacs.append(frame_jac(found.camera, annotations[frame], (5,))[5].accuracy)
    print(f"{np.mean(parts):.5f} {np.mean(wholes):.5f} {np.mean(jacs):.4f}")
    assert len(parts) == 40
    assert np.mean(parts) > published["iou_part"]["mean"]
    assert np.mean(wholes) > published["iou_whole"]["mean"]
    assert np.mean(jacs) > published_jac


@pytest.mark.realdata
def test_real_annotated_lines_beat_the_published_cameras(realdata):
    frames = [*read_annotations(realdata / "calibration_sn22").values()][::5]
    jacs = []
    for lines in frames:
        found = calibrate_lines(lines, (960, 540))
        if found.camera is not None:
            jacs.append(frame_jac(found.camera, lines, (5,))[5].accuracy)
    assert len(jacs) >= 0.98 * len(frames)
    assert np.mean(jacs) > 0.86
