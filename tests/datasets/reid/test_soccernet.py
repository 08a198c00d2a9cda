from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from footmm.datasets.reid.soccernet import SoccerNetReIDDataset
from footmm.datasets.transforms import LoadImageFromFile, PackReIDInputs
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError

GAME = "england_epl/2014-2015/2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"
TRAIN = [
    f"{GAME}/0/0-0-1000-1-Player_team_left-9-000r000-40x20.png",
    f"{GAME}/0/1-0-1001-1-Goalkeeper_team_right-None-000r000-40x20.png",
    f"{GAME}/0/10-0-1000-2-Player_team_left-9-000r001-40x20.png",
    # The same person_uid in another action is another identity.
    f"{GAME}/1/2-1-1000-1-Main_referee-a-001r000-40x20.png",
]
QUERY = [f"{GAME}/5/0-5-70-1-Player_team_left-10-005r000-40x20.png"]
GALLERY = [
    f"{GAME}/5/0-5-71-2-Player_team_left-None-005r001-40x20.png",
    f"{GAME}/5/1-5-70-2-Player_team_left-10-005r002-40x20.png",
]


def write(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((40, 20, 3), np.uint8))


def annotate(names, **extra):
    fields = [name.rpartition("/")[2].split("-") for name in names]
    return {
        f[0]: {"bbox_idx": int(f[0]), "action_idx": int(f[1]), "person_uid": int(f[2]), "id": f[5]}
        | extra
        for f in fields
    }


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "train", TRAIN)
    write(tmp_path / "test/query", QUERY)
    write(tmp_path / "test/gallery", GALLERY)
    return tmp_path


@pytest.fixture
def annotated(root):
    (root / "train/train_bbox_info.json").write_text(json.dumps(annotate(TRAIN)))
    content = {"query": annotate(QUERY), "gallery": annotate(GALLERY)}
    (root / "test/bbox_info.json").write_text(json.dumps(content))
    return root


def test_train(root):
    dataset = SoccerNetReIDDataset(root)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info["sample_id"] for info in infos] == [0, 1, 2, 10]
    assert [info["label"] for info in infos] == [0, 1, 2, 0]
    assert [info["person_id"] for info in infos] == [1000, 1001, 1000, 1000]
    assert [info.get("jersey") for info in infos] == [9, None, None, 9]
    assert {info["role"] for info in infos} == {"train"}
    assert dataset.num_identities == 3
    assert dataset.action_of(0) == (GAME, 0)
    assert dataset.action_of(2) == (GAME, 1)
    assert dataset.metainfo["data_source"] == "SoccerNet-ReID"


def test_query_and_gallery(root):
    dataset = SoccerNetReIDDataset(
        root, split="test", pipeline=[LoadImageFromFile(), PackReIDInputs()], test_mode=True
    )
    samples = [dataset[i]["data_samples"] for i in range(3)]
    assert [s.role for s in samples] == ["query", "gallery", "gallery"]
    assert [s.sample_id for s in samples] == [0, 0, 1]
    assert [s.person_id for s in samples] == [70, 71, 70]
    assert [s.action_id for s in samples] == [5, 5, 5]
    assert samples[0].gt_jersey.item() == 10
    assert "gt_jersey" not in samples[1]
    assert "gt_body_shape" not in samples[0]


@pytest.mark.parametrize("place", ["train/train_bbox_info.json", "train_bbox_info.json"])
@pytest.mark.parametrize("flat", [True, False])
def test_annotation_file_adds_labels(root, place, flat):
    boxes = annotate(TRAIN, jersey_visible=False, height_m=1.9, build=1.1)
    (root / place).write_text(json.dumps(boxes if flat else {"train": boxes}))
    info = SoccerNetReIDDataset(root).get_data_info(0)
    assert info["jersey"] == 100
    assert info["body_shape"] == (1.9, 1.1)


def test_annotation_files_that_fit(annotated):
    assert len(SoccerNetReIDDataset(annotated)) == 4
    assert len(SoccerNetReIDDataset(annotated, split="test", test_mode=True)) == 3


def test_annotation_file_tells_hidden_labels(annotated):
    for role in ("query", "gallery"):
        for path in list((annotated / "test" / role).rglob("*.png")):
            index, action, *_ = path.name.split("-")
            path.rename(path.with_name(f"{index}-{action}-40x20.png"))
    dataset = SoccerNetReIDDataset(annotated, split="test", test_mode=True)
    assert [dataset.get_data_info(i)["person_id"] for i in range(3)] == [70, 71, 70]
    (annotated / "test/bbox_info.json").unlink()
    with pytest.raises(DataFormatError, match=r"3 file names hide .*0-5-40x20.png.*test_labels"):
        SoccerNetReIDDataset(annotated, split="test", test_mode=True)


def test_challenge(tmp_path):
    write(tmp_path / "challenge/query", ["0-7-40x20.png"])
    write(tmp_path / "challenge/gallery", ["0-7-40x20.png", "1-7-41x20.png"])
    dataset = SoccerNetReIDDataset(tmp_path, split="challenge", test_mode=True)
    info = dataset.get_data_info(2)
    assert (info["role"], info["sample_id"], info["action_id"]) == ("gallery", 1, 7)
    assert "person_id" not in info
    with pytest.raises(ConfigError, match="unknown identity"):
        SoccerNetReIDDataset(tmp_path, split="challenge")


def test_other_files_are_ignored(root):
    (root / "train/Thumbs.db").touch()
    (root / "train/._0-0-1000-1.png").touch()
    assert len(SoccerNetReIDDataset(root)) == 4


@pytest.mark.parametrize(
    "name", ["player.png", "0-0-x-1-a-9-u-40x20.png", "0-0-1-40x20.png", "7-0-40x20.jpg"]
)
def test_malformed_name(root, name):
    (root / "train" / name).touch()
    with pytest.raises(DataFormatError, match=rf"{name}.*<bbox_idx>-<action_idx>-<person_uid>"):
        SoccerNetReIDDataset(root)


def test_same_index_twice(root):
    write(root / "train", [f"{GAME}/1/0-1-5-1-Player_team_left-9-001r000-40x20.png"])
    with pytest.raises(DataFormatError, match=r"0-1-5-1.*0-0-1000.*same bbox_idx 0"):
        SoccerNetReIDDataset(root)


def test_missing(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"train does not exist.*download\.py reid"):
        SoccerNetReIDDataset(tmp_path)
    (tmp_path / "train.zip").touch()
    with pytest.raises(DatasetNotFoundError, match=r"but .*train\.zip does: unzip it"):
        SoccerNetReIDDataset(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DatasetNotFoundError, match="holds no images"):
        SoccerNetReIDDataset(tmp_path)


def test_missing_gallery(root):
    shutil.rmtree(root / "test/gallery")
    with pytest.raises(DatasetNotFoundError, match="gallery does not exist"):
        SoccerNetReIDDataset(root, split="test", test_mode=True)


def test_query_without_match(root):
    write(root / "test/query", [f"{GAME}/6/4-6-71-1-Player_team_left-10-006r000-40x20.png"])
    with pytest.raises(DataFormatError, match=r"1 queries.*4-6-71.*person_uid 71, action_idx 6"):
        SoccerNetReIDDataset(root, split="test", test_mode=True)


def test_annotation_file_and_images_differ(annotated):
    lost = annotated / "train" / TRAIN[2]
    lost.unlink()
    with pytest.raises(DataFormatError, match=r"lists boxes without an image: 1 .*bbox_idx 10"):
        SoccerNetReIDDataset(annotated)
    write(annotated / "train", [TRAIN[2], TRAIN[2].replace("/10-", "/11-")])
    with pytest.raises(DataFormatError, match=r"does not list images that exist: 1 .*bbox_idx 11"):
        SoccerNetReIDDataset(annotated)


def test_annotation_file_contradicts_a_name(annotated):
    boxes = annotate(TRAIN)
    boxes["1"]["person_uid"] = 4
    (annotated / "train/train_bbox_info.json").write_text(json.dumps(boxes))
    with pytest.raises(DataFormatError, match=r"box 1 has person_uid 4.*says 1001"):
        SoccerNetReIDDataset(annotated)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "holds a list"),
        ('{"query": {}}', "does not map 'train'"),
        ('{"train": {"a": {}}}', "does not map 'train'"),
        ('{"0": 5}', "does not map 'train'"),
    ],
)
def test_broken_annotation_file(root, content, message):
    (root / "train/train_bbox_info.json").write_text(content)
    with pytest.raises(DataFormatError, match=f"train_bbox_info.json.*{message}"):
        SoccerNetReIDDataset(root)
