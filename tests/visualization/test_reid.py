"""The ranking picture: who is in it, and in which frame."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import ReIDDataSample

from footmm.errors import DataFormatError
from footmm.registry import VISUALIZERS
from footmm.structures.person_embedding import PersonEmbedding
from footmm.visualization import ReIDVisualizer
from footmm.visualization.reid import (
    BORDER,
    CELL_HEIGHT,
    CELL_WIDTH,
    NEUTRAL,
    RIGHT,
    WRONG,
    draw_person,
)
from footmm.visualization.reid import _cell_corner as cell_corner


@pytest.fixture
def crop(tmp_path):
    # Twice as high as wide, all blue.
    path = tmp_path / "crop.png"
    cv2.imwrite(str(path), np.full((40, 20, 3), (255, 0, 0), dtype=np.uint8))
    return path


def sample(crop, role, feature, **meta):
    result = ReIDDataSample(metainfo=dict(img_path=str(crop), role=role, sample_id=0, **meta))
    result.pred_feature = torch.tensor([float(feature), 1.0])
    return result


def draw(samples, **options):
    visualizer = ReIDVisualizer(distance="euclidean", **options)
    return visualizer.draw_samples(samples)["ranking"]


def frame(picture, row, column):
    x, y = cell_corner(row, column)
    return tuple(picture[y + BORDER // 2, x + CELL_WIDTH // 2].tolist())


def test_is_registered():
    assert isinstance(VISUALIZERS.build({"type": "ReIDVisualizer", "name": "v"}), ReIDVisualizer)


def test_frames_follow_the_ranking(crop):
    samples = [
        sample(crop, "query", 0, person_id=1, action_id=3),
        sample(crop, "gallery", 3, person_id=1, action_id=3),
        sample(crop, "gallery", 1, person_id=2, action_id=3),
        sample(crop, "gallery", 0, person_id=1, action_id=4),  # another action
    ]
    picture = draw(samples)
    assert picture.dtype == np.uint8
    assert [frame(picture, 0, c) for c in range(3)] == [NEUTRAL, WRONG, RIGHT]
    assert frame(picture, 0, 3) == (255, 255, 255)


def test_market_leaves_out_the_camera_of_the_query_and_junk(crop):
    samples = [
        sample(crop, "query", 0, person_id=1, camera_id=3),
        sample(crop, "gallery", 0, person_id=1, camera_id=3),
        sample(crop, "gallery", 0.5, person_id=-1, camera_id=4),
        sample(crop, "gallery", 1, person_id=0, camera_id=3),
        sample(crop, "gallery", 2, person_id=1, camera_id=4),
    ]
    picture = draw(samples)
    assert [frame(picture, 0, c) for c in (1, 2, 3)] == [WRONG, RIGHT, (255, 255, 255)]


def test_half_of_the_rows_are_failures_if_there_are_enough(crop):
    gallery = [sample(crop, "gallery", 10 * p, person_id=p, action_id=0) for p in range(10)]
    query = [
        sample(crop, "query", 10 * p + (10 if p > 6 else 1), person_id=p, action_id=0)
        for p in range(9)
    ]
    picture = draw([*query, *gallery], num_queries=4)
    assert [frame(picture, row, 1) for row in range(4)] == [WRONG, WRONG, RIGHT, RIGHT]
    assert np.array_equal(picture, draw([*query, *gallery], num_queries=4))


def test_crops_keep_their_aspect(crop):
    samples = [sample(crop, role, 0, person_id=1, action_id=0) for role in ("query", "gallery")]
    picture = draw(samples)
    x, y = cell_corner(0, 0)
    cell = picture[y : y + CELL_HEIGHT, x : x + CELL_WIDTH]
    rows, columns = np.nonzero((cell == (0, 0, 255)).all(axis=2))
    # The canvas places the page to the pixel only.
    assert np.ptp(rows) + 1 == pytest.approx(2 * (np.ptp(columns) + 1), abs=2)


def test_unlabelled_splits_have_neutral_frames(crop):
    samples = [sample(crop, role, 0, action_id=0) for role in ("query", "gallery")]
    assert frame(draw(samples), 0, 1) == NEUTRAL


def test_nothing_to_rank(crop):
    query = sample(crop, "query", 0, person_id=1, action_id=0)
    other = sample(crop, "gallery", 0, person_id=1, action_id=9)
    visualizer = ReIDVisualizer()
    assert visualizer.draw_samples([query]) == {}
    assert visualizer.draw_samples([query, other]) == {}


def test_unreadable_image_is_named(tmp_path):
    samples = [
        sample(tmp_path / "gone.png", role, 0, person_id=1, action_id=0)
        for role in ("query", "gallery")
    ]
    with pytest.raises(DataFormatError, match=r"cannot read the image '.*gone\.png'"):
        draw(samples)


def test_one_person():
    image = np.full((40, 20, 3), (255, 0, 0), np.uint8)
    picture = draw_person(image, PersonEmbedding("a.png", np.zeros(2, np.float32)))
    assert picture.shape[1] == 320
    blue = (picture == (255, 0, 0)).all(2)
    rows, columns = np.nonzero(blue)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (384, 192)
    # Names above it, and what the model reads off it, a line each.
    scores = np.eye(101, dtype=np.float32)[7]
    person = PersonEmbedding("a.png", np.zeros(2, np.float32), scores, 1.8, 1.1)
    told = draw_person(image, person)
    assert len(told) == len(picture) + 44
    hidden = replace(person, jersey_scores=np.eye(101, dtype=np.float32)[100])
    assert not np.array_equal(draw_person(image, hidden), told)
