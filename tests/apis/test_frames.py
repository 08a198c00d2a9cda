from __future__ import annotations

import cv2
import numpy as np
import pytest

from footmm.apis.frames import FrameReader
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError


def image(value, size=(32, 16)):
    return np.full((size[1], size[0], 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for number in (10, 9, 100):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), image(number))
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (32, 16))
    for value in (50, 100, 150):
        writer.write(image(value))
    writer.release()
    return path


def names(reader):
    return [frame.name for frame in reader]


def test_folder_is_sorted_as_people_count(folder):
    reader = FrameReader(folder)
    assert names(reader) == ["frame9.png", "frame10.png", "frame100.png"]
    assert [frame.image[0, 0, 0] for frame in reader] == [9, 10, 100]
    assert len(reader) == 3
    assert (reader.is_video, reader.rate) == (False, None)


def test_numbers_count_images_that_cannot_be_read(folder, video):
    (folder / "frame11.png").write_bytes(b"broken")
    assert [(frame.number, frame.name) for frame in FrameReader(folder)] == [
        (1, "frame9.png"),
        (2, "frame10.png"),
        (4, "frame100.png"),
    ]
    assert [frame.number for frame in FrameReader(video, aspect_ratio=1.0)] == [1, 2, 3]


def test_image_array_and_list(folder):
    path = folder / "frame9.png"
    assert names(FrameReader(str(path))) == ["frame9.png"]
    assert names(FrameReader(image(1))) == ["image_000000"]
    assert names(FrameReader([image(1), path, image(2)])) == [
        "image_000000",
        "frame9.png",
        "image_000002",
    ]


def test_video(video):
    reader = FrameReader(video)
    assert (reader.is_video, reader.rate, len(reader)) == (True, 12.0, 3)
    assert names(reader) == ["clip_000000", "clip_000001", "clip_000002"]
    for frame, value in zip(reader, (50, 100, 150), strict=True):
        assert abs(int(frame.image[8, 16, 0]) - value) <= 3


def test_video_that_ends_early(video):
    rng, writer = np.random.default_rng(0), cv2.VideoWriter()
    writer.open(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (64, 64))
    for _ in range(20):
        writer.write(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    writer.release()
    content = video.read_bytes()
    video.write_bytes(content[: int(len(content) * 0.7)])
    reader = FrameReader(video)
    assert 5 < len(names(reader)) < 20
    assert reader.unreadable == []


def test_unreadable_images_are_skipped_and_named(folder):
    (folder / "frame11.png").write_bytes(b"broken")
    reader = FrameReader(folder)
    for _ in range(2):
        assert names(reader) == ["frame9.png", "frame10.png", "frame100.png"]
        assert [frame.name for frame in reader.unreadable] == ["frame11.png"]
    assert "frame11.png: the image cannot be read" in reader.unreadable[0].reason


@pytest.mark.parametrize(
    ("size", "expected"), [((32, 32), (57, 32)), ((64, 16), (64, 36)), ((32, 18), (32, 18))]
)
def test_stretching_keeps_all_pixels(size, expected):
    (frame,) = FrameReader(image(7, size), aspect_ratio=16 / 9)
    assert frame.image.shape[1::-1] == expected


def test_wrong_inputs(folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for inputs, message in (
        (empty, "holds no images"),
        ([], "list of images is empty"),
        (tmp_path / "gone.mp4", r"gone\.mp4' does not exist"),
        (tmp_path / "gone.png", r"gone\.png' does not exist"),
    ):
        with pytest.raises(DatasetNotFoundError, match=message):
            FrameReader(inputs)
    (tmp_path / "broken.mp4").write_bytes(b"broken")
    for inputs, message in (
        (folder / "notes.txt", r"notes\.txt' is no image.*\.png.*\.mp4"),
        (tmp_path / "broken.mp4", "cannot be read as a video"),
        ([image(1), image(1)[..., 0]], r"image 1 is an array \(16, 32\)"),
        ([folder / "frame9.png", str(folder / "frame9.png")], "have the name 'frame9.png'"),
    ):
        with pytest.raises(DataFormatError, match=message):
            FrameReader(inputs)
    with pytest.raises(ConfigError, match="aspect_ratio"):
        FrameReader(image(1), aspect_ratio=0.0)
