"""What all inferencers share, shown by one that takes numbers for frames."""

from __future__ import annotations

import inspect
import json
import os
import weakref
from contextlib import contextmanager
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import nn

import footmm.apis
from footmm.apis.frame_inferencer import FrameInferencer
from footmm.apis.frames import FrameReader
from footmm.apis.growing_files import growing_json
from footmm.apis.inferencer import Inferencer
from footmm.apis.picture_window import PictureWindow
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.registry import MODELS


@MODELS.register_module()
class InferencerTestBrightness(BaseModel):
    """Tells how bright the first pixel of an image is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.batch_sizes = []

    def forward(self, inputs, data_samples, mode):
        self.batch_sizes.append(len(inputs))
        for image, sample in zip(inputs, data_samples, strict=True):
            sample.set_field(int(image[0, 0, 0]), "pred_brightness")
        return data_samples


class BrightnessInferencer(FrameInferencer[int]):
    task = "homography"
    packer = "PackPitchInputs"
    default_batch_size = 3
    result_files = ("brightness.json",)
    picture_files = {"pictures": "brightness.mp4"}

    def load(self, frame):
        return super().load(frame) | {"keypoint_set": "kp29"}

    def predict(self, source, batch_size, drawn):
        for frame, sample in self.predict_samples(source, batch_size):
            yield frame, sample.pred_brightness

    def draw(self, item, result):
        return {"pictures": np.full_like(item.image, 255 - result)}

    @contextmanager
    def open_records(self, out, source):
        with growing_json(out / "brightness.json", "frames", source.report) as write:
            yield lambda frame, result: write(frame.name, result)


@pytest.fixture(scope="module")
def inferencer(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(InferencerTestBrightness().state_dict(), path)
    pipeline = [
        dict(type="LoadImageFromFile"),
        dict(type="PitchResize", size=(64, 32)),
        dict(type="PackPitchInputs"),
    ]
    config = Config(dict(model=dict(type="InferencerTestBrightness"), test_pipeline=pipeline))
    return BrightnessInferencer(config, path, "cpu")


def image(color=0):
    return np.full((32, 64, 3), color, np.uint8)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "frames"
    path.mkdir()
    for number in range(4):
        cv2.imwrite(str(path / f"{number}.png"), image(10 * number))
    return path


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 12.0, (64, 32))
    for number in range(4):
        writer.write(image(20 * number))
    writer.release()
    return path


def content(out):
    return json.loads((out / "brightness.json").read_text())


def test_all_kinds_of_inputs(inferencer, folder, video):
    assert list(inferencer(folder)) == [0, 10, 20, 30]
    assert list(inferencer([folder / "1.png", str(folder / "3.png"), image(7)])) == [10, 30, 7]
    assert list(inferencer(image(50))) == [50]
    assert list(inferencer(iter([image(5), image(6)]))) == [5, 6]
    assert np.allclose(list(inferencer(str(video))), [0, 20, 40, 60], atol=2)


def test_batches(inferencer, folder):
    sizes = inferencer.model.batch_sizes
    for batch_size, expected in ((None, [3, 1]), (1, [1] * 4), (4, [4]), (9, [4])):
        sizes.clear()
        assert list(inferencer(folder, batch_size)) == [0, 10, 20, 30]
        assert sizes == expected


@pytest.mark.parametrize("written", [False, True])
def test_a_long_stream_is_never_in_memory(inferencer, tmp_path, written):
    """At most a batch, and the frame whose result was asked for, whatever is done with it."""
    alive, most = weakref.WeakSet(), 0

    class Frame(np.ndarray):
        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for number in range(60):
            frame = image(number).view(Frame)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame

    out = tmp_path if written else None
    found = inferencer(frames(), batch_size=4, out_dir=out, progress=False)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    # Two batches were read, and no more.
    assert inferencer.model.batch_sizes[-2:] == [4, 4]
    assert most <= 5
    assert sum(1 for _ in found) == 55
    assert most <= 5
    del found
    assert not alive


def test_results_and_pictures_are_written_while_they_come(inferencer, folder, tmp_path):
    out = tmp_path / "out"
    found = inferencer(folder, batch_size=2, out_dir=out)
    assert next(found) == 0
    assert os.listdir(out / "pictures") == ["0.png"]
    assert not (out / "brightness.json").exists()
    assert list(found) == [10, 20, 30]
    assert content(out) == {
        "frames": {"0.png": 0, "1.png": 10, "2.png": 20, "3.png": 30},
        "complete": True,
        "unreadable": {},
    }
    assert cv2.imread(str(out / "pictures" / "2.png"))[0, 0].tolist() == [235] * 3
    assert sorted(os.listdir(out)) == ["brightness.json", "pictures"]


def give_up_by_closing(found):
    next(found)
    found.close()


def give_up_by_leaving_a_with(found):
    with found as results:
        next(results)


def give_up_by_an_error(found):
    def fail(results):
        next(results)
        raise RuntimeError

    with pytest.raises(RuntimeError), found as results:
        fail(results)


@pytest.mark.parametrize(
    "give_up", [give_up_by_closing, give_up_by_leaving_a_with, give_up_by_an_error]
)
def test_giving_up_closes_the_files(inferencer, video, tmp_path, give_up):
    out = tmp_path / "out"
    give_up(inferencer(video, out_dir=out))
    assert content(out)["complete"] is False
    assert list(content(out)["frames"]) == ["clip_000000"]
    assert len(FrameReader(out / "brightness.mp4")) == 1
    assert sorted(os.listdir(out)) == ["brightness.json", "brightness.mp4"]


def test_a_break_closes_the_files(inferencer, folder, tmp_path):
    for result in inferencer(folder, out_dir=tmp_path / "out"):
        if result == 10:
            break
    assert content(tmp_path / "out")["complete"] is False
    assert list(content(tmp_path / "out")["frames"].values()) == [0, 10]


def test_unreadable_images_are_told(inferencer, folder, tmp_path):
    (folder / "1.png").write_bytes(b"broken")
    assert list(inferencer(folder, out_dir=tmp_path / "out")) == [0, 20, 30]
    assert list(content(tmp_path / "out")["unreadable"]) == ["1.png"]


def test_without_pictures(inferencer, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(inferencer, "writes_pictures", False)
    monkeypatch.setattr(inferencer, "draw", None)
    list(inferencer(folder, out_dir=tmp_path / "out"))
    assert os.listdir(tmp_path / "out") == ["brightness.json"]


def test_progress_and_time(inferencer, folder, capsys, monkeypatch):
    list(inferencer(folder, progress=False))
    assert capsys.readouterr().err == ""
    list(inferencer(folder))
    assert "4/4" in capsys.readouterr().err
    list(inferencer(iter([image()])))
    assert "1" in capsys.readouterr().err
    clock = SimpleNamespace(now=5.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr("footmm.apis.inferencer.time", clock)

    def predict(source, batch_size, drawn):
        for frame in source:
            clock.now += 2
            yield frame, 1

    monkeypatch.setattr(inferencer, "predict", predict)
    found = inferencer(folder)
    for _ in found:
        clock.now += 100
    assert found.seconds == 8


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, True, "2"])
def test_wrong_batch_sizes_fail_at_the_call(inferencer, batch_size):
    with pytest.raises(ConfigError, match=f"batch_size is {batch_size}, it must be at least 1"):
        inferencer(image(), batch_size=batch_size)


def test_wrong_inputs_fail_at_the_call(inferencer, tmp_path):
    for wrong, error, message in (
        (tmp_path / "gone.mp4", DatasetNotFoundError, "does not exist"),
        (tmp_path, DatasetNotFoundError, "holds no images"),
        ([], DatasetNotFoundError, "list of images is empty"),
        (np.zeros((4, 4)), DataFormatError, "images are"),
        ([image(), 5], DataFormatError, "image 1 is a int"),
        (None, DataFormatError, "image 0 is a NoneType"),
    ):
        with pytest.raises(error, match=message):
            inferencer(wrong)
    # What an iterator will bring is not known before.
    found = inferencer(iter([image(), "a.png"]), batch_size=1)
    assert next(found) == 0
    with pytest.raises(DataFormatError, match=r"image 1 is an array  of str"):
        next(found)


def test_wrong_folders_fail_at_the_call(inferencer, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"out_dir .* is no folder to write to"):
        inferencer(image(), out_dir=tmp_path / "file")
    with pytest.raises(ConfigError, match=r"no brightness\.json of an .* with overwrite=True"):
        inferencer(image(), out_dir=tmp_path)
    for _ in range(2):
        list(inferencer(image(), out_dir=tmp_path, overwrite=True))
    # By now it holds results of ours.
    list(inferencer(image(), out_dir=str(tmp_path)))
    assert (tmp_path / "file").read_text() == ""


def test_pictures_are_shown_one_after_the_other(inferencer, monkeypatch):
    shown = []

    class Window:
        def show(self, picture):
            shown.append(picture[0, 0, 0])

    monkeypatch.setattr("footmm.apis.inferencer.PictureWindow", Window)
    found = inferencer([image(5), image(6), image(7)], show=True)
    assert next(found) == 5
    assert shown == [250]
    list(found)
    assert shown == [250, 249, 248]


def test_nothing_is_shown_without_a_window(inferencer, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.get_backend", lambda: "Agg")
    with pytest.raises(ConfigError, match="backend here is 'Agg', which has no window; write pict"):
        inferencer(image(), show=True)

    def fail():
        raise ImportError("Cannot load backend 'TkAgg'")

    monkeypatch.setattr("matplotlib.pyplot.get_backend", fail)
    with pytest.raises(ConfigError, match="Cannot load backend 'TkAgg'; write pictures"):
        inferencer(image(), show=True)


def test_the_window_shows_rgb(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "get_backend", lambda: "notebook")
    monkeypatch.setattr(plt, "show", lambda block: None)
    window = PictureWindow()
    for color in ([1, 2, 3], [4, 5, 6]):
        window.show(np.full((4, 6, 3), color, np.uint8))
    (drawn,) = plt.figure("footmm").axes[0].images
    assert drawn.get_array()[0, 0].tolist() == [6, 5, 4]
    plt.close("all")


@pytest.mark.parametrize("name", [n for n in footmm.apis.__all__ if n.endswith("Inferencer")])
def test_all_tasks_are_made_and_called_alike(name):
    cls = getattr(footmm.apis, name)
    assert issubclass(cls, Inferencer)
    assert cls.__call__ is Inferencer.__call__
    first = list(inspect.signature(cls).parameters.values())[:3]
    assert [parameter.name for parameter in first] == ["config", "checkpoint", "device"]
    assert all(
        p.default is not p.empty for p in list(inspect.signature(cls).parameters.values())[2:]
    )
    assert cls.default_batch_size >= 1
    assert cls.result_files


def test_there_are_seven():
    names = [name for name in footmm.apis.__all__ if name.endswith("Inferencer")]
    assert len(names) == 7
    assert all(f":class:`{name}`" in footmm.apis.__doc__ for name in names)


def test_samples_are_mmengines(inferencer):
    ((frame, sample),) = inferencer.predict_samples(FrameReader(image(9)), 1)
    assert (frame.name, sample.pred_brightness) == ("image_000000", 9)
    assert isinstance(sample, BaseDataElement)
