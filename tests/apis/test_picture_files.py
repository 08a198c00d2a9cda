from __future__ import annotations

import cv2
import numpy as np
import pytest

from footmm.apis.frames import FrameReader
from footmm.apis.picture_files import write_pictures
from footmm.errors import ConfigError


def image(color):
    return np.full((16, 32, 3), color, np.uint8)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (32, 16))
    for color in (50, 100):
        writer.write(image(color))
    writer.release()
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_pictures_of_images(tmp_path):
    reader = FrameReader(image(1))
    for color in (50, 60):
        with write_pictures(tmp_path, "pictures", "clip.mp4", reader) as write:
            write("a.png", image(color))
            assert cv2.imread(str(tmp_path / "pictures" / "a.png"))[0, 0].tolist() == [color] * 3
    assert names(tmp_path) == ["pictures"]
    assert names(tmp_path / "pictures") == ["a.png"]


@pytest.mark.parametrize(("rate", "expected"), [(None, 12.0), (5.0, 5.0)])
def test_pictures_of_a_video(clip, tmp_path, rate, expected):
    video = FrameReader(clip, rate=rate)
    out = tmp_path / "out"
    out.mkdir()

    def write_all():
        with write_pictures(out, "pictures", "found.mp4", video) as write:
            for frame in video:
                write(frame.name, frame.image)
            assert "found.mp4" not in names(out)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_all()
    assert names(out) == ["found.mp4"]
    written = FrameReader(out / "found.mp4")
    assert (len(list(written)), written.rate) == (2, pytest.approx(expected))


def test_frames_that_were_no_files(tmp_path):
    with write_pictures(tmp_path, "pictures", "clip.mp4", FrameReader(image(1))) as write:
        write("image_000000", image(50))
    assert names(tmp_path / "pictures") == ["image_000000.png"]


def test_no_video_without_a_picture(clip, tmp_path):
    video = FrameReader(clip)
    out = tmp_path / "out"
    out.mkdir()
    with write_pictures(out, "p", "v.mp4", video):
        assert names(out) == []
    assert names(out) == []
    with (
        pytest.raises(ConfigError, match=r"cannot write the video '.*v\.mp4' \(32 x 16\)"),
        write_pictures(out / "gone", "p", "v.mp4", video) as write,
    ):
        write("a", image(1))
