import gzip
import json
import math
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import sskit
import torch
from SoccerNet.Evaluation.utils_calibration import Camera as OfficialCamera

from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.frames import (
    soccernet_to_world,
    synloc_to_world,
    world_to_soccernet,
    world_to_synloc,
)
from footmm.pitch.lens import BrownConradyLens, PolynomialLens

SIZE = (960, 540)


def random_soccernet_json(rng: np.random.Generator, distortion: float = 0.0) -> dict:
    focal_length = rng.uniform(800, 4000)
    return {
        "pan_degrees": rng.uniform(-50, 50),
        "tilt_degrees": rng.uniform(60, 88),
        "roll_degrees": rng.uniform(-3, 3),
        "x_focal_length": focal_length,
        "y_focal_length": focal_length * rng.uniform(0.98, 1.02),
        "principal_point": [479.5, 269.5],
        "position_meters": [
            rng.uniform(-20, 20), rng.uniform(45, 100), rng.uniform(-25, -8)
        ],
        "radial_distortion": rng.uniform(-distortion, distortion, 6).tolist(),
        "tangential_distortion": (0.1 * rng.uniform(-distortion, distortion, 2)).tolist(),
        "thin_prism_distortion": (0.1 * rng.uniform(-distortion, distortion, 4)).tolist(),
    }  # fmt: skip


def random_cameras(rng: np.random.Generator, count: int, lens: bool = False) -> Camera:
    parameters = [random_soccernet_json(rng, 0.05 if lens else 0.0) for _ in range(count)]
    return Camera.stack([Camera.from_soccernet(one) for one in parameters])


def synloc_image(rng: np.random.Generator) -> dict:
    angle = np.linspace(0, 1.4, 300)
    radius = 1.1 * np.sin(angle / 2) + 0.02 * rng.normal() * angle**3
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.sign(np.linalg.det(rotation))
    matrix = np.concatenate([rotation, rng.uniform(-40, 40, (3, 1))], axis=1)
    return {
        "width": 3840,
        "height": 2160,
        # The matrix is known up to a factor only, and real ones have a negative factor.
        "camera_matrix": (-matrix).tolist(),
        "dist_poly": np.polyfit(angle, radius, 8).tolist(),
        "undist_poly": np.polyfit(radius, angle, 8).tolist(),
    }


@pytest.mark.parametrize(("distortion", "tolerance"), [(0.0, 1e-6), (0.05, 1e-3)])
def test_projection_is_the_official_soccernet_cameras(distortion, tolerance):
    rng = np.random.default_rng(0)
    for _ in range(20):
        parameters = random_soccernet_json(rng, distortion)
        official = OfficialCamera(*SIZE)
        official.from_json_parameters(parameters)
        points = rng.uniform((-60, -110, -5), (60, 110, 0), (60, 3))
        expected = np.array([official.project_point(p, distortion > 0) for p in points])
        in_front = expected[:, 2] > 0
        ours = Camera.from_soccernet(parameters).project(soccernet_to_world(points)).numpy()
        np.testing.assert_array_equal(np.isfinite(ours[:, 0]), in_front)
        # The official distortion runs in float32: far outside the image its steps are large.
        near = in_front & (np.abs(expected[:, :2]) < 4000).all(axis=1)
        np.testing.assert_allclose(ours[near], expected[near, :2], atol=tolerance, rtol=0)


def test_soccernet_json_round_trip():
    rng = np.random.default_rng(1)
    for _ in range(10):
        parameters = random_soccernet_json(rng, 0.05)
        back = Camera.from_soccernet(parameters).to_soccernet()
        rotation = back.pop("rotation_matrix")
        official = OfficialCamera(*SIZE)
        official.from_json_parameters(back)
        np.testing.assert_allclose(rotation, official.rotation, atol=1e-12)
        assert set(back) == set(parameters)
        for key, value in parameters.items():
            np.testing.assert_allclose(back[key], value, atol=1e-9, err_msg=key)


def test_soccernet_json_scales_pixels_like_the_annotations():
    camera = Camera.look_at((0, -70, 15), (5, 3, 0), 5000.0, (1920, 1080))
    small = Camera.from_soccernet(camera.to_soccernet())
    points = np.array([(0.0, 0.0, 0.0), (9.0, 5.0, 2.0)])
    expected = camera.project(points).numpy() / (1919, 1079) * (959, 539)
    np.testing.assert_allclose(small.project(points), expected, atol=1e-9)


def test_synloc_is_sskits():
    rng = np.random.default_rng(2)
    for _ in range(10):
        image = synloc_image(rng)
        camera = Camera.from_synloc(image)
        matrix, distortion, undistortion = (
            np.array(image[key]) for key in ("camera_matrix", "dist_poly", "undist_poly")
        )
        points = rng.uniform(-50, 50, (80, 3))
        points = points[camera.depth(synloc_to_world(points)).numpy() > 1]
        expected = sskit.unnormalize(
            sskit.world_to_image(matrix, distortion, points), (3, 2160, 3840)
        )
        ours = camera.project(synloc_to_world(points))
        np.testing.assert_allclose(ours, expected, atol=1e-6)

        pixels = rng.uniform((0, 0), (3839, 2159), (80, 2))
        normalised = sskit.normalize(pixels, (3, 2160, 3840))
        ground = sskit.image_to_ground(matrix, undistortion, normalised)
        ours = camera.image_to_ground(pixels).numpy()
        below_horizon = np.isfinite(ours[:, 0])
        assert below_horizon.any()
        np.testing.assert_allclose(
            world_to_synloc(ours)[below_horizon], ground[below_horizon, :2], rtol=1e-9, atol=1e-6
        )


def test_synloc_round_trip():
    image = synloc_image(np.random.default_rng(3))
    back = Camera.from_synloc(image).to_synloc()
    np.testing.assert_allclose(back["camera_matrix"], -np.array(image["camera_matrix"]), atol=1e-12)
    assert (back["dist_poly"], back["undist_poly"]) == (image["dist_poly"], image["undist_poly"])


@pytest.mark.parametrize("lens", [False, True])
def test_ground_round_trip(lens):
    rng = np.random.default_rng(4)
    cameras = random_cameras(rng, 8, lens)
    pixels = torch.tensor(rng.uniform((0, 250), (959, 539), (8, 30, 2)))
    for height in (0.0, 1.2):
        ground = cameras.image_to_ground(pixels, height)
        seen = ground[..., 0].isfinite()
        assert seen.float().mean() > 0.7
        points = torch.cat([ground, torch.full_like(ground[..., :1], height)], dim=-1)
        assert (cameras.project(points) - pixels)[seen].abs().max() < 1e-6
        assert cameras.visible(points)[seen].all()


def test_batch_is_one_by_one():
    rng = np.random.default_rng(5)
    cameras, points = random_cameras(rng, 4, lens=True), rng.uniform(-30, 30, (5, 3))
    together = cameras.project(points)
    for i in range(4):
        assert torch.equal(cameras[i].project(points), together[i])
    nested = Camera.stack([cameras, cameras])
    assert nested.batch_shape == (2, 4)
    assert torch.equal(nested.project(points)[1], together)
    assert len(cameras) == 4
    assert cameras.to(torch.float32).project(points).dtype == torch.float32


def test_ground_jacobian_is_the_slope():
    rng = np.random.default_rng(6)
    cameras = random_cameras(rng, 3, lens=True)
    pixels = torch.tensor(rng.uniform((100, 300), (860, 539), (3, 5, 2)))
    jacobian = cameras.ground_jacobian(pixels)
    for axis in range(2):
        step = 1e-3 * torch.eye(2, dtype=torch.float64)[axis]
        slope = cameras.image_to_ground(pixels + step) - cameras.image_to_ground(pixels - step)
        torch.testing.assert_close(jacobian[..., axis], slope / 2e-3, rtol=1e-5, atol=1e-6)


def test_projection_and_ground_are_differentiable():
    rng = np.random.default_rng(7)
    camera = random_cameras(rng, 1, lens=True)[0]
    lens = camera.lens

    def project(position, rotation, intrinsics, radial, points):
        bent = BrownConradyLens(radial, lens.tangential, lens.thin_prism)
        return Camera(intrinsics, rotation, position, SIZE, bent).project(points)

    def ground(position, rotation, intrinsics, radial, pixels):
        bent = BrownConradyLens(radial, lens.tangential, lens.thin_prism)
        return Camera(intrinsics, rotation, position, SIZE, bent).image_to_ground(pixels)

    parts = [camera.position, camera.rotation, camera.intrinsics, lens.radial]
    parts = [part.clone().requires_grad_() for part in parts]
    points = torch.tensor([(0.0, 0.0, 0.0), (10.0, 20.0, 1.0)], dtype=torch.float64)
    pixels = camera.project(points * torch.tensor([1.0, 1.0, 0.0]))
    assert torch.autograd.gradcheck(project, (*parts, points.requires_grad_()), atol=1e-4)
    assert torch.autograd.gradcheck(ground, (*parts, pixels.requires_grad_()), atol=1e-4)


def test_points_behind_and_pixels_above_the_horizon_are_nan():
    camera = Camera.look_at((0, -60, 15), (0, 0, 0), 1000.0, SIZE)
    pixels = camera.project([(0.0, -100.0, 0.0), (0.0, 0.0, 0.0)])
    assert torch.isnan(pixels[0]).all()
    np.testing.assert_allclose(pixels[1], (479.5, 269.5))
    assert camera.visible([(0.0, -100.0, 0.0), (0.0, 0.0, 0.0)]).tolist() == [False, True]
    assert torch.isnan(camera.image_to_ground([(480.0, -500.0)])).all()


def test_folded_points_are_not_visible():
    lens = BrownConradyLens.from_radial(-0.3)
    camera = Camera.look_at((0, -60, 15), (0, 0, 15), 1000.0, SIZE, lens=lens)
    # 60 degrees to the side: the polynomial would draw it into the image.
    aside = [(60 * 1.75, 0.0, 15.0)]
    assert 0 < float(camera.project(aside)[0, 0]) < 959
    assert not camera.visible(aside).any()


def test_directions_of_pan_tilt_and_roll():
    def forward(pan, tilt):
        camera = Camera.from_pan_tilt_roll((0.0, 0.0, 10.0), pan, tilt, 0.0, 1000.0, SIZE)
        return camera.rays([(479.5, 269.5)])[0].numpy()

    np.testing.assert_allclose(forward(0.0, 0.0), (0, 1, 0), atol=1e-12)
    np.testing.assert_allclose(forward(math.pi / 2, 0.0), (1, 0, 0), atol=1e-12)
    np.testing.assert_allclose(forward(0.0, math.pi / 2), (0, 0, -1), atol=1e-12)
    # A camera turned clockwise sees the world turned counter-clockwise: what is above the middle
    # moves to the left.
    rolled = Camera.from_pan_tilt_roll((0.0, 0.0, 10.0), 0.0, 0.0, 0.1, 1000.0, SIZE)
    assert rolled.project([(0.0, 10.0, 12.0)])[0, 0] < 479


def test_pan_tilt_roll_round_trip():
    rng = np.random.default_rng(8)
    angles = torch.tensor(rng.uniform((-3, -1.5, -1.5), (3, 1.5, 1.5), (50, 3)))
    position = torch.zeros(50, 3, dtype=torch.float64)
    cameras = Camera.from_pan_tilt_roll(position, *angles.T, 1000.0, SIZE)
    torch.testing.assert_close(torch.stack(cameras.pan_tilt_roll(), -1), angles)


@pytest.mark.parametrize("tilt", [math.pi / 2, -math.pi / 2])
def test_vertical_cameras_have_no_roll(tilt):
    camera = Camera.from_pan_tilt_roll((0.0, 0.0, 50.0), 0.7, tilt, 0.4, 1000.0, SIZE)
    pan, found_tilt, roll = camera.pan_tilt_roll()
    again = Camera.from_pan_tilt_roll(camera.position, pan, found_tilt, roll, 1000.0, SIZE)
    torch.testing.assert_close(again.rotation, camera.rotation, atol=1e-12, rtol=0)
    assert roll == 0


def test_homography_is_the_projection_of_the_ground():
    cameras = random_cameras(np.random.default_rng(9), 3)
    ground = torch.tensor([(0.0, 0.0, 1.0), (20.0, -10.0, 1.0)], dtype=torch.float64)
    image = ground @ cameras.homography().mT
    points = torch.cat([ground[:, :2], torch.zeros(2, 1)], dim=-1)
    torch.testing.assert_close(image[..., :2] / image[..., 2:], cameras.project(points))
    torch.testing.assert_close(image[..., 2], cameras.depth(points))


def test_resized_scales_about_the_corner():
    cameras = random_cameras(np.random.default_rng(10), 2, lens=True)
    points = torch.tensor([(0.0, 0.0, 0.0), (10.0, 5.0, 2.0)])
    big = cameras.resized(1920, 1080)
    torch.testing.assert_close(big.project(points), 2 * cameras.project(points) + 0.5)
    assert big.image_size == (1920, 1080)


def test_warped_moves_what_is_seen():
    cameras = random_cameras(np.random.default_rng(11), 2, lens=True)
    points = torch.tensor([(0.0, 0.0, 0.0), (10.0, 5.0, 2.0)])
    mirror = np.array([[-2.0, 0.3, 700.0], [0.1, 1.5, -20.0], [0.0, 0.0, 1.0]])
    warped = cameras.warped(mirror, (800, 600))
    moved = cameras.project(points) @ torch.tensor(mirror[:2, :2].T) + torch.tensor(mirror[:2, 2])
    torch.testing.assert_close(warped.project(points), moved)
    assert warped.image_size == (800, 600)


def test_what_an_official_format_cannot_hold_is_refused():
    lens = PolynomialLens(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    wide = Camera.look_at((0, -40, 9), (0, 0, 0), 960.0, SIZE, lens=lens)
    plain = Camera.look_at((0, -40, 9), (0, 0, 0), 960.0, SIZE)
    with pytest.raises(DataFormatError, match="PolynomialLens"):
        wide.to_soccernet()
    with pytest.raises(DataFormatError, match="PolynomialLens"):
        plain.to_synloc()
    with pytest.raises(DataFormatError, match="index the batch"):
        Camera.stack([plain, plain]).to_soccernet()
    zoomed = Camera.look_at((0, -40, 9), (0, 0, 0), 2000.0, SIZE, lens=lens)
    with pytest.raises(DataFormatError, match="into the polynomials"):
        zoomed.to_synloc()
    with pytest.raises(ValueError, match="one image size"):
        Camera.stack([plain, plain.resized(480, 270)])
    with pytest.raises(ValueError, match="lenses of one kind"):
        Camera.stack([plain, wide])


def test_damaged_json_is_named():
    parameters = random_soccernet_json(np.random.default_rng(11))
    with pytest.raises(DataFormatError, match="no 'pan_degrees'"):
        Camera.from_soccernet({k: v for k, v in parameters.items() if k != "pan_degrees"})
    with pytest.raises(DataFormatError, match="'pan_degrees' of the camera is 'left'"):
        Camera.from_soccernet(parameters | {"pan_degrees": "left"})
    with pytest.raises(DataFormatError, match="needs 3 numbers"):
        Camera.from_soccernet(parameters | {"position_meters": [1.0, 2.0]})
    with pytest.raises(DataFormatError, match="needs 3 x 4 numbers"):
        Camera.from_synloc(synloc_image(np.random.default_rng(0)) | {"camera_matrix": [[1.0]]})


@pytest.mark.realdata
def test_reference_projections_of_soccernet(realdata):
    path = realdata / "calibration_sn22/expected_camera_projections.json.gz"
    cases = json.loads(gzip.decompress(path.read_bytes()))["cases"]
    assert len(cases) == 60
    for case in cases:
        camera = Camera.from_soccernet(case["camera"])
        points = soccernet_to_world(np.array(case["points_world"]))
        pinhole = replace(camera, lens=None)
        # The reference's distortion passes through float32.
        for one, kind, tolerance in (
            (pinhole, "undistorted", 1e-6),
            (camera, "distorted", 1e-3),
        ):
            expected = np.array(case[f"projected_{kind}"])
            in_front = expected[:, 2] > 0
            ours = one.project(points).numpy()
            assert np.isnan(ours[~in_front]).all()
            near = in_front & (np.abs(expected[:, :2]) < 4000).all(axis=1)
            np.testing.assert_allclose(ours[near], expected[near, :2], atol=tolerance, rtol=0)
        np.testing.assert_allclose(
            world_to_soccernet(camera.rotation), case["rotation_from_pan_tilt_roll"], atol=1e-12
        )


@pytest.mark.realdata
def test_real_soccernet_cameras_make_the_round_trip(realdata):
    with zipfile.ZipFile(realdata / "calibration_sn22/cameras_pnlcalib.zip") as archive:
        cameras = [json.loads(archive.read(name)) for name in archive.namelist()]
    assert len(cameras) == 294
    for parameters in cameras:
        back = Camera.from_soccernet(parameters).to_soccernet()
        for key, value in parameters.items():
            np.testing.assert_allclose(back[key], value, atol=1e-6, err_msg=key)


@pytest.mark.realdata
def test_reference_points_of_synloc(realdata):
    path = realdata / "synloc/expected_camera_points.json.gz"
    values = json.loads(gzip.decompress(path.read_bytes()))["values"]["float64"]
    world = np.array(values["world"])
    camera = Camera.from_synloc(values | {"width": 3840, "height": 2160})
    ours = camera.project(synloc_to_world(world)).numpy()
    in_front = np.isfinite(ours[:, 0])
    assert in_front.sum() > 100
    expected = np.array(values["pixel_3840x2160"])
    np.testing.assert_allclose(ours[in_front], expected[in_front], atol=1e-6, rtol=0)
    ground = world_to_synloc(camera.image_to_ground(expected).numpy())
    reference = np.array(values["ground_of_image_point"])[:, :2]
    below_horizon = np.isfinite(ground[:, 0])
    np.testing.assert_allclose(ground[below_horizon], reference[below_horizon], atol=1e-6)


@pytest.mark.parametrize("lens", ["none", "brown_conrady", "polynomial"])
def test_arrays_and_back(lens):
    lenses = {
        "none": None,
        "brown_conrady": BrownConradyLens.from_radial(np.full(3, 0.1)),
        "polynomial": PolynomialLens(np.ones((3, 9)), np.full((3, 9), 2.0)),
    }
    camera = Camera.from_pan_tilt_roll(
        [[0.0, -60.0, 15.0]] * 3, [0.1, 0.2, 0.3], 0.2, 0.0, 3000.0, (1920, 1080), lens=lenses[lens]
    )
    arrays = camera.to_arrays()
    assert all(type(array) is np.ndarray for array in arrays.values())
    again = Camera.from_arrays(arrays, (1920, 1080))
    assert again.image_size == (1920, 1080)
    assert type(again.lens) is type(camera.lens)
    assert {name: array.tolist() for name, array in again.to_arrays().items()} == {
        name: array.tolist() for name, array in arrays.items()
    }


def test_arrays_that_lack_one_are_named():
    arrays = Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 3000.0, (1920, 1080)).to_arrays()
    arrays.pop("rotation")
    with pytest.raises(DataFormatError, match="no array 'rotation'"):
        Camera.from_arrays(arrays, (1920, 1080))


def test_ray_jacobian_is_the_derivative_of_rays():
    lens = BrownConradyLens.from_radial(0.1)
    camera = Camera.look_at([0.0, -60.0, 15.0], [3.0, 0.0, 0.0], 3000.0, (1920, 1080), lens=lens)
    pixels = torch.tensor([[100.0, 200.0], [960.0, 540.0], [1900.0, 1000.0]], dtype=torch.float64)
    for pixel, found in zip(pixels, camera.ray_jacobian(pixels), strict=True):
        exact = torch.func.jacfwd(lambda point: camera.rays(point[None])[0])(pixel)
        assert torch.allclose(found, exact, rtol=1e-6, atol=1e-11)
