from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from footmm.errors import ConfigError
from footmm.simulation.export import scenes
from footmm.simulation.export.scenes import (
    BROADCAST_MIX,
    IMAGES_PER_MATCH,
    CameraKind,
    ImageExportSettings,
    Scenes,
    clip_box,
    plan_scenes,
    split_counts,
)

SMALL = ImageExportSettings(seed=1, num_images=3, image_size=(128, 72))


@pytest.mark.parametrize(
    ("total", "shares", "counts"),
    [
        (10, (0.8, 0.1, 0.1), (8, 1, 1)),
        (1, (0.8, 0.1, 0.1), (1, 0, 0)),
        (7, (0.5, 0.3, 0.2), (4, 2, 1)),
        (3, (0.0, 0.0, 1.0), (0, 0, 3)),
    ],
)
def test_splits_share_everything(total, shares, counts):
    assert tuple(split_counts(total, shares).values()) == counts


def test_images_are_divided_among_matches():
    plan = plan_scenes(replace(SMALL, num_images=2 * IMAGES_PER_MATCH + 5), BROADCAST_MIX)
    sizes = {split: [scenes.num_images for scenes in matches] for split, matches in plan.items()}
    assert sizes == {"train": [IMAGES_PER_MATCH, 28], "valid": [9], "test": [8]}
    assert [match.first_image for match in plan["train"]] == [0, IMAGES_PER_MATCH]
    names = [match.name for matches in plan.values() for match in matches]
    assert len(set(names)) == 4


def test_cameras_are_dealt_out_completely():
    assert sum(BROADCAST_MIX.values()) == pytest.approx(1)
    assert CameraKind.WIDE_FIXED not in BROADCAST_MIX


@pytest.fixture(scope="module")
def match():
    return Scenes("train", 0, 3, SMALL, {CameraKind.MAIN: 0.5, CameraKind.HIGH_BEHIND_LEFT: 0.5})


@pytest.fixture(scope="module")
def frames(match):
    return dict(match.frames(0))


def test_an_image_is_the_same_wherever_the_drawing_starts(match, frames):
    scenes.venue_of.cache_clear()
    number, frame = next(match.frames(2))
    assert number == 2
    assert np.array_equal(frame.image, frames[2].image)
    assert frame.image.shape == (72, 128, 3)


def test_images_of_a_match_differ(frames):
    assert not np.array_equal(frames[0].image, frames[1].image)
    assert {frame.kind for frame in frames.values()} <= set(CameraKind)
    first, last = ({p.agent: p.identity for p in frames[i].labels.persons} for i in (0, 2))
    assert first != last
    assert all(first[agent] == last[agent] for agent in first.keys() & last.keys())


def test_splits_and_matches_have_their_own_people(match, frames):
    others = [replace(match, split="valid"), replace(match, number=1)]
    for other in others:
        _, frame = next(other.frames(0))
        known = {person.identity for f in frames.values() for person in f.labels.persons}
        assert not known & {person.identity for person in frame.labels.persons}


def test_views_that_do_not_do_are_replaced(match):
    seen = []

    def accepts(camera):
        seen.append(camera)
        return len(seen) == 3

    _, frame = next(replace(match, accepts=accepts).frames(0))
    assert len(seen) == 3
    assert np.allclose(frame.labels.camera.rotation, seen[-1].rotation)


def test_boxes_end_where_the_image_ends():
    assert clip_box((-5, -2, 10, 10), (100, 50)) == (0, 0, 5, 8)
    assert clip_box((95, 45, 10, 10), (100, 50)) == (95, 45, 5, 5)
    assert clip_box((10, 10, 5, 5), (100, 50)) == (10, 10, 5, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_images": 0}, "num_images=0: give 1 or more"),
        ({"split_shares": (0.5, 0.2, 0.2)}, "add up to 1"),
        ({"split_shares": (1.0, 0.0)}, "shares of train, valid, test"),
        ({"split_shares": (1.5, -0.5, 0.0)}, "add up to 1"),
        ({"image_size": (32, 540)}, r"image_size=\(32, 540\)"),
        ({"pitch_size": (20.0, 68.0)}, r"length=20"),
    ],
)
def test_impossible_settings_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **change)
