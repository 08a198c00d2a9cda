from __future__ import annotations

import json
import logging
import pickle
import re
import zipfile

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

from footmm.datasets.homography import SoccerNetCalibrationDataset
from footmm.datasets.transforms import LoadImageFromFile, PackPitchInputs
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.keypoints import KEYPOINT_SETS

PIPELINE = [LoadImageFromFile(), PackPitchInputs()]
MIDDLE = [{"x": 0.5, "y": 0.0}, {"x": 0.5, "y": 1.0}]


@pytest.fixture
def messages(caplog):
    """The dataset's log."""
    logger = MMLogger.get_instance("test_soccernet", log_level="INFO")
    logger.addHandler(caplog.handler)
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def frame(tmp_path, write_frame, lines):
    """A folder with one good frame, to which tests add."""
    write_frame(tmp_path, "00000", lines)
    return tmp_path


def summary(messages):
    (record,) = [r for r in messages.records if "SoccerNetCalibrationDataset(" in r.getMessage()]
    return record.getMessage(), record.levelno


def test_sample(frame, lines):
    dataset = SoccerNetCalibrationDataset(frame)
    info = dataset.get_data_info(0)
    assert info["img_path"] == str(frame / "train" / "00000.jpg")
    assert (info["sample_id"], info["keypoint_set"]) == ("00000", "kp29")
    assert info["keypoints"].shape == (1, 29, 2)
    assert info["keypoints"].dtype == np.float32
    assert info["keypoints_visible"].shape == (1, 29, 2)
    assert set(info["lines"]) == {name.strip() for name in lines}
    first = lines["Side line right"][0]
    assert np.allclose(info["lines"]["Side line right"][0], [959 * first["x"], 539 * first["y"]])
    assert info["annotated_lines"] is info["lines"]
    assert info["ground_truth_homography"].shape == (3, 3)
    assert info["ground_truth_camera"] is None
    assert np.array_equal(info["ground_truth_keypoints"], info["keypoints"][0], equal_nan=True)
    assert dataset.metainfo["task"] == "homography"
    assert dataset.metainfo["keypoint_set"] == "kp29"
    assert dataset.metainfo["synthetic"] is False


def test_exact_camera_is_used_where_there_is_one(tmp_path, write_frame, lines, camera):
    parameters = camera.to_soccernet()
    write_frame(tmp_path, "00000", lines, parameters)
    info = SoccerNetCalibrationDataset(tmp_path, keypoint_set="kp57").get_data_info(0)
    assert info["ground_truth_camera"] == parameters
    assert np.allclose(info["ground_truth_homography"], camera.homography())
    assert info["keypoints_visible"][0, :, 1].all()
    visible = camera.visible(KEYPOINT_SETS["kp57"].world()).numpy()
    assert np.array_equal(info["keypoints_visible"][0, :, 0] == 1, visible)


def test_a_good_folder_is_one_line_of_log(frame, messages):
    SoccerNetCalibrationDataset(frame)
    message, level = summary(messages)
    assert message == "SoccerNetCalibrationDataset(split='train'): 1 of 1 images"
    assert level == logging.INFO


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", r"00001\.json is not valid JSON"),
        ("[]", r"00001\.json holds a list"),
        ({"Middle line": [{"x": "0.5", "y": 0.5}]}, r"'Middle line' is"),
        ({"Middle line": [{"x": None, "y": 0.5}]}, "'Middle line' is"),
        ('{"Middle line": [{"x": NaN, "y": 0.5}]}', "'Middle line' is"),
        ({"Middle line": [{"x": 0.5}]}, "'Middle line' is"),
        ({"Middle line": [0.5, 0.5]}, "'Middle line' is"),
        ({"Middle line": 3}, "'Middle line' is 3"),
    ],
)
def test_broken_annotations(frame, write_frame, messages, content, problem):
    write_frame(frame, "00001", content)
    assert len(SoccerNetCalibrationDataset(frame)) == 1
    message, level = summary(messages)
    assert "1 of 2 images; left out: 1 images with a broken annotation (first:" in message
    assert re.search(problem, message)
    assert level == logging.WARNING
    with pytest.raises(DataFormatError, match=problem):
        SoccerNetCalibrationDataset(frame, test_mode=True)


def test_broken_camera(frame, write_frame, lines, camera, messages):
    write_frame(frame, "00001", lines, camera.to_soccernet() | {"x_focal_length": "wide"})
    assert len(SoccerNetCalibrationDataset(frame)) == 1
    assert "camera_00001.json: 'x_focal_length'" in summary(messages)[0]
    with pytest.raises(DataFormatError, match=r"camera_00001\.json: 'x_focal_length'"):
        SoccerNetCalibrationDataset(frame, test_mode=True)


@pytest.mark.parametrize("test_mode", [False, True])
def test_unknown_line_name(frame, write_frame, test_mode):
    write_frame(frame, "00001", {"Midle line": MIDDLE})
    with pytest.raises(DataFormatError, match=r"00001\.json: unknown.*'Midle line'.*Middle line"):
        SoccerNetCalibrationDataset(frame, test_mode=test_mode)


def test_unidentified_markings_are_left_out(frame, write_frame, messages):
    write_frame(frame, "00001", {"Line unknown": MIDDLE, "Middle line": MIDDLE})
    dataset = SoccerNetCalibrationDataset(frame)
    assert set(dataset.get_data_info(1)["lines"]) == {"Middle line"}
    assert "1 unidentified markings (first: 'Line unknown' in" in summary(messages)[0]


def test_points_far_outside_are_dropped(frame, write_frame, messages):
    points = [{"x": -0.04, "y": 0.5}, {"x": 0.5, "y": 1.06}, {"x": 0.9, "y": 1.04}]
    far = [{"x": 3.0, "y": 0.5}]
    write_frame(frame, "00001", {"Middle line": points, "Side line top": far})
    lines = SoccerNetCalibrationDataset(frame).get_data_info(1)["lines"]
    assert list(lines) == ["Middle line"]
    assert np.allclose(lines["Middle line"], [(-38.36, 269.5), (863.1, 560.56)])
    message = summary(messages)[0]
    assert "2 of 2 images; left out: 2 points more than 5 % outside the image (first:" in message


def test_images_and_annotations_that_do_not_match(frame, write_frame, lines, messages):
    write_frame(frame, "00001")
    write_frame(frame, "00002", lines, image_size=None)
    write_frame(frame, "match_info_cam_gt", {"00000.jpg": {}}, image_size=None)
    assert len(SoccerNetCalibrationDataset(frame, test_mode=True)) == 1
    message = summary(messages)[0]
    assert "1 of 2 images" in message
    assert f"1 annotations without image (first: {frame}/train/00002.json)" in message
    assert f"1 images without annotation (first: {frame}/train/00001.jpg)" in message


def test_annotations_without_lines(frame, write_frame, messages):
    write_frame(frame, "00001", {})
    assert len(SoccerNetCalibrationDataset(frame)) == 1
    assert "1 images without annotated lines (first:" in summary(messages)[0]
    kept = SoccerNetCalibrationDataset(frame, test_mode=True)
    assert len(kept) == 2
    info = kept.get_data_info(1)
    assert info["lines"] == {}
    assert info["ground_truth_homography"] is None
    assert not info["keypoints_visible"].any()


def test_challenge_has_no_annotations(tmp_path, write_frame):
    write_frame(tmp_path, "00000", split="challenge")
    dataset = SoccerNetCalibrationDataset(tmp_path, split="challenge", test_mode=True)
    assert dataset.get_data_info(0)["annotated_lines"] == {}
    with pytest.raises(DataFormatError, match=r"0 of 1 images; .*without annotated lines"):
        SoccerNetCalibrationDataset(tmp_path, split="challenge")


def test_nothing_annotated(tmp_path, write_frame):
    write_frame(tmp_path, "00000", split="test")
    with pytest.raises(DataFormatError, match=r"1 images without annotation.*test_labels"):
        SoccerNetCalibrationDataset(tmp_path, split="test", test_mode=True)


def test_missing_files_tell_how_to_get_them(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"train does not exist.*calibration-2023"):
        SoccerNetCalibrationDataset(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DatasetNotFoundError, match="train holds no images"):
        SoccerNetCalibrationDataset(tmp_path)
    (tmp_path / "train.zip").touch()
    with pytest.raises(DatasetNotFoundError, match=r"unzip .*train\.zip"):
        SoccerNetCalibrationDataset(tmp_path)


def test_wrong_arguments(tmp_path):
    with pytest.raises(ConfigError, match=r"split='val'.*train, valid, test, challenge"):
        SoccerNetCalibrationDataset(tmp_path, split="val")
    with pytest.raises(ConfigError, match=r"keypoint_set='kp58'.*kp29, kp57"):
        SoccerNetCalibrationDataset(tmp_path, keypoint_set="kp58")


def test_an_unreadable_image_is_replaced_in_training(frame, write_frame, lines):
    write_frame(frame, "00001", lines)
    (frame / "train" / "00000.jpg").write_bytes(b"")
    dataset = SoccerNetCalibrationDataset(frame, pipeline=PIPELINE)
    assert dataset[0]["data_samples"].sample_id == "00001"
    assert dataset.num_skipped_images == 1
    tests = SoccerNetCalibrationDataset(frame, pipeline=PIPELINE, test_mode=True)
    with pytest.raises(DataFormatError, match=r"00000\.jpg.*empty"):
        tests[0]
    (frame / "train" / "00001.jpg").write_bytes(b"")
    with pytest.raises(DataFormatError, match="none of the images"):
        dataset[0]


def test_workers_keep_the_keypoints_that_they_made(frame, write_frame, lines):
    for i in range(1, 4):
        write_frame(frame, f"{i:05d}", lines)
    dataset = SoccerNetCalibrationDataset(frame, pipeline=PIPELINE)
    loader = DataLoader(dataset, batch_size=1, num_workers=2, collate_fn=list)
    list(loader)
    assert dataset._labels.num_made == 4
    # What the workers made is what is used.
    dataset._labels._points[2, 5, 0] = 123.0
    (third,) = list(loader)[2]
    assert third["data_samples"].ground_truth_keypoints[5, 0] == 123.0


def test_a_part_of_the_dataset_keeps_its_keypoints(frame, write_frame):
    write_frame(frame, "00001", {"Middle line": MIDDLE, "Side line top": [MIDDLE[0]]})
    dataset = SoccerNetCalibrationDataset(frame)
    for part in (dataset.get_subset([1]), SoccerNetCalibrationDataset(frame, indices=[1])):
        assert part.get_data_info(0)["sample_id"] == "00001"
        assert part.get_data_info(0)["ground_truth_homography"] is None
    assert dataset.get_data_info(0)["ground_truth_homography"] is not None


def test_pickle(frame):
    dataset = SoccerNetCalibrationDataset(frame, pipeline=PIPELINE)
    copy = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(
        copy[0]["data_samples"].ground_truth_keypoints,
        dataset[0]["data_samples"].ground_truth_keypoints,
        equal_nan=True,
    )


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "count", "num_points"),
    [("calibration_sn22", 300, 9006), ("calibration_wc14", 40, 1613)],
)
def test_real_annotations(realdata, tmp_path, name, count, num_points):
    folder = tmp_path / "test"
    zipfile.ZipFile(realdata / name / "annotations.zip").extractall(folder)
    _, jpeg = cv2.imencode(".jpg", np.zeros((9, 16, 3), np.uint8))
    annotations = sorted(folder.glob("*.json"))
    for file in annotations:
        file.with_suffix(".jpg").write_bytes(jpeg.tobytes())
    dataset = SoccerNetCalibrationDataset(tmp_path, split="test", test_mode=True)
    assert len(dataset) == count
    infos = [dataset.get_data_info(i) for i in range(0, count, 10)]
    lines = json.loads(annotations[10].read_text())
    assert infos[1]["sample_id"] == annotations[10].stem
    assert set(infos[1]["lines"]) == {line.strip() for line in lines}
    visible = [int(info["keypoints_visible"][..., 0].sum()) for info in infos]
    assert np.median(visible) >= 4
    assert np.mean([info["ground_truth_homography"] is not None for info in infos]) > 0.8
    lines_of_all = (
        super(SoccerNetCalibrationDataset, dataset).get_data_info(i)["annotated_lines"]
        for i in range(count)
    )
    assert sum(len(points) for lines in lines_of_all for points in lines.values()) == num_points
