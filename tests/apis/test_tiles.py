from __future__ import annotations

import numpy as np
import pytest

from footmm.apis.tiles import TileDetections, check_tiles, merge_tiles, tile_windows
from footmm.errors import ConfigError

#: Four tiles of 100 x 100: left and right ones share the pixels 80 to 100, upper and lower, too.
WINDOWS = tile_windows((180, 180), (100, 100), 20)
UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT = range(4)
PLAYER, BALL = 0, 1


def detections(*found, windows=WINDOWS):
    """Make detections of tuples of tile, box, score and label."""
    tiles, boxes, scores, labels = zip(*found, strict=True) if found else ((), (), (), ())
    return TileDetections(
        windows,
        np.array(tiles, np.int64),
        np.array(boxes, float).reshape(-1, 4),
        np.array(scores, float),
        np.array(labels, np.int64),
    )


def seen(objects, windows=WINDOWS):
    """Make the detections of a perfect detector: objects (box, score, label) as far as tiles go."""
    return detections(
        *(
            (tile, np.clip(box, *np.tile(window.reshape(2, 2), 2)), score, label)
            for tile, window in enumerate(windows)
            for box, score, label in objects
            if (np.maximum(box[:2], window[:2]) < np.minimum(box[2:], window[2:])).all()
        ),
        windows=windows,
    )


def merged(found):
    boxes, scores, labels = merge_tiles(found)
    return list(zip(map(tuple, boxes.tolist()), scores.tolist(), labels.tolist(), strict=True))


class TestWindows:
    def test_even_spread(self):
        assert WINDOWS.tolist() == [
            [0, 0, 100, 100],
            [80, 0, 180, 100],
            [0, 80, 100, 180],
            [80, 80, 180, 180],
        ]
        windows = tile_windows((3840, 2160), (1920, 1080), 256)
        assert windows[:3, 0].tolist() == [0, 960, 1920]
        assert windows[::3, 1].tolist() == [0, 540, 1080]
        assert len(windows) == 9

    @pytest.mark.parametrize("overlap", [0, 1, 7, 30, 49])
    @pytest.mark.parametrize("length", [50, 51, 99, 100, 163])
    def test_no_gap_and_no_tile_too_many(self, length, overlap):
        left, _, right, _ = tile_windows((length, 20), (50, 20), overlap).T
        assert (left[0], right[-1]) == (0, length)
        assert ((right - left) == 50).all()
        assert (right[:-1] - left[1:] >= overlap).all()
        assert (len(left) - 1) * 50 - (len(left) - 2) * overlap < length or len(left) == 1

    def test_frames_that_are_smaller_than_a_tile(self):
        assert tile_windows((64, 10), (100, 50), 20).tolist() == [[0, 0, 64, 10]]
        assert tile_windows((120, 10), (100, 50), 20).tolist() == [
            [0, 0, 100, 10],
            [20, 0, 120, 10],
        ]

    def test_wrong_sizes(self):
        check_tiles((50, 40), 39)
        for size, overlap, message in (
            ((50, 40), 40, "tile_overlap is 40.*smaller than both sides of tile_size, 50 x 40"),
            ((50, 40), -1, "tile_overlap is -1"),
            ((0, 40), 0, "tile_size is 0 x 40"),
        ):
            with pytest.raises(ConfigError, match=message):
                check_tiles(size, overlap)


class TestObjectsThatFitIntoTheOverlap:
    def test_the_best_box_of_several(self):
        found = detections(
            (UPPER_LEFT, (82, 10, 98, 50), 0.7, PLAYER),
            (UPPER_RIGHT, (83, 10, 98, 51), 0.9, PLAYER),
        )
        assert merged(found) == [((83, 10, 98, 51), 0.9, PLAYER)]

    def test_the_border_of_the_frame_cuts_nothing(self):
        found = detections(
            (UPPER_LEFT, (82, 0, 98, 40), 0.7, PLAYER),
            (UPPER_RIGHT, (83, 0, 98, 41), 0.9, PLAYER),
        )
        assert merged(found) == [((83, 0, 98, 41), 0.9, PLAYER)]

    def test_parts_give_way_to_the_whole(self):
        found = detections(
            (UPPER_LEFT, (70, 10, 95, 50), 0.6, PLAYER),
            (UPPER_RIGHT, (80, 10, 95, 50), 0.9, PLAYER),
        )
        assert merged(found) == [((70, 10, 95, 50), 0.9, PLAYER)]

    @pytest.mark.parametrize("box", [(78, 78, 98, 98), (82, 82, 102, 102), (82, 78, 99, 98)])
    def test_on_the_corner_of_four_tiles(self, box):
        found = seen([(box, 0.9, PLAYER)])
        assert len(found.tiles) == 4
        assert merged(found) == [(box, 0.9, PLAYER)]

    def test_badly_seen_parts(self):
        found = detections(
            (UPPER_LEFT, (70, 10, 95, 50), 0.6, PLAYER),
            (UPPER_RIGHT, (80, 20, 86, 50), 0.8, PLAYER),
            (UPPER_RIGHT, (80, 10, 84, 30), 0.4, PLAYER),
            (UPPER_RIGHT, (80, 10, 84, 30), 0.3, BALL),
        )
        assert merged(found) == [
            ((70, 10, 95, 50), 0.8, PLAYER),
            ((80, 10, 84, 30), 0.3, BALL),
        ]

    def test_a_part_is_somebody_elses_if_its_tile_sees_the_whole_too(self):
        whole, part = (82, 10, 98, 50), (80, 10, 90, 50)
        found = detections(
            (UPPER_LEFT, whole, 0.9, PLAYER),
            (UPPER_RIGHT, whole, 0.8, PLAYER),
            (UPPER_RIGHT, part, 0.5, PLAYER),
        )
        assert merged(found) == [(whole, 0.9, PLAYER), (part, 0.5, PLAYER)]

    def test_a_part_stays_where_nobody_sees_the_whole(self):
        part = (UPPER_RIGHT, (80, 10, 95, 50), 0.9, PLAYER)
        far = (UPPER_LEFT, (20, 10, 40, 50), 0.8, PLAYER)
        assert merged(detections(part, far)) == [part[1:], far[1:]]


class TestObjectsThatAreLargerThanTheOverlap:
    @pytest.mark.parametrize(
        "box",
        [
            (60, 10, 130, 50),
            (10, 70, 40, 120),
            (50, 60, 130, 140),
            (79, 79, 101, 101),
            (0, 0, 180, 180),
        ],
    )
    def test_parts_are_united(self, box):
        assert merged(seen([(box, 0.9, PLAYER)])) == [(box, 0.9, PLAYER)]

    def test_as_large_as_the_overlap_and_seen_a_bit_smaller(self):
        found = detections(
            (UPPER_LEFT, (80.6, 10, 99.8, 50), 0.9, PLAYER),
            (UPPER_RIGHT, (80.3, 10, 99.7, 50), 0.8, PLAYER),
        )
        assert merged(found) == [((80.3, 10, 99.8, 50), 0.9, PLAYER)]

    def test_longer_than_a_tile(self):
        windows = tile_windows((260, 100), (100, 100), 20)
        box = (20, 10, 240, 60)
        assert merged(seen([(box, 0.9, PLAYER)], windows)) == [(box, 0.9, PLAYER)]

    def test_the_whole_frame_as_one_more_view(self):
        windows = np.vstack([WINDOWS, [0, 0, 180, 180]])
        box, parts = (10, 20, 170, 160), ((10, 20, 100, 100), (80, 80, 170, 160))
        found = detections(
            (4, box, 0.5, PLAYER),
            (UPPER_LEFT, parts[0], 0.9, PLAYER),
            (LOWER_RIGHT, parts[1], 0.8, PLAYER),
            (UPPER_LEFT, (20, 30, 40, 60), 0.7, PLAYER),
            (4, (22, 30, 42, 60), 0.6, PLAYER),
            windows=windows,
        )
        assert merged(found) == [(box, 0.9, PLAYER), ((20, 30, 40, 60), 0.7, PLAYER)]


class TestTwoPeople:
    @pytest.mark.parametrize(
        "boxes",
        [
            # One on each side of a border, from far apart to one behind the other.
            [(70, 10, 82, 50), (84, 10, 99, 50)],
            [(70, 10, 90, 50), (88, 10, 108, 50)],
            [(78, 10, 97, 50), (83, 10, 102, 50)],
            [(79, 10, 98, 50), (80, 10, 99, 52)],
            [(78, 78, 98, 98), (79, 79, 99, 99)],
        ],
    )
    def test_both_remain(self, boxes):
        objects = [(box, score, PLAYER) for box, score in zip(boxes, (0.9, 0.8), strict=True)]
        assert merged(seen(objects)) == objects

    def test_parts_of_two_people_are_not_united(self):
        # Each tile has missed the whole one; the parts cover more than half of each other.
        right_part = (UPPER_RIGHT, (80, 10, 97, 50), 0.9, PLAYER)
        left_part = (UPPER_LEFT, (83, 10, 100, 50), 0.8, PLAYER)
        assert merged(detections(right_part, left_part)) == [right_part[1:], left_part[1:]]

    def test_each_tile_misses_the_part_of_one_of_them(self):
        left = (UPPER_LEFT, (40, 10, 97, 50), 0.9, PLAYER)
        right = (UPPER_RIGHT, (82, 10, 140, 50), 0.8, PLAYER)
        assert merged(detections(left, right)) == [left[1:], right[1:]]

    def test_one_tile_misses_one_of_them(self):
        front, back = (82, 10, 97, 50), (85, 10, 98, 50)
        found = detections(
            (UPPER_LEFT, front, 0.9, PLAYER),
            (UPPER_RIGHT, front, 0.8, PLAYER),
            (UPPER_RIGHT, back, 0.7, PLAYER),
        )
        assert merged(found) == [(front, 0.9, PLAYER), (back, 0.7, PLAYER)]

    def test_classes_are_kept_apart(self):
        box = (82, 10, 98, 50)
        found = detections((UPPER_LEFT, box, 0.7, PLAYER), (UPPER_RIGHT, box, 0.6, BALL))
        assert merged(found) == [(box, 0.7, PLAYER), (box, 0.6, BALL)]

    def test_bad_boxes_of_an_object_do_not_part_the_good_ones(self):
        found = detections(
            (UPPER_LEFT, (82, 10, 96, 50), 0.9, PLAYER),
            (UPPER_LEFT, (84, 10, 98, 50), 0.1, PLAYER),
            (UPPER_RIGHT, (84, 10, 98, 50), 0.8, PLAYER),
        )
        assert merged(found) == [((82, 10, 96, 50), 0.9, PLAYER), ((84, 10, 98, 50), 0.1, PLAYER)]


class TestTinyBall:
    #: Larger tiles, so that the tolerance is 5 pixels: the upper left one ends at 1000.
    WINDOWS = tile_windows((1800, 1800), (1000, 1000), 200)

    def test_boxes_that_hardly_overlap(self):
        found = detections(
            (0, (905, 10, 913, 18), 0.4, BALL),
            (1, (908, 13, 916, 21), 0.5, BALL),
            windows=self.WINDOWS,
        )
        assert merged(found) == [((908, 13, 916, 21), 0.5, BALL)]

    def test_two_balls(self):
        objects = [((905, 10, 913, 18), 0.5, BALL), ((915, 10, 923, 18), 0.4, BALL)]
        assert merged(seen(objects, self.WINDOWS)) == objects

    def test_on_a_border(self):
        ball = ((996, 10, 1004, 18), 0.5, BALL)
        assert merged(seen([ball], self.WINDOWS)) == [ball]

    def test_near_a_border(self):
        # The tile of which it touches the border does not know that it sees all of it.
        found = detections(
            (0, (988, 10, 996, 18), 0.5, BALL),
            (1, (988, 11, 997, 18), 0.4, BALL),
            windows=self.WINDOWS,
        )
        assert merged(found) == [((988, 11, 997, 18), 0.5, BALL)]


def test_nothing_found():
    boxes, scores, labels = merge_tiles(detections())
    assert (boxes.shape, scores.shape, labels.shape) == ((0, 4), (0,), (0,))
    assert labels.dtype == np.int64


def test_one_tile_is_only_sorted():
    found = detections(
        (0, (0, 0, 10, 10), 0.5, PLAYER),
        (0, (0, 0, 10, 10), 0.7, PLAYER),
        (0, (1, 0, 10, 10), 0.6, BALL),
        windows=WINDOWS[:1],
    )
    assert merged(found) == [
        ((0, 0, 10, 10), 0.7, PLAYER),
        ((1, 0, 10, 10), 0.6, BALL),
        ((0, 0, 10, 10), 0.5, PLAYER),
    ]


@pytest.mark.parametrize("seed", range(10))
def test_crowds_are_the_same_with_and_without_tiles(seed):
    rng = np.random.default_rng(seed)
    windows = tile_windows((400, 300), (160, 130), 60)
    sizes = rng.uniform(3, 57, (40, 2))
    corners = rng.uniform(size=(40, 2)) * ([400, 300] - sizes)
    boxes = np.hstack([corners, corners + sizes])
    objects = [
        (tuple(box), score, int(label))
        for box, score, label in zip(
            boxes.tolist(),
            sorted(rng.uniform(size=40), reverse=True),
            rng.integers(2, size=40),
            strict=True,
        )
    ]
    assert merged(seen(objects, windows)) == objects
