"""DetectionMetrics through MMEngine's evaluator, on samples as a model's."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation.functional import COCO_FIGURES
from footmm.evaluation.metrics import DetectionMetrics
from footmm.registry import METRICS

PLAYER_BOX, BALL_BOX, REFEREE_BOX = (10, 10, 30, 60), (100, 100, 108, 108), (200, 20, 260, 160)
BOXES, LABELS = (PLAYER_BOX, BALL_BOX, REFEREE_BOX), (0, 1, 2)
FIGURES = (
    *("mAP", "AP50", "AP75", "mAP_small", "mAP_medium", "mAP_large", "AR100"),
    *("player_mAP", "player_AP50", "player_AP75"),
    *("ball_mAP", "ball_AP50", "ball_AP75"),
    *("referee_mAP", "referee_AP50", "referee_AP75"),
    *("ball_point_precision", "ball_point_recall", "ball_point_f1"),
)


def sample(found=BOXES, scores=(0.9, 0.8, 0.7), labels=LABELS, truth=BOXES, image_id=1, path=None):
    """Tensors, as a model returns them, and ``instances``, as the dataset gives them."""
    meta = {
        "img_id": image_id,
        "img_path": path or f"{image_id}.jpg",
        "ori_shape": (360, 640),
        "instances": None if truth is None else instances(truth),
    }
    result = DetDataSample(metainfo=meta)
    result.pred_instances = InstanceData(
        bboxes=torch.tensor(found, dtype=torch.float32).reshape(-1, 4),
        scores=torch.tensor(scores, dtype=torch.float32),
        labels=torch.tensor(labels, dtype=torch.int64),
    )
    return result


def instances(boxes):
    return [
        {
            "bbox": list(box),
            "bbox_label": label,
            "ignore_flag": 0,
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
        }
        for box, label in zip(boxes, LABELS, strict=False)
    ]


def evaluate(samples, metric=None, **options):
    evaluator = Evaluator([metric or DetectionMetrics(**options)])
    evaluator.process(samples)
    figures = evaluator.evaluate(len(samples))
    return {name.removeprefix("detection/"): value for name, value in figures.items()}


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "footmm.evaluation.metrics.detection.print_log", lambda text, logger: lines.append(text)
    )
    return lines


def test_is_registered():
    assert isinstance(METRICS.build({"type": "DetectionMetrics"}), DetectionMetrics)


def test_figures_by_hand(log):
    """The second image: the player 5 px aside (IoU 0.6), the ball 6 px, no referee."""
    aside = [(15, 10, 35, 60), (106, 100, 114, 108)]
    second = sample(aside, (0.6, 0.5), (0, 1), image_id=2)
    metric = DetectionMetrics()
    figures = evaluate([sample(), second], metric)
    assert tuple(figures) == FIGURES
    assert all(type(value) is float for value in figures.values())
    half = 51 / 101
    assert figures["player_AP50"] == pytest.approx(1, abs=1e-9)
    assert figures["player_AP75"] == pytest.approx(half, abs=1e-9)
    # Thresholds 0.5, 0.55 and 0.6 of ten.
    assert figures["player_mAP"] == pytest.approx(0.3 + 0.7 * half, abs=1e-9)
    assert figures["ball_mAP"] == figures["referee_mAP"] == pytest.approx(half, abs=1e-9)
    assert figures["mAP"] == pytest.approx((figures["player_mAP"] + 2 * half) / 3, abs=1e-9)
    assert figures["AP50"] == pytest.approx((1 + 2 * half) / 3, abs=1e-9)
    assert figures["mAP_small"] == pytest.approx((figures["player_mAP"] + half) / 2, abs=1e-9)
    assert figures["mAP_medium"] == pytest.approx(half, abs=1e-9)
    assert math.isnan(figures["mAP_large"])
    assert figures["AR100"] == pytest.approx((0.65 + 0.5 + 0.5) / 3, abs=1e-9)
    points = [figures[f"ball_point_{name}"] for name in ("precision", "recall", "f1")]
    assert points == [0.5, 0.5, 0.5]
    assert log == [
        "detection: 2 images; balls within 4 px, at scores from 0.3 on: 1 found, 1 missed, 1 "
        "detections wrong"
    ]
    assert metric.scores.overall["AP"] == figures["mAP"]
    assert tuple(metric.scores.per_class[1]) == COCO_FIGURES


def test_a_radius_and_a_threshold_of_the_ball():
    aside = sample([(106, 100, 114, 108)], (0.5,), (1,))
    assert evaluate([aside], ball_radius_px=6.0)["ball_point_f1"] == 1
    assert evaluate([aside], ball_radius_px=5.9)["ball_point_f1"] == 0
    unsure = evaluate([aside], ball_score_threshold=0.6)
    assert math.isnan(unsure["ball_point_precision"])
    assert unsure["ball_point_recall"] == 0


def test_ties_are_broken_by_image_id_whatever_the_order():
    right, wrong = sample(image_id=2), sample(BOXES[::-1], image_id=3, scores=(0.9, 0.8, 0.7))
    figures = evaluate([wrong, right])
    assert figures == pytest.approx(evaluate([right, wrong]), abs=0, nan_ok=True)
    assert figures["player_AP50"] == pytest.approx(51 / 101, abs=1e-9)


def test_frames_of_several_videos_may_share_their_ids():
    """The path orders them; in each order of arrival the right one of video a comes first."""
    right = sample(path="a/1.jpg")
    wrong = sample(BOXES[::-1], path="b/1.jpg")
    for samples in ([right, wrong], [wrong, right]):
        assert evaluate(samples)["player_AP50"] == pytest.approx(51 / 101, abs=1e-9)


def test_images_that_are_not_annotated_are_left_out(log):
    unknown = sample(truth=None, image_id=9)
    metric = DetectionMetrics()
    assert evaluate([unknown, sample()], metric)["AP50"] == pytest.approx(1, abs=1e-9)
    assert log[0] == "detection: 1 of 2 images are not annotated and are left out"
    assert log[1].startswith("detection: 1 images; ")
    assert evaluate([unknown], metric) == {}
    assert metric.scores is None
    assert log[2:] == [
        "detection: 1 of 1 images are not annotated and are left out, nothing to score"
    ]


def test_images_without_objects_are_annotated():
    empty = sample((), (), (), truth=(), image_id=2)
    assert evaluate([sample(), empty])["AP50"] == pytest.approx(1, abs=1e-9)
    assert all(map(math.isnan, evaluate([empty]).values()))


def test_one_entry_per_sample_that_can_be_sent_to_another_process():
    metric = DetectionMetrics()
    samples = [sample(), sample(truth=None, image_id=2)]
    metric.process({}, [item.to_dict() for item in samples])
    assert len(metric.results) == 2
    metric.results = pickle.loads(pickle.dumps(metric.results))
    assert metric.evaluate(2)["detection/AP50"] == pytest.approx(1, abs=1e-9)


def test_what_a_distributed_sampler_repeats_is_dropped():
    samples = [sample(), sample((), (), (), image_id=2)]
    evaluator = Evaluator([DetectionMetrics()])
    evaluator.process([*samples, samples[0]])
    assert evaluator.evaluate(2)["detection/AR100"] == 0.5


def test_another_prefix(log):
    figures = evaluate([sample()], prefix="small_balls", ball_radius_px=2.0)
    assert set(figures) == {f"small_balls/{name}" for name in FIGURES}
    assert log[0].startswith("small_balls: 1 images; balls within 2 px")


@pytest.mark.parametrize(
    "options",
    [
        {"ball_radius_px": -1.0},
        {"ball_radius_px": math.inf},
        {"ball_radius_px": "4"},
        {"ball_score_threshold": math.nan},
        {"ball_score_threshold": None},
        {"ball_score_threshold": True},
    ],
    ids=str,
)
def test_refuses_other_arguments(options):
    ((name, value),) = options.items()
    with pytest.raises(ConfigError, match=f"{name}={value!r} must be a number, 0 or more"):
        DetectionMetrics(**options)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"scores": (0.9, math.nan, 0.7)}, "a score is nan"),
        ({"labels": (0, 1, 3)}, "the label 3 is outside of the 3 classes"),
        ({"found": (*BOXES[:2], (0, 0, np.nan, 1))}, "a box holds nan or infinity"),
    ],
)
def test_refuses_a_broken_sample_as_soon_as_it_comes(broken, message):
    metric = DetectionMetrics()
    with pytest.raises(DataFormatError, match=rf"image 7 \(7\.jpg\): {message}"):
        metric.process({}, [sample(**broken, image_id=7).to_dict()])


@st.composite
def random_samples(draw):
    """Detections of some of the objects, a little aside, sure in various degrees."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = []
    for number in range(draw(st.integers(1, 5))):
        chosen = rng.integers(0, 3, rng.integers(0, 5))
        found = np.array(BOXES, float)[chosen] + rng.normal(0, 3, (len(chosen), 1))
        truth = None if rng.random() < 0.2 else BOXES[: rng.integers(0, 4)]
        scores = rng.permutation(10)[: len(chosen)] / 10 + number / 100
        samples.append(sample(found, scores, chosen, truth, number))
    return samples


@given(random_samples(), st.integers(0, 2**32 - 1))
def test_order_batches_and_processes_make_no_difference(check_splits, samples, seed):
    figures = check_splits(DetectionMetrics, samples, np.random.default_rng(seed))
    assert all(math.isnan(value) or 0 <= value <= 1 + 1e-9 for value in figures.values())
    annotated = [item for item in samples if item.instances is not None]
    assert bool(figures) == bool(annotated)


@given(st.data())
def test_broken_samples_are_refused(check_broken, data):
    check_broken(DetectionMetrics, sample(), data, optional=("instances",))
