from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from footmm.errors import DataFormatError
from footmm.evaluation.functional import LocSimFrame, locsim_scores
from footmm.pitch.camera import Camera
from footmm.pitch.draw import PitchFromAbove
from footmm.pitch.homography import apply_homography
from footmm.pitch.lens import PolynomialLens
from footmm.registry import VISUALIZERS
from footmm.structures.localised_athletes import LocalisedAthletes
from footmm.visualization.synloc import (
    BLUE,
    BOX_LABEL,
    FALSE_POSITIVE,
    GREEN,
    KEYPOINT_LABELS,
    MATCH,
    MISS,
    TRUTH,
    UNJUDGED,
    VERMILION,
    JudgedAthletes,
    SynLocVisualizer,
    draw_athletes,
    draw_athletes_from_above,
    precision_at,
)

ANNOTATED_SIZE = (3840, 2160)
CAMERA = Camera.look_at(
    [0.0, -50.0, 15.0],
    [-20.0, 0.0, 0.0],
    3840.0,
    ANNOTATED_SIZE,
    lens=PolynomialLens(torch.tensor([0.6, 0.0]), torch.tensor([1 / 0.6, 0.0])),
)
PLOTS = ("error_by_distance", "f1_by_threshold", "precision_recall")
GREY = 90

# Where the first frame of a sheet and its pitch are, rows and columns.
FRAME = np.s_[130:850, 20:1300]
PITCH = np.s_[130:850, 1314:2074]
FRAME_SCALE = 1280 / ANNOTATED_SIZE[0]

# The first athlete is found 0.3 m off, the second is missed, and nobody is at the third place.
ATHLETES = np.array([[-20.0, -10.0], [-30.0, 10.0]])
DETECTIONS = np.array([[-19.7, -10.0], [-10.0, 15.0]])
HIT, MISSED, WRONG = 0, 1, 1


def keypoints_of(positions):
    points = np.stack([np.pad(positions, ((0, 0), (0, 1)), constant_values=h) for h in (1, 0)], 1)
    return CAMERA.project(points.reshape(-1, 3)).numpy().reshape(-1, 2, 2)


def boxes_of(positions):
    pelvis, ground = keypoints_of(positions).transpose(1, 0, 2)
    height = (ground - pelvis)[:, 1:]
    half = np.concatenate([height / 2, height], axis=1)
    return np.concatenate([pelvis - half, pelvis + half], axis=1)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")

    def make(
        detections=DETECTIONS, scores=(0.9, 0.8), athletes=ATHLETES, crowd=None, size=(320, 180)
    ):
        path = folder / f"{size[0]}.png"
        if not path.is_file():
            cv2.imwrite(str(path), np.full((*size[::-1], 3), GREY, np.uint8))
        truth = dict.fromkeys(("positions", "areas", "bboxes", "keypoints", "ids", "crowd"))
        if athletes is not None:
            athletes = np.reshape(athletes, (-1, 2))
            truth = dict(
                positions=athletes,
                areas=np.full(len(athletes), 900.0),
                bboxes=boxes_of(athletes),
                keypoints=keypoints_of(athletes),
                ids=np.arange(len(athletes)),
                crowd=np.zeros(len(athletes), bool) if crowd is None else np.array(crowd),
            )
        width, height = ANNOTATED_SIZE
        sample = PoseDataSample(
            metainfo={
                "img_id": 7,
                "img_path": str(path),
                "camera": {"width": width, "height": height, **CAMERA.to_synloc()},
                **{f"ground_truth_{key}": value for key, value in truth.items()},
            }
        )
        positions = np.reshape(detections, (-1, 2)).astype(float)
        keypoints = keypoints_of(np.nan_to_num(positions))
        sample.pred_instances = InstanceData(
            bboxes=torch.tensor(boxes_of(np.nan_to_num(positions))),
            bbox_scores=torch.tensor(scores[: len(positions)]),
            keypoints=torch.tensor(keypoints),
            keypoint_scores=torch.ones(len(positions), 2),
            positions=torch.tensor(positions),
        )
        return sample

    return make


@pytest.fixture(scope="module")
def judge(make):
    def judge(score_threshold=0.5, **kwargs):
        athletes = LocalisedAthletes.from_sample(make(**kwargs))
        return JudgedAthletes.of(athletes, score_threshold)

    return judge


@pytest.fixture(scope="module")
def draw():
    def draw(samples, **kwargs):
        return SynLocVisualizer(**kwargs).draw_samples(samples)

    return draw


@pytest.fixture(scope="module")
def pictures(make, draw):
    # Boxes of the plot need errors that differ.
    samples = [make(), make(detections=DETECTIONS - [[0.2, 0.0], [0.0, 0.0]])]
    return draw(samples, num_samples=1, score_threshold=0.5)


def where(image, color):
    """Pixels of a colour, give or take what smooth edges need."""
    color = 255 * np.array(to_rgb(color))
    return (np.abs(image - color) <= 40).all(axis=-1)


def middle(image, color):
    rows, columns = np.nonzero(where(image, color))
    assert len(rows)
    return np.array([columns.mean(), rows.mean()])


def around(image, pixel, reach=5):
    """The part of a sheet's first frame around a pixel of the annotated size."""
    u, v = ((np.asarray(pixel) + 0.5) * FRAME_SCALE).astype(int)
    return image[FRAME][max(v - reach, 0) : v + reach + 1, max(u - reach, 0) : u + reach + 1]


class TestJudgedAthletes:
    def test_matches_misses_and_false_positives(self, judge):
        judged = judge()
        assert judged.hits.tolist() == [[0, HIT]]
        assert judged.misses.tolist() == [MISSED]
        assert judged.false_positives.tolist() == [WRONG]
        assert judged.unjudged.tolist() == []
        np.testing.assert_allclose(judged.errors, [0.3])
        np.testing.assert_allclose(judged.segments, [[ATHLETES[0], DETECTIONS[0]]])

    def test_detections_below_the_threshold_do_not_count(self, judge):
        assert judge(0.85).false_positives.tolist() == []
        assert judge(0.95).misses.tolist() == [0, 1]

    def test_distances_are_to_the_optical_centre(self, judge):
        expected = np.hypot(np.hypot(30.0, 60.0), 15.0)
        np.testing.assert_allclose(judge().distances(np.array([MISSED])), [expected])

    def test_crowds_are_neither_missed_nor_blamed(self, judge):
        judged = judge(athletes=[ATHLETES[0], DETECTIONS[WRONG]], crowd=[False, True])
        assert judged.hits.tolist() == [[0, 0]]
        assert judged.misses.tolist() == judged.false_positives.tolist() == []

    def test_without_truth_nothing_is_judged(self, judge):
        judged = judge(athletes=None)
        assert judged.unjudged.tolist() == [0, 1]
        assert len(judged.hits) == len(judged.segments) == len(judged.misses) == 0
        assert judged.summary() == "320.png:  2 detections, not annotated"

    def test_summary(self, judge):
        assert judge().summary() == (
            "320.png:  2 athletes,  1 match,  1 miss,  1 false positive,  mean error 0.30 m"
        )
        assert "mean error" not in judge(0.95).summary()


class TestLocalisation:
    def test_is_registered(self):
        built = VISUALIZERS.build({"type": "SynLocVisualizer", "name": "v"})
        assert isinstance(built, SynLocVisualizer)

    def test_places_in_the_frame_have_the_colour_of_their_kind(self, pictures):
        sheet = pictures["localisation"]
        found, truth = keypoints_of(DETECTIONS)[:, 1], keypoints_of(ATHLETES)[:, 1]
        for pixel, color in (
            (found[HIT], MATCH),
            (found[WRONG], FALSE_POSITIVE),
            (truth[MISSED], MISS),
        ):
            for other in (MATCH, FALSE_POSITIVE, MISS):
                assert where(around(sheet, pixel), other).any() == (color == other)

    def test_boxes_are_drawn(self, pictures):
        sheet = pictures["localisation"]
        for boxes, number, color in (
            (boxes_of(DETECTIONS), HIT, MATCH),
            (boxes_of(DETECTIONS), WRONG, FALSE_POSITIVE),
            (boxes_of(ATHLETES), MISSED, MISS),
        ):
            left, top, right, _ = boxes[number]
            assert where(around(sheet, ((left + right) / 2, top), reach=4), color).any()

    def test_nothing_else_is_drawn_on_the_frame(self, pictures):
        frame = pictures["localisation"][FRAME]
        assert (frame == GREY).all(axis=-1).mean() > 0.97

    def test_places_on_the_pitch(self, pictures):
        pitch = pictures["localisation"][PITCH]
        hit, wrong, missed = (middle(pitch, color) for color in (MATCH, FALSE_POSITIVE, MISS))
        expected = np.array([DETECTIONS[WRONG], ATHLETES[MISSED]]) - DETECTIONS[HIT]
        scale = (wrong - hit)[0] / expected[0, 0]
        np.testing.assert_allclose([wrong - hit, missed - hit], expected * [scale, -scale], atol=2)

    def test_a_match_is_inside_the_ring_of_its_athlete(self, pictures):
        pitch = pictures["localisation"][PITCH]
        u, v = middle(pitch, MATCH).astype(int)
        assert where(pitch[v - 6 : v + 7, u - 9 : u + 3], TRUTH).any()

    def test_ground_in_view_is_lighter(self, pictures):
        pitch = pictures["localisation"][PITCH].astype(int)
        green = pitch[..., 1] - pitch[..., 0]
        is_grass = (green > 20) & (pitch[..., 1] > pitch[..., 2])
        shades = pitch[is_grass].sum(axis=-1)
        assert np.percentile(shades, 95) - np.percentile(shades, 5) > 60

    def test_the_size_of_the_file_does_not_matter(self, make, draw, pictures):
        other = draw([make(athletes=None, size=(640, 360))])["localisation"]
        same = draw([make(athletes=None)])["localisation"]
        np.testing.assert_array_equal(other[FRAME], same[FRAME])
        assert same.shape == pictures["localisation"].shape

    def test_the_first_samples(self, make, draw):
        samples = [make(athletes=None)] * 2
        one, two = (draw(samples, num_samples=n)["localisation"] for n in (1, 9))
        assert two.shape[0] - one.shape[0] > 720
        assert two.shape[1] == one.shape[1]

    def test_without_truth_there_are_mere_detections(self, make, draw):
        drawn = draw([make(athletes=None)])
        assert list(drawn) == ["localisation"]
        for part in (FRAME, PITCH):
            assert where(drawn["localisation"][part], UNJUDGED).any()
            for color in (MATCH, FALSE_POSITIVE, MISS):
                assert not where(drawn["localisation"][part], color).any()

    def test_frames_where_nobody_is(self, make, draw):
        drawn = draw([make(athletes=[])])
        assert list(drawn) == ["localisation"]
        assert where(drawn["localisation"][FRAME], FALSE_POSITIVE).any()

    def test_a_detection_that_is_nowhere_on_the_ground(self, make, draw):
        sheet = draw([make(detections=[[np.nan, np.nan]], athletes=None)])["localisation"]
        assert where(sheet[FRAME], UNJUDGED).any()
        assert not where(sheet[PITCH], UNJUDGED).any()

    def test_an_image_that_is_gone(self, make):
        sample = make()
        sample.set_metainfo({"img_path": "gone.png"})
        with pytest.raises(DataFormatError, match=r"cannot read the image 'gone\.png'"):
            SynLocVisualizer().draw_samples([sample])


class TestPlots:
    def test_names_types_and_sizes(self, pictures):
        assert set(pictures) == {"localisation", *PLOTS}
        assert {picture.dtype for picture in pictures.values()} == {np.dtype(np.uint8)}
        assert {pictures[name].shape for name in PLOTS} == {(640, 960, 3)}

    def test_colours(self, pictures):
        for name, colors in (
            ("error_by_distance", (MATCH, GREEN)),
            ("precision_recall", (BLUE, VERMILION, GREEN)),
            ("f1_by_threshold", (BLUE, VERMILION, GREEN)),
        ):
            for color in colors:
                assert where(pictures[name], color).any()

    def test_no_samples(self, draw):
        assert draw([]) == {}

    def test_no_detections(self, make, draw, pictures):
        drawn = draw([make(detections=[], scores=[])])
        assert set(drawn) == set(pictures)
        for part in (FRAME, PITCH):
            assert where(drawn["localisation"][part], MISS).any()
            for color in (MATCH, FALSE_POSITIVE):
                assert not where(drawn["localisation"][part], color).any()
        assert not where(drawn["error_by_distance"], GREEN).any()
        assert not where(drawn["error_by_distance"], MATCH).any()

    def test_the_best_threshold_is_the_default(self, make, draw):
        samples = [make(scores=(0.75, 0.25))]
        found, given, too_high = (draw(samples, score_threshold=t) for t in (None, 0.375, 0.99))
        assert where(found["localisation"][FRAME], MATCH).any()
        assert not where(found["localisation"][FRAME], FALSE_POSITIVE).any()
        for name in PLOTS:
            assert (found[name] == given[name]).all()
            assert (found[name] != too_high[name]).any()

    def test_curves_at_any_locsim(self):
        rng = np.random.default_rng(3)
        true = rng.uniform(-30, 30, (8, 12, 2))
        frames = [
            LocSimFrame(
                positions + rng.normal(0, 0.25, positions.shape),
                rng.random(12),
                np.full(12, 900.0),
                positions,
                np.full(12, 900.0),
                np.zeros(12, bool),
            )
            for positions in true
        ]
        stats = locsim_scores(frames).stats
        assert 0.1 < stats["AP75"] < stats["AP50"] < 1
        for least, name in ((0.5, "AP50"), (0.75, "AP75")):
            np.testing.assert_allclose(precision_at(frames, least).mean(), stats[name])


class TestDatasetSample:
    @pytest.fixture
    def sample(self):
        sample = PoseDataSample()
        sample.gt_instance_labels = InstanceData(
            bboxes=torch.tensor([[20.0, 10.0, 40.0, 50.0], [60.0, 10.0, 80.0, 50.0]]),
            keypoints=torch.tensor([[[30.0, 30.0], [30.0, 48.0]], [[70.0, 30.0], [70.0, 48.0]]]),
            keypoints_visible=torch.tensor([[1.0, 1.0], [0.0, 1.0]]),
        )
        return sample

    def test_boxes_and_visible_keypoints(self, sample):
        image = np.full((64, 96, 3), GREY, np.uint8)
        drawn = SynLocVisualizer().draw_dataset_sample(image, sample)
        assert (image == GREY).all()
        assert drawn.shape == image.shape
        pelvis, ground = KEYPOINT_LABELS
        for row, column, color in (
            (10, 25, BOX_LABEL),
            (50, 75, BOX_LABEL),
            (30, 30, pelvis),
            (48, 30, ground),
            (48, 70, ground),
            (30, 70, (GREY, GREY, GREY)),
        ):
            assert tuple(drawn[row, column]) == color

    def test_keypoints_and_boxes_of_large_inputs_are_larger(self, sample):
        small, large = (
            SynLocVisualizer().draw_dataset_sample(np.full((n, n, 3), GREY, np.uint8), sample)
            for n in (640, 1920)
        )
        assert (large != GREY).sum() > 2 * (small != GREY).sum()

    def test_no_labels(self):
        image = np.full((64, 96, 3), GREY, np.uint8)
        drawn = SynLocVisualizer().draw_dataset_sample(image, PoseDataSample())
        np.testing.assert_array_equal(drawn, image)


def found(scores=(0.9, 0.2)):
    return LocalisedAthletes(
        image_id=1,
        image_path="clip_000000",
        camera=CAMERA,
        bboxes=boxes_of(DETECTIONS),
        scores=np.array(scores),
        keypoints=keypoints_of(DETECTIONS),
        positions=DETECTIONS.copy(),
        truth=None,
    )


def bgr(color):
    return [round(255 * part) for part in to_rgb(color)[::-1]]


@pytest.mark.parametrize("size", [(960, 540), ANNOTATED_SIZE])
def test_a_frame_of_a_video(size):
    frame = np.full((*size[::-1], 3), GREY, np.uint8)
    athletes = found()
    picture = draw_athletes(frame, athletes, min_score=0.5)
    assert (frame == GREY).all()
    feet = (athletes.keypoints[:, 1] * size[0] / ANNOTATED_SIZE[0]).round().astype(int)
    assert picture[feet[0, 1], feet[0, 0]].tolist() == bgr(MATCH)
    assert picture[feet[1, 1], feet[1, 0]].tolist() == [GREY] * 3
    rows, columns = np.nonzero((picture == bgr(UNJUDGED)).all(2))
    box = np.array([columns.min(), rows.min(), columns.max(), rows.max()])
    expected = athletes.bboxes[0] * size[0] / ANNOTATED_SIZE[0]
    np.testing.assert_allclose(box, expected, atol=4)


def test_the_pitch_of_a_frame_of_a_video():
    athletes = found(scores=(0.9, 0.8))
    athletes.positions[1] = np.nan
    view = PitchFromAbove(width=480)
    picture = draw_athletes_from_above(athletes, 0.5, view)
    assert picture.shape == (view.image_size[1], 480, 3)
    ((column, row),) = apply_homography(view.homography, DETECTIONS[:1]).round().int().tolist()
    assert picture[row, column].tolist() == bgr(MATCH)
    rows, columns = np.nonzero((picture == bgr(MATCH)).all(2))
    assert np.hypot(rows - row, columns - column).max() < 5
    seen = view.footprint(CAMERA)
    assert picture[seen].mean() > view.draw()[seen].mean() + 10
    np.testing.assert_array_equal(picture[~seen], view.draw()[~seen])
