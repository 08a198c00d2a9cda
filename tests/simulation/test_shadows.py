from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from footmm.pitch.camera import Camera
from footmm.simulation.appearance import Gait, sample_match_identities
from footmm.simulation.figure import build_figure
from footmm.simulation.shadows import Limb, ShadowCaster, figure_limbs, paint_shadows
from footmm.simulation.stadium import Illumination, Lighting, sample_stadium
from footmm.simulation.viewpoint import GROUND, Viewpoint

SIZE = (480, 270)
VIEW = Viewpoint(Camera.look_at((0.0, -25.0, 15.0), (0.0, 0.0, 0.0), 700.0, SIZE))
STADIUM = sample_stadium(np.random.default_rng(0))
POLE = Limb(np.array([(1.0, 0.5, 0.0), (1.0, 0.5, 2.0)]), 0.1)


def _darkened(lighting=Lighting.SUN, azimuth=0.0, elevation=45.0, limbs=(POLE,), edges=None):
    """Ground points that got darker, and by how much."""
    light = Illumination(
        lighting, math.radians(azimuth), math.radians(elevation), 0.8, 0.5, 0.4, edges
    )
    caster = ShadowCaster(replace(STADIUM, illumination=light))
    image = np.full((SIZE[1], SIZE[0], 3), 200, np.uint8)
    shadow = caster.cast(limbs, limbs[0].points[0, :2], has_contact=False)
    paint_shadows(image, VIEW, [shadow])
    rows, columns = np.nonzero(image[..., 0] < 170)
    ground = VIEW.coordinates(GROUND, np.stack([columns, rows], axis=-1).astype(float))
    return ground, image


def test_the_shadow_begins_at_the_foot_and_falls_away_from_the_sun():
    ground, _ = _darkened(azimuth=180.0)

    # The sun is at 45 degrees in the west: as long as the pole is high, to the east.
    assert ground[:, 0].min() == pytest.approx(1.0 - 0.1, abs=0.12)
    assert ground[:, 0].max() == pytest.approx(3.0 + 0.1, abs=0.12)
    assert ground[:, 1].mean() == pytest.approx(0.5, abs=0.05)


def test_a_low_sun_makes_long_shadows():
    low, high = (_darkened(azimuth=180.0, elevation=e)[0][:, 0].max() for e in (30.0, 70.0))

    assert low == pytest.approx(1.0 + 2.0 / math.tan(math.radians(30.0)) + 0.1, abs=0.15)
    assert high < 2.0


def test_four_floodlights_make_four_faint_shadows():
    _, one = _darkened()
    _, four = _darkened(Lighting.FLOODLIGHT)

    assert four.min() > one.min()
    assert (four < 195).sum() > (one < 195).sum()


def test_below_a_body_it_is_dark_even_without_sun():
    caster = ShadowCaster(STADIUM)
    free, standing = (
        caster.cast([Limb(POLE.points[:1], 0.01)], POLE.points[0, :2], has_contact=has_contact)
        for has_contact in (False, True)
    )

    assert standing.mask.max() > free.mask.max() + 20


def test_there_is_no_sun_in_the_shade():
    _, image = _darkened(edges=(-2.0, -2.0))

    assert image.min() == 200


def test_a_shadow_outside_the_image_changes_nothing():
    far = Limb(np.array([(0.0, -40.0, 0.0), (0.0, -40.0, 2.0)]), 0.1)
    _, image = _darkened(limbs=(far,))

    assert image.min() == 200


def test_the_limbs_of_a_figure_stand_where_it_stands():
    identity = sample_match_identities(np.random.default_rng(0))[4]
    figure = build_figure(identity, Gait.STAND, 0.25, 1.0, 0.3, 0.2)
    limbs = figure_limbs(figure, np.array([10.0, -4.0]), math.pi / 2)

    points = np.concatenate([limb.points for limb in limbs])
    assert limbs[0].points[0] == pytest.approx([10.0, -4.0, figure.joints["pelvis"][2]])
    assert points[:, 2].min() > -0.01
    assert points[:, 2].max() == pytest.approx(identity.height_m - 0.2, abs=0.1)
    # Facing along y, the right shoulder is towards +x and the head leans towards +y.
    right = limbs[5].points[0]
    assert right[0] > 10.1
    assert limbs[1].points[1, 1] > -4.0
