"""LocSimMetric through MMEngine's evaluator, on samples as a model's."""

from __future__ import annotations

import json
import logging
import math
import pickle
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation.metrics import LocSimMetric
from footmm.pitch.camera import Camera
from footmm.pitch.frames import synloc_to_world
from footmm.pitch.lens import PolynomialLens
from footmm.registry import METRICS

SIZE = (3840, 2160)
CAMERA = replace(
    Camera.look_at([0.0, -60.0, 18.0], [0.0, 0.0, 0.0], float(SIZE[0]), SIZE),
    lens=PolynomialLens(torch.tensor([0.8, 0.0]).double(), torch.tensor([1.25, 0.0]).double()),
)
ATHLETES = np.array([(-10.0, 5.0), (0.0, 0.0), (12.0, -8.0)])
FIGURES = (
    *("mAP_locsim", "AP50", "AP75", "precision", "recall", "f1"),
    *("frame_accuracy", "score_threshold"),
)


def pixels(positions, height=0.0):
    return CAMERA.project(np.c_[positions, np.full(len(positions), height)]).numpy()


def boxes(positions, height=1.8):
    """Upright boxes whose bottom centres are the positions."""
    feet, heads = pixels(positions), pixels(positions, height)
    half = (feet[:, 1] - heads[:, 1]) / 5
    return np.c_[feet[:, 0] - half, heads[:, 1], feet[:, 0] + half, feet[:, 1]]


def sample(where=ATHLETES, scores=(0.9, 0.8, 0.7), truth=ATHLETES, image_id=0, **found):
    """Tensors, as a model returns them; ``found`` replaces what belongs to ``where``."""
    known = truth is not None
    meta = {
        "img_id": image_id,
        "img_path": f"{image_id}.jpg",
        "ori_shape": (1080, 1920),
        "camera": {"width": SIZE[0], "height": SIZE[1], **CAMERA.to_synloc()},
        "ground_truth_positions": truth if known else None,
        "ground_truth_areas": np.full(len(truth), 500.0) if known else None,
        "ground_truth_bboxes": boxes(truth) if known else None,
        "ground_truth_keypoints": np.zeros((len(truth), 2, 2)) if known else None,
        "ground_truth_ids": np.arange(len(truth)) if known else None,
        "ground_truth_crowd": np.zeros(len(truth), dtype=bool) if known else None,
    }
    values = {
        "bboxes": boxes(where),
        "bbox_scores": np.array(scores),
        "keypoints": np.stack([pixels(where, 0.9), pixels(where)], axis=1),
        "keypoint_scores": np.ones((len(where), 2)),
        "positions": where,
        **found,
    }
    result = PoseDataSample(metainfo=meta)
    result.pred_instances = InstanceData(**{k: torch.as_tensor(v) for k, v in values.items()})
    return result


def evaluate(samples, metric=None, **options):
    evaluator = Evaluator([metric or LocSimMetric(**options)])
    evaluator.process(samples)
    figures = evaluator.evaluate(len(samples))
    return {name.removeprefix("synloc/"): value for name, value in figures.items()}


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "footmm.evaluation.metrics.synloc.print_log",
        lambda text, logger, level=logging.INFO: lines.append((level, text)),
    )
    return lines


def test_is_registered():
    assert isinstance(METRICS.build({"type": "LocSimMetric"}), LocSimMetric)


def test_figures_by_hand(log):
    """Three of three, and two of three with one 5 m off: 5 right ones, then a wrong one."""
    missed = ATHLETES + np.array([(0, 0), (0, 0), (5, 0)])
    samples = [sample(), sample(missed, scores=(0.9, 0.8, 0.6), image_id=1)]
    figures = evaluate(samples)
    assert tuple(figures) == FIGURES
    assert all(type(value) is float for value in figures.values())
    # Precision is 1 up to recall 5 / 6.
    for name in ("mAP_locsim", "AP50", "AP75"):
        assert figures[name] == pytest.approx(84 / 101, abs=1e-9)
    assert figures["precision"] == pytest.approx(1, abs=1e-9)
    assert figures["recall"] == pytest.approx(0.83)
    assert figures["frame_accuracy"] == 0.5
    assert figures["score_threshold"] == pytest.approx(0.35)
    (entry,) = log
    assert "sskit 0.6.0" in entry[1]
    assert "2 images" in entry[1]
    assert "found on these data" in entry[1]


@pytest.mark.parametrize(
    ("source", "score"), [("position", 0), (1, 1), ("bbox", 1), (0, 0)], ids=str
)
def test_where_positions_come_from(source, score):
    """The pelvis is 0.9 m above the ground, so its ray meets the ground metres behind."""
    shifted = sample(positions=ATHLETES + 20.0)
    assert evaluate([shifted], position_from=source)["AP50"] == pytest.approx(score, abs=1e-9)


def test_keypoint_0_counts_if_asked_for():
    swapped = np.stack([pixels(ATHLETES), pixels(ATHLETES, 0.9)], axis=1)
    figures = evaluate([sample(keypoints=swapped)], position_from=0)
    assert figures["AP50"] == pytest.approx(1, abs=1e-9)


def test_detections_have_the_area_of_their_boxes():
    """An unmatched detection only counts in the range of its area."""
    positions = np.array([(30.0, 5.0), *ATHLETES])
    small, large = (0.0, 0.0, 10.0, 20.0), (0.0, 0.0, 300.0, 400.0)
    stats = {}
    for name, box in (("small", small), ("large", large)):
        bboxes = np.array([box, small, small, small])
        metric = LocSimMetric()
        evaluate([sample(positions, (0.9, 0.8, 0.7, 0.6), bboxes=bboxes)], metric)
        stats[name] = metric.scores.stats["APs"]
    assert stats["large"] == pytest.approx(1, abs=1e-9)
    assert stats["small"] < 0.8


def test_ties_are_broken_by_image_id_whatever_the_order():
    """As they come, the wrong detections of image 3 would be ranked before the right ones."""
    right = sample(scores=(0.5, 0.5, 0.5), image_id=2)
    wrong = sample(ATHLETES + 9.0, scores=(0.5, 0.5, 0.5), image_id=3)
    figures = evaluate([wrong, right])
    assert figures == evaluate([right, wrong])
    assert figures["AP50"] == pytest.approx(51 / 101, abs=1e-9)


def test_positions_that_are_nowhere_match_nobody():
    lost = ATHLETES.copy()
    lost[1] = math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        figures = evaluate([sample(positions=lost)])
    assert figures == evaluate([sample(ATHLETES + np.array([(0, 0), (9, 0), (0, 0)]))])


def test_images_without_athletes_or_detections():
    nothing = np.zeros((0, 2))
    samples = [sample(), sample(nothing, (), nothing, 1), sample(nothing, (), ATHLETES, 2)]
    figures = evaluate(samples)
    assert figures["recall"] == 0.5
    # The image with neither does not count.
    assert figures["frame_accuracy"] == 0.5
    silent = evaluate([sample(nothing, ())])
    assert (silent["precision"], silent["recall"], silent["score_threshold"]) == (0, 1, 0)


def test_a_given_threshold(log):
    figures = evaluate([sample()], score_threshold=0.75)
    assert figures["score_threshold"] == 0.75
    assert figures["recall"] == pytest.approx(0.66)
    assert figures["frame_accuracy"] == 0
    assert log[-1][1].endswith("given")


def test_the_threshold_of_a_validation(log):
    metric = LocSimMetric(score_threshold="validation")
    metric.validation_threshold = 0.75
    figures = evaluate([sample()], metric)
    assert figures == evaluate([sample()], score_threshold=0.75)
    assert [level for level, _ in log] == [logging.INFO, logging.INFO]
    assert log[0][1].endswith("found in validation")


def test_without_a_validation_the_best_threshold_is_taken_and_said(log):
    samples = [sample(), sample(ATHLETES + 9.0, (0.6, 0.5, 0.4), image_id=1)]
    assert evaluate(samples, score_threshold="validation") == evaluate(samples)
    warned = [text for level, text in log if level == logging.WARNING]
    assert len(warned) == 1
    assert "optimistic" in warned[0]
    assert "mAP does not depend on it" in warned[0]


def test_images_that_are_not_annotated_are_left_out(log):
    unknown = sample(truth=None, image_id=1)
    assert evaluate([unknown, sample()]) == evaluate([sample()])
    assert log[0][1] == "synloc: 1 of 2 images are not annotated and are left out"
    metric = LocSimMetric()
    evaluate([sample()], metric)
    assert metric.scores.stats["recall"] == 1
    assert evaluate([unknown], metric) == {}
    assert metric.scores is None
    assert log[-1][1] == "synloc: this split is not annotated, nothing to score"


def test_one_entry_per_sample_that_can_be_sent_to_another_process():
    metric = LocSimMetric()
    samples = [sample(), sample(truth=None, image_id=1)]
    metric.process({}, [item.to_dict() for item in samples])
    assert len(metric.results) == 2
    metric.results = pickle.loads(pickle.dumps(metric.results))
    assert metric.evaluate(2)["synloc/recall"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position_from": "keypoint"}, "position_from='keypoint' is unknown; choose from "),
        ({"position_from": 2}, "position_from=2 "),
        ({"position_from": True}, "position_from=True "),
        ({"tau": 0.0}, "tau=0.0 must be a positive"),
        ({"tau": "1"}, "tau='1'"),
        ({"score_threshold": "train"}, "score_threshold='train' must be None, a number or 'val"),
        ({"score_threshold": math.nan}, "score_threshold=nan"),
    ],
)
def test_refuses_other_arguments(options, message):
    with pytest.raises(ConfigError, match=message):
        LocSimMetric(**options)


def test_refuses_scores_that_are_nan():
    with pytest.raises(DataFormatError, match=r"image 7 \(7\.jpg\): a score is nan"):
        evaluate([sample(scores=(0.9, math.nan, 0.7), image_id=7)])


@pytest.mark.realdata
def test_reproduces_the_figures_of_real_cameras(realdata):
    """From samples as the dataset and the model make them, in footmm's frame."""
    expected = json.loads((realdata / "synloc" / "expected.json").read_text())["sets"]["tiny"]
    with zipfile.ZipFile(realdata / "synloc" / "tiny.zip") as archive:
        truth, found = (json.loads(archive.read(f"{name}.json")) for name in ("gt", "res"))
    samples = [official_sample(image, truth["annotations"], found) for image in truth["images"]]
    for source, mode, tolerance in (
        ("position", "position_on_pitch", 1e-9),
        (1, "position_from_keypoint_index_1", 1e-4),
        (0, "position_from_keypoint_index_0", 1e-4),
        ("bbox", "bbox_bottom_centre", 1e-4),
    ):
        metric = LocSimMetric(source)
        evaluate(samples[::-1], metric)
        np.testing.assert_allclose(
            list(metric.scores.stats.values()),
            np.array(expected[mode], dtype=float),
            rtol=0,
            atol=tolerance,
        )


def official_sample(image, annotations, detections):
    athletes = [entry for entry in annotations if entry["image_id"] == image["id"]]
    found = [entry for entry in detections if entry["image_id"] == image["id"]]
    bboxes = np.reshape([entry["bbox"] for entry in found], (-1, 4))
    bboxes[:, 2:] += bboxes[:, :2]
    keypoints = np.reshape([entry["keypoints"] for entry in found], (-1, 2, 3))[..., :2]
    scores = [entry["score"] for entry in found]
    where = world_positions(found), scores, world_positions(athletes)
    result = sample(*where, image["id"], bboxes=bboxes, keypoints=keypoints)
    areas = np.array([entry["area"] for entry in athletes], dtype=float)
    result.set_metainfo({"camera": image, "ground_truth_areas": areas})
    return result


def world_positions(entries):
    return synloc_to_world(np.reshape([e["position_on_pitch"][:2] for e in entries], (-1, 2)))


@st.composite
def random_samples(draw):
    """Detections of some of the athletes, a little aside, sure in various degrees."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = []
    for number in range(draw(st.integers(1, 5))):
        where = ATHLETES[rng.integers(0, 3, rng.integers(0, 5))]
        where = where + rng.normal(0, 0.3, where.shape)
        truth = None if rng.random() < 0.2 else ATHLETES[: rng.integers(0, 4)]
        scores = rng.permutation(10)[: len(where)] / 10 + number / 100
        samples.append(sample(where, scores, truth, number))
    return samples


@given(random_samples(), st.integers(0, 2**32 - 1), st.sampled_from([None, 0.4]))
def test_order_batches_and_processes_make_no_difference(check_splits, samples, seed, threshold):
    def make():
        return LocSimMetric(score_threshold=threshold)

    figures = check_splits(make, samples, np.random.default_rng(seed))
    # Without any athlete sskit's average precision is -1, and its F1 infinite.
    figures.pop("synloc/f1", None)
    assert all(math.isnan(v) or -1 <= v <= 1 + 1e-9 for v in figures.values())
    assert bool(figures) == any(item.ground_truth_positions is not None for item in samples)


@given(st.data(), st.sampled_from(["position", "bbox", 0, 1]))
def test_broken_samples_are_refused(check_broken, data, source):
    def make():
        return LocSimMetric(source)

    check_broken(make, sample(), data, optional=("ground_truth_positions",))
