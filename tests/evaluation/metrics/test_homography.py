"""The metrics of the homography task through MMEngine's evaluator, on samples as a model's."""

import gzip
import json
import math
import zipfile
from pathlib import PurePath

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.structures import PoseDataSample

from footmm.errors import ConfigError, DataFormatError
from footmm.evaluation import CalibrationJaC, HomographyIoU, KeypointPCK, ReprojectionError
from footmm.evaluation.functional import project_markings
from footmm.pitch.camera import Camera
from footmm.pitch.frames import pixel_scaling
from footmm.pitch.homography import orient_homography
from footmm.registry import METRICS

SIZE = (960, 540)
FILE_SIZE = (1920, 1080)
TRUE = Camera.look_at([0.0, -60.0, 18.0], [20.0, 0.0, 0.0], 900.0, SIZE)
TRUTH = TRUE.homography().numpy()
TO_FILE = pixel_scaling(SIZE, FILE_SIZE)


def sample(homography=TRUTH, truth=TRUTH, camera=TRUE, keypoint_offset=0.0, **changes):
    """Predictions are given for 960 x 540 and stored for the file of 1920 x 1080."""
    keypoints = np.array([[100.0, 200.0], [300.0, 400.0], [0.0, 0.0]], dtype=np.float32)
    meta = {
        "sample_id": "00012",
        "img_path": "00012.jpg",
        "ori_shape": FILE_SIZE[::-1],
        "ground_truth_homography": truth,
        "ground_truth_keypoints": keypoints,
        # The second is known to be visible; the first, too; the third is out of view.
        "ground_truth_keypoints_visible": np.array([[1, 1], [1, 1], [0, 1]], dtype=np.float32),
        "annotated_lines": project_markings(TRUE),
        **changes,
    }
    result = PoseDataSample(metainfo=meta)
    moved = (keypoints + np.array([keypoint_offset, 0.0])) * 2 + 0.5
    result.pred_instances = InstanceData(
        keypoints=moved[None].astype(np.float32), keypoint_scores=np.zeros((1, 3))
    )
    result.pred_homography = None if homography is None else torch.from_numpy(TO_FILE @ homography)
    result.pred_camera = None if camera is None else camera.to_soccernet()
    return result


def evaluate(samples, *metrics):
    evaluator = Evaluator(list(metrics))
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


def shifted(pixels):
    return np.array([[1, 0, pixels], [0, 1, 0], [0, 0, 1.0]]) @ TRUTH


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(
        "footmm.evaluation.metrics.homography.print_log", lambda text, logger: lines.append(text)
    )
    return lines


@pytest.mark.parametrize(
    "name", ["ReprojectionError", "KeypointPCK", "CalibrationJaC", "HomographyIoU"]
)
def test_is_registered(name):
    assert type(METRICS.build({"type": name})).__name__ == name


def test_all_together_on_perfect_predictions():
    metrics = [ReprojectionError(), KeypointPCK(), CalibrationJaC(), HomographyIoU()]
    scores = evaluate([sample(), sample()], *metrics)
    zeros = [f"reprojection_error_{key}" for key in ("mean_m", "median_m", "mean_px", "median_px")]
    ones = [f"{name}@{px}" for name in ("pck", "JaC", "final_score") for px in (5, 10, 20)]
    ones += [f"iou_{kind}_{mean}" for kind in ("part", "whole") for mean in ("mean", "median")]
    expected = dict.fromkeys([*zeros, "projection_error_m"], 0.0)
    expected.update(dict.fromkeys([*ones, "homography_completeness", "completeness"], 1.0))
    assert scores == {
        f"homography/{key}": pytest.approx(v, abs=1e-6) for key, v in expected.items()
    }


def test_published_protocol_has_names_of_its_own():
    scores = evaluate([sample()], HomographyIoU(), HomographyIoU(protocol="published"))
    assert scores["homography/published_iou_part_mean"] == 1.0
    assert scores["homography/published_reprojection_error"] == pytest.approx(0.0, abs=1e-9)
    assert len(scores) == 5 + 6


def test_reprojection_error_is_over_frames():
    samples = [sample(shifted(pixels)) for pixels in (0.0, 3.0, 9.0)]
    scores = evaluate(samples, ReprojectionError())
    assert scores["homography/reprojection_error_mean_px"] == pytest.approx(4.0)
    assert scores["homography/reprojection_error_median_px"] == pytest.approx(3.0)
    # At some 65 m distance and a focal length of 900 px one pixel is 7 cm across the view.
    assert 0.15 < scores["homography/reprojection_error_median_m"] < 0.4


def test_frames_without_prediction_lower_completeness_only(log):
    samples = [sample(shifted(3.0)), sample(None), sample(None, truth=None), sample(truth=None)]
    scores = evaluate(samples, ReprojectionError())
    assert scores["homography/reprojection_error_mean_px"] == pytest.approx(3.0)
    assert scores["homography/homography_completeness"] == 0.5
    assert log == [
        "ReprojectionError: 2 of 4 frames have a true homography that shows the pitch, 1 of these "
        "a predicted one"
    ]


def test_without_any_prediction_errors_are_nan():
    scores = evaluate([sample(None, camera=None)], ReprojectionError(), HomographyIoU())
    assert scores.pop("homography/homography_completeness") == 0.0
    assert len(scores) == 9
    assert all(math.isnan(value) for value in scores.values())


@pytest.mark.parametrize("metric", [ReprojectionError, HomographyIoU])
def test_without_any_truth_there_is_no_result(metric, log):
    beside = np.array([[1, 0, 9000], [0, -1, 0], [0, 0, 1.0]])
    assert evaluate([sample(truth=None), sample(truth=beside)], metric()) == {}
    assert "0 of 2 frames" in log[0]


def test_says_nothing_where_every_frame_counts(log):
    evaluate([sample()], ReprojectionError(), HomographyIoU(), KeypointPCK(), CalibrationJaC())
    assert log == []


def test_iou_of_a_shift():
    scores = evaluate([sample(), sample(shifted(95.9))], HomographyIoU())
    assert scores["homography/iou_whole_mean"] == pytest.approx((1 + 0.9 / 1.1) / 2)
    assert scores["homography/iou_whole_median"] == scores["homography/iou_whole_mean"]
    assert 0.8 < scores["homography/iou_part_mean"] < 1.0


def test_pck_pools_the_visible_keypoints_of_all_frames():
    hidden = np.array([[1, 1], [0, 1], [1, 0]], dtype=np.float32)
    samples = [
        sample(keypoint_offset=7.0),
        sample(keypoint_offset=4.0, ground_truth_keypoints_visible=hidden),
    ]
    scores = evaluate(samples, KeypointPCK(thresholds=(5, 10)))
    assert scores == {"homography/pck@5": pytest.approx(1 / 3), "homography/pck@10": 1.0}


def test_pck_without_visible_keypoints_has_no_result(log):
    hidden = np.zeros((3, 2), dtype=np.float32)
    assert evaluate([sample(ground_truth_keypoints_visible=hidden)], KeypointPCK()) == {}
    assert log == ["KeypointPCK: no frame has a visible keypoint, nothing to score"]


def test_jac_leaves_out_frames_without_camera():
    wrong = Camera.look_at([0.0, -60.0, 18.0], [-20.0, 0.0, 0.0], 900.0, SIZE)
    samples = [sample(), sample(camera=None), sample(camera=wrong), sample(camera=None)]
    scores = evaluate(samples, CalibrationJaC(thresholds=(5,)))
    assert scores == {
        "homography/JaC@5": 0.5,
        "homography/final_score@5": 0.25,
        "homography/completeness": 0.5,
    }


def test_jac_without_any_camera():
    scores = evaluate([sample(camera=None)], CalibrationJaC())
    assert math.isnan(scores["homography/JaC@5"])
    assert scores["homography/final_score@5"] == scores["homography/completeness"] == 0.0


@pytest.mark.parametrize("metric", [KeypointPCK, CalibrationJaC])
@pytest.mark.parametrize("thresholds", [(), (5, 0), (-1,), (math.nan,)])
def test_refuses_thresholds(metric, thresholds):
    with pytest.raises(ConfigError, match="thresholds"):
        metric(thresholds=thresholds)


def test_refuses_an_unknown_protocol():
    with pytest.raises(ConfigError, match="'squeezed' is unknown; choose from exact, published"):
        HomographyIoU(protocol="squeezed")


@pytest.mark.parametrize(
    ("metric", "key"),
    [
        (ReprojectionError, "pred_homography"),
        (HomographyIoU, "ground_truth_homography"),
        (KeypointPCK, "pred_instances"),
        (KeypointPCK, "ori_shape"),
        (CalibrationJaC, "annotated_lines"),
        (CalibrationJaC, "pred_camera"),
    ],
)
def test_names_what_a_sample_lacks(metric, key):
    item = sample().to_dict()
    del item[key]
    with pytest.raises(DataFormatError, match=rf"00012.*'{key}'"):
        metric().process(None, [item])


@pytest.mark.parametrize("homography", [np.full((3, 3), np.nan), np.zeros((3, 3)), np.ones((2, 3))])
def test_refuses_what_is_no_homography(homography):
    item = {**sample().to_dict(), "pred_homography": homography}
    with pytest.raises(DataFormatError, match=r"sample 00012.*'pred_homography' is no homography"):
        ReprojectionError().process(None, [item])


def test_refuses_another_keypoint_set():
    item = sample(ground_truth_keypoints=np.zeros((29, 2)))
    with pytest.raises(DataFormatError, match="3 keypoints predicted, 29 annotated"):
        evaluate([item], KeypointPCK())


@pytest.mark.realdata
def test_published_figures_of_a_published_estimator(realdata):
    folder = realdata / "homography_wc14"
    truth = json.loads((folder / "gt_homographies.json").read_text())["homographies"]
    expected = json.loads((folder / "expected.json").read_text())["results"]["pnlcalib"]["official"]
    with gzip.open(folder / "expected_per_frame.json.gz") as file:
        frames = json.load(file)["pnlcalib"]
    to_yards = np.array([[1.09361, 0, 1.09361 * 52.5], [0, -1.09361, 1.09361 * 34], [0, 0, 1]])
    to_half = pixel_scaling((1280, 720), SIZE)
    metric = HomographyIoU(protocol="published")
    for name, estimates in frames.items():
        to_world = np.array(estimates["official"]["H_image_to_world_m"])
        pair = np.linalg.inv(np.diag([1.0, -1.0, 1.0]) @ to_world), truth[name] @ to_yards
        below = [np.linalg.inv(matrix) @ [640.0, 719.0, 1.0] for matrix in pair]
        predicted, true = (
            orient_homography(matrix, point[None, :2] / point[2]).numpy()
            for matrix, point in zip(pair, below, strict=True)
        )
        item = {"ori_shape": (720, 1280), "sample_id": name, "pred_homography": predicted}
        metric.process(None, [{**item, "ground_truth_homography": to_half @ true}])
    scores = metric.evaluate(len(frames))
    for name in ("iou_part", "iou_whole"):
        for mean in ("mean", "median"):
            score = scores[f"homography/published_{name}_{mean}"]
            assert score == pytest.approx(expected[name][mean], abs=1e-9)
    printed = expected["projection_error_m_as_printed"]["mean"]
    assert scores["homography/published_projection_error_m"] == pytest.approx(printed, abs=1e-6)
    share = expected["reprojection_error_over_height"]["mean"]
    assert scores["homography/published_reprojection_error"] == pytest.approx(share, abs=1e-9)


@pytest.mark.realdata
def test_jac_of_published_cameras(realdata):
    folder = realdata / "calibration_sn22"
    expected = json.loads((folder / "expected.json").read_text())["methods"]["pnlcalib"]
    metric = CalibrationJaC()
    with (
        zipfile.ZipFile(folder / "annotations.zip") as annotations,
        zipfile.ZipFile(folder / "cameras_pnlcalib.zip") as cameras,
    ):
        camera_names = {PurePath(name).name: name for name in cameras.namelist()}
        for name in annotations.namelist():
            camera = camera_names.get(f"camera_{PurePath(name).name}")
            lines = {
                line: np.array([(959 * point["x"], 539 * point["y"]) for point in points])
                for line, points in json.loads(annotations.read(name)).items()
            }
            item = {
                "annotated_lines": lines,
                "pred_camera": None if camera is None else json.loads(cameras.read(camera)),
            }
            metric.process(None, [item])
    scores = metric.evaluate(300)
    assert scores["homography/completeness"] == 0.98
    for threshold in (5, 10, 20):
        published = expected[f"t{threshold}"]
        jac, final_score = published["meanAccuracies"], published["finalScore"]
        assert scores[f"homography/JaC@{threshold}"] == pytest.approx(jac, abs=1e-7)
        assert scores[f"homography/final_score@{threshold}"] == pytest.approx(final_score, abs=1e-7)


METRICS_OF_FRAMES = pytest.mark.parametrize(
    "make",
    [
        lambda: ReprojectionError(),
        lambda: HomographyIoU(),
        lambda: HomographyIoU("published"),
        lambda: KeypointPCK(),
        lambda: CalibrationJaC(),
    ],
    ids=["reprojection", "iou", "published_iou", "pck", "jac"],
)


@st.composite
def random_samples(draw):
    """Predictions that are some pixels off, missing, or made for an unknown truth."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    samples = []
    for _ in range(draw(st.integers(1, 4))):
        off = rng.normal(0, 8)
        camera = Camera.look_at([off / 9, -60.0, 18.0], [20.0, 0.0, 0.0], 900.0, SIZE)
        lost, unknown = rng.random(2) < 0.2
        samples.append(
            sample(
                None if lost else shifted(off),
                None if unknown else TRUTH,
                None if lost else camera,
                off,
                ground_truth_keypoints_visible=(rng.random((3, 2)) < 0.7).astype(np.float32),
            )
        )
    return samples


@METRICS_OF_FRAMES
@given(samples=random_samples(), seed=st.integers(0, 2**32 - 1))
def test_order_batches_and_processes_make_no_difference(check_splits, make, samples, seed):
    figures = check_splits(make, samples, np.random.default_rng(seed))
    for name, value in figures.items():
        assert math.isnan(value) or value >= 0
        if "error" not in name:
            assert math.isnan(value) or value <= 1 + 1e-9


@METRICS_OF_FRAMES
@given(data=st.data())
def test_broken_samples_are_refused(check_broken, make, data):
    check_broken(make, sample(), data)
