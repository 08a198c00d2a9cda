from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import Arc, PitchDimensions
from footmm.pitch.lens import BrownConradyLens
from footmm.simulation.ground import GrassTexture, Markings
from footmm.simulation.stadium import Mowing, sample_stadium
from footmm.simulation.viewpoint import Viewpoint

SIZE = (960, 540)
PITCH = PitchDimensions()
MARKINGS = Markings(PITCH)
STADIUM = sample_stadium(np.random.default_rng(1))
LENS = BrownConradyLens(
    torch.tensor([-0.2, 0.02, 0, 0, 0, 0], dtype=torch.float64),
    torch.tensor([0.001, -0.002], dtype=torch.float64),
    torch.zeros(4, dtype=torch.float64),
)
CAMERAS = {
    "main": Camera.look_at((0.0, -75.0, 18.0), (20.0, 2.0, 0.0), 1200.0, SIZE),
    "rolled": Camera.look_at((30.0, -60.0, 25.0), (35.0, 0.0, 0.0), 900.0, SIZE, roll=0.2),
    "wide": Camera.look_at((0.0, -50.0, 14.0), (5.0, 0.0, 0.0), 560.0, SIZE, lens=LENS),
    "behind": Camera.look_at((70.0, 0.0, 8.0), (40.0, 0.0, 0.0), 1200.0, SIZE),
    "above": Camera.look_at((20.0, 5.0, 60.0), (20.0, 6.0, 0.0), 900.0, SIZE),
}


def _paint(camera):
    image = np.full((SIZE[1], SIZE[0], 3), (40, 120, 70), np.uint8)
    turf = replace(STADIUM.turf, color=(40, 120, 70), paint=1.0)
    MARKINGS.paint(image, Viewpoint(camera), turf)
    return image.astype(float).mean(axis=-1)


def _ground_lines():
    lines = {k: v for k, v in PITCH.markings.items() if not k.startswith("Goal")}
    return lines | {f"corner {i}": arc for i, arc in enumerate(PITCH.corner_arcs)}


def _beside(marking, points, distance):
    """Points beside a line, away from its middle."""
    if isinstance(marking, Arc):
        outwards = points - (*marking.center, 0.0)
        return points + distance * outwards / np.linalg.norm(outwards, axis=1, keepdims=True)
    along = np.subtract(marking.end, marking.start) / marking.length
    return points + distance * np.array([-along[1], along[0], 0.0])


def _levels(image, camera, points):
    """Brightness at projections, interpolated; nan outside the image."""
    pixels = camera.project(points).numpy()
    inside = camera.visible(points, margin=-3).numpy()
    levels = np.full(len(points), np.nan)
    for i in np.flatnonzero(inside):
        u, v = np.floor(pixels[i]).astype(int)
        a, b = pixels[i] - (u, v)
        patch = image[v : v + 2, u : u + 2]
        levels[i] = np.array([1 - b, b]) @ patch @ np.array([1 - a, a])
    return levels


@pytest.mark.parametrize("name", CAMERAS)
def test_every_line_is_bright_where_the_camera_projects_it_and_dark_beside(name):
    camera = CAMERAS[name]
    image, checked = _paint(camera), 0
    for line, marking in _ground_lines().items():
        points = marking.sample(0.4)[2:-2]
        on = _levels(image, camera, points)
        off = [_levels(image, camera, _beside(marking, points, side)) for side in (-0.9, 0.9)]
        metres_per_px = np.abs(camera.ground_jacobian(camera.project(points))).numpy().max((1, 2))
        fine = np.isfinite(on) & (metres_per_px < 0.12)
        checked += int(fine.sum())
        assert (on[fine] > 105).all(), line
        for levels in off:
            beside = fine & np.isfinite(levels)
            # Other lines begin next to this one: a few points have paint beside them.
            if beside.sum() >= 5:
                assert np.median(on[beside] - levels[beside]) > 40, line
    assert checked > 80


def test_a_line_is_as_wide_as_the_laws_say():
    camera = Camera.from_pan_tilt_roll((20.0, -34.0, 30.0), 0.0, np.pi / 2, 0.0, 2000.0, SIZE)
    _, shares = MARKINGS.coverage(Viewpoint(camera))

    # Only the touchline crosses the image: 960 columns of 0.12 m at 2000 / 30 pixels a metre.
    assert shares.sum() / 960 == pytest.approx(0.12 * 2000 / 30, rel=0.01)


def test_a_line_thinner_than_a_pixel_is_faint_and_not_wide():
    camera = Camera.from_pan_tilt_roll((10.0, -34.0, 200.0), 0.0, np.pi / 2, 0.0, 300.0, SIZE)
    corners, shares = MARKINGS.coverage(Viewpoint(camera))

    width_px = 0.12 * 300 / 200
    assert shares.max() < 2.5 * width_px
    rows = corners[:, 0, None, None] + np.arange(8)[None, :, None]
    near_touchline = (rows >= 266) & (rows <= 273)
    columns = 105 * 300 / 200
    total = (shares * near_touchline).sum()
    assert total == pytest.approx(width_px * columns, rel=0.15)


def test_no_marking_above_the_horizon_and_none_in_the_sky():
    sky = Camera.from_pan_tilt_roll((0.0, -70.0, 15.0), 0.0, -0.6, 0.0, 900.0, SIZE)
    level = Camera.from_pan_tilt_roll((0.0, -70.0, 15.0), 0.0, 0.0, 0.0, 900.0, SIZE)

    assert len(MARKINGS.coverage(Viewpoint(sky))[0]) == 0
    assert MARKINGS.coverage(Viewpoint(level))[0][:, 0].min() > 270


def test_a_camera_in_the_middle_of_the_pitch_sees_only_what_is_in_front():
    camera = Camera.look_at((0.0, 0.0, 2.0), (30.0, 0.0, 0.0), 800.0, SIZE)
    image = _paint(camera)

    line = PITCH.markings["Big rect. right main"].sample(1.0)
    assert np.nanmin(_levels(image, camera, line)) > 88


@pytest.mark.realdata
def test_markings_through_the_lens_of_the_real_scene_are_where_its_camera_projects_them(realdata):
    with zipfile.ZipFile(realdata / "synloc" / "example_scene.zip") as archive:
        name = next(n for n in archive.namelist() if n.endswith("coco_by_make_coco.json"))
        scene = json.loads(archive.read(name))["images"][0]
    camera = Camera.from_synloc(scene).resized(*SIZE)
    image = _paint(camera)

    for line in ("Middle line", "Big rect. right main", "Side line bottom", "Circle central"):
        levels = _levels(image, camera, PITCH.markings[line].sample(0.5)[1:-1])
        assert np.isfinite(levels).sum() > 5
        assert np.nanmin(levels) > 85, line


def test_lines_in_the_shade_are_darker():
    camera = CAMERAS["main"]
    lit, shaded = (np.full((SIZE[1], SIZE[0], 3), (20, level, 35), np.uint8) for level in (120, 60))
    turf = replace(STADIUM.turf, color=(40, 120, 70), paint=1.0)
    for image in (lit, shaded):
        MARKINGS.paint(image, Viewpoint(camera), turf)

    assert shaded.max() == pytest.approx(0.5 * lit.max(), abs=3)


def test_mown_bands_are_seen_from_afar():
    turf = replace(STADIUM.turf, mowing=Mowing.ACROSS, contrast=0.15, patchiness=0.01)
    stadium = replace(STADIUM, turf=turf)
    grass = GrassTexture(stadium)
    view = Viewpoint(CAMERAS["main"])

    painted = grass.paint(view, (0, 200, 960, 300)).astype(float)
    assert painted.shape == (100, 960, 3)
    assert painted[..., 1].mean() > painted[..., 2].mean() > painted[..., 0].mean()
    width = PITCH.length / stadium.turf.bands
    centers = (np.arange(stadium.turf.bands) + 0.5) * width - 0.5 * PITCH.length
    pixels = view.project(np.stack([centers, 0 * centers, 0 * centers], axis=-1))
    levels: dict[int, list[float]] = {0: [], 1: []}
    for band, (column, row) in enumerate(np.rint(pixels).astype(int)):
        if 4 < column < 955 and 203 < row < 297:
            patch = painted[row - 203 : row - 196, column - 3 : column + 4, 1]
            levels[band % 2].append(patch.mean())
    assert min(levels[1]) > max(levels[0])
