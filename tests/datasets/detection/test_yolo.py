"""YOLO's text files: two layouts, broken lines, and the real frames."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from footmm.datasets.detection import CocoDetectionDataset, YOLODataset
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError

NAMES = "names: [football, goalkeeper, player, referee, bench]\n"


@pytest.fixture
def root(tmp_path, write_image):
    (tmp_path / "data.yaml").write_text(NAMES)
    for name in ("b", "a"):
        write_image(tmp_path / "images" / f"{name}.png")
    (tmp_path / "images" / "notes.txt").write_text("no image")
    (tmp_path / "labels").mkdir()
    return tmp_path


def write(root, *lines):
    (root / "labels" / "a.txt").write_text("\n".join(lines))


def test_boxes_and_classes(root, instances_of):
    write(root, "0 0.5 0.5 0.1 0.2", "", *(f"{k} 0.95 0.5 0.2 0.2" for k in (1, 2, 3, 4)))
    dataset = YOLODataset(root)
    first, second = (dataset.get_data_info(number) for number in range(2))
    assert first["img_path"] == str(root / "images" / "a.png")
    assert (first["img_id"], first["width"], first["height"]) == (1, 100, 50)
    boxes = [(1, 0, 45, 20, 55, 30), *((label, 0, 85, 20, 100, 30) for label in (0, 0, 2))]
    assert np.allclose(instances_of(first), boxes)
    # An image without a file of labels has no objects.
    assert (second["img_id"], second["instances"]) == (2, [])


def test_unusable_boxes_are_dropped_and_counted(root):
    write(root, "2 0.5 0.5 0 0.2", "2 1.5 0.5 0.1 0.2", "2 0.5 0.5 0.1 0.2")
    dataset = YOLODataset(root)
    assert dataset.dropped_boxes == {"no positive size": 1, "outside the image": 1}
    assert len(dataset.get_data_info(0)["instances"]) == 1


@pytest.mark.parametrize("stated", ["valid/images", "../valid/images"])
def test_splits_of_roboflow(root, write_image, instances_of, stated):
    (root / "data.yaml").write_text(f"names: {{0: ball, 1: player}}\nval: {stated}\ntest: 5\n")
    write_image(root / "valid" / "images" / "c.png")
    (root / "valid" / "labels").mkdir()
    (root / "valid" / "labels" / "c.txt").write_text("1 0.5 0.5 0.5 0.5")
    (info,) = YOLODataset(root, "val")
    assert info["img_path"].endswith("valid/images/c.png")
    assert instances_of(info) == [(0, 0, 25, 12.5, 75, 37.5)]
    with pytest.raises(DataFormatError, match=r"data.yaml: 'train' is None, not a folder"):
        YOLODataset(root, "train")
    with pytest.raises(DataFormatError, match=r"data.yaml: 'test' is 5, not a folder"):
        YOLODataset(root, "test")
    with pytest.raises(ConfigError, match="the splits are train, val, test"):
        YOLODataset(root, "valid")


def test_splits_below_the_folder_of_images(root, write_image):
    (root / "data.yaml").write_text(NAMES + "path: set\ntrain: images/train\n")
    write_image(root / "set" / "images" / "train" / "c.png")
    (root / "set" / "labels" / "train").mkdir(parents=True)
    (root / "set" / "labels" / "train" / "c.txt").write_text("3 0.5 0.5 0.5 0.5")
    assert YOLODataset(root, "train")[0]["instances"][0]["bbox_label"] == 2


def test_pictures_that_lie_on_their_side(root):
    """The size is that of the image as it is loaded."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (100, 50)).save(root / "images" / "a.jpg", exif=exif)
    (root / "images" / "a.png").unlink()
    info = YOLODataset(root, pipeline=[dict(type="LoadImageFromFile")]).prepare_data(0)
    assert (info["width"], info["height"]) == (50, 100)
    assert info["img"].shape == (100, 50, 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.1", "'2 0.5 0.5 0.1' is not the number of a class"),
        ("2 0.5 0.5 0.1 0.2 0.3 0.4", "polygons"),
        ("player 0.5 0.5 0.1 0.2", "is not the number of a class"),
        ("2 0.5 nan 0.1 0.2", "is not the number of a class"),
        ("5 0.5 0.5 0.1 0.2", "there is no class 5 in data.yaml, which has 0, 1, 2, 3, 4"),
        ("1.5 0.5 0.5 0.1 0.2", "there is no class 1.5"),
    ],
)
def test_broken_lines_are_named(root, line, message):
    write(root, "2 0.5 0.5 0.1 0.2", line)
    with pytest.raises(DataFormatError, match=f"a.txt, line 2: .*{message}"):
        YOLODataset(root)


def test_broken_files_are_named(root):
    (root / "labels" / "a.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataFormatError, match=r"a.txt is no text"):
        YOLODataset(root)
    (root / "images" / "a.png").write_bytes(b"no image")
    with pytest.raises(DataFormatError, match=r"a.png: the image cannot be read"):
        YOLODataset(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [", "is not valid YAML"),
        ("- 5", "holds a list, not keys and values"),
        ("nc: 4", "'names' is None"),
        ("names: [1, 2]", r"'names' is \{0: 1, 1: 2\}"),
        ("names: {ball: 1}", "'names' is"),
        ("names: []", "'names' is"),
        ("names: [dog]", r"none of its categories \(dog\)"),
        ("!!python/object/apply:os.getcwd []", "is not valid YAML"),
    ],
)
def test_broken_data_file_is_named(root, text, message):
    (root / "data.yaml").write_text(text)
    with pytest.raises(DataFormatError, match=f"data.yaml.*{message}"):
        YOLODataset(root)


def test_missing_files(root, tmp_path):
    (root / "labels").rename(root / "texts")
    with pytest.raises(DatasetNotFoundError, match=r"labels, with the labels of .*images, does no"):
        YOLODataset(root)
    (root / "images").rename(root / "pictures")
    with pytest.raises(DatasetNotFoundError, match=r"images holds no images.*Roboflow"):
        YOLODataset(root)
    (root / "data.yaml").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"data.yaml does not exist.*Roboflow"):
        YOLODataset(root)


@pytest.mark.realdata
def test_real_frames_are_those_of_the_coco_form(football_frames, instances_of):
    coco = CocoDetectionDataset(
        football_frames, ann_file="gt.json", data_prefix=dict(img="images"), test_mode=True
    )
    yolo = YOLODataset(football_frames, test_mode=True)
    by_path = [
        {info["img_path"]: info for info in map(dataset.get_data_info, range(24))}
        for dataset in (coco, yolo)
    ]
    assert len(coco) == len(yolo) == len(by_path[1]) == 24
    assert by_path[0].keys() == by_path[1].keys()
    for path, info in by_path[0].items():
        other = by_path[1][path]
        assert (info["width"], info["height"]) == (other["width"], other["height"])
        assert np.abs(np.subtract(instances_of(info), instances_of(other))).max() < 0.01


@pytest.mark.realdata
def test_real_frames_by_clip(football_frames):
    clips = ("08fd33", "121364", "40cd38")
    sizes = [len(YOLODataset(football_frames, prefixes=(clip,))) for clip in clips]
    assert sizes == [8, 8, 8]
    assert len(YOLODataset(football_frames, prefixes=clips[:2])) == 16
