from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import nn

import footmm.apis
from footmm.apis.detection_inferencer import DetectionInferencer
from footmm.apis.frames import FrameReader
from footmm.errors import CheckpointError, ConfigError, DataFormatError, DatasetNotFoundError
from footmm.registry import MODELS

#: No two of them touch: left, top, right, bottom, label, score in 255ths. Tiles are 100 x 80 and
#: share at least 30 pixels; the third is larger than that.
RECTANGLES = [
    (4, 6, 22, 34, 0, 250),
    (92, 50, 106, 78, 0, 240),
    (70, 82, 150, 110, 0, 230),
    (108, 50, 122, 78, 0, 220),
    (60, 30, 86, 58, 2, 210),
    (98, 60, 100, 62, 1, 200),
    (158, 120, 178, 138, 2, 190),
    (40, 112, 54, 140, 0, 180),
]


@MODELS.register_module()
class InferencerTestDetector(BaseModel):
    """Finds every coloured rectangle as far as it is in the image.

    Blue is the number of the rectangle, green its label, red its score.
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.batch_sizes = []

    def forward(self, inputs, data_samples, mode):
        assert not self.training
        assert not torch.is_grad_enabled()
        self.batch_sizes.append(len(inputs))
        for image, sample in zip(inputs, data_samples, strict=True):
            found = [self.find(image, number) for number in image[0].unique() if number]
            boxes, labels, scores = (torch.tensor(values) for values in zip(*found, strict=True))
            scale = torch.tensor(sample.get("scale_factor", (1, 1))).repeat(2)
            sample.pred_instances = InstanceData(
                bboxes=boxes / scale, labels=labels, scores=scores / 255
            )
        return data_samples

    def find(self, image, number):
        rows, columns = (image[0] == number).nonzero(as_tuple=True)
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        label, score = image[1:, rows[0], columns[0]]
        return [float(side) for side in box], int(label), float(score)


def image(rectangles=RECTANGLES, size=(180, 140)):
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for number, (left, top, right, bottom, label, score) in enumerate(rectangles, start=1):
        picture[top:bottom, left:right] = (number, label, score)
    return picture


def config(*steps, first="LoadImageFromFile", pack="mmdet.PackDetInputs", **options):
    keys = ("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances")
    pipeline = [dict(type=first), *steps, dict(type=pack, **(dict(meta_keys=keys) | options))]
    return Config(dict(model=dict(type="InferencerTestDetector"), test_pipeline=pipeline))


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(InferencerTestDetector().state_dict(), path)
    return path


@pytest.fixture
def make(checkpoint):
    def make(*steps, **options):
        return DetectionInferencer(config(*steps), checkpoint, "cpu", **options)

    return make


def expected(rectangles=RECTANGLES):
    return [((*map(float, box),), label, score) for *box, label, score in rectangles]


def content(objects):
    return [
        (tuple(box), label, round(score * 255, 3))
        for box, label, score in zip(
            objects.boxes.tolist(), objects.labels.tolist(), objects.scores.tolist(), strict=True
        )
    ]


def test_is_exported():
    assert footmm.apis.DetectionInferencer is DetectionInferencer


def test_an_image_without_annotation(make):
    (objects,) = make()(image())
    assert content(objects) == expected()
    assert (objects.image_id, objects.image_path) == (1, "image_000000")
    assert objects.image_size == (180, 140)
    assert objects.truth is None


def test_boxes_are_in_pixels_of_the_frame(make):
    resize = dict(type="mmdet.Resize", scale=(90, 90), keep_ratio=True, interpolation="nearest")
    inferencer = make(resize)
    assert content(*inferencer(image())) == expected()
    tiles = make(resize | dict(scale=(50, 50)), tile_size=(100, 80), tile_overlap=30)
    assert content(*tiles(image())) == expected()


def test_a_folder_in_batches(make, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (2, 10, 9):
        cv2.imwrite(str(folder / f"{number}.png"), image(RECTANGLES[:number]))
    (folder / "3.png").write_bytes(b"broken")
    inferencer, reader = make(), FrameReader(folder)
    results = list(inferencer(reader, batch_size=2))
    assert [(found.image_id, found.image_path) for found in results] == [
        (1, "2.png"),
        (3, "9.png"),
        (4, "10.png"),
    ]
    assert [len(found.boxes) for found in results] == [2, 8, 8]
    assert inferencer.model.batch_sizes == [2, 1]
    assert [frame.name for frame in reader.unreadable] == ["3.png"]


def test_frames_are_read_when_they_are_needed(make):
    inferencer = make()
    reader = FrameReader([image(RECTANGLES[:n]) for n in (1, 2, 3)])
    pairs = inferencer.predict(reader, batch_size=1, drawn=True)
    assert inferencer.model.batch_sizes == []
    frame, objects = next(pairs)
    assert inferencer.model.batch_sizes == [1]
    np.testing.assert_array_equal(frame.image, image(RECTANGLES[:1]))
    assert content(objects) == expected(RECTANGLES[:1])


def test_results_are_written(make, tmp_path):
    frames = [image(), image(RECTANGLES[:2])]
    for pictures in (False, True):
        list(make(pictures=pictures)(frames, out_dir=tmp_path / "out"))
        assert (tmp_path / "out" / "pictures").is_dir() == pictures
    assert len((tmp_path / "out" / "detections.txt").read_text().splitlines()) == 10
    content = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert content["info"]["complete"]
    assert [entry["image_id"] for entry in content["annotations"]] == [1] * 8 + [2] * 2
    picture = cv2.imread(str(tmp_path / "out" / "pictures" / "image_000001.png"))
    assert not np.array_equal(picture, frames[1])


def test_min_score(make):
    (objects,) = make(min_score=220 / 255)(image())
    assert content(objects) == expected(RECTANGLES[:4])


class TestTiles:
    @pytest.mark.parametrize("batch_size", [1, 3, 8])
    @pytest.mark.parametrize("whole_frame", [False, True])
    def test_as_if_the_frame_were_whole(self, make, batch_size, whole_frame):
        inferencer = make(tile_size=(100, 80), tile_overlap=30, whole_frame=whole_frame)
        frames = [image(), image(RECTANGLES[2:])]
        first, second = inferencer(frames, batch_size)
        assert content(first) == expected()
        assert content(second) == expected(RECTANGLES[2:])
        assert first.image_size == (180, 140)
        assert (second.image_id, second.image_path) == (2, "image_000001")
        # Three columns and three rows of tiles.
        views = 2 * (9 + whole_frame)
        full, rest = divmod(views, batch_size)
        assert inferencer.model.batch_sizes == [batch_size] * full + [rest] * bool(rest)

    def test_tiles_are_no_smaller_than_asked_for(self, make):
        inferencer = make(tile_size=(200, 100), tile_overlap=60, whole_frame=True)
        (objects,) = inferencer(image(RECTANGLES))
        assert content(objects) == expected()
        assert len(inferencer.model.batch_sizes) == 3

    def test_small_frames_are_one_tile(self, make):
        inferencer = make(tile_size=(200, 200), tile_overlap=190, whole_frame=True)
        assert content(*inferencer(image())) == expected()
        assert inferencer.model.batch_sizes == [1]

    def test_wrong_sizes(self, make):
        with pytest.raises(ConfigError, match="tile_overlap is 256"):
            make(tile_size=(300, 256))
        with pytest.raises(ConfigError, match="tile_size is 0 x 256"):
            make(tile_size=(0, 256))


def test_wrong_configs(checkpoint, make):
    for wrong, message in (
        (config(first="mmdet.Resize"), "test_pipeline that begins with LoadImageFromFile"),
        (
            config(pack="PackPitchInputs"),
            "is none of detection.*ends with PackPitchInputs in place of PackDetInputs",
        ),
        (Config(dict(model=dict(type="InferencerTestDetector"))), "test_pipeline that begins"),
    ):
        with pytest.raises(ConfigError, match=message):
            DetectionInferencer(wrong, checkpoint, "cpu")
    with pytest.raises(CheckpointError, match=r"gone\.pth' does not exist"):
        DetectionInferencer(config(), checkpoint.with_name("gone.pth"), "cpu")
    inferencer = DetectionInferencer(config(meta_keys=("img_path", "ori_shape")), checkpoint, "cpu")
    with pytest.raises(DataFormatError, match="has no 'img_id'"):
        list(inferencer(image()))


def test_models_of_other_classes(make):
    with pytest.raises(ConfigError, match="class 3; it has to be trained with the classes player"):
        list(make()(image([(0, 0, 9, 9, 3, 200)])))


def test_wrong_inputs(make, tmp_path):
    inferencer = make()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        inferencer(tmp_path / "gone.png")
    with pytest.raises(DatasetNotFoundError, match="holds no images"):
        inferencer(tmp_path / "empty")
