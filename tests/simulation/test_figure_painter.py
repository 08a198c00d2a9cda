from __future__ import annotations

import math

import numpy as np
import pytest

from footmm.simulation.appearance import Gait, Role, sample_match_identities
from footmm.simulation.figure import build_figure
from footmm.simulation.figure_painter import Light, Placement, number_visible, paint_figure

IDENTITIES = sample_match_identities(np.random.default_rng(0))
PLAYER = IDENTITIES[3]
LIGHT = Light(0.3, 0.5)


def _figure(azimuth=0.0, identity=PLAYER):
    return build_figure(identity, Gait.STAND, 0.0, 1.0, azimuth, 0.1)


def _silhouette(place, size=(240, 160), **options):
    canvas = np.zeros((*size, 4), np.uint8)
    paint_figure(canvas, _figure(), PLAYER, place, LIGHT, 255, **options)
    return canvas[..., 3]


def test_an_upright_placement_maps_metres_to_pixels():
    place = Placement.upright(10.0, 100.0, 50.0)

    assert place(0.0, 0.0) == (10.0, 100.0)
    assert place(1.0, 2.0) == (60.0, 0.0)
    assert place.shifted(1.0, 0.0)(0.0, 1.0) == (60.0, 50.0)


def test_a_finer_canvas_keeps_pixel_centres_in_the_middle():
    place = Placement.upright(10.0, 100.0, 50.0).enlarged(4.0, 20.0, 3, 0.0)

    # Pixel (10, 100) of the image covers pixels 18..20 and 240..242 of the canvas.
    assert place(0.0, 0.0) == (19.0, 241.0)
    assert place(1.0, 0.0) == (169.0, 241.0)


def test_the_silhouette_fills_the_bounds_of_the_figure():
    place = Placement.upright(80.0, 220.0, 110.0)
    alpha = _silhouette(place)
    left, bottom, right, top = _figure().bounds

    rows = np.flatnonzero((alpha > 127).any(axis=1))
    columns = np.flatnonzero((alpha > 127).any(axis=0))
    assert rows[0] == pytest.approx(220 - 110 * top, abs=2)
    assert rows[-1] == pytest.approx(220 - 110 * bottom, abs=2)
    assert columns[0] == pytest.approx(80 + 110 * left, abs=2)
    assert columns[-1] == pytest.approx(80 + 110 * right, abs=2)


def test_an_inset_takes_off_the_soft_edge():
    place = Placement.upright(80.0, 220.0, 110.0)
    plain = _silhouette(place).astype(float).sum()
    inset = _silhouette(place.enlarged(0.0, 0.0, 1, 0.75)).astype(float).sum()

    assert 0.85 < inset / plain < 0.97


def test_a_tilted_placement_tilts_the_figure():
    angle = 0.3
    across = (110 * math.cos(angle), 110 * math.sin(angle))
    up = (110 * math.sin(angle), -110 * math.cos(angle))
    alpha = _silhouette(Placement((60.0, 220.0), across, up, 110.0))

    head_row = np.flatnonzero((alpha > 127).any(axis=1))[0] + 8
    head_column = np.flatnonzero(alpha[head_row] > 127).mean()
    assert head_column == pytest.approx(60 + 110 * 1.7 * math.sin(angle), abs=8)


def test_small_figures_have_the_same_silhouette_with_less_inside():
    place = Placement.upright(80.0, 220.0, 110.0)

    fine, small = (_silhouette(place, is_small=is_small) > 127 for is_small in (False, True))
    assert (fine == small).mean() > 0.998


@pytest.mark.parametrize(("azimuth", "seen"), [(0.0, True), (math.pi / 2, False), (math.pi, True)])
def test_numbers_are_read_from_the_front_and_from_behind(azimuth, seen):
    place = Placement.upright(80.0, 220.0, 110.0)
    everywhere = np.ones((240, 160), bool)

    assert number_visible(PLAYER, _figure(azimuth), place, everywhere, 1.0) is seen
    assert not number_visible(PLAYER, _figure(azimuth), place, ~everywhere, 1.0)
    assert not number_visible(PLAYER, _figure(azimuth), place, everywhere, 0.1)


def test_referees_have_no_number():
    referee = next(i for i in IDENTITIES if i.role is Role.MAIN_REFEREE)
    place = Placement.upright(80.0, 220.0, 110.0)
    figure = _figure(math.pi, referee)

    assert not number_visible(referee, figure, place, np.ones((240, 160), bool), 1.0)
