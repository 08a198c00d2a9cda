from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from pycocotools.coco import COCO

from footmm.apis.config import load_config
from footmm.apis.detection_inferencer import DetectionInferencer
from footmm.registry import MODELS
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE, DetectedObjects

ROOT = Path(__file__).resolve().parents[3]

CONFIG = """
default_scope = "footmm"
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="mmdet.Resize", scale=(64, 64), keep_ratio=True),
    dict(
        type="mmdet.PackDetInputs",
        meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor", "instances"),
    ),
]
_attention = dict(embed_dims=16, num_heads=2)
_ffn = dict(embed_dims=16, feedforward_channels=16)
model = dict(
    type="DETR",
    _scope_="mmdet",
    num_queries=5,
    data_preprocessor=dict(
        type="DetDataPreprocessor", mean=[0, 0, 0], std=[255, 255, 255], pad_size_divisor=1
    ),
    backbone=dict(type="ResNet", depth=18, base_channels=4, out_indices=(3,), norm_eval=True),
    neck=dict(
        type="ChannelMapper",
        in_channels=[32],
        kernel_size=1,
        out_channels=16,
        act_cfg=None,
        num_outs=1,
    ),
    encoder=dict(num_layers=1, layer_cfg=dict(self_attn_cfg=_attention, ffn_cfg=_ffn)),
    decoder=dict(
        num_layers=1,
        layer_cfg=dict(self_attn_cfg=_attention, cross_attn_cfg=_attention, ffn_cfg=_ffn),
        return_intermediate=True,
    ),
    positional_encoding=dict(num_feats=8, normalize=True),
    bbox_head=dict(
        type="DETRHead",
        num_classes=3,
        embed_dims=16,
        loss_cls=dict(type="CrossEntropyLoss", bg_cls_weight=0.1, class_weight=1.0),
        loss_bbox=dict(type="L1Loss"),
        loss_iou=dict(type="GIoULoss"),
    ),
    test_cfg=dict(max_per_img=5),
)
"""


class FakeInferencer(DetectionInferencer):
    """Finds a player, a ball and, in bright frames, a referee."""

    def __init__(self, config, checkpoint, device, tile, overlap, whole_frame, score, pictures):
        FakeInferencer.options = [tile, overlap, whole_frame, score]
        self.min_score, self.writes_pictures = score, pictures

    def predict(self, source, batch_size, drawn):
        FakeInferencer.options.append(batch_size)
        for frame in source:
            if frame.image[0, 0, 0] == 255:
                raise KeyboardInterrupt
            count = 3 if frame.image[0, 0, 0] > 50 else 2
            yield (
                frame,
                DetectedObjects(
                    image_id=frame.number,
                    image_path=frame.name,
                    image_size=frame.image.shape[1::-1],
                    boxes=np.array([[10, 20, 30, 60], [50, 50, 54, 54], [100, 20, 120, 70]])[
                        :count
                    ],
                    scores=np.array([0.9, 0.5, 0.4])[:count],
                    labels=np.array([PLAYER, BALL, REFEREE])[:count],
                ),
            )


@pytest.fixture
def run(tool, run_tool, monkeypatch):
    monkeypatch.setattr(tool, "DetectionInferencer", FakeInferencer)
    monkeypatch.setattr(tool, "load_config", lambda path, options: None)

    return partial(run_tool, tool, "config.py")


def content(out):
    return json.loads((out / "detections.json").read_text())


def rows(out):
    return np.loadtxt(out / "detections.txt", delimiter=",", ndmin=2)


def test_a_folder_of_images(run, folder, capsys, files, image):
    code, out = run(folder)
    assert code == 0
    assert files(out) == [
        "detections.json",
        "detections.txt",
        *(f"pictures/{name}" for name in ("1.png", "10.png", "2.jpg")),
    ]
    picture = cv2.imread(str(out / "pictures" / "1.png"))
    assert picture.shape == (108, 192, 3)
    assert not np.array_equal(picture, image(90))
    results = content(out)
    assert results["info"] == {"complete": True, "unreadable": {}}
    names = {entry["id"]: entry["file_name"] for entry in results["images"]}
    assert names == {1: "1.png", 2: "2.jpg", 3: "10.png"}
    assert [entry["category_id"] for entry in results["annotations"]] == [1, 2, 3, 1, 2, 1, 2, 3]
    assert rows(out)[:3].tolist() == [
        [1, -1, 10, 20, 20, 40, 0.9, 1, -1],
        [1, -1, 50, 50, 4, 4, 0.5, 2, -1],
        [1, -1, 100, 20, 20, 50, 0.4, 3, -1],
    ]
    assert rows(out)[:, 0].tolist() == [1, 1, 1, 2, 2, 3, 3, 3]
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    assert printed.pop("ms per frame")
    assert printed == {
        "frames": "3",
        "players per frame": "1.00",
        "balls per frame": "1.00",
        "referees per frame": "0.67",
        "unreadable": "0",
    }


def test_a_video(run, video, files):
    code, out = run(video)
    assert code == 0
    assert files(out) == ["detections.json", "detections.mp4", "detections.txt"]
    written = cv2.VideoCapture(str(out / "detections.mp4"))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert written.get(cv2.CAP_PROP_FPS) == pytest.approx(12.0)
    names = [(entry["id"], entry["file_name"]) for entry in content(out)["images"]]
    assert names == [(1, "clip_000000"), (2, "clip_000001"), (3, "clip_000002")]


def test_without_pictures(run, video, files):
    assert files(run(video, "--no-pictures")[1]) == ["detections.json", "detections.txt"]


def test_options(run, folder):
    run(folder)
    assert FakeInferencer.options == [None, 256, False, 0.3, 1]
    tiles = ("--tile", "960x540", "--overlap", "100", "--whole-frame")
    run(folder, *tiles, "--batch-size", "4", "--min-score", "0.1")
    assert FakeInferencer.options == [(960, 540), 100, True, 0.1, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tile", "960"], "'960' is no size such as 1920x1080"),
        (["--tile", "-1x5"], "is no size|expected one argument"),
        (["--overlap", "100"], "are of no use without --tile"),
        (["--whole-frame"], "are of no use without --tile"),
    ],
)
def test_wrong_options(run, folder, capsys, options, message):
    assert run(folder, *options)[0] == 2
    assert re.search(message, capsys.readouterr().err)


def test_unreadable_images_show_in_the_exit_code(run, folder, capsys):
    (folder / "3.png").write_bytes(b"broken")
    code, out = run(folder)
    assert code == 1
    assert list(content(out)["info"]["unreadable"]) == ["3.png"]
    assert [entry["id"] for entry in content(out)["images"]] == [1, 2, 4]
    assert "3.png: the image cannot be read" in capsys.readouterr().out


def test_nothing_readable(run, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"broken")
    code, out = run(tmp_path / "a.png")
    assert code == 1
    assert (out / "detections.txt").read_text() == ""
    assert content(out)["annotations"] == []
    assert re.search(r"players per frame +-\n", capsys.readouterr().out)


def test_interrupted(run, folder, files, image):
    cv2.imwrite(str(folder / "2.jpg"), image(255))
    code, out = run(folder)
    assert code == 130
    assert not content(out)["info"]["complete"]
    assert rows(out)[:, 0].tolist() == [1, 1, 1]
    assert files(out) == ["detections.json", "detections.txt", "pictures/1.png"]


def test_foreign_folders_are_left_alone(run, folder, tmp_path, capsys, files):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("my own")
    code, out = run(folder)
    assert code == 2
    assert "holds files, and no detections.json" in capsys.readouterr().err
    assert files(out) == ["thesis.txt"]
    assert run(folder, "--overwrite")[0] == 0
    assert run(folder)[0] == 0


@pytest.mark.parametrize(
    ("name", "message"), [("gone.mp4", "does not exist"), ("empty", "holds no images")]
)
def test_missing_inputs(run, tmp_path, capsys, name, message):
    (tmp_path / "empty").mkdir()
    code, out = run(tmp_path / name)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


@pytest.fixture
def detr(tmp_path):
    """Config and untrained weights of a very small DETR."""
    path = tmp_path / "detr.py"
    path.write_text(CONFIG)
    init_default_scope("footmm")
    torch.save(MODELS.build(load_config(path).model).state_dict(), tmp_path / "detr.pth")
    return [str(path), str(tmp_path / "detr.pth")]


def test_detr_on_tiles(tool, detr, folder, tmp_path):
    out = tmp_path / "out"
    tiles = ["--tile", "100x80", "--overlap", "40", "--whole-frame"]
    options = [*tiles, "--batch-size", "4", "--min-score", "0", "--device", "cpu"]
    tool.main([*detr, str(folder), "--out", str(out), *options])
    found = COCO(str(out / "detections.json"))
    assert found.getImgIds() == [1, 2, 3]
    boxes = np.array([entry["bbox"] for entry in found.loadAnns(found.getAnnIds())])
    assert len(boxes) >= 3
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= [192.01, 108.01]).all()


def test_tiles_that_are_smaller_than_their_overlap(tool, detr, folder, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        tool.main([*detr, str(folder), "--out", str(tmp_path / "out"), "--tile", "200x200"])
    assert "error: tile_overlap is 256" in capsys.readouterr().err


def test_config_of_another_task(tool, detr, folder, tmp_path, capsys):
    config = str(ROOT / "configs" / "homography" / "resnet50_kp29.py")
    with pytest.raises(SystemExit, match="2"):
        tool.main([config, detr[1], str(folder), "--out", str(tmp_path / "out")])
    assert "is none of detection" in capsys.readouterr().err
