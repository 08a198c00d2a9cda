from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation import camera_rigs
from footmm.simulation.camera_rigs import (
    QUANTILE_LEVELS,
    CameraKind,
    from_quantiles,
    sample_following_rig,
    sample_wide_camera,
    wide_lens,
    wide_lens_shape,
)

PITCH = PitchDimensions()
GROUND = np.stack(np.meshgrid(np.arange(-52.5, 53, 1.5), np.arange(-34.0, 35, 1.0)), -1)
GROUND = np.insert(GROUND.reshape(-1, 2), 2, 0.0, axis=1)


def _rigs(kind, num=200, pitch=PITCH):
    return [sample_following_rig(kind, np.random.default_rng(s), pitch) for s in range(num)]


def test_quantiles_are_reached_and_not_left():
    rng = np.random.default_rng(0)
    drawn = np.array([from_quantiles(rng, (1.0, 2.0, 3.0, 10.0, 11.0)) for _ in range(4000)])
    assert drawn.min() >= 1.0
    assert drawn.max() <= 11.0
    # A quarter of the 96 % between the outer quantiles lies between 3 and 10 metres.
    assert np.mean((drawn > 3) & (drawn < 10)) == pytest.approx(0.25 / 0.96, abs=0.03)


@pytest.mark.realdata
def test_constants_are_the_quantiles_of_the_real_cameras(realdata):
    archive = zipfile.ZipFile(realdata / "calibration_sn22" / "cameras_pnlcalib.zip")
    names = [name for name in archive.namelist() if name.endswith(".json")]
    cameras = Camera.stack([Camera.from_soccernet(json.loads(archive.read(n))) for n in names])
    assert len(cameras) == 294
    x, y, height = cameras.position.numpy().T
    _, tilt, roll = (angle.numpy() for angle in cameras.pan_tilt_roll())
    focal_length = cameras.intrinsics[:, 0, 0].numpy()
    # Estimates of two frames are upside down or look at the sky: they see no ground.
    width = 960 / focal_length * height / np.sin(tilt)
    real = {
        "REAL_X": x,
        "REAL_DISTANCE": -y,
        "REAL_HEIGHT": height,
        "REAL_ELEVATION": np.degrees(np.arctan2(height, -y)),
        "REAL_ROLL": np.degrees(roll),
        "REAL_FOCAL_LENGTH": focal_length,
        "REAL_VIEW_WIDTH": width[width > 0],
    }
    for name, values in real.items():
        found = np.quantile(values, QUANTILE_LEVELS)
        np.testing.assert_allclose(getattr(camera_rigs, name), found, rtol=2e-3, atol=0.01)


def test_tactical_cameras_stand_higher_and_show_most_of_the_width_of_the_pitch():
    tactical, main = _rigs(CameraKind.TACTICAL), _rigs(CameraKind.MAIN)
    heights = [np.median([rig.position[2] for rig in rigs]) for rigs in (tactical, main)]
    assert heights[0] > heights[1] + 3
    assert max(rig.position[2] for rig in tactical) <= 40
    for rig in tactical[:50]:
        distance = float(np.linalg.norm(rig.position))
        focal_length = min(max(960 * distance / rig.view_width, 500.0), 4325.2)
        camera = Camera.look_at(rig.position, (0.0, 0.0, 0.0), focal_length, (960, 540))
        across = np.array([[0.0, y, 0.0] for y in np.arange(-34, 35)])
        assert camera.visible(across).double().mean() > 0.6


def test_main_cameras_stand_where_real_ones_do():
    rigs = _rigs(CameraKind.MAIN)
    x, y, height = np.array([rig.position for rig in rigs]).T
    assert x.min() >= -6.31
    assert x.max() <= 7.84
    assert (-y).min() >= 45.02
    assert (-y).max() <= 93.56
    assert height.min() >= 9.37
    assert height.max() <= 24.24
    assert np.median(height) == pytest.approx(14.8, abs=1.5)
    roll = np.degrees([rig.roll for rig in rigs])
    assert roll.min() >= -0.75
    assert roll.max() <= 0.84
    k1 = np.array([rig.k1 for rig in rigs])
    assert 0.2 < np.mean(k1 != 0) < 0.4
    assert k1[k1 != 0].min() >= 0.05
    assert k1.max() <= 0.36
    assert {rig.focal_length for rig in rigs} == {(1173.8, 4325.2)}


@pytest.mark.parametrize("side", [-1, 1])
def test_other_cameras_stand_where_their_names_say(side):
    suffix = "left" if side < 0 else "right"
    sixteen, low, high = (
        np.array([rig.position for rig in _rigs(CameraKind(f"{name}_{suffix}"), 50)])
        for name in ("sixteen_metres", "behind_goal", "high_behind")
    )
    assert np.abs(sixteen[:, 0] - side * 36).max() <= 1.5
    assert sixteen[:, 1].max() < -45
    beyond = side * low[:, 0] - 52.5
    assert beyond.min() >= 10
    assert beyond.max() <= 20
    assert low[:, 2].min() >= 2
    assert low[:, 2].max() <= 8
    assert (side * high[:, 0]).min() >= 52.5 + 15
    assert high[:, 2].min() >= 15
    assert high[:, 2].max() <= 25


def test_cameras_keep_their_distance_to_the_touchline_of_a_narrow_pitch():
    narrow = PitchDimensions(length=100, width=60)
    usual, moved = (_rigs(CameraKind.MAIN, 1, pitch)[0].position for pitch in (PITCH, narrow))
    np.testing.assert_allclose(moved - usual, [0, 4, 0], atol=1e-12)


def test_unknown_kind_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'behind_goal_left'"):
        CameraKind("behind_goal_lef")


def _example_camera(realdata):
    archive = zipfile.ZipFile(realdata / "synloc" / "example_scene.zip")
    name = next(n for n in archive.namelist() if n.endswith("coco_by_make_coco.json"))
    return Camera.from_synloc(json.loads(archive.read(name))["images"][0])


@pytest.mark.realdata
def test_wide_lens_of_curvature_one_is_the_example_scenes(realdata):
    example = _example_camera(realdata).lens
    angle = np.linspace(0.02, 1.2, 50)
    real = np.polyval(example.distortion.numpy(), angle)
    shape = np.append(wide_lens_shape(1.0)[::-1], 0.0)
    focal_length = np.linalg.lstsq(np.polyval(shape, angle)[:, None], real, rcond=None)[0][0]
    assert np.abs(focal_length * np.polyval(shape, angle) - real).max() < 1.2e-3


@pytest.mark.realdata
def test_wide_cameras_stand_around_the_example_scenes(realdata):
    example = _example_camera(realdata)
    pan, tilt, roll = (abs(float(angle)) for angle in example.pan_tilt_roll())
    cameras = [sample_wide_camera(np.random.default_rng(s), PITCH, (960, 540)) for s in range(40)]
    angles = np.abs([[float(angle) for angle in camera.pan_tilt_roll()] for camera in cameras])
    for value, sampled in zip((pan, tilt, roll), angles.T, strict=True):
        assert sampled.min() * 0.97 <= value <= sampled.max() * 1.03
    positions = np.array([camera.position.numpy() for camera in cameras])
    place = example.position.numpy()
    assert (positions.min(0) <= place + 0.5).all()
    assert (positions.max(0) >= place - 0.5).all()


def test_a_lens_without_curvature_is_an_equidistant_fisheye():
    lens = wide_lens(wide_lens_shape(0.0), 0.6, 9 / 16)
    points = torch.tensor([[np.tan(0.5), 0.0], [0.0, np.tan(0.8)]], dtype=torch.float64)
    expected = torch.tensor([[0.3, 0.0], [0.0, 0.48]], dtype=torch.float64)
    torch.testing.assert_close(lens.distort(points), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(lens.undistort(expected), points, atol=1e-9, rtol=0)


@pytest.mark.parametrize("pitch", [PITCH, PitchDimensions(120, 90), PitchDimensions(90, 45)])
def test_wide_cameras_see_half_the_pitch_and_their_polynomials_are_inverse(pitch):
    ground = GROUND * [pitch.length / 105, pitch.width / 68, 0]
    angle = np.linspace(0, np.pi / 2, 300)
    turned = set()
    for seed in range(25):
        camera = sample_wide_camera(np.random.default_rng(seed), pitch, (3840, 2160))
        side = np.sign(float(camera.pan_tilt_roll()[0]))
        turned.add(side)
        seen = camera.visible(ground)
        assert seen[torch.as_tensor(side * ground[:, 0] >= 0)].all()
        back = camera.image_to_ground(camera.project(ground)).numpy()
        error = np.linalg.norm(back - ground[:, :2], axis=1)
        assert error[seen.numpy()].max() < 1e-3
        # What is out of sight is not folded into the image.
        assert np.diff(np.polyval(camera.lens.distortion.numpy(), angle)).min() > 0
    assert turned == {-1.0, 1.0}


def test_wide_cameras_have_wide_views_and_fit_synlocs_files():
    camera = sample_wide_camera(np.random.default_rng(1), PITCH, (1920, 1080))
    left, right = camera.rays([[0.0, 539.5], [1919.0, 539.5]])
    assert 84 < np.degrees(np.arccos(float(left @ right))) < 120
    image = {"width": 1920, "height": 1080, **camera.to_synloc()}
    assert len(image["dist_poly"]) == len(image["undist_poly"]) == 9
    again = Camera.from_synloc(json.loads(json.dumps(image)))
    torch.testing.assert_close(again.project(GROUND[:5]), camera.project(GROUND[:5]))
