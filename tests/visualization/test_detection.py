from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.structures import InstanceData

from footmm.errors import DataFormatError
from footmm.registry import VISUALIZERS
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE, DetectedObjects
from footmm.visualization.detection import (
    CLASS_COLORS,
    FALSE_POSITIVE,
    IGNORED,
    MAX_DETECTIONS,
    MISS,
    PLOT_COLORS,
    ClassCurve,
    DetectionVisualizer,
    JudgedObjects,
    Window,
    draw_detections,
)

SIZE = (320, 180)
GREY = 90
PLOTS = ("f1_by_threshold", "precision_recall", "recall_by_height")

# Where the first frame of a sheet and the window around its ball are, rows and columns.
FRAME = np.s_[120:840, 20:1300]
WINDOW = np.s_[120:444, 1314:1638]
FRAME_SCALE = 1280 / SIZE[0]

# A player is found and another one missed, the referee is found, the ball is found 4 of 8 pixels
# off, and nobody is where the last player is found.
TRUTH = [
    ([20, 40, 40, 90], PLAYER),
    ([60, 40, 80, 90], PLAYER),
    ([100, 40, 120, 90], REFEREE),
    ([200, 100, 208, 108], BALL),
]
FOUND = [
    ([20, 41, 40, 91], PLAYER, 0.9),
    ([100, 42, 120, 92], REFEREE, 0.8),
    ([250, 40, 270, 90], PLAYER, 0.7),
    ([204, 100, 212, 108], BALL, 0.6),
]
BALL_FOUND = ([201, 100, 209, 108], BALL, 0.5)
HIT, WRONG, BALL_WRONG = 0, 2, 3


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")

    def make(found=FOUND, truth=TRUTH, crowds=(), size=SIZE, image_id=7):
        path = folder / f"{size[0]}.png"
        if not path.is_file():
            cv2.imwrite(str(path), np.full((*size[::-1], 3), GREY, np.uint8))
        sample = DetDataSample(
            metainfo={"img_id": image_id, "img_path": str(path), "ori_shape": SIZE[::-1]}
        )
        if truth is not None:
            instances = [
                dict(bbox=box, bbox_label=label, ignore_flag=int(number in crowds))
                for number, (box, label) in enumerate(truth)
            ]
            sample.set_metainfo({"instances": instances})
        boxes, labels, scores = zip(*found, strict=True) if found else ([], [], [])
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            labels=torch.tensor(labels, dtype=torch.int64),
            scores=torch.tensor(scores, dtype=torch.float64),
        )
        return sample

    return make


@pytest.fixture(scope="module")
def judge(make):
    def judge(score_threshold=0.3, **kwargs):
        return JudgedObjects.of(DetectedObjects.from_sample(make(**kwargs)), score_threshold)

    return judge


@pytest.fixture(scope="module")
def draw():
    def draw(samples, **kwargs):
        return DetectionVisualizer(**kwargs).draw_samples(samples)

    return draw


@pytest.fixture(scope="module")
def pictures(make, draw):
    return draw([make(), make()], num_samples=1)


def where(image, color):
    """Pixels of a colour, give or take what smooth edges need."""
    return (np.abs(image - 255 * np.array(to_rgb(color))) <= 40).all(axis=-1)


def around(image, box, margin=5):
    """The part of a sheet's first frame that a box and its surroundings fill."""
    left, top, right, bottom = (FRAME_SCALE * np.array(box)).astype(int)
    return image[FRAME][top - margin : bottom + margin, left - margin : right + margin]


class TestJudgedObjects:
    def test_found_misses_and_false_positives(self, judge):
        judged = judge()
        assert judged.matches.tolist() == [0, 2, -1, -1]
        assert judged.found.tolist() == [0, 1]
        assert judged.false_positives.tolist() == [WRONG, BALL_WRONG]
        assert judged.misses.tolist() == [1, 3]
        assert not judged.ignored.any()

    @pytest.mark.parametrize(("right", "matches"), [(40.0, [0]), (40.1, [-1])])
    def test_a_match_has_an_iou_of_one_half(self, judge, right, matches):
        judged = judge(found=[([20, 0, right, 10], PLAYER, 0.9)], truth=[([20, 0, 30, 10], PLAYER)])
        assert judged.matches.tolist() == matches

    def test_the_best_score_takes_the_object(self, judge):
        box = [20, 40, 40, 90]
        judged = judge(found=[(box, PLAYER, 0.6), ([20, 44, 40, 90], PLAYER, 0.9)])
        assert judged.matches.tolist() == [0, -1]
        assert judged.objects.scores.tolist() == [0.9, 0.6]

    def test_another_class_is_wrong(self, judge):
        judged = judge(found=[(TRUTH[0][0], REFEREE, 0.9)])
        assert judged.false_positives.tolist() == [0]
        assert 0 in judged.misses

    def test_detections_below_the_threshold_do_not_count(self, judge):
        judged = judge(0.85)
        assert judged.found.tolist() == [0]
        assert judged.false_positives.tolist() == []
        assert judged.misses.tolist() == [1, 2, 3]

    def test_crowds_are_neither_missed_nor_blamed(self, judge):
        crowd = ([240, 30, 320, 100], PLAYER)
        judged = judge(truth=[*TRUTH, crowd], crowds=[4])
        assert judged.ignored.tolist() == [False, False, True, False]
        assert judged.false_positives.tolist() == [BALL_WRONG]
        assert judged.misses.tolist() == [1, 3]

    def test_detections_that_are_too_many_do_not_count(self, judge):
        found = [([250, 40, 270, 90], PLAYER, 0.9)] * MAX_DETECTIONS
        judged = judge(found=[*found, (TRUTH[0][0], PLAYER, 0.5), BALL_FOUND])
        assert judged.ignored.tolist() == [False] * MAX_DETECTIONS + [True, False]
        assert judged.misses.tolist() == [0, 1, 2]

    def test_without_truth_nothing_is_judged(self, judge):
        judged = judge(truth=None)
        assert judged.found.tolist() == [0, 1, 2, 3]
        assert len(judged.false_positives) == len(judged.misses) == len(judged.true) == 0

    def test_summary(self, judge):
        assert judge().summary() == (
            "320.png:   2 players: 1 found, 1 false;   1 ball: 0 found, 1 false;   "
            "1 referee: 1 found, 0 false"
        )
        assert judge(truth=None).summary() == (
            "320.png:   2 players,   1 ball,   1 referee;   not annotated"
        )


class TestClassCurve:
    def test_worked_example(self):
        # Precisions after each detection are 1, 1/2 and 2/3, recalls 1/4, 1/4 and 1/2.
        curve = ClassCurve(np.array([0.9, 0.8, 0.7]), np.array([True, False, True]), 4)
        assert curve.average_precision == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)
        np.testing.assert_allclose(curve.f1, [0, 2 / 5, 2 / 6, 4 / 7])
        scores, f1 = curve.f1_steps
        np.testing.assert_allclose(scores, [0, 0.7, 0.8, 0.9, 1])
        np.testing.assert_allclose(f1, [4 / 7, 4 / 7, 1 / 3, 2 / 5, 0])
        assert [curve.num_from(t) for t in (0.7, 0.75, 0.95)] == [3, 2, 0]

    def test_a_threshold_takes_all_detections_of_a_score(self):
        curve = ClassCurve(np.array([0.9, 0.9]), np.array([True, False]), 1)
        scores, f1 = curve.f1_steps
        np.testing.assert_allclose(scores, [0, 0.9, 1])
        np.testing.assert_allclose(f1, [2 / 3, 2 / 3, 0])

    def test_no_detections(self):
        curve = ClassCurve(np.empty(0), np.empty(0, bool), 3)
        assert curve.average_precision == 0
        assert [part.tolist() for part in curve.f1_steps] == [[0, 1], [0, 0]]

    def test_of_frames(self, judge):
        frames = [judge(), judge(found=[*FOUND, BALL_FOUND])]
        players, balls, referees = (ClassCurve.of(frames, label) for label in range(3))
        assert [curve.num_objects for curve in (players, balls, referees)] == [4, 2, 2]
        assert players.scores.tolist() == [0.9, 0.9, 0.7, 0.7]
        assert players.hits.tolist() == [True, True, False, False]
        assert balls.hits.tolist() == [False, False, True]
        assert referees.average_precision == 1

    def test_equals_pycocotools(self, judge):
        rng = np.random.default_rng(5)
        boxes = np.concatenate([xy := rng.uniform(0, 120, (8, 30, 2)), xy + 20], axis=2)
        frames = []
        for number, true in enumerate(boxes):
            found = true[:, None] + rng.normal(0, 3, (30, 4, 4))
            found = [
                (box, n % 2, s) for n, group in enumerate(found) for box, s in scored(group, rng)
            ]
            truth = [(box, n % 2) for n, box in enumerate(true)]
            frames.append(judge(found=found, truth=truth, crowds=[0, 1, 2], image_id=number))
        expected = pycocotools_ap50(frames)
        for label in (0, 1):
            assert 0.1 < expected[label] < 0.9
            got = ClassCurve.of(frames, label).average_precision
            assert got == pytest.approx(expected[label], abs=1e-9)


def scored(boxes, rng):
    """Boxes with scores of one digit, so that many are equal."""
    return [
        (box.tolist(), score) for box, score in zip(boxes, rng.integers(1, 10, 4) / 10, strict=True)
    ]


def pycocotools_ap50(frames):
    coco, evaluation = (pytest.importorskip(f"pycocotools.{name}") for name in ("coco", "cocoeval"))
    annotations, detections = [], []
    for frame in (frame.objects for frame in frames):
        truth = frame.truth
        for box, label, crowd in zip(truth.boxes, truth.labels, truth.crowd, strict=True):
            entry = coco_entry(frame.image_id, box, label, id=len(annotations) + 1)
            annotations.append(entry | dict(area=1.0, iscrowd=int(crowd)))
        for box, label, score in zip(frame.boxes, frame.labels, frame.scores, strict=True):
            detections.append(coco_entry(frame.image_id, box, label, score=score))
    truth = coco.COCO()
    truth.dataset = dict(
        images=[dict(id=frame.objects.image_id) for frame in frames],
        annotations=annotations,
        categories=[dict(id=0), dict(id=1)],
    )
    truth.createIndex()
    run = evaluation.COCOeval(truth, truth.loadRes(detections), "bbox")
    run.evaluate()
    run.accumulate()
    return run.eval["precision"][0, :, :, 0, 2].mean(axis=0)


def coco_entry(image_id, box, label, **fields):
    left, top, right, bottom = box.tolist()
    bbox = [left, top, right - left, bottom - top]
    return dict(image_id=image_id, bbox=bbox, category_id=int(label), **fields)


class TestWindow:
    def test_size_and_place(self):
        window = Window.around(np.array([100.0, 50.0, 110.0, 54.0]), "ball")
        assert window == (71.0, 18.0, 68.0, "ball")
        assert window.contains(np.array([138.0, 20.0, 140.0, 22.0]))
        assert not window.contains(np.array([139.0, 20.0, 141.0, 22.0]))


class TestDetections:
    def test_is_registered(self):
        built = VISUALIZERS.build({"type": "DetectionVisualizer", "name": "v"})
        assert isinstance(built, DetectionVisualizer)

    def test_every_kind_has_its_colour_and_place(self, pictures):
        sheet = pictures["detections"]
        player, _, referee = CLASS_COLORS
        for box, color in (
            (FOUND[HIT][0], player),
            (FOUND[1][0], referee),
            (FOUND[WRONG][0], FALSE_POSITIVE),
            (TRUTH[1][0], MISS),
        ):
            for other in (*CLASS_COLORS, FALSE_POSITIVE, MISS):
                assert where(around(sheet, box), other).any() == (color == other)

    def test_missed_boxes_are_dashed(self, pictures):
        found, missed = (around(pictures["detections"], TRUTH[n][0], 3)[20:-20] for n in (0, 1))
        solid, dashed = where(found, CLASS_COLORS[PLAYER]), where(missed, MISS)
        assert solid.any(axis=1).all()
        assert not dashed.any(axis=1).all()

    def test_nothing_else_is_drawn_on_the_frame(self, pictures):
        frame = pictures["detections"][FRAME]
        assert (frame == GREY).all(axis=-1).mean() > 0.96

    def test_balls_have_rings_on_the_frame_and_boxes_beside_it(self, make, draw):
        sheet = draw([make(found=[BALL_FOUND], truth=None)])["detections"]
        left, top, right, bottom = BALL_FOUND[0]
        yellow = where(sheet[FRAME], CLASS_COLORS[BALL])
        rows, columns = np.nonzero(yellow)
        middle = FRAME_SCALE * np.array([left + right, top + bottom]) / 2
        radii = np.hypot(*(np.stack([columns, rows], axis=1) + 0.5 - middle).T)
        assert radii.max() - radii.min() < 4
        assert radii.min() > FRAME_SCALE * (right - left) / 2

        rows, columns = np.nonzero(where(sheet[WINDOW], CLASS_COLORS[BALL]))
        scale = 324 / (48 + 2 * 8)
        assert columns.max() - columns.min() == pytest.approx(scale * (right - left), abs=3)
        assert rows.max() - rows.min() == pytest.approx(scale * (bottom - top), abs=3)

    def test_the_window_is_around_the_true_ball(self, pictures):
        window = pictures["detections"][WINDOW]
        rows, columns = np.nonzero(where(window, MISS)[130:])
        assert columns.mean() == pytest.approx(162, abs=8)
        assert rows.mean() + 130 == pytest.approx(162, abs=8)

    def test_windows_around_balls_found_elsewhere(self, make, draw, pictures):
        elsewhere = ([20, 140, 28, 148], BALL, 0.4)
        sheet = draw([make(found=[BALL_FOUND, elsewhere], truth=[])])["detections"]
        second = np.s_[480:804, 1314:1638]
        assert (pictures["detections"][second] == 255).all()
        for window in (WINDOW, second):
            assert where(sheet[window], FALSE_POSITIVE).any()

    def test_the_image_is_shown_where_the_boxes_are(self, make, draw, tmp_path):
        sample = make(found=[([40, 20, 48, 28], BALL, 0.9)], truth=None)
        image = np.full((*SIZE[::-1], 3), GREY, np.uint8)
        image[20:28, 40:48] = (255, 0, 0)
        path = tmp_path / "blue.png"
        cv2.imwrite(str(path), image)
        sample.set_metainfo({"img_path": str(path)})
        sheet = draw([sample])["detections"]
        for part, middle, side in (
            (FRAME, (FRAME_SCALE * 24, FRAME_SCALE * 44), FRAME_SCALE * 8),
            (WINDOW, (162, 162), 324 / 64 * 8),
        ):
            places = np.argwhere(where(sheet[part], "#0000ff"))
            np.testing.assert_allclose(places.mean(axis=0) + 0.5, middle, atol=1)
            assert np.sqrt(len(places)) == pytest.approx(side, abs=5)

    def test_no_ball(self, make, draw):
        sheet = draw([make(found=FOUND[:1], truth=None)])["detections"]
        assert (sheet[WINDOW][40:] == 255).all()

    def test_the_size_of_the_file_does_not_matter(self, make, draw):
        one, other = (
            draw([make(truth=None, size=size)])["detections"] for size in (SIZE, (640, 360))
        )
        np.testing.assert_array_equal(one[FRAME], other[FRAME])

    def test_the_first_samples(self, make, draw):
        one, two = (draw([make(truth=None)] * 2, num_samples=n)["detections"] for n in (1, 9))
        assert two.shape[0] - one.shape[0] > 720
        assert two.shape[1] == one.shape[1]

    def test_without_truth_there_are_mere_detections(self, make, draw):
        drawn = draw([make(truth=None)])
        assert list(drawn) == ["detections"]
        for color in CLASS_COLORS:
            assert where(drawn["detections"][FRAME], color).any()
        for color in (FALSE_POSITIVE, MISS):
            assert not where(around(drawn["detections"], FOUND[WRONG][0]), color).any()

    def test_frames_where_nothing_is(self, make, draw):
        drawn = draw([make(truth=[])])
        assert list(drawn) == ["detections"]
        assert where(drawn["detections"][FRAME], FALSE_POSITIVE).any()

    def test_an_image_that_is_gone(self, make):
        sample = make()
        sample.set_metainfo({"img_path": "gone.png"})
        with pytest.raises(DataFormatError, match=r"cannot read the image 'gone\.png'"):
            DetectionVisualizer().draw_samples([sample])

    def test_a_sample_without_predictions(self, make):
        sample = make()
        del sample.pred_instances
        with pytest.raises(DataFormatError, match="no 'pred_instances'"):
            DetectionVisualizer().draw_samples([sample])


class TestPlots:
    def test_names_types_and_sizes(self, pictures):
        assert set(pictures) == {"detections", *PLOTS}
        assert {picture.dtype for picture in pictures.values()} == {np.dtype(np.uint8)}
        assert {pictures[name].shape for name in PLOTS} == {(640, 960, 3)}

    def test_every_class_has_its_colour(self, pictures):
        for name in PLOTS:
            for color in PLOT_COLORS:
                assert where(pictures[name], color).any()

    def test_classes_that_are_not_annotated_have_no_curve(self, make, draw):
        drawn = draw([make(truth=TRUTH[:2])])
        for name in PLOTS:
            assert where(drawn[name], PLOT_COLORS[PLAYER]).any()
            assert not where(drawn[name], PLOT_COLORS[REFEREE]).any()

    def test_frames_that_are_not_annotated_do_not_count(self, make, draw, pictures):
        drawn = draw([make(truth=None), make(), make()], num_samples=1)
        for name in PLOTS:
            np.testing.assert_array_equal(drawn[name], pictures[name])

    def test_no_samples(self, draw):
        assert draw([]) == {}

    def test_no_detections(self, make, draw, pictures):
        drawn = draw([make(found=[])])
        assert set(drawn) == set(pictures)
        assert where(drawn["detections"][FRAME], MISS).any()
        for color in (*CLASS_COLORS, FALSE_POSITIVE):
            assert not where(drawn["detections"][FRAME], color).any()

    def test_the_threshold_counts(self, make, draw, pictures):
        high = draw([make(), make()], num_samples=1, score_threshold=0.85)
        assert not where(high["detections"][FRAME], FALSE_POSITIVE).any()
        for name in PLOTS:
            assert (pictures[name] != high[name]).any()


def labels_of(boxes, labels):
    return InstanceData(bboxes=boxes, labels=torch.tensor(labels))


class TestDatasetSample:
    IMAGE = np.full((96, 128, 3), GREY, np.uint8)
    BOXES = torch.tensor([[10.5, 20.5, 30.5, 60.5], [50.5, 20.5, 70.5, 60.5]])
    OTHER = torch.tensor([[90.5, 20.5, 110.5, 60.5]])

    def drawn(self, sample):
        drawn = DetectionVisualizer().draw_dataset_sample(self.IMAGE, sample)
        assert (self.IMAGE == GREY).all()
        assert drawn.shape == self.IMAGE.shape
        assert drawn.dtype == np.uint8
        return drawn

    @pytest.mark.parametrize("kind", [torch.Tensor, HorizontalBoxes])
    def test_boxes_have_the_colour_of_their_class_and_ignored_ones_are_grey(self, kind):
        sample = DetDataSample()
        sample.gt_instances = labels_of(kind(self.BOXES), [PLAYER, REFEREE])
        sample.ignored_instances = labels_of(kind(self.OTHER), [PLAYER])
        drawn = self.drawn(sample)
        for column, color in (
            (20, rgb(CLASS_COLORS[PLAYER])),
            (60, rgb(CLASS_COLORS[REFEREE])),
            (100, IGNORED),
        ):
            assert tuple(drawn[20, column]) == tuple(drawn[60, column]) == color
            assert tuple(drawn[40, column]) == (GREY, GREY, GREY)

    def test_balls_have_rings(self):
        sample = DetDataSample()
        sample.gt_instances = labels_of(torch.tensor([[60.5, 40.5, 64.5, 44.5]]), [BALL])
        drawn = self.drawn(sample)
        assert tuple(drawn[42, 62 + 13]) == tuple(drawn[42 - 13, 62]) == rgb(CLASS_COLORS[BALL])
        assert (drawn[38:47, 58:67] == GREY).all()

    def test_labels_of_a_test_pipeline_are_scaled_with_the_image(self):
        sample = DetDataSample(
            metainfo=dict(
                scale_factor=(0.5, 0.25),
                instances=[
                    dict(bbox=[21, 82, 61, 242], bbox_label=PLAYER, ignore_flag=0),
                    dict(bbox=[101, 82, 141, 242], bbox_label=PLAYER, ignore_flag=1),
                ],
            )
        )
        sample.gt_instances = InstanceData()
        drawn = self.drawn(sample)
        assert tuple(drawn[20, 20]) == tuple(drawn[40, 10]) == rgb(CLASS_COLORS[PLAYER])
        assert tuple(drawn[20, 60]) == IGNORED

    def test_no_labels(self):
        empty = DetDataSample()
        empty.gt_instances = labels_of(torch.empty(0, 4), [])
        for sample in (DetDataSample(), empty):
            np.testing.assert_array_equal(self.drawn(sample), self.IMAGE)

    def test_lines_of_large_inputs_are_wider(self):
        sample = DetDataSample()
        sample.gt_instances = labels_of(self.BOXES, [PLAYER, PLAYER])
        small, large = (
            DetectionVisualizer().draw_dataset_sample(np.full((n, n, 3), GREY, np.uint8), sample)
            for n in (640, 1920)
        )
        assert (large != GREY).sum() > 1.5 * (small != GREY).sum()


def rgb(color):
    return tuple(round(255 * part) for part in to_rgb(color))


class TestDrawDetections:
    def video_frame(self, found, min_score=0.5, scale=4):
        """Draw on a frame whose longer side is 1280, objects scaled accordingly."""
        size = (scale * SIZE[0], scale * SIZE[1])
        boxes, labels, scores = zip(*found, strict=True) if found else ([], [], [])
        objects = DetectedObjects(
            3,
            "3",
            size,
            scale * np.array(boxes, float).reshape(-1, 4),
            np.array(scores, float),
            np.array(labels, int),
        )
        image = np.full((*size[::-1], 3), GREY, np.uint8)
        drawn = draw_detections(image, objects, min_score)
        assert (image == GREY).all()
        assert drawn.shape == image.shape
        assert drawn.dtype == np.uint8
        return drawn

    def test_boxes_are_blue_green_red(self):
        drawn = self.video_frame(FOUND)
        for (left, _, right, bottom), label, _ in FOUND[:3]:
            for column in (4 * left, 2 * (left + right)):
                assert tuple(drawn[4 * bottom, column]) == rgb(CLASS_COLORS[label])[::-1]

    def test_scores_are_on_a_tag_of_their_colour(self):
        drawn = self.video_frame(FOUND[:1])
        tag = drawn[4 * 41 - 12 : 4 * 41 - 3, 4 * 30 - 8 : 4 * 30 + 8]
        is_background = (tag == rgb(CLASS_COLORS[PLAYER])[::-1]).all(axis=-1)
        assert 0.3 < is_background.mean() < 0.95
        assert tag[~is_background].min() < 60

    def test_balls_have_rings_and_no_boxes(self):
        drawn = self.video_frame([([200, 100, 202, 102], BALL, 0.9)])
        assert tuple(drawn[404, 804 + 13]) == rgb(CLASS_COLORS[BALL])[::-1]
        assert (drawn[404 - 6 : 404 + 6, 804 - 6 : 804 + 6] == GREY).all()

    def test_balls_are_on_top(self):
        player, ball = ([195, 90, 204.375, 120], PLAYER, 0.99), ([200, 100, 202, 102], BALL, 0.6)
        drawn = self.video_frame([player, ball])
        assert tuple(drawn[404, 804 + 13]) == rgb(CLASS_COLORS[BALL])[::-1]

    def test_scores_below_the_least_are_left_out(self):
        kept, drawn = self.video_frame(FOUND[:2]), self.video_frame(FOUND, min_score=0.75)
        np.testing.assert_array_equal(kept, drawn)

    def test_counts_are_written_in_the_colours_of_the_classes(self):
        drawn = self.video_frame([])
        changed = np.argwhere((drawn != GREY).any(axis=-1))
        assert changed.max(axis=0).tolist() < [40, 400]
        for color in CLASS_COLORS:
            assert where(drawn[:40, :400, ::-1], color).any()

    def test_lines_grow_with_the_image(self):
        small, large = (self.video_frame(FOUND[:1], scale=scale) for scale in (4, 12))
        for drawn, scale, width in ((small, 4, 2), (large, 12, 4)):
            row = drawn[scale * 66, : scale * 30]
            assert (row != GREY).any(axis=-1).sum() == pytest.approx(width, abs=1)

    def test_a_box_at_the_upper_edge_keeps_its_score(self):
        drawn = self.video_frame([([200, 0, 220, 40], PLAYER, 0.9)])
        assert (drawn[2:8, 832:848] == rgb(CLASS_COLORS[PLAYER])[::-1]).all(axis=-1).any()

    def test_another_size_is_refused(self, make):
        objects = DetectedObjects.from_sample(make())
        with pytest.raises(DataFormatError, match=r"the image is 160 x 90, .* at 320 x 180"):
            draw_detections(np.zeros((90, 160, 3), np.uint8), objects, 0.5)
