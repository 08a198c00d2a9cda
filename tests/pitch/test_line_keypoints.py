from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.conics import cross_lines, fit_line
from footmm.pitch.dimensions import Arc, PitchDimensions, clean_line_name
from footmm.pitch.keypoints import (
    KEYPOINT_SETS,
    KeypointSet,
    LineConic,
    LineLine,
    Tangent,
)
from footmm.pitch.lens import BrownConradyLens
from footmm.pitch.line_keypoints import PRECISE, KeypointSource, LineKeypoints, keypoints_from_lines

KP29, KP57 = KEYPOINT_SETS["kp29"], KEYPOINT_SETS["kp57"]
SIZE = (960, 540)
MAIN_LEFT = Camera.look_at([0.0, -60.0, 18.0], [-38.0, 2.0, 0.0], 1300.0, SIZE)
MAIN_CENTRE = Camera.look_at([3.0, -60.0, 18.0], [0.0, 4.0, 0.0], 900.0, SIZE)
BEHIND_GOAL = Camera.look_at([80.0, 4.0, 12.0], [40.0, 0.0, 0.0], 1000.0, SIZE)
OPPOSITE = Camera.look_at([5.0, 60.0, 15.0], [0.0, -4.0, 0.0], 900.0, SIZE)


def seen_lines(
    camera: Camera, dimensions: PitchDimensions | None = None, num_points: int | None = None
) -> dict[str, np.ndarray]:
    """The image points of every marking in view, shuffled; straight ones by their ends only."""
    lines, rng = {}, np.random.default_rng(0)
    for name, marking in (dimensions or PitchDimensions()).markings.items():
        points = marking.sample(0.25)
        pixels = camera.project(points).numpy()[camera.visible(points).numpy()]
        if len(pixels) < 5:
            continue
        count = num_points or (12 if isinstance(marking, Arc) else 2)
        chosen = np.linspace(0, len(pixels) - 1, min(count, len(pixels))).astype(int)
        lines[name] = rng.permutation(pixels[chosen])
    return lines


def errors_of(found: LineKeypoints, camera: Camera, keypoint_set: KeypointSet) -> np.ndarray:
    expected = camera.project(keypoint_set.world()).numpy()
    return np.linalg.norm(found.xy - expected, axis=1)


class TestExactLines:
    @pytest.mark.parametrize("camera", [MAIN_LEFT, MAIN_CENTRE, BEHIND_GOAL, OPPOSITE])
    def test_constructed_keypoints_are_the_projected_ones(self, camera):
        found = keypoints_from_lines(seen_lines(camera), SIZE, KP57)
        errors = errors_of(found, camera, KP57)[found.constructed]
        assert len(errors) >= 10
        assert errors.max() < 1e-6

    def test_random_cameras(self):
        rng, kinds = np.random.default_rng(5), set()
        for _ in range(25):
            position = [rng.uniform(-40, 40), rng.uniform(-75, -45), rng.uniform(8, 30)]
            target = [rng.uniform(-45, 45), rng.uniform(-15, 20), 0.0]
            focal_length, roll = rng.uniform(700, 2500), rng.uniform(-0.1, 0.1)
            camera = Camera.look_at(position, target, focal_length, SIZE, roll)
            found = keypoints_from_lines(seen_lines(camera), SIZE, KP57)
            errors = errors_of(found, camera, KP57)[found.constructed]
            assert errors.max(initial=0) < 1e-6
            kinds |= set(found.source.tolist())
        assert kinds == {
            KeypointSource.NONE,
            KeypointSource.LINE_LINE,
            KeypointSource.LINE_CONIC,
            KeypointSource.TANGENT,
        }

    def test_every_kind_of_construction_is_named_by_its_source(self):
        found = keypoints_from_lines(seen_lines(MAIN_LEFT), SIZE, KP57)
        kinds = {LineLine: 1, LineConic: 2, Tangent: 3}
        for i in np.flatnonzero(found.constructed):
            assert found.source[i] == kinds[type(KP57.construction[i])]
        for name in ("left_penalty_area_top_front", "left_arc_top", "left_arc_tangent_bottom"):
            assert found.visible[KP57.index(name)]

    def test_kp29_gets_what_kp57_gets(self):
        lines = seen_lines(MAIN_CENTRE)
        small, large = (keypoints_from_lines(lines, SIZE, which) for which in (KP29, KP57))
        index = [KP57.index(name) for name in KP29.names]
        np.testing.assert_array_equal(small.xy, large.xy[index])
        np.testing.assert_array_equal(small.source, large.source[index])

    def test_another_pitch(self):
        dimensions = PitchDimensions(100.0, 64.0)
        found = keypoints_from_lines(
            seen_lines(MAIN_LEFT, dimensions), SIZE, KP57, dimensions=dimensions
        )
        expected = MAIN_LEFT.project(KP57.world(dimensions)).numpy()
        assert found.constructed.sum() >= 10
        np.testing.assert_allclose(
            found.xy[found.constructed], expected[found.constructed], atol=1e-6
        )


class TestNamingOfCrossings:
    """Which crossing of the halfway line and the centre circle is the far one."""

    def keypoints(self, *names: str, camera: Camera = MAIN_CENTRE) -> LineKeypoints:
        lines = seen_lines(camera)
        return keypoints_from_lines({name: lines[name] for name in names}, SIZE, KP29)

    @pytest.mark.parametrize("camera", [MAIN_CENTRE, OPPOSITE])
    @pytest.mark.parametrize("third", ["Side line top", "Side line bottom", "Big rect. left main"])
    def test_a_third_line_tells(self, camera, third):
        lines = seen_lines(Camera.look_at(camera.position, [0, 0, 0], 500.0, SIZE))
        wide = Camera.look_at(camera.position, [0, 0, 0], 500.0, SIZE)
        names = ("Middle line", "Circle central", third)
        found = keypoints_from_lines({name: lines[name] for name in names}, SIZE, KP29)
        for name in ("centre_circle_top", "centre_circle_bottom"):
            assert errors_of(found, wide, KP29)[KP29.index(name)] < 1e-6

    def test_without_one_it_stays_open(self):
        found = self.keypoints("Middle line", "Circle central")
        assert not found.constructed.any()


class TestSupport:
    index = KP57.index("left_penalty_area_top_front")
    names = ("Big rect. left top", "Big rect. left main")

    def found(self, **changed: np.ndarray) -> LineKeypoints:
        lines = seen_lines(MAIN_LEFT)
        lines = {name: lines[name] for name in self.names}
        return keypoints_from_lines(lines | changed, SIZE, KP57)

    def test_two_points_each_are_enough(self):
        found = self.found()
        assert found.constructed.sum() == 1
        assert found.constructed[self.index]
        assert found.homography is None

    def test_what_is_missing_is_masked(self):
        found = self.found()
        missing = found.source == KeypointSource.NONE
        assert np.isnan(found.xy[missing]).all()
        assert np.isnan(found.uncertainty[missing]).all()
        assert not found.visible[missing].any()

    @pytest.mark.parametrize(
        "points",
        [
            np.array([[100.0, 200.0]]),
            np.empty((0, 2)),
            [],
            np.array([[100.0, 200.0], [np.nan, 10.0]]),
            np.array([[100.0, 200.0], [100.0, 200.0]]),
        ],
    )
    def test_too_few_points(self, points):
        assert not self.found(**{"Big rect. left main": points}).constructed.any()

    def test_points_that_are_not_finite_count_as_absent(self):
        line = seen_lines(MAIN_LEFT)["Big rect. left main"]
        padded = np.concatenate([line, [[np.nan, np.nan], [np.inf, 3.0]]])
        found = self.found(**{"Big rect. left main": padded})
        np.testing.assert_array_equal(found.xy, self.found().xy)

    def test_a_circle_needs_five_points(self):
        lines = seen_lines(MAIN_LEFT)
        lines["Circle left"] = lines["Circle left"][:4]
        found = keypoints_from_lines(lines, SIZE, KP57)
        assert not found.constructed[KP57.index("left_arc_top")]
        assert found.constructed[self.index]

    def test_almost_parallel_lines_do_not_determine_a_point(self):
        parallel = seen_lines(MAIN_LEFT)["Big rect. left top"] + [[0.0, 5.0], [0.0, 5.5]]
        assert not self.found(**{"Big rect. left main": parallel}).constructed.any()

    def test_points_outside_the_image_are_flagged(self):
        lines = seen_lines(MAIN_LEFT)
        shift = np.array([0.0, -250.0])
        moved = {name: points + shift for name, points in lines.items()}
        found = keypoints_from_lines(moved, SIZE, KP57)
        expected = MAIN_LEFT.project(KP57.world()).numpy() + shift
        inside = ((expected > -0.5) & (expected < np.array(SIZE) - 0.5)).all(axis=1)
        np.testing.assert_array_equal(found.visible[found.constructed], inside[found.constructed])
        assert (found.constructed & ~found.visible).any()
        wider = keypoints_from_lines(moved, SIZE, KP57, margin=250.0)
        assert wider.visible.sum() > found.visible.sum()

    def test_wrong_class_name(self):
        with pytest.raises(DataFormatError, match="did you mean 'Side line top'"):
            keypoints_from_lines({"Side line  top": np.zeros((2, 2))}, SIZE, KP57)

    def test_wrong_shape(self):
        with pytest.raises(DataFormatError, match=r"'Middle line'.*\(2, 3\)"):
            keypoints_from_lines({"Middle line": np.zeros((2, 3))}, SIZE, KP57)


def test_bent_lines_are_crossed_by_their_nearest_parts():
    lens = BrownConradyLens.from_radial(-0.3)
    camera = Camera.look_at([0.0, -60.0, 18.0], [-25.0, 2.0, 0.0], 700.0, SIZE, lens=lens)

    share = np.linspace(0, 1, 12)[:, None]
    touchline = camera.project([-51.0, 34.0, 0.0] + share * [60.0, 0.0, 0.0]).numpy()
    goal_line = camera.project([-52.5, 32.0, 0.0] - share * [0.0, 30.0, 0.0]).numpy()
    corner = camera.project([[-52.5, 34.0, 0.0]]).numpy()[0]
    straight = cross_lines(fit_line(touchline).coefficients, fit_line(goal_line).coefficients)
    assert np.linalg.norm(straight - corner) > 2
    lines = {"Side line top": touchline, "Side line left": goal_line}
    found = keypoints_from_lines(lines, SIZE, KP57)
    assert np.linalg.norm(found.xy[KP57.index("left_corner_top")] - corner) < 0.5


class TestUncertainty:
    def test_it_is_the_spread_under_noise(self):
        rng, lines, noise = np.random.default_rng(7), seen_lines(MAIN_LEFT), 0.05
        exact = keypoints_from_lines(lines, SIZE, KP57, complete=True)
        runs = []
        for _ in range(250):
            noisy = {
                name: points + rng.normal(0, noise, points.shape) for name, points in lines.items()
            }
            runs.append(keypoints_from_lines(noisy, SIZE, KP57, complete=True).xy)
        spread = np.sqrt((np.std(runs, axis=0) ** 2).sum(axis=1)) / noise
        ratio = spread / exact.uncertainty
        for kind in (KeypointSource.LINE_LINE, KeypointSource.LINE_CONIC, KeypointSource.TANGENT):
            same = (exact.source == kind) & np.isfinite(ratio)
            assert same.any()
            np.testing.assert_allclose(ratio[same], 1, atol=0.2)
        # Keypoints share lines, so their errors are not independent, as the homography assumes.
        placed = exact.completed & np.isfinite(ratio)
        assert 0.5 < np.median(ratio[placed]) < 2


class TestCompletion:
    def test_ground_points_are_placed_and_kept_apart(self):
        lines = seen_lines(MAIN_CENTRE)
        plain = keypoints_from_lines(lines, SIZE, KP57)
        found = keypoints_from_lines(lines, SIZE, KP57, complete=True)
        np.testing.assert_array_equal(found.constructed, plain.constructed)
        np.testing.assert_array_equal(found.xy[plain.constructed], plain.xy[plain.constructed])
        assert not plain.completed.any()
        for name in ("centre_spot", "centre_circle_left", "centre_circle_diagonal_top_right"):
            assert found.completed[KP57.index(name)]
        assert errors_of(found, MAIN_CENTRE, KP57)[found.completed].max() < 1e-4

    def test_its_homography_is_the_cameras(self):
        found = keypoints_from_lines(seen_lines(MAIN_LEFT), SIZE, KP57, complete=True)
        expected = MAIN_LEFT.homography().numpy()
        np.testing.assert_allclose(
            found.homography / found.homography[2, 2], expected / expected[2, 2], rtol=1e-6
        )

    def test_nothing_above_the_ground(self):
        lines = seen_lines(MAIN_LEFT)
        ground = {name: points for name, points in lines.items() if not name.startswith("Goal")}
        found = keypoints_from_lines(ground, SIZE, KP57, complete=True)
        assert found.completed[KP57.index("left_goal_top_foot")]
        assert not found.visible[KP57.index("left_goal_top_crossbar")]

    def test_three_points_are_too_few(self):
        lines = seen_lines(MAIN_LEFT)
        few = {
            name: lines[name]
            for name in ("Side line left", "Small rect. left top", "Side line top")
        }
        found = keypoints_from_lines(few, SIZE, KP57, complete=True)
        assert found.constructed.sum() == 2
        assert found.homography is None
        assert not found.completed.any()

    def test_points_on_one_line_place_nothing(self):
        lines = seen_lines(MAIN_LEFT)
        lines = {
            name: points
            for name, points in lines.items()
            if name == "Side line left" or name.endswith(("top", "bottom", "post right"))
        }
        found = keypoints_from_lines(lines, SIZE, KP57, complete=True)
        assert found.constructed.sum() >= 4
        assert not found.completed.any()

    def test_a_wrong_line_does_not_spoil_the_rest(self):
        lines = seen_lines(MAIN_LEFT)
        lines["Small rect. left main"] = lines["Small rect. left main"] + [60.0, 40.0]
        found = keypoints_from_lines(lines, SIZE, KP57, complete=True)
        assert errors_of(found, MAIN_LEFT, KP57)[found.completed].max() < 1e-3

    def test_an_image_seen_from_below_is_no_camera(self):
        # A flipped image whose line names were not flipped with it.
        flipped = {
            name: points * [-1, 1] + [SIZE[0] - 1, 0]
            for name, points in seen_lines(MAIN_LEFT).items()
            if not name.startswith("Circle")
        }
        found = keypoints_from_lines(flipped, SIZE, KP57, complete=True)
        assert found.constructed.sum() >= 4
        assert found.homography is None


@pytest.mark.realdata
def test_annotated_lines_give_the_points_of_the_published_cameras(realdata):
    errors: dict[KeypointSource, list[float]] = {kind: [] for kind in KeypointSource}
    for lines, camera in calibration_frames(realdata / "calibration_sn22"):
        found = keypoints_from_lines(lines, SIZE, KP57, complete=True)
        distance = errors_of(found, camera, KP57)
        for i in np.flatnonzero(found.visible):
            errors[KeypointSource(found.source[i])].append(distance[i])
    medians = {kind.name: np.median(of) for kind, of in errors.items() if of}
    counts = {kind.name: len(of) for kind, of in errors.items()}
    print({kind: f"{median:.2f} px, n = {counts[kind]}" for kind, median in medians.items()})
    assert counts["LINE_LINE"] > 2000
    assert min(counts["LINE_CONIC"], counts["TANGENT"], counts["HOMOGRAPHY"]) > 300
    assert medians["LINE_LINE"] < 3
    assert max(medians.values()) < 4


@pytest.mark.realdata
def test_precise_keypoints_are_within_five_pixels_of_the_published_cameras(realdata):
    errors = []
    for lines, camera in calibration_frames(realdata / "calibration_sn22"):
        found = keypoints_from_lines(lines, SIZE, KP57, max_uncertainty=PRECISE)
        errors.extend(errors_of(found, camera, KP57)[found.visible])
    assert len(errors) > 1300
    assert np.mean(np.array(errors) < 5) >= 0.9


def calibration_frames(folder: Path) -> Iterator[tuple[dict[str, np.ndarray], Camera]]:
    """Annotated lines in pixels and the published camera of every frame that has one."""
    with (
        zipfile.ZipFile(folder / "annotations.zip") as annotations,
        zipfile.ZipFile(folder / "cameras_pnlcalib.zip") as cameras,
    ):
        for name in sorted(name for name in cameras.namelist() if name.endswith(".json")):
            lines = json.loads(annotations.read(name.split("_")[-1]))
            camera = Camera.from_soccernet(json.loads(cameras.read(name)))
            pixels = {
                clean_line_name(line): np.array([(point["x"], point["y"]) for point in points])
                * (SIZE[0] - 1, SIZE[1] - 1)
                for line, points in lines.items()
            }
            yield pixels, camera
