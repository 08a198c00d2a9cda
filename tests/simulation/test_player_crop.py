from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from footmm.simulation.appearance import (
    Gait,
    Neighbour,
    Role,
    sample_match_identities,
    sample_view,
)
from footmm.simulation.player_crop import render_player_crop

IDENTITIES = sample_match_identities(np.random.default_rng(0))
PLAYER = IDENTITIES[3]


@pytest.fixture
def view():
    """A standing player, large, from the front, with nothing in the way."""
    view = sample_view(np.random.default_rng(1), azimuth=0.0, height_px=(200.0, 200.0))
    return replace(
        view,
        scene=replace(view.scene, elevation=0.1),
        gait=Gait.STAND,
        phase=0.0,
        board=0.0,
        motion_blur=0.0,
        crop_jitter=(0.02, 0.02, 0.02, 0.02),
    )


def _render(view, identity=PLAYER, seed=0, **options):
    return render_player_crop(identity, view, np.random.default_rng(seed), **options)


def test_the_same_seed_paints_the_same_picture(view):
    first, second, other = _render(view), _render(view), _render(view, seed=1)

    assert first[0].tobytes() == second[0].tobytes()
    assert first[1] == second[1]
    assert first[0].tobytes() != other[0].tobytes()


@pytest.mark.parametrize("height_px", [20.0, 60.0, 180.0, 400.0])
def test_the_crop_has_the_size_at_which_the_camera_sees_the_person(view, height_px):
    image, labels = _render(replace(view, height_px=height_px))

    assert image.dtype == np.uint8
    assert image.shape == (labels.height_px, labels.width_px, 3)
    assert labels.height_px == pytest.approx(height_px * PLAYER.height_m / 1.8, rel=0.12, abs=1)
    assert labels.width_px == pytest.approx(0.4 * labels.height_px, rel=0.15, abs=1)


def test_a_tall_person_gives_a_taller_crop(view):
    tall, short = (_render(view, replace(PLAYER, height_m=h))[1].height_px for h in (2.0, 1.65))

    assert tall / short == pytest.approx(2.0 / 1.65, rel=0.06)


def test_a_runner_seen_from_the_side_gives_a_wide_crop(view):
    side = replace(view, gait=Gait.RUN, phase=0.25, azimuth=math.pi / 2)
    _, labels = _render(side)

    assert 0.55 < labels.width_px / labels.height_px < 1.2


@pytest.mark.parametrize(
    ("degrees", "visible"),
    [(0, True), (40, True), (90, False), (140, True), (180, True), (270, False), (-30, True)],
)
def test_the_number_is_read_from_behind_and_from_the_front_only(view, degrees, visible):
    _, labels = _render(replace(view, azimuth=math.radians(degrees)))

    assert labels.jersey_visible is visible


def test_the_large_number_on_the_back_is_read_from_further_away(view):
    far = replace(view, height_px=60.0)

    assert _render(replace(far, azimuth=math.pi))[1].jersey_visible
    assert not _render(replace(far, azimuth=0.0))[1].jersey_visible
    assert not _render(replace(far, azimuth=math.pi, height_px=25.0))[1].jersey_visible


def test_referees_show_no_number(view):
    referee = next(i for i in IDENTITIES if i.role is Role.MAIN_REFEREE)

    assert not _render(replace(view, azimuth=math.pi), referee)[1].jersey_visible


def test_the_number_changes_the_back_and_hardly_the_side(view):
    def difference(azimuth):
        seen = replace(view, azimuth=azimuth, scene=replace(view.scene, noise=0.0))
        first, second = (
            _render(seen, replace(PLAYER, jersey_number=number))[0].astype(int) for number in (8, 1)
        )
        return int((np.abs(first - second).max(axis=-1) > 20).sum())

    assert difference(math.pi) > 5 * difference(math.pi / 2) > 0


def test_a_neighbour_in_front_hides_and_one_behind_does_not(view):
    neighbour = Neighbour(IDENTITIES[15], 0.0, Gait.STAND, 0.0, offset=0.2, in_front=True)
    hidden = _render(replace(view, neighbour=neighbour))[1]
    behind = _render(replace(view, neighbour=replace(neighbour, in_front=False)))[1]

    assert 0.2 < hidden.occluded_share < 0.9
    assert behind.occluded_share == 0.0


def test_a_board_hides_the_feet(view):
    assert _render(view)[1].occluded_share == 0.0
    assert 0.02 < _render(replace(view, board=0.25))[1].occluded_share < 0.3


def test_a_crop_that_cuts_the_person_is_still_painted(view):
    image, labels = _render(replace(view, crop_jitter=(-0.03, -0.03, -0.03, -0.03)))
    whole = _render(view)[1].height_px

    assert image.shape[0] == labels.height_px == pytest.approx(0.9 * whole, rel=0.03)


def test_any_sampled_view_of_anybody_can_be_painted():
    rng = np.random.default_rng(2)
    for identity in IDENTITIES * 6:
        view = sample_view(rng, others=tuple(IDENTITIES), occlusion=0.5)
        image, labels = render_player_crop(identity, view, rng)
        assert image.shape == (labels.height_px, labels.width_px, 3)
        assert 15 <= labels.height_px <= 450
        assert 0.25 <= labels.width_px / labels.height_px <= 1.6
        assert 0.0 <= labels.occluded_share <= 1.0


def test_a_small_canvas_gives_the_same_size_with_less_detail(view):
    fine, coarse = _render(view)[1], _render(view, size=(64, 32))[1]

    assert abs(fine.height_px - coarse.height_px) <= 2
    assert abs(fine.width_px - coarse.width_px) <= 6
