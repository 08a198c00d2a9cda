from __future__ import annotations

import gzip
import json
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.camera_smoothing import CameraSmoothingSettings, find_shots, smooth_cameras
from footmm.pitch.homography import apply_homography, homography_to_camera
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.pitch.lens import BrownConradyLens, PolynomialLens
from footmm.pitch.observations import PointObservations
from footmm.pitch.refinement import refine_camera
from footmm.simulation.broadcast import sample_camera_operator

RATE = 25.0
WORLD = torch.as_tensor(KEYPOINT_SETS["kp57"].world())
GRID = torch.nn.functional.pad(
    torch.cartesian_prod(torch.linspace(-52.5, 52.5, 22), torch.linspace(-34, 34, 15)).double(),
    (0, 1),
)


@dataclass
class Tracks:
    """What a camera reads of a match."""

    rate: float
    positions: np.ndarray
    ball_position: np.ndarray


def film(seed, seconds=4, kind="main"):
    """Cameras that follow a ball which goes to and fro."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    x, y = 30 * np.sin(0.9 * time + rng.uniform(0, 6)), 20 * np.sin(0.6 * time + rng.uniform(0, 6))
    ball = np.column_stack([x, y, np.full_like(x, 0.11)])
    players = 0.7 * ball[:, None, :2] + rng.normal(0, 12, (22, 2))
    return sample_camera_operator(kind, rng).film(Tracks(RATE, players, ball))


def estimates(cameras, seed=0, deviation=1.5):
    """Cameras fitted, each by itself, to keypoints that are off by some pixels."""
    rng = np.random.default_rng(seed)
    seen = cameras.visible(WORLD).double()
    pixels = cameras.project(WORLD).nan_to_num()
    pixels = pixels + torch.as_tensor(rng.normal(0, deviation, pixels.shape))
    fitted = refine_camera(
        cameras, PointObservations(WORLD.expand(len(cameras), -1, 3), pixels, seen)
    )
    return [camera_or_none(fitted, i) for i in range(len(cameras))]


def camera_or_none(fitted, index):
    return fitted.camera[index] if fitted.valid[index] else None


def errors(found, true):
    """Root mean square distance in pixels of the visible pitch, for each frame with a camera."""
    result = []
    for camera, truth in zip(found, true, strict=True):
        if camera is None:
            result.append(np.nan)
            continue
        seen = truth.visible(GRID)
        offset = camera.project(GRID) - truth.project(GRID)
        result.append(float(offset[seen].square().sum(-1).mean().sqrt()))
    return np.array(result)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def assert_same(first, second, **tolerance):
    for a, b in zip(first, second, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.project(GRID), b.project(GRID), **tolerance)


def panning(count, pan=0.0, speed=0.1, focal_length=1500.0, k1=None):
    """A camera that turns at a constant speed, radians a second."""
    lens = None if k1 is None else BrownConradyLens.from_radial(k1)
    return [
        Camera.from_pan_tilt_roll(
            [0.0, -60.0, 15.0],
            pan + speed * i / RATE,
            0.2,
            0.0,
            focal_length,
            (960, 540),
            lens=lens,
        )
        for i in range(count)
    ]


class TestSmoothCameras:
    def test_errors_of_single_frames_go_down_by_a_third(self):
        before, after = [], []
        for seed in range(4):
            true = film(seed)
            found = estimates(true, seed)
            single = errors(found, true)
            known = np.isfinite(single)
            before.append(single[known])
            after.append(errors(smooth_cameras(found, RATE), true)[known])
            assert known.mean() > 0.85
            assert rms(after[-1]) <= 0.8 * rms(before[-1])
        assert rms(np.concatenate(after)) <= 2 / 3 * rms(np.concatenate(before))

    def test_a_steady_movement_stays_as_it_was(self):
        cameras = panning(30, k1=-0.1)
        assert_same(smooth_cameras(cameras, RATE), cameras, atol=0.05)

    def test_pan_may_pass_half_a_turn(self):
        cameras = [
            Camera.from_pan_tilt_roll([0, 40.0, 15.0], pan, 0.3, 0.0, 1500.0, (960, 540))
            for pan in np.pi + np.linspace(-0.1, 0.1, 40)
        ]
        assert_same(smooth_cameras(cameras, RATE), cameras, atol=0.05)

    def test_gaps_are_bridged_unless_they_are_long(self):
        true = panning(100)
        cameras = [None if i in (20, 21, 22) or 50 <= i < 70 else c for i, c in enumerate(true)]
        smooth = smooth_cameras(cameras, RATE)
        assert [i for i, camera in enumerate(smooth) if camera is None] == list(range(50, 70))
        assert max(errors(smooth[:50], true[:50])) < 0.5

    def test_nothing_is_extrapolated(self):
        cameras = [None, None, *panning(10), None]
        smooth = smooth_cameras(cameras, RATE)
        assert [camera is None for camera in smooth] == [camera is None for camera in cameras]

    def test_cuts_stay(self):
        before, after = estimates(film(0)), estimates(film(1, kind="tactical"))
        together = smooth_cameras([*before, *after], RATE)
        apart = [*smooth_cameras(before, RATE), *smooth_cameras(after, RATE)]
        assert_same(together, apart, atol=1e-6)

    def test_outliers_are_replaced(self):
        true = panning(50)
        wrong = dict.fromkeys((12, 30, 31), panning(1, pan=0.6)[0])
        smooth = smooth_cameras([wrong.get(i, camera) for i, camera in enumerate(true)], RATE)
        assert max(errors(smooth, true)) < 0.5

    def test_small_outliers_count_little(self):
        true = estimates(film(1), deviation=0.3)
        shaken = panning_error(true[40], degrees=0.4)
        cameras = [shaken if i == 40 else camera for i, camera in enumerate(true)]
        before = errors([shaken], [true[40]])
        assert errors(smooth_cameras(cameras, RATE)[40:41], [true[40]]) < 0.2 * before

    def test_confidence_counts(self):
        true = panning(3, speed=0.0)
        cameras = [true[0], panning_error(true[1], degrees=0.2), true[2]]
        trusted, doubted = (
            errors(smooth_cameras(cameras, RATE, [1.0, weight, 1.0]), true)[1]
            for weight in (1.0, 0.01)
        )
        assert doubted < 0.2 * trusted

    def test_single_frames_and_none_at_all(self):
        camera = panning(1)[0]
        assert smooth_cameras([], RATE) == []
        assert smooth_cameras([None, camera, None], RATE) == [None, camera, None]

    def test_a_camera_that_sees_no_ground_is_left_alone(self):
        up = Camera.from_pan_tilt_roll([0.0, -60.0, 15.0], 0.0, -1.0, 0.0, 1500.0, (960, 540))
        assert smooth_cameras([up], RATE) == [up]

    @pytest.mark.parametrize(
        ("camera", "message"),
        [
            (Camera.stack(panning(2)), r"camera 1 .*batch \(2,\)"),
            (panning(1)[0].resized(480, 270), r"camera 1 \(image \(480, 270\)"),
            (
                replace(panning(1)[0], position=torch.full((3,), torch.nan).double()),
                "camera 1 is not finite",
            ),
            (
                replace(panning(1)[0], lens=PolynomialLens([1.0, 0.0], [1.0, 0.0])),
                "PolynomialLens cannot be smoothed",
            ),
        ],
    )
    def test_cameras_that_do_not_fit(self, camera, message):
        with pytest.raises(DataFormatError, match=message):
            smooth_cameras([panning(1)[0], camera], RATE)

    @pytest.mark.parametrize("confidences", [[1.0], [1.0, np.nan], [1.0, -0.1]])
    def test_confidences_that_do_not_fit(self, confidences):
        with pytest.raises(DataFormatError, match="confidence"):
            smooth_cameras(panning(2), RATE, confidences)

    def test_numbers_that_make_no_sense(self):
        with pytest.raises(ValueError, match="rate"):
            smooth_cameras(panning(2), 0.0)
        with pytest.raises(ValueError, match="max_gap"):
            CameraSmoothingSettings(max_gap=0.0)


def panning_error(camera, degrees):
    pan, tilt, roll = camera.pan_tilt_roll()
    turned = pan + np.deg2rad(degrees)
    size, focal_length = camera.image_size, camera.intrinsics[0, 0]
    return Camera.from_pan_tilt_roll(camera.position, turned, tilt, roll, focal_length, size)


class TestFindShots:
    def test_cut_there_and_back(self):
        here, there = panning(40), panning(20, pan=0.7)
        shots = find_shots([*here[:20], *there, *here[20:]], RATE)
        assert [shot.tolist() for shot in shots] == [
            list(range(20)),
            list(range(20, 40)),
            list(range(40, 60)),
        ]

    def test_a_short_jump_is_no_cut(self):
        here, there = panning(40), panning(5, pan=0.7)
        (shot,) = find_shots([*here[:20], *there, *here[25:]], RATE)
        assert shot.tolist() == [*range(20), *range(25, 40)]

    def test_a_jump_of_the_zoom_is_a_cut(self):
        shots = find_shots([*panning(20), *panning(20, focal_length=4000.0)], RATE)
        assert [len(shot) for shot in shots] == [20, 20]

    def test_fast_pans_are_none(self):
        (shot,) = find_shots(panning(25, speed=0.8), RATE)
        assert len(shot) == 25

    def test_no_cameras(self):
        assert find_shots([None, None], RATE) == []


def real_films(realdata):
    """Cameras fitted, frame by frame, to what published homographies of three clips show."""
    path = realdata / "homography_tswc" / "pnlcalib_homographies.json.gz"
    frames = json.loads(gzip.decompress(path.read_bytes()))["frames"]
    clips = defaultdict(list)
    for name in sorted(frames):
        clips[name.partition("IMG")[0]].append(frames[name]["H"])
    size = (1280, 720)
    pixels = torch.cartesian_prod(*(torch.linspace(0, side - 1, 10) for side in size)).double()
    # Their y axis points to the camera.
    to_world = np.diag([1.0, -1.0, 1.0])
    for matrices in clips.values():
        to_ground = torch.as_tensor(to_world @ np.array(matrices))
        camera, valid = homography_to_camera(torch.linalg.inv(to_ground), size)
        assert valid.all()
        ground = apply_homography(torch.linalg.inv(camera.homography()), pixels)
        ground = torch.where(ground.isnan(), ground, ground_points(to_ground, pixels))
        near = (ground.abs() <= torch.tensor([60.0, 40.0])).all(-1)
        seen = PointObservations(ground.nan_to_num(), pixels, near.double())
        fitted = refine_camera(camera, seen).camera
        yield [fitted[i] for i in range(len(matrices))]


def ground_points(to_ground, pixels):
    mapped = torch.nn.functional.pad(pixels, (0, 1), value=1.0) @ to_ground.mT
    return mapped[..., :2] / mapped[..., 2:]


def visible_pixels(cameras):
    return np.stack([np.where(c.visible(GRID)[:, None], c.project(GRID), np.nan) for c in cameras])


@pytest.mark.realdata
def test_real_films_tremble_less_and_stay_in_place(realdata):
    for cameras in real_films(realdata):
        before, after = (visible_pixels(c) for c in (cameras, smooth_cameras(cameras, RATE)))
        # Of a smooth film the second differences are small.
        jitter_before, jitter_after = (
            np.nanmedian(np.linalg.norm(np.diff(pixels, 2, axis=0), axis=-1))
            for pixels in (before, after)
        )
        assert jitter_after <= jitter_before / 6
        assert np.nanmedian(np.linalg.norm(after - before, axis=-1)) <= 2.5
