from __future__ import annotations

import json
from collections import Counter

import cv2
import pytest
from pycocotools.coco import COCO

from footmm.simulation.export import CocoExport, ImageExportSettings, write_folder

SETTINGS = ImageExportSettings(
    seed=4, num_images=6, image_size=(480, 270), split_shares=(0.7, 0.3, 0.0)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "coco", CocoExport(SETTINGS))


@pytest.fixture(scope="module")
def train(root):
    return COCO(str(root / "annotations" / "train.json"))


def test_layout(root, train):
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {
        "settings.json",
        *(f"annotations/{split}.json" for split in ("train", "valid", "test")),
        *(f"train/{number:06d}.jpg" for number in range(4)),
        *(f"valid/{number:06d}.jpg" for number in range(2)),
    }
    for image in train.loadImgs(train.getImgIds()):
        picture = cv2.imread(str(root / "train" / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3)
    empty = json.loads((root / "annotations" / "test.json").read_text())
    assert (empty["images"], empty["annotations"]) == ([], [])


def test_categories(train):
    names = {category["id"]: category["name"] for category in train.loadCats(train.getCatIds())}
    assert names == {1: "player", 2: "ball", 3: "referee"}


def test_everybody_is_there_once_with_a_box_in_the_image(train):
    for image in train.getImgIds():
        annotations = train.loadAnns(train.getAnnIds(image))
        tracks = Counter(annotation["track_id"] for annotation in annotations)
        assert len(annotations) >= 3
        assert max(tracks.values()) == 1
        for annotation in annotations:
            left, top, width, height = annotation["bbox"]
            assert min(left, top) >= 0
            assert width > 0
            assert height > 0
            assert left + width <= 480
            assert top + height <= 270
            assert annotation["area"] == pytest.approx(width * height, abs=0.01)
            assert annotation["iscrowd"] == 0


def test_people_keep_their_numbers_within_a_match(train):
    numbers = {}
    for annotation in train.loadAnns(train.getAnnIds()):
        category, track = annotation["category_id"], annotation["track_id"]
        assert category == (2 if track == 25 else 3 if track > 21 else 1)
        if category == 1:
            assert annotation["team"] == ("left" if track < 11 else "right")
            assert annotation["goalkeeper"] == (track in (0, 11))
            numbers.setdefault(track, set()).add(annotation["jersey_number"])
        elif category == 3:
            assert annotation["team"] is None
            assert annotation["jersey_number"] is None
    assert numbers
    assert all(len(seen) == 1 for seen in numbers.values())


def test_what_is_seen_is_part_of_the_whole(train):
    people = [a for a in train.loadAnns(train.getAnnIds()) if a["category_id"] != 2]
    for person in people:
        left, top, width, height = person["bbox"]
        seen = person["visible_bbox"]
        assert left <= seen[0]
        assert top <= seen[1]
        assert seen[0] + seen[2] <= left + width
        assert seen[1] + seen[3] <= top + height
        assert 0 <= person["occluded_share"] <= 1
