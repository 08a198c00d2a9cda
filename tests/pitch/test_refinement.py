"""Refinement of homographies and cameras on points, lines and circles."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions, Segment, clean_line_name
from footmm.pitch.homography import apply_homography
from footmm.pitch.lens import BrownConradyLens, PolynomialLens
from footmm.pitch.observations import Observations, linearise, world_homogeneous
from footmm.pitch.refinement import (
    CAMERA_PARAMETERS,
    CameraModel,
    CameraPrior,
    CircleObservations,
    LineObservations,
    PointObservations,
    RefinementSettings,
    refine_camera,
    refine_homography,
)

SIZE = (1920, 1080)
EXACT = RefinementSettings(tolerance=1e-10)


LINES = [
    [[-52.5, 34.0, 0.0], [52.5, 34.0, 0.0]],
    [[0.0, -34.0, 0.0], [0.0, 34.0, 0.0]],
    [[-52.5, -34.0, 0.0], [-52.5, 34.0, 0.0]],
    [[52.5, -34.0, 0.0], [52.5, 34.0, 0.0]],
    [[36.0, -20.16, 0.0], [36.0, 20.16, 0.0]],
    [[36.0, 20.16, 0.0], [52.5, 20.16, 0.0]],
    [[36.0, -20.16, 0.0], [52.5, -20.16, 0.0]],
    [[-36.0, -20.16, 0.0], [-36.0, 20.16, 0.0]],
    [[-36.0, 20.16, 0.0], [-52.5, 20.16, 0.0]],
    [[-36.0, -20.16, 0.0], [-52.5, -20.16, 0.0]],
    [[52.5, -3.66, 0.0], [52.5, -3.66, 2.44]],
    [[52.5, -3.66, 2.44], [52.5, 3.66, 2.44]],
]


def unit(homography):
    return homography / torch.linalg.matrix_norm(homography, keepdim=True)


def random_cameras(count, seed=0, lens=None):
    rng = np.random.default_rng(seed)
    position = np.c_[
        rng.uniform(-20, 20, count), rng.uniform(-80, -55, count), rng.uniform(12, 30, count)
    ]
    target = np.c_[rng.uniform(-40, 40, count), rng.uniform(-10, 10, count), np.zeros(count)]
    focal, roll = rng.uniform(1200, 3000, count), rng.normal(0, 0.02, count)
    return Camera.look_at(position, target, focal, SIZE, roll=roll, lens=lens)


def perturbed(camera, size=1.0, seed=9):
    """Cameras about a metre, three per cent of zoom and half a degree away, times ``size``."""
    rng = np.random.default_rng(seed)
    count = len(camera)
    angles = [
        angle + size * torch.from_numpy(rng.normal(0, 0.01, count))
        for angle in camera.pan_tilt_roll()
    ]
    position = camera.position + size * torch.from_numpy(rng.normal(0, 1.0, (count, 3)))
    focal = camera.intrinsics[:, 0, 0] * torch.from_numpy(1 + size * rng.normal(0, 0.03, count))
    return Camera.from_pan_tilt_roll(position, *angles, focal, SIZE, lens=camera.lens)


class Scene:
    """What cameras see of some keypoints, lines and circles, up to noise in pixels.

    What a camera does not see has weight zero and nan coordinates.
    """

    def __init__(self, camera, noise=0.0, seed=4):
        rng = np.random.default_rng(seed)
        rows = [(x, y, 0.0) for x in (-52.5, -36, 0, 36, 52.5) for y in (-34, -20.16, 0, 20.16, 34)]
        start, end = torch.tensor(LINES).unbind(1)
        share = torch.linspace(0.02, 0.98, 25)[:, None]
        self.world = torch.tensor(rows).double()
        self.start, self.end = (part.double().repeat_interleave(25, 0) for part in (start, end))
        on_lines = self.start + share.repeat(len(start), 1) * (self.end - self.start)
        self.center = (
            torch.tensor([[0.0, 0], [-41.5, 0], [41.5, 0]]).double().repeat_interleave(30, 0)
        )
        angle = torch.linspace(-3, 3, 30).double().repeat(3)
        on_circles = self.center + 9.15 * torch.stack([angle.cos(), angle.sin()], -1)
        circles_3d = torch.nn.functional.pad(on_circles, (0, 1))
        self.seen = []
        for world in (self.world, on_lines, circles_3d):
            image = camera.project(world)
            image = image + noise * torch.from_numpy(rng.normal(size=image.shape))
            weights = camera.visible(world)
            image = torch.where(weights[..., None], image, torch.nan)
            self.seen.append((image, weights.double()))

    def points(self, size=3):
        return PointObservations(self.world[:, :size], *self.seen[0])

    def lines(self, size=3):
        flat = ((self.start[:, 2] == 0) & (self.end[:, 2] == 0)) | (size == 3)
        image, weights = self.seen[1]
        return LineObservations(
            self.start[flat, :size], self.end[flat, :size], image[:, flat], weights[:, flat]
        )

    def circles(self):
        return CircleObservations(self.center, 9.15, *self.seen[2])


def pixel_error(estimate, camera, size=3):
    """Mean distance on a grid over the visible pitch, per camera."""
    grid = torch.cartesian_prod(torch.linspace(-50, 50, 21), torch.linspace(-30, 30, 13)).double()
    world = torch.nn.functional.pad(grid, (0, 1))
    found = (
        apply_homography(estimate, grid) if torch.is_tensor(estimate) else estimate.project(world)
    )
    error = (found - camera.project(world)).norm(dim=-1)
    return torch.where(camera.visible(world), error, torch.nan).nanmean(-1)


class TestHomography:
    @pytest.mark.parametrize("kinds", ["plc", "pl", "lc", "l", "pc"])
    def test_finds_the_truth(self, kinds):
        camera = random_cameras(12)
        scene = Scene(camera)
        # Points and lines find home from afar, circles need to be roughly in place.
        start = perturbed(camera, 0.3 if "c" in kinds else 1.0).homography()
        refined = refine_homography(
            start,
            scene.points(2) if "p" in kinds else None,
            scene.lines(2) if "l" in kinds else None,
            scene.circles() if "c" in kinds else None,
            EXACT,
        )
        enough = refined.valid
        assert enough.sum() >= (8 if kinds in ("lc", "l", "pc") else 12)
        assert refined.converged[enough].all()
        assert refined.rms_px[enough].max() < 1e-8
        assert (refined.homography - unit(camera.homography()))[enough].abs().max() < 1e-9
        assert refined.homography[~enough].isnan().all()

    def test_any_sign_and_scale_of_the_start(self):
        camera = random_cameras(3)
        points = Scene(camera).points(2)
        start = perturbed(camera).homography() * torch.tensor([1.0, -1.0, -5.0])[:, None, None]
        refined = refine_homography(start, points)
        assert (refined.homography - unit(camera.homography())).abs().max() < 1e-9

    def test_minimum_is_scipys(self):
        camera = random_cameras(2)
        scene = Scene(camera, noise=2.0)
        refined = refine_homography(camera.homography(), scene.points(2), settings=EXACT)
        for item in range(2):
            image, weights = (part[item] for part in scene.seen[0])
            seen = weights > 0

            def residual(numbers, seen=seen, image=image):
                homography = torch.from_numpy(np.append(numbers, 1.0).reshape(3, 3))
                return (apply_homography(homography, scene.world[seen, :2]) - image[seen]).flatten()

            truth = camera[item].homography()
            best = least_squares(
                residual, (truth / truth[2, 2]).flatten()[:8], x_scale="jac", xtol=1e-14
            )
            rms = np.sqrt(2 * best.cost / seen.sum().item())
            assert refined.rms_px[item].item() == pytest.approx(rms, rel=1e-9)

    def test_lines_and_circles_help(self):
        camera = random_cameras(60)
        scene = Scene(camera, noise=1.0)
        truth = camera.homography()
        only_points = refine_homography(truth, scene.points(2))
        both = refine_homography(truth, scene.points(2), scene.lines(2))
        everything = refine_homography(truth, scene.points(2), scene.lines(2), scene.circles())
        known = only_points.valid
        errors = [
            pixel_error(refined.homography, camera)[known].median().item()
            for refined in (only_points, both, everything)
        ]
        assert known.sum() > 40
        assert errors[1] < 0.7 * errors[0]
        assert errors[2] < errors[1]

    @pytest.mark.parametrize("kernel", ["huber", "cauchy"])
    def test_kernels_resist_outliers(self, kernel):
        camera = random_cameras(10)
        points = Scene(camera, noise=0.3).points(2)
        points.image[:, ::6] += 60.0
        truth = camera.homography()
        plain = refine_homography(truth, points)
        settings = RefinementSettings(kernel=kernel, kernel_scale=1.0, max_iterations=200)
        robust = refine_homography(truth, points, settings=settings)
        assert robust.converged.all()
        assert (
            pixel_error(robust.homography, camera).median()
            < 0.2 * pixel_error(plain.homography, camera).median()
        )

    def test_kernels_are_least_squares_nearby(self):
        camera = random_cameras(3)
        points = Scene(camera, noise=0.5).points(2)
        plain = refine_homography(camera.homography(), points, settings=EXACT)
        far = RefinementSettings(kernel="huber", kernel_scale=50.0, tolerance=1e-10)
        huber = refine_homography(camera.homography(), points, settings=far)
        assert (plain.homography - huber.homography).abs().max() < 1e-12

    def test_batch_is_single(self):
        camera = random_cameras(4)
        scene = Scene(camera, noise=1.0)
        start = perturbed(camera).homography()
        together = refine_homography(start, scene.points(2), scene.lines(2), settings=EXACT)
        for item in range(4):
            points, lines = scene.points(2), scene.lines(2)
            alone = refine_homography(
                start[item],
                PointObservations(points.world, points.image[item], points.weights[item]),
                lines._replace(image=lines.image[item], weights=lines.weights[item]),
                settings=EXACT,
            )
            assert alone.homography.shape == (3, 3)
            assert alone.valid.shape == ()
            assert torch.allclose(alone.homography, together.homography[item], atol=1e-11)

    def test_invalid_items_leave_neighbours_alone(self):
        camera = random_cameras(7)
        scene = Scene(camera)
        start = perturbed(camera).homography()
        points, lines, circles = scene.points(2), scene.lines(2), scene.circles()
        points.weights[0] = 0
        lines.weights[0] = 0
        start[1, 0, 0] = torch.nan
        points.image[2][points.weights[2] > 0] = torch.nan
        points = points._replace(world=points.world.repeat(7, 1, 1))
        points.world[3] = points.world[3, :1]
        lines.weights[3] = 0
        lines = lines._replace(end=lines.end.repeat(7, 1, 1))
        lines.end[4] = lines.start
        radius = torch.full((7, 90), 9.15).double()
        radius[5] = -1.0
        circles = circles._replace(radius=radius)
        circles.weights[:5] = 0
        circles.weights[5] = 1
        circles.image[5] = 100.0
        refined = refine_homography(start, points, lines, circles)
        assert refined.valid.tolist() == [False] * 6 + [True]
        assert refined.homography.isnan().flatten(1).all(1).tolist() == [True] * 6 + [False]
        assert not refined.converged[:6].any()
        assert (refined.homography[6] - unit(camera.homography())[6]).abs().max() < 1e-9

    @pytest.mark.parametrize("weight", [0.0, 1.0])
    def test_point_behind_the_start_is_invalid(self, weight):
        camera = random_cameras(1)
        points = Scene(camera).points(2)
        world = torch.cat([points.world, torch.tensor([[0.0, -400.0]])])
        image = torch.cat([points.image, torch.zeros(1, 1, 2)], 1)
        weights = torch.cat([points.weights, torch.full((1, 1), weight)], 1)
        refined = refine_homography(camera.homography(), PointObservations(world, image, weights))
        assert refined.valid.tolist() == [weight == 0]

    def test_nothing_to_refine_on(self):
        assert not refine_homography(torch.eye(3)).valid

    def test_wrong_shapes(self):
        with pytest.raises(ValueError, match="world has shape"):
            refine_homography(np.eye(3), PointObservations(np.zeros((4, 3)), np.zeros((4, 2))))
        with pytest.raises(ValueError, match="do not agree"):
            refine_homography(np.eye(3), PointObservations(np.zeros((4, 2)), np.zeros((5, 2))))


class TestCamera:
    def test_converges_to_the_truth_on_points_and_lines(self):
        camera = random_cameras(20)
        scene = Scene(camera)
        refined = refine_camera(
            perturbed(camera), scene.points(), scene.lines(), scene.circles(), settings=EXACT
        )
        assert refined.converged.all()
        assert (refined.camera.position - camera.position).abs().max() < 1e-6
        assert (refined.camera.rotation - camera.rotation).abs().max() < 1e-6
        assert (refined.camera.intrinsics / camera.intrinsics).nan_to_num(1).sub(
            1
        ).abs().max() < 1e-6
        assert refined.camera.lens is None
        assert refined.camera.image_size == SIZE
        identity = torch.eye(3).double().expand(20, 3, 3)
        assert torch.allclose(
            refined.camera.rotation @ refined.camera.rotation.mT, identity, atol=1e-12
        )

    @pytest.mark.parametrize("kinds", ["p", "l", "plc"])
    def test_radial_distortion(self, kinds):
        radial = torch.linspace(-0.2, 0.1, 8).double()
        camera = random_cameras(8, lens=BrownConradyLens.from_radial(radial))
        scene = Scene(camera)
        refined = refine_camera(
            replace(perturbed(camera), lens=None),
            scene.points() if "p" in kinds else None,
            scene.lines() if "l" in kinds else None,
            scene.circles() if "c" in kinds else None,
            parameters=("rotation", "focal_length", "position", "radial"),
            settings=EXACT,
        )
        assert refined.valid.all()
        assert (refined.camera.lens.radial[:, 0] - radial).abs().max() < 1e-6
        assert refined.camera.lens.radial.shape == (8, 6)
        assert (refined.camera.position - camera.position).abs().max() < 1e-5

    def test_known_lens_stays(self):
        lens = BrownConradyLens.from_radial(torch.full((3,), -0.15).double())
        camera = random_cameras(3, lens=lens)
        scene = Scene(camera)
        refined = refine_camera(perturbed(camera), scene.points(), scene.lines(), settings=EXACT)
        assert torch.equal(refined.camera.lens.radial, lens.radial)
        assert (refined.camera.position - camera.position).abs().max() < 1e-6

    def test_only_chosen_parameters_move(self):
        camera = random_cameras(4)
        start = replace(perturbed(camera), position=camera.position)
        refined = refine_camera(
            start, Scene(camera).points(), parameters=["focal_length", "rotation"], settings=EXACT
        ).camera
        assert torch.equal(refined.position, camera.position)
        assert (refined.rotation - camera.rotation).abs().max() < 1e-9
        start = replace(camera, position=camera.position + 1.0)
        refined = refine_camera(start, Scene(camera).points(), parameters=["position"]).camera
        assert torch.equal(refined.rotation, camera.rotation)
        assert torch.equal(refined.intrinsics, camera.intrinsics)
        assert (refined.position - camera.position).abs().max() < 1e-6

    def test_two_focal_lengths_keep_their_ratio(self):
        camera = Camera.from_pan_tilt_roll(
            [[0.0, -60, 20]], 0.1, 0.3, 0.0, [[1500.0, 1600.0]], SIZE
        )
        start = Camera.from_pan_tilt_roll(
            [[0.0, -61, 20]], 0.12, 0.3, 0.0, [[1575.0, 1680.0]], SIZE
        )
        refined = refine_camera(start, Scene(camera).points(), settings=EXACT).camera
        assert torch.allclose(refined.intrinsics, camera.intrinsics, rtol=1e-9)

    def test_lines_help(self):
        camera = random_cameras(60)
        scene = Scene(camera, noise=1.0)
        only_points = refine_camera(camera, scene.points())
        both = refine_camera(camera, scene.points(), scene.lines(), scene.circles())
        assert only_points.valid.all()
        errors = [pixel_error(refined.camera, camera).median() for refined in (only_points, both)]
        assert errors[1] < 0.7 * errors[0]
        offsets = [
            (refined.camera.position - camera.position).norm(dim=-1).median()
            for refined in (only_points, both)
        ]
        assert offsets[1] < 0.7 * offsets[0]

    def test_points_off_the_ground_count(self):
        camera = random_cameras(1)
        world = torch.tensor(
            [[x, y, z] for x in (-10.0, 10) for y in (0.0, 12) for z in (0.0, 2.44)]
        )
        points = PointObservations(world, camera.project(world))
        refined = refine_camera(perturbed(camera), points, settings=EXACT)
        assert (refined.camera.position - camera.position).abs().max() < 1e-6

    def test_batch_shapes_broadcast(self):
        camera = random_cameras(1)[0]
        image = camera.project(Scene(random_cameras(1)).world).expand(2, 3, 25, 2)
        points = PointObservations(Scene(random_cameras(1)).world, image)
        refined = refine_camera(camera, points)
        assert refined.camera.batch_shape == (2, 3)
        assert refined.valid.all()
        alone = refine_camera(camera, points._replace(image=image[0, 0]))
        assert alone.camera.batch_shape == ()
        assert torch.allclose(alone.camera.position, camera.position)

    def test_invalid_items_leave_neighbours_alone(self):
        camera = random_cameras(4)
        points = Scene(camera).points()
        start = perturbed(camera)
        start.position[0] = torch.nan
        points.weights[1] = 0
        points.weights[1, :3] = 1
        points.image[1, :3] = 500.0
        points.weights[2] = -points.weights[2]
        refined = refine_camera(start, points, settings=EXACT)
        assert refined.valid.tolist() == [False, False, False, True]
        assert refined.camera.position.isnan().all(-1).tolist() == [True, True, True, False]
        assert (refined.camera.position - camera.position)[3].abs().max() < 1e-6

    def test_rms_is_the_weighted_distance(self):
        camera = random_cameras(1)
        points = Scene(camera, noise=2.0).points()
        points.weights[0, ::2] *= 3
        settings = RefinementSettings(kernel="cauchy", max_iterations=1)
        refined = refine_camera(perturbed(camera), points, settings=settings)
        error = (refined.camera.project(points.world) - points.image).square().sum(-1).nan_to_num()
        mean = (points.weights * error).sum() / points.weights.sum()
        assert refined.rms_px.item() == pytest.approx(mean.sqrt().item(), rel=1e-9)
        assert refined.iterations.tolist() == [1]
        assert refined.converged.tolist() == [False]
        assert refined.valid.tolist() == [True]

    @pytest.mark.parametrize("radial", [0.0, -0.4])
    @pytest.mark.parametrize("kind", ["lines", "circles"])
    def test_distances_are_pixels(self, kind, radial):
        lens = BrownConradyLens.from_radial(torch.tensor([radial]).double())
        camera = Camera.look_at([[0.0, -60.0, 20.0]], [-30.0, 0.0, 0.0], 1200.0, SIZE, lens=lens)
        scene = Scene(camera)
        seen = getattr(scene, kind)()
        ahead = seen.image.roll(-1, 1) - seen.image
        normal = torch.stack([-ahead[..., 1], ahead[..., 0]], -1)
        normal = normal / normal.norm(dim=-1, keepdim=True)
        # The last point of each curve has no next one.
        step = 25 if kind == "lines" else 30
        seen.weights[:, step - 1 :: step] = 0
        seen.weights[normal.isnan().any(-1)] = 0
        side = torch.ones(seen.image.shape[1])
        side[1::2] = -1
        shifted = seen._replace(image=seen.image + side[:, None] * normal)
        settings = RefinementSettings(max_iterations=1)
        refined = refine_camera(
            camera, parameters=["focal_length"], settings=settings, **{kind: shifted}
        )
        assert seen.weights.sum() > 20
        assert refined.rms_px.item() == pytest.approx(1.0, rel=0.03)

    def test_other_lenses_are_refused(self):
        fisheye = PolynomialLens(torch.tensor([0.5, 0.0]), torch.tensor([2.0, 0.0]))
        wide = BrownConradyLens.from_radial(torch.tensor(0.1), torch.tensor(0.2))
        for lens in (fisheye, wide):
            with pytest.raises(ValueError, match="k1 only"):
                refine_camera(replace(random_cameras(1)[0], lens=lens))

    def test_parameters(self):
        camera = random_cameras(1)
        with pytest.raises(ValueError, match="did you mean 'radial'"):
            refine_camera(camera, parameters=["radail"])
        with pytest.raises(ValueError, match="nothing to refine"):
            refine_camera(camera, parameters=[])


class TestDerivatives:
    def random_problem(self):
        """Two cameras with lenses, and observations that are far off in all directions."""
        rng = np.random.default_rng(0)
        camera = Camera.look_at(
            [[3.0, -60, 20], [5, -70, 15]], [[-30.0, 2, 0], [-20, 5, 0]], [1200.0, 900.0], SIZE
        )
        world, start, end = (
            world_homogeneous(rng.normal(size=(2, 6, 3)) * [15, 15, 1] + [-30, 2, 0])
            for _ in range(3)
        )
        seen = Observations(
            world,
            rng.uniform(0, 500, (2, 6, 2)),
            start,
            end,
            np.tile([[-41.5, 0.0]], (2, 6, 1)),
            np.full((2, 6), 9.15),
            rng.uniform(0, 500, (2, 12, 2)),
            np.ones((2, 18)),
            np.ones(2, bool),
        )
        prior = CameraPrior((0, 5), (-60, 5), (18, 3), (0, 0.01), (0.0, 0.1), (0.0, 0.1))
        scale, centre = camera.intrinsics[:, :2, :2].numpy(), camera.intrinsics[:, :2, 2].numpy()
        model = CameraModel(tuple(CAMERA_PARAMETERS), scale, centre, SIZE[0], prior)
        zoom, radial = np.array([0.1, 0.0]), np.array([-0.2, 0.1])
        return model, (camera.rotation.numpy(), zoom, camera.position.numpy(), radial), seen

    def test_they_are_those_of_finite_differences(self):
        model, state, seen = self.random_problem()
        view = model.view(state)
        jacobian = linearise(view, seen).jacobian @ model.directions(state, view)
        _, by_penalties = model.penalties(state)
        step = 1e-5
        for column in range(8):
            ways = [
                model.retract(state, way * np.eye(8)[[column, column]]) for way in (step, -step)
            ]
            ahead, back = (linearise(model.view(way), seen).residual for way in ways)
            expected = (ahead - back) / (2 * step)
            np.testing.assert_allclose(
                jacobian[..., column], expected, atol=1e-6 * np.abs(expected).max()
            )
            ahead, back = (model.penalties(way)[0] for way in ways)
            expected = (ahead - back) / (2 * step)
            np.testing.assert_allclose(by_penalties[..., column], expected, atol=1e-6)


class TestPrior:
    def test_it_decides_what_observations_leave_open(self):
        camera = random_cameras(1)[0]
        world = camera.position + torch.tensor([[0.0, 50, -20], [5, 50, -20], [0, 50, -15]])
        points = PointObservations(world, camera.project(world))
        assert not refine_camera(camera, points).valid
        height = float(camera.position[2]) - 3.0
        refined = refine_camera(camera, points, prior=CameraPrior(height=(height, 0.5)))
        assert refined.valid
        assert float(refined.camera.position[2]) == pytest.approx(height, abs=1e-3)
        assert refined.rms_px < 1e-3

    def test_one_deviation_costs_the_noise(self):
        camera = Camera.from_pan_tilt_roll([0.0, -60, 20], 0.1, 0.3, 0.02, 1920.0, SIZE)
        prior = CameraPrior(
            x=(2.0, 1.0), y=(-60.0, 5.0), roll=(0.0, 0.01), bend=(0.1, 0.05), noise_px=3.0
        )
        scale = camera.intrinsics[None, :2, :2].numpy()
        model = CameraModel(tuple(CAMERA_PARAMETERS), scale, np.zeros((1, 2)), SIZE[0], prior)
        state = (camera.rotation.numpy()[None], np.zeros(1), camera.position.numpy()[None])
        values, _ = model.penalties((*state, np.zeros(1)))
        np.testing.assert_allclose(values, [[-6.0, 0.0, 0.0, 6.0, 0.0, -6.0]], atol=1e-9)

    def test_errors(self):
        with pytest.raises(ValueError, match="height needs a positive"):
            CameraPrior(height=(15.0, 0.0))
        with pytest.raises(ValueError, match="noise_px must be positive"):
            CameraPrior(noise_px=0.0)


class TestSettings:
    def test_errors(self):
        with pytest.raises(ValueError, match="did you mean 'huber'"):
            RefinementSettings(kernel="hubber")
        with pytest.raises(ValueError, match="tolerance must be positive"):
            RefinementSettings(tolerance=0.0)


@pytest.mark.realdata
def test_real_annotations(realdata: Path):
    """Annotated lines improve published cameras, in the annotations' own pixels."""
    markings = PitchDimensions().markings
    folder = realdata / "calibration_sn22"
    with zipfile.ZipFile(folder / "cameras_pnlcalib.zip") as archive:
        names = sorted(archive.namelist())
        names = [name for name in names if name.endswith(".json")][:40]
        cameras = [Camera.from_soccernet(json.loads(archive.read(name))) for name in names]
    camera = Camera.stack(cameras)
    start, end, image, weights = (torch.zeros(40, 100, size).double() for size in (3, 3, 2, 1))
    with zipfile.ZipFile(folder / "annotations.zip") as archive:
        paths = {Path(path).stem: path for path in archive.namelist()}
        for row, name in enumerate(names):
            column = 0
            for line, points in json.loads(
                archive.read(paths[Path(name).stem.removeprefix("camera_")])
            ).items():
                marking = markings[clean_line_name(line)]
                for point in points if isinstance(marking, Segment) else ():
                    start[row, column] = torch.as_tensor(marking.start)
                    end[row, column] = torch.as_tensor(marking.end)
                    image[row, column] = torch.tensor([point["x"] * 959, point["y"] * 539])
                    weights[row, column] = 1
                    column += 1
    lines = LineObservations(start, end, image, weights[..., 0])
    chosen = ("rotation", "focal_length")
    one_step = RefinementSettings(max_iterations=1)
    published = refine_camera(camera, lines=lines, parameters=chosen, settings=one_step)
    sine, cosine = np.sin(0.005), np.cos(0.005)
    pan = torch.tensor([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    moved = replace(camera, rotation=camera.rotation @ pan)
    refined = refine_camera(moved, lines=lines, parameters=chosen)
    valid = published.valid & refined.valid
    assert valid.sum() >= 38
    assert refined.rms_px[valid].median() < 1.5
    assert (refined.rms_px <= published.rms_px + 1e-3)[valid].double().mean() > 0.9
