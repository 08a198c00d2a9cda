"""Homographies: estimation, robustness, quality, cameras."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from footmm.pitch.camera import Camera
from footmm.pitch.homography import (
    apply_homography,
    fit_homography,
    fit_homography_robust,
    homography_quality,
    homography_to_camera,
    orient_homography,
)
from footmm.pitch.refinement import (
    LineObservations,
    PointObservations,
    RefinementSettings,
    refine_homography,
)

SIZE = (1920, 1080)
SQUARE = torch.tensor([[-10.0, -8.0], [10.0, -8.0], [10.0, 8.0], [-10.0, 8.0]]).double()


def unit(homography):
    homography = torch.as_tensor(homography, dtype=torch.float64)
    return homography / torch.linalg.matrix_norm(homography, keepdim=True)


def random_cameras(count, seed=0):
    rng = np.random.default_rng(seed)
    position = np.c_[
        rng.uniform(-20, 20, count), rng.uniform(-80, -50, count), rng.uniform(10, 30, count)
    ]
    target = np.c_[rng.uniform(-40, 40, count), rng.uniform(-20, 20, count), np.zeros(count)]
    focal = rng.uniform(1000, 4000, count)
    return Camera.look_at(position, target, focal, SIZE, roll=rng.normal(0, 0.02, count))


def views(count, points, seed=0, noise=0.0):
    """Random cameras with pairs of points that all of them see."""
    rng = np.random.default_rng(seed + 1)
    camera = random_cameras(count, seed)
    image = torch.from_numpy(rng.uniform([0, 400], SIZE, (count, points, 2)))
    ground = camera.image_to_ground(image)
    assert ground.isfinite().all()
    return camera, ground, image + noise * torch.from_numpy(rng.normal(size=image.shape))


@pytest.fixture
def camera():
    return Camera.look_at([3.0, -60.0, 20.0], [8.0, 5.0, 0.0], 1800.0, SIZE, roll=0.03)


class TestApply:
    def test_known_points(self):
        homography = np.array([[2.0, 0, 1], [0, 3, 0], [0, 0.5, 1]])
        mapped = apply_homography(homography, [[1.0, 2.0], [0.0, 0.0]])
        assert mapped.tolist() == [[1.5, 3.0], [1.0, 0.0]]

    def test_behind_and_at_infinity(self):
        homography = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 1]])
        mapped = apply_homography(homography, [[5.0, -1.0], [5.0, -2.0], [5.0, 0.0]])
        assert mapped.isnan().all(-1).tolist() == [True, True, False]

    def test_inverse_is_oriented(self, camera):
        homography = camera.homography()
        image = apply_homography(homography, SQUARE)
        assert torch.allclose(image, camera.project(np.c_[SQUARE.numpy(), np.zeros(4)]))
        back = apply_homography(torch.linalg.inv(homography), image)
        assert torch.allclose(back, SQUARE, atol=1e-10)
        above_horizon = apply_homography(torch.linalg.inv(homography), [[900.0, -2000.0]])
        assert above_horizon.isnan().all()

    def test_gradient_is_finite_beside_points_behind(self):
        points = torch.tensor([[5.0, -1.0], [5.0, 1.0]], requires_grad=True)
        homography = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 1]])
        apply_homography(homography, points).nan_to_num().sum().backward()
        assert points.grad.isfinite().all()

    def test_orient(self, camera):
        homography = camera.homography()
        flipped = torch.stack([homography, -homography])
        assert torch.equal(orient_homography(flipped, SQUARE), homography.expand(2, 3, 3))


class TestFit:
    @pytest.mark.parametrize("points", [4, 5, 57])
    def test_exact_recovery(self, points):
        camera, ground, image = views(40, points)
        fit = fit_homography(ground, image)
        assert fit.valid.all()
        assert fit.inliers.all()
        assert (fit.homography - unit(camera.homography())).abs().max() < 1e-9

    def test_exact_recovery_of_any_homography(self):
        rng = np.random.default_rng(3)
        truth = torch.from_numpy(rng.normal(size=(200, 3, 3)))
        ground = torch.from_numpy(rng.uniform(-50, 50, (200, 12, 2)))
        truth[:, 2, :2] /= 100
        truth[:, 2, 2] = 1 + truth[:, 2, 2].abs()
        depth = (ground * truth[:, None, 2, :2]).sum(-1) + truth[:, 2, 2:]
        one_sided = (depth > 0.02).all(-1)
        assert one_sided.sum() > 30
        fit = fit_homography(ground, apply_homography(truth, ground).nan_to_num())
        assert fit.valid[one_sided].all()
        assert (fit.homography - unit(truth))[one_sided].abs().max() < 1e-9

    def test_batch_is_single_and_broadcasts(self):
        _, ground, image = views(6, 9, noise=1.0)
        fit = fit_homography(ground.reshape(2, 3, 9, 2), image.reshape(2, 3, 9, 2))
        assert fit.homography.shape == (2, 3, 3, 3)
        for item in range(6):
            single = fit_homography(ground[item].numpy(), image[item].numpy())
            assert torch.allclose(
                single.homography, fit.homography[item // 3, item % 3], rtol=1e-9, atol=1e-15
            )
        shared = fit_homography(ground[0], image)
        assert shared.homography.shape == (6, 3, 3)
        assert torch.allclose(shared.homography[0], fit.homography[0, 0], rtol=1e-9, atol=1e-15)

    def test_zero_weight_ignores_anything(self):
        camera, ground, image = views(3, 8)
        weights = torch.ones(3, 8)
        weights[:, 2] = 0
        image[0, 2] += 500
        image[1, 2] = torch.nan
        ground[2, 2] = torch.inf
        fit = fit_homography(ground, image, weights)
        assert fit.valid.all()
        assert fit.inliers.equal(weights > 0)
        assert (fit.homography - unit(camera.homography())).abs().max() < 1e-9

    def test_weight_two_is_a_point_twice(self):
        _, ground, image = views(1, 7, noise=2.0)
        weights = torch.ones(1, 7)
        weights[0, 3] = 2
        twice = [torch.cat([points, points[:, 3:4]], 1) for points in (ground, image)]
        weighted = fit_homography(ground, image, weights).homography
        assert torch.allclose(weighted, fit_homography(*twice).homography, rtol=1e-9, atol=1e-15)
        scaled = fit_homography(ground, image, 1e-8 * weights).homography
        assert torch.allclose(weighted, scaled, rtol=1e-9, atol=1e-15)

    def test_refined_equals_opencv(self):
        _, ground, image = views(8, 20, noise=1.0)
        start = fit_homography(ground, image).homography
        refined = refine_homography(start, PointObservations(ground, image))
        for item in range(8):
            expected, _ = cv2.findHomography(ground[item].numpy(), image[item].numpy(), 0)
            errors = [
                homography_quality(matrix, ground[item], image[item]).error_px
                for matrix in (refined.homography[item], expected * np.sign(expected[2, 2]))
            ]
            ours, theirs = (error.square().sum().item() for error in errors)
            assert ours <= theirs * (1 + 1e-9)
            assert ours == pytest.approx(theirs, rel=1e-4)

    def test_gradient(self):
        _, ground, image = views(2, 6, noise=3.0)
        weights = torch.tensor([[1.0, 2, 0.5, 1, 0.1, 1], [1, 1, 1, 1, 1, 3]]).double()
        inputs = [tensor.clone().requires_grad_() for tensor in (ground, image, weights)]

        def corners(*values):
            return apply_homography(fit_homography(*values).homography, SQUARE)

        assert torch.autograd.gradcheck(corners, inputs, rtol=1e-4)

    def test_gradient_on_exact_minimal_set_and_beside_invalid_items(self, camera):
        image = apply_homography(camera.homography(), SQUARE)
        images = torch.stack([image, image.roll(1, 0) * torch.nan, image[:1].expand(4, 2)])
        images = images.requires_grad_()
        fit = fit_homography(SQUARE, images)
        assert fit.valid.tolist() == [True, False, False]
        fit.homography[0].sum().backward()
        assert images.grad.isfinite().all()
        assert images.grad[0].abs().sum() > 0
        assert images.grad[1:].eq(0).all()

    def test_second_derivative(self):
        _, ground, image = views(1, 6, noise=3.0)

        def corner(points):
            return apply_homography(fit_homography(ground, points).homography, SQUARE[:1])

        image = (image / 100).requires_grad_()
        assert torch.autograd.gradgradcheck(corner, image, rtol=1e-3, atol=1e-3)

    @pytest.mark.parametrize(
        ("ground", "message"),
        [(np.zeros((4, 3)), "ground has shape"), (np.zeros((5, 2)), "do not agree in N")],
    )
    def test_wrong_shapes(self, ground, message):
        with pytest.raises(ValueError, match=message):
            fit_homography(ground, np.zeros((4, 2)))
        with pytest.raises(ValueError, match="single number"):
            fit_homography(np.zeros((4, 2)), np.zeros((4, 2)), 1.0)


def degenerate_items():
    """Name -> ground, image and weights of sets of six that fix no homography."""
    _, ground, image = views(1, 6, seed=5)
    homography = fit_homography(ground, image).homography[0]
    ground, image, ones = ground[0], image[0], torch.ones(6).double()
    along = torch.linspace(-20, 20, 6).double()
    line = torch.stack([along, 0.3 * along + 7], -1)
    seen = {"line": apply_homography(homography, line)}
    off_line = line.clone()
    off_line[0] = torch.tensor([3.0, -9.0])
    seen["off_line"] = apply_homography(homography, off_line)
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 2)))
    three = torch.tensor([0.0, 0, 1, 1, 1, 1]).double()
    once = torch.tensor([0, 1, 2, 2, 1, 0])
    flat = torch.tensor([[4.0, 1, 900], [2.05, 0.7, 500], [0.001, 0.004, 1]]).double()
    bad = image.clone()
    bad[4, 0] = torch.nan
    infinite = ground.clone()
    infinite[1, 1] = torch.inf
    horizon = -homography[2, 2] / homography[2, 1] - homography[2, 0] / homography[2, 1] * 4.0
    behind = ground.clone()
    behind[0] = torch.stack([torch.tensor(4.0).double(), horizon + 3.0 * horizon.sign()])
    mixed = torch.nn.functional.pad(behind, (0, 1), value=1.0) @ homography.T
    return {
        "too few": (ground, image, torch.tensor([1.0, 1, 1, 0, 0, 0])),
        "no weight": (ground, image, 0 * ones),
        "nan weight": (ground, image, torch.tensor([1.0, 1, 1, 1, 1, torch.nan])),
        "infinite weight": (ground, image, torch.tensor([1.0, 1, 1, 1, 1, torch.inf])),
        "negative weight": (ground, image, torch.tensor([1.0, 1, 1, 1, 1, -1])),
        "nan": (ground, bad, ones),
        "infinite": (infinite, image, ones),
        "collinear": (line, seen["line"], ones),
        "collinear in float32": (line.float().double(), seen["line"].float().double(), ones),
        "collinear with noise": (line, seen["line"] + noise, ones),
        "collinear in the image": (ground, seen["line"], ones),
        "three of four collinear": (
            off_line,
            seen["off_line"],
            three + torch.eye(6)[0] - three[5] * torch.eye(6)[5],
        ),
        "all but one collinear with noise": (off_line, seen["off_line"] + noise, ones),
        "duplicated": (ground[once], image[once], ones),
        "duplicated with noise": (ground[once], image[once] + noise, ones),
        "one point": (ground[:1].expand(6, 2), image[:1].expand(6, 2), ones),
        "one point of the image": (ground, image[:1].expand(6, 2), ones),
        "seen from the edge": (ground, apply_homography(flat, ground), ones),
        "both sides": (behind, mixed[:, :2] / mixed[:, 2:], ones),
    }


DEGENERATE = degenerate_items()


class TestDegenerate:
    @pytest.mark.parametrize("name", DEGENERATE)
    def test_invalid_and_harmless(self, name):
        camera, ground, image = views(3, 6)
        weights = torch.ones(3, 6).double()
        ground[1], image[1], weights[1] = DEGENERATE[name]
        for estimate in (fit_homography, fit_homography_robust):
            fit = estimate(ground, image, weights)
            if estimate is fit_homography:
                assert fit.valid.tolist() == [True, False, True]
                assert not fit.inliers[1].any()
                assert fit.homography[1].isnan().all()
            neighbours = fit.homography[[0, 2]] - unit(camera.homography())[[0, 2]]
            assert neighbours.abs().max() < 1e-9

    @pytest.mark.parametrize(
        "name", ["too few", "no weight", "collinear", "duplicated", "one point"]
    )
    def test_robust(self, name):
        fit = fit_homography_robust(*DEGENERATE[name])
        assert not fit.valid
        assert fit.homography.isnan().all()
        assert not fit.inliers.any()

    def test_fewer_than_four_columns(self):
        for estimate in (fit_homography, fit_homography_robust):
            fit = estimate(SQUARE[:3].expand(2, 3, 2), SQUARE[:3])
            assert fit.valid.tolist() == [False, False]
            assert fit.homography.shape == (2, 3, 3)
            assert fit.inliers.shape == (2, 3)

    def test_no_points(self):
        for estimate in (fit_homography, fit_homography_robust):
            assert not estimate(torch.zeros(0, 2), torch.zeros(0, 2)).valid

    def test_empty_batch(self):
        for estimate in (fit_homography, fit_homography_robust):
            assert estimate(torch.zeros(0, 5, 2), torch.zeros(0, 5, 2)).homography.shape == (
                0,
                3,
                3,
            )

    def test_near_degenerate_but_exact_is_recovered(self, camera):
        along = torch.linspace(-20, 20, 8).double()
        narrow = torch.stack([along, 1e-3 * along**2], -1)
        image = apply_homography(camera.homography(), narrow)
        fit = fit_homography(narrow, image)
        assert fit.valid
        assert (apply_homography(fit.homography, narrow) - image).abs().max() < 1e-6


class TestRobust:
    def test_forty_percent_outliers(self):
        camera, ground, image = views(20, 40, noise=0.5)
        rng = np.random.default_rng(2)
        image[:, :16] = torch.from_numpy(rng.uniform([0, 0], SIZE, (20, 16, 2)))
        fit = fit_homography_robust(ground, image, threshold=3.0)
        assert fit.valid.all()
        assert fit.inliers[:, 16:].double().mean() > 0.99
        assert fit.inliers[:, :16].double().mean() < 0.02
        truth = camera.project(torch.nn.functional.pad(ground, (0, 1)))[:, 16:]
        error = (apply_homography(fit.homography, ground[:, 16:]) - truth).norm(dim=-1)
        assert error.median() < 0.5
        assert not fit_homography(ground, image).valid.all()

    def test_same_every_time_and_for_every_batch(self):
        _, ground, image = views(5, 15, noise=2.0)
        image[:, :6] += 80
        fits = [fit_homography_robust(ground, image, seed=4) for _ in range(2)]
        assert torch.equal(fits[0].homography, fits[1].homography)
        alone = fit_homography_robust(ground[3], image[3], seed=4)
        assert torch.equal(alone.inliers, fits[0].inliers[3])
        assert torch.allclose(alone.homography, fits[0].homography[3], rtol=1e-9, atol=1e-15)

    def test_seed_chooses_the_samples(self):
        rng = np.random.default_rng(1)
        ground = torch.from_numpy(rng.uniform(-30, 30, (40, 2)))
        image = torch.from_numpy(rng.uniform([0, 0], SIZE, (40, 2)))
        fits = [
            fit_homography_robust(ground, image, threshold=50.0, seed=seed) for seed in range(5)
        ]
        assert len({tuple(fit.inliers.tolist()) for fit in fits}) > 1

    def test_inliers_are_those_of_the_fit(self):
        _, ground, image = views(30, 40, noise=2.0)
        fit = fit_homography_robust(ground, image, threshold=4.0)
        near = (apply_homography(fit.homography, ground) - image).norm(dim=-1) <= 4.0
        assert (near != fit.inliers).double().mean() < 0.01

    def test_nan_is_an_outlier(self):
        camera, ground, image = views(1, 10)
        image[0, 7] = torch.nan
        fit = fit_homography_robust(ground, image)
        assert fit.valid.all()
        assert fit.inliers[0].tolist() == [index != 7 for index in range(10)]
        assert (fit.homography - unit(camera.homography())).abs().max() < 1e-9

    def test_mirrored_picture_has_no_answer(self):
        _, ground, image = views(1, 10)
        mirrored = torch.stack([SIZE[0] - 1 - image[..., 0], image[..., 1]], -1)
        assert fit_homography(ground, mirrored).valid.all()
        assert not fit_homography_robust(ground, mirrored).valid.any()

    def test_differentiable(self):
        _, ground, image = views(1, 10)
        image.requires_grad_()
        fit_homography_robust(ground, image).homography.sum().backward()
        assert image.grad.isfinite().all()
        assert image.grad.abs().sum() > 0

    def test_threshold(self):
        with pytest.raises(ValueError, match="threshold must be positive"):
            fit_homography_robust(SQUARE, SQUARE, threshold=0.0)


class TestQuality:
    def test_known_errors(self):
        # Ten pixels per metre, the image's v down.
        homography = np.array([[10.0, 0, 100], [0, -10, 200], [0, 0, 1]])
        ground = SQUARE
        image = apply_homography(homography, ground)
        image = image + torch.tensor([[3.0, 4.0], [0, 0], [0, 10], [0, 0]])
        quality = homography_quality(homography, ground, image)
        assert torch.allclose(quality.error_px, torch.tensor([5.0, 0, 10, 0]).double())
        assert torch.allclose(quality.error_m, torch.tensor([0.5, 0, 1, 0]).double())
        assert quality.mean_px.item() == pytest.approx(3.75)
        assert quality.median_px.item() == pytest.approx(2.5)
        assert quality.mean_m.item() == pytest.approx(0.375)
        assert quality.median_m.item() == pytest.approx(0.25)
        assert quality.condition.item() == pytest.approx(1.0, abs=0.1)
        assert quality.cheirality

    def test_weights(self):
        quality = homography_quality(np.eye(3), SQUARE, SQUARE + 7, [0.0, 0, 0, 0])
        assert quality.mean_px.isnan()
        assert quality.error_px.isnan().all()
        assert not quality.cheirality
        image = SQUARE.clone()
        image[1] = torch.nan
        assert homography_quality(np.eye(3), SQUARE, image, [1.0, 0, 1, 1]).mean_px == 0

    def test_behind_is_infinite(self, camera):
        ground = torch.cat([SQUARE, torch.tensor([[3.0, -200.0]])])
        image = torch.cat([apply_homography(camera.homography(), SQUARE), torch.zeros(1, 2)])
        quality = homography_quality(camera.homography(), ground, image)
        assert quality.error_px.isinf().tolist() == [False] * 4 + [True]
        assert quality.mean_px.isinf()
        assert quality.median_px < 1e-9
        assert not quality.cheirality

    def test_condition_tells_narrow_from_wide(self, camera):
        homography = camera.homography()
        low = Camera.look_at([3.0, -60.0, 1.0], [8.0, 5.0, 0.0], 1800.0, SIZE).homography()
        both = torch.stack([homography, low])
        image = apply_homography(both, SQUARE)
        condition = homography_quality(both, SQUARE, image).condition
        assert 1 < condition[0] < condition[1]

    def test_invalid_item(self, camera):
        image = apply_homography(camera.homography(), SQUARE)
        both = torch.stack([camera.homography(), torch.full((3, 3), torch.nan).double()])
        quality = homography_quality(both, SQUARE, image)
        assert quality.mean_px[0] < 1e-9
        assert quality.mean_px[1].isnan()
        assert quality.condition.isnan().tolist() == [False, True]
        assert quality.cheirality.tolist() == [True, False]


class TestToCamera:
    def test_round_trip(self):
        camera = random_cameras(50)
        scale = torch.linspace(-3, 4, 50).double()
        found, valid = homography_to_camera(scale[:, None, None] * camera.homography(), SIZE)
        assert valid.all()
        assert (unit(found.homography()) - unit(camera.homography())).abs().max() < 1e-8
        assert ((found.intrinsics / camera.intrinsics).nan_to_num(1.0) - 1).abs().max() < 1e-8
        assert (found.rotation - camera.rotation).abs().max() < 1e-8
        assert (found.position - camera.position).abs().max() < 1e-6
        assert found.image_size == SIZE

    def test_principal_point(self):
        camera = Camera.from_pan_tilt_roll(
            [0.0, -50.0, 15.0], 0.2, 0.3, 0.0, 1500.0, SIZE, principal_point=[1000.0, 500.0]
        )
        found, valid = homography_to_camera(camera.homography(), SIZE, [1000.0, 500.0])
        assert valid
        assert torch.allclose(found.intrinsics, camera.intrinsics, atol=1e-8)
        assert found.batch_shape == ()

    @pytest.mark.parametrize("pan", [0.0, np.pi / 4])
    def test_one_equation_degenerate(self, pan):
        # One of the two equations says nothing about the focal length: orthogonality without pan,
        # equal lengths half-way between the axes.
        camera = Camera.from_pan_tilt_roll([0.0, -50.0, 15.0], pan, 0.3, 0.0, 1500.0, SIZE)
        found, valid = homography_to_camera(camera.homography(), SIZE)
        assert valid
        assert found.intrinsics[0, 0].item() == pytest.approx(1500.0, rel=1e-9)

    def test_invalid_items_leave_neighbours_alone(self, camera):
        good = camera.homography()
        tilt = torch.tensor([np.pi / 2, np.pi / 2 - 1e-4])
        down = Camera.from_pan_tilt_roll([[0.0, 0, 30]] * 2, 0.4, tilt, 0.0, 1500.0, SIZE)
        mirrored = torch.tensor([[-1.0, 0, SIZE[0] - 1], [0, 1, 0], [0, 0, 1]]).double() @ good
        singular = torch.ones(3, 3).double()
        skewed = good @ torch.diag(torch.tensor([1.0, 8.0, 1.0]).double())
        items = [good, *down.homography(), mirrored, singular, 0 * good, good * torch.nan, good]
        found, valid = homography_to_camera(torch.stack([*items, skewed]), SIZE)
        assert valid.tolist()[:8] == [True, *[False] * 6, True]
        for item in range(8):
            is_known = (
                found.intrinsics[item].isfinite().all() and found.position[item].isfinite().all()
            )
            assert bool(is_known) == bool(valid[item])
        assert torch.allclose(found.position[0], camera.position, atol=1e-8)

    def test_noise_gives_a_proper_rotation(self):
        _, ground, image = views(10, 30, noise=1.0)
        found, valid = homography_to_camera(fit_homography(ground, image).homography, SIZE)
        assert valid.all()
        identity = found.rotation @ found.rotation.mT
        assert torch.allclose(identity, torch.eye(3).double().expand(10, 3, 3), atol=1e-12)
        assert torch.allclose(torch.linalg.det(found.rotation), torch.ones(10).double())

    def test_differentiable(self, camera):
        homography = camera.homography().requires_grad_()

        def focal_and_position(matrix):
            found, _ = homography_to_camera(matrix, SIZE)
            return found.intrinsics[0, 0], found.position

        assert torch.autograd.gradcheck(focal_and_position, homography, eps=1e-7, rtol=1e-3)

    def test_wrong_shapes(self):
        with pytest.raises(ValueError, match="homography has shape"):
            homography_to_camera(np.eye(4), SIZE)
        with pytest.raises(ValueError, match="principal_point has shape"):
            homography_to_camera(np.eye(3), SIZE, [1.0, 2.0, 3.0])


@pytest.mark.realdata
class TestRealCameras:
    def test_focal_length(self, realdata: Path):
        with zipfile.ZipFile(realdata / "calibration_sn22" / "cameras_pnlcalib.zip") as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".json"))
            cameras = [Camera.from_soccernet(json.loads(archive.read(name))) for name in names]
        camera = Camera.stack(cameras)
        found, valid = homography_to_camera(camera.homography(), camera.image_size)
        assert len(camera) == 294
        # The two others hang upside down and look back over their tripod.
        assert (valid == (camera.rotation[:, 1, 2] < 0)).all()
        assert valid.sum() == 292
        relative = found.intrinsics[:, 0, 0] / camera.intrinsics[:, 0, 0] - 1
        assert relative[valid].abs().max() < 1e-6
        assert (found.position - camera.position)[valid].abs().max() < 1e-6


def seen_from_above(homography):
    """Orient: from above, x to y turns left on the ground and right in the image."""
    return homography * -torch.linalg.det(homography).sign()[:, None, None]


class WorldCup:
    """Predicted keypoints of the 40 frames, and the truth, all in pixels of 1280 x 720."""

    scale = torch.tensor([1280.0, 720.0]).double()

    def __init__(self, folder: Path, method: str) -> None:
        scheme = json.loads((folder / "keypoint_scheme.json").read_text())
        truth = json.loads((folder / "gt_homographies.json").read_text())["homographies"]
        self.frames = list(truth)
        points = {**scheme["keypoints"], **scheme["auxiliary_keypoints"]}
        names = [name for name, point in points.items() if point["xyz"][2] == 0]
        self.ground = torch.tensor([points[name]["xyz"][:2] for name in names]).double()
        self.ground = self.ground * torch.tensor([1.0, -1.0])
        lines = {
            name: line["xyz_ends"]
            for name, line in scheme["lines"].items()
            if len(line["xyz_ends"]) == 2 and not any(end[2] for end in line["xyz_ends"])
        }
        ends = torch.tensor([*lines.values()]).double()[..., :2] * torch.tensor([1.0, -1.0])
        self.image = torch.full((len(self.frames), len(names), 2), torch.nan).double()
        line_image = torch.full((len(self.frames), len(lines), 2, 2), torch.nan).double()
        with zipfile.ZipFile(folder / f"keypoints_{method}.zip") as archive:
            paths = {Path(path).stem: path for path in archive.namelist()}
            for row, frame in enumerate(self.frames):
                found = json.loads(archive.read(paths[frame]))
                found = found if isinstance(found, dict) else {"kp": found[0], "lines": {}}
                for column, name in enumerate(names):
                    if name in found["kp"]:
                        point = found["kp"][name]
                        self.image[row, column] = torch.tensor([point["x"], point["y"]])
                for column, name in enumerate(lines):
                    for end in (1, 2) if name in found["lines"] else ():
                        line = found["lines"][name]
                        point = torch.tensor([line[f"x_{end}"], line[f"y_{end}"]])
                        line_image[row, column, end - 1] = point
        self.image *= self.scale
        self.weights = self.image.isfinite().all(-1).double()
        line_image = (line_image * self.scale).flatten(1, 2)
        self.lines = LineObservations(
            ends[:, 0].repeat_interleave(2, 0),
            ends[:, 1].repeat_interleave(2, 0),
            line_image,
            line_image.isfinite().all(-1).double(),
        )
        yard = 0.9144
        to_yards = torch.tensor([[1, 0, 52.5], [0, -1, 34], [0, 0, yard]]).double() / yard
        matrices = torch.tensor([truth[frame] for frame in self.frames]).double()
        self.truth = seen_from_above(matrices @ to_yards)

    def errors(self, homography: torch.Tensor) -> torch.Tensor:
        """Mean pixel error over the visible pitch, for every frame."""
        x, y = np.meshgrid(np.linspace(-52.5, 52.5, 43), np.linspace(-34, 34, 29))
        grid = torch.from_numpy(np.c_[x.ravel(), y.ravel()])
        expected = apply_homography(self.truth, grid)
        visible = ((expected >= 0) & (expected <= self.scale)).all(-1)
        quality = homography_quality(homography, grid, expected.nan_to_num(), visible)
        assert quality.mean_px.isnan().sum() == 0
        return quality.mean_px


@pytest.mark.realdata
@pytest.mark.parametrize("method", ["pnlcalib", "nbjw"])
def test_real_keypoints(realdata: Path, method: str):
    folder = realdata / "homography_wc14"
    data = WorldCup(folder, method)
    fit = fit_homography_robust(data.ground, data.image, data.weights, threshold=10.0)
    points = PointObservations(data.ground, data.image, fit.inliers)
    refined = refine_homography(fit.homography, points)
    assert fit.valid.all()
    assert refined.valid.all()
    with gzip.open(folder / "expected_per_frame.json.gz") as file:
        published = json.load(file)[method]
    turn = torch.diag(torch.tensor([1.0, -1.0, 1.0])).double()
    matrices = [published[frame]["dlt"]["H_image_to_world_m"] for frame in data.frames]
    least_squares = torch.linalg.inv(turn @ torch.tensor(matrices).double())
    ransac = []
    for row in range(len(data.frames)):
        seen = data.weights[row] > 0
        pairs = data.ground[seen].numpy(), data.image[row, seen].numpy()
        ransac.append(torch.from_numpy(cv2.findHomography(*pairs, cv2.RANSAC, 20)[0]))
    ours = data.errors(refined.homography).median()
    for plain in (least_squares, torch.stack(ransac)):
        assert ours < 0.95 * data.errors(seen_from_above(plain)).median()


@pytest.mark.realdata
def test_real_lines_help(realdata: Path):
    data = WorldCup(realdata / "homography_wc14", "pnlcalib")
    fit = fit_homography_robust(data.ground, data.image, data.weights, threshold=10.0)
    points = PointObservations(data.ground, data.image, fit.inliers)
    settings = RefinementSettings(kernel="cauchy")
    without = refine_homography(fit.homography, points, settings=settings).homography
    with_lines = refine_homography(fit.homography, points, data.lines, settings=settings).homography
    assert data.errors(with_lines).mean() < 0.95 * data.errors(without).mean()
