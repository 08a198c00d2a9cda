from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from footmm.simulation.appearance import (
    Role,
    color_distance,
    sample_match_identities,
    sample_match_kits,
    sample_scene,
    sample_view,
)


def _members(identities, role):
    return [identity for identity in identities if identity.role is role]


def test_a_match_has_two_teams_and_three_referees():
    identities = sample_match_identities(np.random.default_rng(0))

    counts = {role: len(_members(identities, role)) for role in Role}

    assert counts == {
        Role.PLAYER_LEFT: 10,
        Role.PLAYER_RIGHT: 10,
        Role.GOALKEEPER_LEFT: 1,
        Role.GOALKEEPER_RIGHT: 1,
        Role.MAIN_REFEREE: 1,
        Role.SIDE_REFEREE: 2,
    }


@pytest.mark.parametrize("role", [Role.PLAYER_LEFT, Role.PLAYER_RIGHT])
def test_team_mates_share_the_kit_and_nothing_that_tells_them_apart(role):
    team = _members(sample_match_identities(np.random.default_rng(1)), role)

    assert len({identity.kit for identity in team}) == 1
    assert len({identity.jersey_number for identity in team}) == 10
    assert len({(i.boots, i.skin, i.hair, i.hair_style) for i in team}) == 10


def test_referees_have_no_number_and_players_have_one_of_two_digits():
    for identity in sample_match_identities(np.random.default_rng(2)):
        if identity.role in (Role.MAIN_REFEREE, Role.SIDE_REFEREE):
            assert identity.jersey_number is None
        else:
            assert 1 <= identity.jersey_number <= 99


def test_the_shirts_of_both_teams_contrast_in_every_match():
    for seed in range(50):
        kits = sample_match_kits(np.random.default_rng(seed))
        left, right = kits[Role.PLAYER_LEFT].shirt, kits[Role.PLAYER_RIGHT].shirt
        assert color_distance(left, right) > 90


def test_body_measures_stay_in_the_range_of_adults():
    identities = sample_match_identities(np.random.default_rng(3))

    assert all(1.62 <= identity.height_m <= 2.02 for identity in identities)
    assert all(0.85 <= identity.build <= 1.3 for identity in identities)


def test_sampling_depends_on_the_generator_alone():
    def draw(seed):
        rng = np.random.default_rng(seed)
        identities = sample_match_identities(rng)
        return identities, sample_view(rng, others=tuple(identities), occlusion=1.0)

    assert draw(4) == draw(4)
    assert draw(4) != draw(5)


def test_views_keep_to_what_they_are_told():
    rng = np.random.default_rng(6)
    scene = sample_scene(rng, main_camera=True)
    views = [sample_view(rng, scene, azimuth=0.5, height_px=(30, 60)) for _ in range(50)]

    assert {view.scene for view in views} == {scene}
    assert {view.azimuth for view in views} == {0.5}
    assert all(30 <= view.height_px <= 60 for view in views)
    assert all(view.neighbour is None for view in views)


def test_the_main_camera_looks_down_from_above():
    rng = np.random.default_rng(7)

    assert all(sample_scene(rng, main_camera=True).elevation >= 0.3 for _ in range(20))


def test_identities_can_be_hashed_and_hold_plain_numbers_only():
    identity = sample_match_identities(np.random.default_rng(8))[5]

    assert isinstance(hash(identity), int)
    for field in fields(identity):
        assert not isinstance(getattr(identity, field.name), np.generic), field.name
