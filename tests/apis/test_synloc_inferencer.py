"""Athletes on the pitch, found by a model that always looks at the same places."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

import footmm.apis
from footmm.apis.frames import FrameReader
from footmm.apis.synloc_inferencer import COLUMNS, SynLocInferencer
from footmm.datasets.synloc import SynLocDataset
from footmm.engine.hooks.score_threshold import KEY
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.pitch.homography import apply_homography
from footmm.registry import MODELS
from footmm.structures.localised_athletes import LocalisedAthletes

SIZE = (160, 96)
PIPELINE = [
    dict(type="LoadSynLocImage"),
    dict(type="SynLocResize", size=SIZE),
    dict(type="PackSynLocInputs"),
]


@MODELS.register_module()
class InferencerTestLocaliser(BaseModel):
    """Finds five athletes at places of its input, the last one in the sky."""

    FEET = np.array([[40.0, 80.0], [80.0, 60.0], [120.0, 70.0], [20.0, 85.0], [80.0, -900.0]])

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples, mode):
        for image, sample in zip(inputs, data_samples, strict=True):
            assert image.shape == (3, *SIZE[::-1])
            keypoints = np.stack([self.FEET - [0, 10], self.FEET], axis=1)
            keypoints = apply_homography(np.linalg.inv(sample.image_homography), keypoints)
            ground = Camera.from_synloc(sample.camera).image_to_ground(keypoints[:, 1])
            brightness = float(image.float().mean()) / 255
            sample.pred_instances = InstanceData(
                bboxes=torch.cat([keypoints[:, 0] - 40, keypoints[:, 1] + 40], dim=1),
                bbox_scores=brightness * torch.tensor([1.0, 0.9, 0.8, 0.7, 0.6]),
                keypoints=keypoints,
                positions=ground,
            )
        return data_samples


@pytest.fixture(scope="module")
def config():
    model = dict(type="InferencerTestLocaliser")
    return Config(dict(default_scope="footmm", model=model, test_pipeline=PIPELINE))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    state = InferencerTestLocaliser().state_dict()
    torch.save({"state_dict": state, "meta": {KEY: 0.25}}, path)
    return path


@pytest.fixture(scope="module")
def folder(synloc_root):
    return synloc_root / "fullhd" / "test"


@pytest.fixture(scope="module")
def annotations(synloc_root):
    return synloc_root / "annotations" / "test.json"


@pytest.fixture(scope="module")
def inferencer(config, checkpoint, annotations):
    return SynLocInferencer(config, checkpoint, "cpu", cameras=annotations, min_score=0.0)


@pytest.fixture(scope="module")
def found(inferencer, folder):
    return list(inferencer(folder, batch_size=2))


def test_is_exported():
    assert footmm.apis.SynLocInferencer is SynLocInferencer


def test_as_if_read_from_the_dataset(inferencer, found, synloc_root):
    init_default_scope("footmm")
    dataset = SynLocDataset(synloc_root, "test", pipeline=PIPELINE, test_mode=True)
    data = pseudo_collate([dataset[number] for number in range(len(dataset))])
    expected = map(LocalisedAthletes.from_sample, inferencer.model.test_step(data))
    for number, (one, other) in enumerate(zip(found, expected, strict=True), start=1):
        assert (one.image_id, one.image_path) == (number, Path(other.image_path).name)
        assert one.truth is None
        assert np.isfinite(one.positions).all(1).tolist() == [True] * 4 + [False]
        for name in ("bboxes", "scores", "keypoints", "positions"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-3)


def test_a_fixed_camera(config, checkpoint, found, inferencer, folder, annotations, tmp_path):
    image = json.loads(annotations.read_text())["images"][0]
    (tmp_path / "camera.json").write_text(json.dumps(image))
    frame = cv2.imread(str(folder / image["file_name"]))
    camera = Camera.from_synloc(image)
    for cameras in (tmp_path / "camera.json", camera, {"image_000000": camera}):
        fixed = SynLocInferencer(config, checkpoint, "cpu", cameras, 0.0)
        (athletes,) = fixed(frame)
        np.testing.assert_allclose(athletes.positions, found[0].positions, atol=1e-3)
    # For a video there is one camera; its frames may have any size of the camera's shape.
    writer = cv2.VideoWriter(
        str(tmp_path / "clip.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (320, 180)
    )
    writer.write(cv2.resize(frame, (320, 180)))
    writer.release()
    moving = SynLocInferencer(config, checkpoint, "cpu", camera, 0.0)
    (athletes,) = moving(tmp_path / "clip.avi", out_dir=tmp_path / "out")
    assert athletes.camera.image_size == (3840, 2160)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "athletes.mp4",
        "positions.csv",
        "positions.json",
        "top_view.mp4",
    ]
    with pytest.raises(ConfigError, match="frames of a video have no names"):
        inferencer(tmp_path / "clip.avi")


def test_scores_below_are_left_out(config, checkpoint, found, annotations, folder):
    least = float(found[0].scores[2])
    few = SynLocInferencer(config, checkpoint, "cpu", annotations, least)
    first = next(few(folder))
    assert len(first.scores) == len(first.positions) == len(first.bboxes) == 3
    # Without a score of its own, that of the checkpoint's validation.
    assert SynLocInferencer(config, checkpoint, "cpu", annotations).min_score == 0.25


def test_results_are_written(inferencer, found, folder, tmp_path):
    out = tmp_path / "out"
    list(inferencer(folder, out_dir=out))
    content = json.loads((out / "positions.json").read_text())
    assert content["complete"]
    assert list(content["images"]) == [athletes.image_path for athletes in found]
    athletes = content["images"][found[1].image_path]["athletes"]
    assert content["images"][found[1].image_path]["image_size"] == [3840, 2160]
    assert [athlete["score"] for athlete in athletes] == pytest.approx(found[1].scores, abs=1e-5)
    for athlete, place in zip(athletes, found[1].positions, strict=True):
        written = athlete["position"] or [np.nan, np.nan]
        np.testing.assert_allclose(written, place, atol=1e-3)
    with open(out / "positions.csv") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == sum(len(athletes.scores) for athletes in found)
    for row, place in zip(rows, np.concatenate([a.positions for a in found]), strict=True):
        written = [float(row[axis] or "nan") for axis in ("x", "y")]
        np.testing.assert_allclose(written, place, atol=1e-3)
    frame = cv2.imread(str(folder / found[0].image_path))
    picture = cv2.imread(str(out / "pictures" / found[0].image_path))
    assert picture.shape == frame.shape
    assert (out / "top_views" / found[0].image_path).is_file()


def test_frames_without_a_camera(config, checkpoint, inferencer, folder, annotations, tmp_path):
    with pytest.raises(ConfigError, match="no place on the pitch without a camera: give cameras"):
        SynLocInferencer(config, checkpoint, "cpu")(folder)
    with pytest.raises(ConfigError, match=r"image 'image_000000' has no camera.*'images'"):
        inferencer(np.zeros((180, 320, 3), np.uint8))
    (tmp_path / "broken.json").write_text('{"width": 5, "height": 5}')
    for wrong, error, message in (
        (tmp_path / "gone.json", DatasetNotFoundError, r"gone\.json' do not exist; give cameras"),
        (tmp_path / "broken.json", DataFormatError, r"broken\.json holds no camera: .*camera_mat"),
        (
            Camera.look_at([0.0, -60.0, 15.0], [0.0, 0.0, 0.0], 4000.0, (1920, 1080)),
            DataFormatError,
            "one camera with a PolynomialLens",
        ),
    ):
        with pytest.raises(error, match=message):
            SynLocInferencer(config, checkpoint, "cpu", wrong)


def test_frames_of_another_shape(inferencer, folder):
    square = FrameReader(folder, aspect_ratio=1.0)
    with pytest.raises(DataFormatError, match="which is another shape"):
        next(inferencer(square))
