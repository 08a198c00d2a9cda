from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from footmm.datasets.synloc import read_synloc_annotations
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.pitch.frames import synloc_to_world


def read(content: dict, folder):
    path = folder / "train.json"
    path.write_text(json.dumps(content))
    return read_synloc_annotations(path)


def test_reads_images_and_their_athletes(content, tmp_path):
    annotations = read(content, tmp_path)
    assert [image["id"] for image in annotations.images] == [0, 1, 2]
    assert sum(map(len, annotations.annotations.values())) == len(content["annotations"])
    assert all(
        entry["image_id"] == image_id
        for image_id, entries in annotations.annotations.items()
        for entry in entries
    )
    assert annotations.is_annotated
    assert annotations.category_ids == (1,)


@pytest.mark.parametrize("annotations", [[], None])
def test_challenge_has_cameras_only(content, tmp_path, annotations):
    content["annotations"] = annotations
    assert not read(content, tmp_path).is_annotated


def test_an_image_without_athletes_has_an_empty_list(content, tmp_path):
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 1]
    assert read(content, tmp_path).annotations[1] == []


def test_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"download\.py synloc.*prepare_synloc"):
        read_synloc_annotations(tmp_path / "val.json")


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("images", "id", 1.5, "'id' is 1.5, not a whole number"),
        ("images", "id", 1, "two images have the id 1"),
        ("images", "file_name", "../x.jpg", "not the name of a file"),
        ("images", "file_name", "/x.jpg", "not the name of a file"),
        ("images", "file_name", "C:\\x.jpg", "not the name of a file"),
        ("images", "width", 0, "image 0: 'width' is 0"),
        ("images", "camera_matrix", [[1, 2]], "image 0: 'camera_matrix'"),
        ("images", "undist_poly", None, "image 0: 'undist_poly'"),
        ("annotations", "id", 1, "two annotations have the id 1"),
        ("annotations", "image_id", 99, "there is no image 99"),
        ("annotations", "bbox", [1, 2, 3], "'bbox' is"),
        ("annotations", "keypoints", [1, 2, 1, 1, 2, 1], "'keypoints' is"),
        ("annotations", "position_on_pitch", [float("nan"), 0], "'position_on_pitch' is"),
        ("annotations", "area", True, "'area' is True, not a number"),
    ],
)
def test_broken_entry_is_named(content, tmp_path, part, key, value, message):
    content[part][0][key] = value
    with pytest.raises(DataFormatError, match=r"train\.json") as error:
        read(content, tmp_path)
    assert message in str(error.value)


@pytest.mark.parametrize("key", ["images", "categories"])
def test_other_json_is_refused(content, tmp_path, key):
    del content[key]
    with pytest.raises(DataFormatError, match=f"'{key}' is None.*challenge_public.json"):
        read(content, tmp_path)


@pytest.mark.realdata
def test_real_scene_labels_and_camera_agree(realdata, tmp_path):
    with zipfile.ZipFile(realdata / "synloc" / "example_scene.zip") as scene:
        (tmp_path / "train.json").write_bytes(scene.read("coco_by_make_coco.json"))
    annotations = read_synloc_annotations(tmp_path / "train.json")
    (image,) = annotations.images
    camera = Camera.from_synloc(image)
    entries = annotations.annotations[image["id"]]
    assert len(entries) == 25
    points = synloc_to_world(np.array([entry["keypoints_3d"] for entry in entries])[..., :3])
    labels = np.array([entry["keypoints"] for entry in entries])[..., :2]
    projected = camera.project(points.reshape(-1, 3)).numpy().reshape(-1, 2, 2)
    assert np.abs(projected - labels).max() < 0.5
    ground = camera.image_to_ground(labels[:, 1]).numpy()
    assert np.linalg.norm(ground - points[:, 1, :2], axis=1).max() < 0.06
