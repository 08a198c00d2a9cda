from __future__ import annotations

from pathlib import Path

import pytest

from footmm.datasets.coco_json import check_annotation, check_image, check_numbers, read_entries
from footmm.errors import DataFormatError

PATH = Path("a.json")
IMAGE = {"id": 3, "file_name": "match/000001.jpg", "width": 4, "height": 2}


def test_what_is_right_passes():
    assert check_image(IMAGE, PATH) == 3
    annotation = {"id": 7, "image_id": 3, "bbox": [0, 1.5, 2, 3]}
    assert check_annotation(annotation, {3}, PATH) == "a.json: annotation 7"
    assert read_entries({"images": [IMAGE]}, "images", PATH, "a hint") == [IMAGE]
    assert read_entries({"images": []}, "images", PATH, "a hint", may_be_empty=True) == []
    check_numbers({"points": [[1, 2.5], [3, 4]]}, "points", (2, 2), "here")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None, [1]])
def test_numbers(value):
    with pytest.raises(DataFormatError, match=r"^here: 'area' is .*, not a number$"):
        check_numbers({"area": value}, "area", (), "here")
    with pytest.raises(DataFormatError, match=r"not finite numbers of shape \(2,\)$"):
        check_numbers({"point": [1, value]}, "point", (2,), "here")


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/a.jpg", "a//b.jpg", "a\\..\\b.jpg", "C:a.jpg", "", 5]
)
def test_names_stay_in_their_folder(name):
    with pytest.raises(DataFormatError, match=r"'file_name' is .*, not the name of a file"):
        check_image(IMAGE | {"file_name": name}, PATH)


def test_empty_lists():
    with pytest.raises(DataFormatError, match=r"'images' is \[\], not a list with entries; a hint"):
        read_entries({"images": []}, "images", PATH, "a hint")
    with pytest.raises(DataFormatError, match=r"'images' is None, not a list; a hint"):
        read_entries({}, "images", PATH, "a hint", may_be_empty=True)
