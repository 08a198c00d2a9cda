from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import PitchDimensions
from footmm.pitch.lens import BrownConradyLens, PolynomialLens
from footmm.simulation.broadcast import (
    CameraKind,
    FixedOperator,
    FollowingOperator,
    camera_motion_px,
    sample_camera_operator,
)

FOLLOWING = [kind for kind in CameraKind if kind is not CameraKind.WIDE_FIXED]


@dataclass
class Tracks:
    """What a camera reads of a match."""

    rate: float
    positions: np.ndarray
    ball_position: np.ndarray


def _passes(seed, seconds=30, rate=25.0):
    """A ball that is dribbled, passed and, every third time, kicked high and far."""
    rng, ball = np.random.default_rng(seed), [np.zeros((1, 3))]
    while sum(map(len, ball)) <= seconds * rate:
        start, is_long = ball[-1][-1, :2], rng.random() < 0.3
        reach = (30.0, 22.0) if is_long else (14.0, 11.0)
        end = np.clip(start + rng.normal(0, reach), (-52, -33), (52, 33))
        count = max(2, int(np.hypot(*(end - start)) / rng.uniform(9, 25) * rate))
        share = np.arange(1, count + 1)[:, None] / count
        height = 4.9 * (count / rate) ** 2 * share * (1 - share) if is_long else 0 * share
        ball.append(np.hstack([start + share * (end - start), height + 0.11]))
        ball.append(np.repeat(ball[-1][-1:], int(rng.uniform(0.2, 1.5) * rate), axis=0))
    ball = np.concatenate(ball)[: int(seconds * rate)]
    players = 0.7 * ball[:, None, :2] + rng.normal(0, 14, (25, 2))
    players = np.clip(players, (-52, -34), (52, 34))
    return Tracks(rate, players.astype(np.float32), ball.astype(np.float32))


def _still(ball, seconds=4, rate=25.0):
    count = int(seconds * rate)
    players = np.tile(np.asarray(ball, float)[:2], (count, 25, 1))
    return Tracks(rate, players, np.tile(np.asarray(ball, float), (count, 1)))


def _operator(kind, seed=0, **kwargs):
    return sample_camera_operator(kind, np.random.default_rng(seed), **kwargs)


def _calm(operator):
    return replace(operator, style=replace(operator.style, shake=0.0))


@pytest.mark.parametrize("kind", FOLLOWING)
def test_ball_is_in_the_picture(kind):
    shares = []
    for seed in range(6):
        tracks = _passes(seed)
        cameras = _operator(kind, seed).film(tracks)
        shares.append(cameras.visible(tracks.ball_position[:, None]).double().mean())
    assert min(shares) >= 0.97


@pytest.mark.realdata
@pytest.mark.parametrize("kind", FOLLOWING)
def test_a_real_ball_is_in_the_picture(realdata, kind):
    archive = zipfile.ZipFile(realdata / "ball3d" / "hawkeye.zip")
    samples = json.loads(archive.read("hawkeye_1_1.football.samples.ball"))["samples"]["ball"]
    ball = np.array([sample["pos"] for sample in samples])
    in_play = np.array([sample["play"] == "In" for sample in samples])
    players = 0.7 * ball[:, None, :2] + np.random.default_rng(0).normal(0, 14, (25, 2))
    tracks = Tracks(50.0, players, ball)
    for seed in range(3):
        seen = _operator(kind, seed).film(tracks).visible(ball[:, None])[:, 0].numpy()
        assert seen[in_play].mean() >= 0.97


def test_main_camera_films_as_real_ones_do():
    widths, focal_lengths, pans, tilts = [], [], [], []
    for seed in range(30):
        cameras = _operator(CameraKind.MAIN, seed).film(_passes(seed), slice(None, None, 25))
        pan, tilt, _ = cameras.pan_tilt_roll()
        focal_length = cameras.intrinsics[:, 0, 0]
        widths.append(960 / focal_length * cameras.position[:, 2] / tilt.sin())
        focal_lengths.append(focal_length)
        pans.append(pan.rad2deg())
        tilts.append(tilt.rad2deg())
    focal_length, width, pan, tilt = map(torch.cat, (focal_lengths, widths, pans, tilts))
    assert focal_length.min() > 1173.7
    assert focal_length.max() < 4325.3
    # The 2 and 98 % quantiles of the 294 real cameras.
    assert np.mean((width.numpy() > 21.0) & (width.numpy() < 41.0)) > 0.8
    assert np.mean((tilt.numpy() > 6.2) & (tilt.numpy() < 23.8)) > 0.95
    assert np.mean(np.abs(pan.numpy()) < 44.5) > 0.9


def test_film_is_the_same_again_whatever_frames_are_asked_for():
    tracks = _passes(3)
    whole = _operator(CameraKind.MAIN, 3).film(tracks)
    rng = np.random.default_rng(3)
    operator = sample_camera_operator(CameraKind.MAIN, rng)
    state = rng.bit_generator.state
    part = operator.film(tracks, slice(100, 300, 7))
    assert rng.bit_generator.state == state
    assert part.batch_shape == (29,)
    for name in ("intrinsics", "rotation", "position"):
        assert torch.equal(getattr(part, name), getattr(whole[100:300:7], name))
    longer = _passes(3, seconds=40)
    np.testing.assert_array_equal(longer.ball_position[:750], tracks.ball_position)


def test_film_does_not_look_ahead():
    tracks = _passes(4)
    cut = Tracks(tracks.rate, tracks.positions[:200], tracks.ball_position[:200])
    operator = _operator(CameraKind.MAIN, 4)
    assert torch.equal(operator.film(cut).rotation, operator.film(tracks).rotation[:200])


@pytest.mark.parametrize("rate", [5.0, 10.0, 50.0])
def test_any_rate_films_the_ball(rate):
    tracks = _passes(5, rate=rate)
    cameras = _operator(CameraKind.MAIN, 5).film(tracks)
    assert cameras.visible(tracks.ball_position[:, None]).double().mean() >= 0.97


@pytest.mark.parametrize("kind", FOLLOWING)
def test_speed_limits_hold(kind):
    operator = _calm(_operator(kind, 6))
    pan, tilt, _ = operator.film(_passes(6)).pan_tilt_roll()
    pan_speed, tilt_speed = (np.abs(np.diff(np.unwrap(a.numpy()))) * 25 for a in (pan, tilt))
    assert pan_speed.max() <= operator.style.max_pan_speed + 1e-9
    assert tilt_speed.max() <= operator.style.max_tilt_speed + 1e-9
    assert pan_speed.max() > 0.05


def test_operator_is_late_and_then_catches_up():
    tracks = _still((0.0, 0.0, 0.11))
    tracks.ball_position[50:, 0] = tracks.positions[50:, :, 0] = 12.0
    operator = _calm(_operator(CameraKind.MAIN, 7))
    operator = replace(operator, style=replace(operator.style, reaction=0.2, lead=0.0))
    pan = operator.film(tracks).pan_tilt_roll()[0].numpy()
    assert np.ptp(pan[:50]) < 1e-12
    half_way = 50 + np.argmax(pan[50:] > (pan[0] + pan[-1]) / 2)
    assert 4 <= half_way - 50 <= 25
    goal = np.arctan2(12.0 - operator.rig.position[0], -operator.rig.position[1])
    assert pan[-1] == pytest.approx(goal, abs=0.03)


def test_zoom_is_closer_in_front_of_goal_than_in_the_middle():
    operator = _calm(_operator(CameraKind.MAIN, 8))
    lens = replace(operator.rig, focal_length=(200.0, 20000.0))
    operator, widths = replace(operator, rig=lens), []
    for x in (0.0, 50.0):
        camera = operator.film(_still((x, 0.0, 0.11)))[-1]
        distance = np.linalg.norm(operator.rig.position - [x, 0, 0])
        widths.append(960 * distance / float(camera.intrinsics[0, 0]))
    assert widths[1] / widths[0] == pytest.approx(0.95 / 1.15, rel=0.01)


def test_cameras_behind_the_goal_look_along_the_pitch():
    for kind, pan in ((CameraKind.BEHIND_GOAL_LEFT, 90), (CameraKind.HIGH_BEHIND_RIGHT, -90)):
        camera = _calm(_operator(kind)).film(_still((0.0, 0.0, 0.11)))[-1]
        assert float(camera.pan_tilt_roll()[0].rad2deg()) == pytest.approx(pan, abs=8)


def test_image_size_scales_the_picture():
    tracks = _passes(9, seconds=4)
    small, large = (
        _operator(CameraKind.MAIN, 9, image_size=size).film(tracks)
        for size in ((960, 540), (1920, 1080))
    )
    assert large.image_size == (1920, 1080)
    assert torch.equal(large.rotation, small.rotation)
    torch.testing.assert_close(large.intrinsics[:, 0, 0], 2 * small.intrinsics[:, 0, 0])


def test_some_main_cameras_have_a_lens():
    films = [_operator(CameraKind.MAIN, s).film(_still((0, 0, 0))) for s in range(20)]
    lenses = [film.lens for film in films if film.lens is not None]
    assert 2 <= len(lenses) <= 12
    assert all(isinstance(lens, BrownConradyLens) for lens in lenses)
    assert lenses[0].radial.shape == (100, 6)
    assert (lenses[0].radial[:, 1:] == 0).all()


def test_wide_camera_stands_still():
    operator = _operator(CameraKind.WIDE_FIXED, 1, image_size=(1920, 1080))
    assert isinstance(operator, FixedOperator)
    cameras = operator.film(_passes(0), slice(10, 20))
    assert cameras.batch_shape == (10,)
    assert isinstance(cameras.lens, PolynomialLens)
    assert cameras.lens.distortion.shape == (10, 9)
    assert torch.equal(cameras.rotation[0], cameras.rotation[-1])
    assert (camera_motion_px(cameras) == 0).all()


@pytest.mark.parametrize("kind", CameraKind)
def test_every_kind_films_any_legal_pitch_and_no_frames(kind):
    pitch = PitchDimensions(length=100, width=64)
    operator = sample_camera_operator(kind.value, np.random.default_rng(2), pitch)
    assert isinstance(operator, FixedOperator | FollowingOperator)
    tracks = _passes(2, seconds=2)
    assert operator.film(tracks).batch_shape == (50,)
    assert operator.film(tracks, slice(0, 0)).batch_shape == (0,)
    assert operator.film(tracks, slice(0, 1)).batch_shape == (1,)


def test_unknown_kind():
    with pytest.raises(ConfigError, match="did you mean 'main'"):
        sample_camera_operator("maine", np.random.default_rng(0))


def test_camera_motion_is_that_of_the_ground_in_the_centre():
    pan = np.radians([0.0, 0.5, 0.5])
    cameras = Camera.from_pan_tilt_roll(
        np.tile([0.0, -60.0, 15.0], (3, 1)), pan, np.full(3, 0.2), 0.0, 2000.0, (960, 540)
    )
    # Panning to the right moves the picture to the left.
    motion = camera_motion_px(cameras, shutter=0.5).numpy()
    assert motion[0, 0] == pytest.approx(-0.5 * 2000 * np.radians(0.5) * np.cos(0.2), rel=1e-3)
    np.testing.assert_allclose(motion[1:], 0.0, atol=1e-9)
    np.testing.assert_array_equal(camera_motion_px(cameras[:1]), np.zeros((1, 2)))
    assert camera_motion_px(cameras[:0]).shape == (0, 2)


def test_camera_motion_above_the_horizon():
    cameras = Camera.from_pan_tilt_roll(
        np.tile([70.0, 0.0, 2.0], (2, 1)), [0.0, 0.01], -0.1, 0.0, 1000.0, (960, 540)
    )
    motion = camera_motion_px(cameras, shutter=1.0)
    assert float(motion[0, 0]) == pytest.approx(-1000 * 0.01 * np.cos(0.1), rel=1e-2)
