from __future__ import annotations

import json
import zipfile

import cv2
import numpy as np
import pytest
from sskit.coco import LocSimCOCOeval
from xtcocotools.coco import COCO

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.frames import synloc_to_world
from footmm.simulation.export import ImageExportSettings, SynLocExport, write_folder

SETTINGS = ImageExportSettings(
    seed=2, num_images=4, image_size=(960, 540), split_shares=(0.5, 0.5, 0.0)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "synloc", SynLocExport(SETTINGS))


@pytest.fixture(scope="module")
def scene(root):
    return json.loads((root / "annotations" / "train.json").read_text())


def test_layout(root, scene):
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {
        "settings.json",
        *(f"annotations/{split}.json" for split in ("train", "val", "test")),
        *(
            f"fullhd/{split}/{name}.jpg"
            for split in ("train", "val")
            for name in ("000000", "000001")
        ),
    }
    assert cv2.imread(str(root / "fullhd" / "train" / "000000.jpg")).shape == (540, 960, 3)
    assert [image["file_name"] for image in scene["images"]] == ["000000.jpg", "000001.jpg"]
    assert {(image["width"], image["height"]) for image in scene["images"]} == {(3840, 2160)}


@pytest.mark.realdata
def test_keys_are_those_of_the_real_files(realdata, scene):
    archive = zipfile.ZipFile(realdata / "synloc" / "example_scene.zip")
    (name,) = (name for name in archive.namelist() if name.endswith("coco_by_make_coco.json"))
    real = json.loads(archive.read(name))
    assert list(scene) == list(real)
    assert scene["categories"] == real["categories"]
    for part in ("images", "annotations"):
        assert list(scene[part][0]) == list(real[part][0])
        for key, value in real[part][0].items():
            assert np.shape(scene[part][0][key]) == np.shape(value) or "poly" in key
            assert type(scene[part][0][key]) is type(value) or key in ("area", "bbox")


def test_ids_count_from_zero(scene):
    for part in ("images", "annotations"):
        assert [entry["id"] for entry in scene[part]] == list(range(len(scene[part])))
    assert {annotation["image_id"] for annotation in scene["annotations"]} == {0, 1}


def test_keypoints_are_the_projections_of_the_world_points(scene):
    for image in scene["images"]:
        camera = Camera.from_synloc(image)
        people = [a for a in scene["annotations"] if a["image_id"] == image["id"]]
        assert len(people) > 5
        for person in people:
            points = np.array(person["keypoints_3d"])
            pixels = camera.project(synloc_to_world(points[:, :3])).numpy()
            assert np.allclose(pixels, np.array(person["keypoints"])[:, :2], atol=1e-6)
            assert person["position_on_pitch"] == person["keypoints_3d"][0][:2]
            assert points[1, 2] == 0
            assert 0.3 < points[0, 2] < 1.2


def test_boxes_enclose_the_pelvis(scene):
    inside = []
    for person in scene["annotations"]:
        left, top, width, height = person["bbox"]
        (u, v, _), (_, ground, _) = person["keypoints"]
        inside.append(left - 2 <= u <= left + width + 2 and top <= v <= top + height)
        assert ground > v
        assert 0 < person["area"] <= width * height
    assert np.mean(inside) > 0.9


@pytest.mark.parametrize("split", ["train", "val"])
def test_scored_against_itself_it_is_perfect(root, tmp_path, split):
    truth = COCO(str(root / "annotations" / f"{split}.json"))
    detections = [
        {
            "image_id": annotation["image_id"],
            "category_id": 1,
            "bbox": annotation["bbox"],
            "keypoints": np.ravel(annotation["keypoints"]).tolist(),
            "score": 0.9,
        }
        for annotation in truth.dataset["annotations"]
    ]
    (tmp_path / "results.json").write_text(json.dumps(detections))
    evaluation = LocSimCOCOeval(truth, truth.loadRes(str(tmp_path / "results.json")), "bbox")
    evaluation.params.useSegm = None
    evaluation.params.position_from_keypoint_index = 1
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_other_shapes_are_refused():
    with pytest.raises(ConfigError, match=r"SynLoc's images are 16:9"):
        SynLocExport(ImageExportSettings(image_size=(1000, 1000)))
