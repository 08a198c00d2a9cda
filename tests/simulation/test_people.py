from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from footmm.pitch.camera import Camera
from footmm.pitch.lens import BrownConradyLens
from footmm.simulation.appearance import sample_match_identities
from footmm.simulation.figure_painter import Light
from footmm.simulation.moment import Moment
from footmm.simulation.people import place_persons
from footmm.simulation.viewpoint import Viewpoint

SIZE = (960, 540)
IDENTITIES = sample_match_identities(np.random.default_rng(0))
LENS = BrownConradyLens.from_radial(torch.tensor(-0.1, dtype=torch.float64))
CAMERAS = {
    "main": Camera.look_at((0.0, -70.0, 18.0), (5.0, 0.0, 0.0), 1500.0, SIZE),
    "rolled": Camera.look_at((20.0, -40.0, 12.0), (5.0, 0.0, 0.0), 900.0, SIZE, roll=0.3),
    "lens": Camera.look_at((0.0, -40.0, 14.0), (5.0, 0.0, 0.0), 600.0, SIZE, lens=LENS),
    "low": Camera.look_at((60.0, 0.0, 1.5), (0.0, 0.0, 1.0), 1500.0, SIZE),
}


def _moment(positions, speed=0.0, heading=0.0):
    places = np.full((25, 2), (-400.0, 300.0))
    places[: len(positions)] = positions
    velocities = np.tile((speed, 0.0), (25, 1))
    return Moment(places, velocities, np.full(25, heading), np.zeros(3), np.zeros(3), time=0.0)


def _persons(camera, positions, **options):
    view = Viewpoint(camera)
    return place_persons(view, _moment(positions, **options), IDENTITIES, np.zeros(25))


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("place", [(0.0, 0.0), (8.0, 6.0), (-6.0, -3.0), (11.0, -2.0)])
def test_feet_are_on_the_ground_and_the_head_a_body_height_above(name, place):
    camera = CAMERAS[name]
    (person,) = _persons(camera, [place])
    height = IDENTITIES[0].height_m
    foot, head = camera.project(np.array([(*place, 0.0), (*place, height)])).numpy()

    silhouette = person.paint(Light(0.0, 0.5), 1.0)[..., 3] > 127
    rows, columns = np.nonzero(silhouette)
    pixels = np.stack([columns + person.left, rows + person.top], axis=-1)
    upright = (head - foot) / np.linalg.norm(head - foot)
    along = (pixels - foot) @ upright
    px_per_m = np.linalg.norm(head - foot) / height
    # Boots are a foot wide and long, seen from above they reach below the point on the ground.
    assert -0.25 * px_per_m - 2 < along.min() < 2
    assert along.max() == pytest.approx(np.linalg.norm(head - foot), abs=0.08 * px_per_m + 2)
    across = (pixels - foot) @ np.array([-upright[1], upright[0]])
    assert abs(across.mean()) < 0.15 * px_per_m + 1


@pytest.mark.parametrize("name", CAMERAS)
def test_the_pelvis_is_inside_the_silhouette(name):
    for person in _persons(CAMERAS[name], [(0.0, 0.0), (5.0, 3.0), (-4.0, 2.0)], speed=4.0):
        assert 0.6 < person.pelvis[2] < 1.15
        column, row = np.rint(CAMERAS[name].project(person.pelvis[None]).numpy()[0]).astype(int)
        paint = person.paint(Light(0.0, 0.5), 1.0)
        assert paint[row - person.top, column - person.left, 3] > 127


def test_somebody_who_faces_the_camera_is_seen_from_the_front():
    camera = CAMERAS["low"]
    front, back = (
        _persons(camera, [(0.0, 0.0)], heading=heading)[0].figure.joints["l_shoulder"]
        for heading in (0.0, math.pi)
    )
    assert front == back

    (person,) = _persons(camera, [(0.0, 0.0)], heading=0.0)
    names = [type(layer).__name__ for layer in person.figure.layers]
    trunk = person.figure.layers[names.index("Trunk")]
    assert abs(trunk.facing) < 0.3


def test_nobody_outside_the_view_or_behind_the_camera():
    assert _persons(CAMERAS["main"], [(100.0, 0.0), (0.0, -90.0), (0.0, -70.0)]) == []


def test_a_person_at_the_edge_has_a_patch_that_reaches_outside():
    camera = CAMERAS["main"]
    edge = camera.image_to_ground(np.array([[2.0, 400.0]])).numpy()[0]
    (person,) = _persons(camera, [edge])

    assert person.left < 0 < person.left + person.width


def test_the_brightness_scales_the_colours_only():
    (person,) = _persons(CAMERAS["main"], [(0.0, 0.0)])
    bright, dark = (person.paint(Light(0.0, 0.5), b).astype(float) for b in (1.0, 0.5))

    assert (bright[..., 3] == dark[..., 3]).all()
    assert dark[..., :3].sum() == pytest.approx(0.5 * bright[..., :3].sum(), rel=0.02)
