from __future__ import annotations

import argparse
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from footmm.apis.frame_cli import (
    TimedResults,
    add_frame_arguments,
    print_frame_summary,
    write_pictures,
)
from footmm.apis.frames import FrameReader
from footmm.errors import ConfigError


def image(color):
    return np.full((16, 32, 3), color, np.uint8)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (32, 16))
    for color in (50, 100):
        writer.write(image(color))
    writer.release()
    return FrameReader(path)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_arguments():
    parser = argparse.ArgumentParser()
    add_frame_arguments(parser)
    args = parser.parse_args(["c.py", "w.pth", "clip.mp4", "--out", "found", "--rate", "12.5"])
    assert (args.config, args.checkpoint, args.input) == ("c.py", "w.pth", "clip.mp4")
    assert (args.out.name, args.rate, args.batch_size, args.overwrite) == ("found", 12.5, 1, False)


def test_time_is_that_of_the_results_only(monkeypatch, capsys):
    clock = SimpleNamespace(now=5.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr("footmm.apis.frame_cli.time", clock)

    def results():
        for number in range(3):
            clock.now += 2
            yield number

    timed = TimedResults(results(), 3)
    for _ in timed:
        clock.now += 100
    assert timed.seconds == 6
    assert "3/3" in capsys.readouterr().err


def test_pictures_of_images(tmp_path):
    reader = FrameReader(image(1))
    for color in (50, 60):
        with write_pictures(tmp_path, "pictures", "clip.mp4", reader) as write:
            write("a.png", image(color))
            assert cv2.imread(str(tmp_path / "pictures" / "a.png"))[0, 0].tolist() == [color] * 3
    assert names(tmp_path) == ["pictures"]
    assert names(tmp_path / "pictures") == ["a.png"]


@pytest.mark.parametrize(("rate", "expected"), [(None, 12.0), (5.0, 5.0)])
def test_pictures_of_a_video(video, tmp_path, rate, expected):
    out = tmp_path / "out"
    out.mkdir()

    def write_all():
        with write_pictures(out, "pictures", "found.mp4", video, rate) as write:
            for frame in video:
                write(frame.name, frame.image)
            assert "found.mp4" not in names(out)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_all()
    assert names(out) == ["found.mp4"]
    written = FrameReader(out / "found.mp4")
    assert (len(list(written)), written.rate) == (2, pytest.approx(expected))


def test_no_video_without_a_picture(video, tmp_path):
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


def test_summary(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"broken")
    cv2.imwrite(str(tmp_path / "b.png"), image(1))
    reader = FrameReader(tmp_path)
    assert len(list(reader)) == 1
    print_frame_summary([("balls", "2.50")], 4, 0.1, reader)
    *rows, skipped = capsys.readouterr().out.splitlines()[-5:]
    assert [row.split() for row in rows] == [
        ["frames", "4"],
        ["balls", "2.50"],
        ["ms", "per", "frame", "25.0"],
        ["unreadable", "1"],
    ]
    assert skipped.startswith("skipped: ")
    assert "a.png" in skipped
    print_frame_summary([], 0, 0.1, reader)
    assert capsys.readouterr().out.splitlines()[2].split() == ["ms", "per", "frame", "-"]
