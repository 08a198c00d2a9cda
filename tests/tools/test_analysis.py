from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.structures import ReIDDataSample
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer
from torch import nn

from footmm.apis.config import load_config
from footmm.registry import DATASETS, MODELS, VISUALIZERS
from footmm.testing import shrink_config

ROOT = Path(__file__).resolve().parents[2]
ANALYSIS = ROOT / "tools" / "analysis"


def _tool(name):
    spec = importlib.util.spec_from_file_location(name, ANALYSIS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@MODELS.register_module()
class AnalysisTestModel(BaseModel):
    """One 3 x 3 convolution from 3 to 4 channels: 112 parameters."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return self.conv(inputs)


@DATASETS.register_module()
class AnalysisTestDataset:
    """Images of one colour, each written to disk and turned upside down by the 'augmentation'."""

    metainfo = {}

    def __init__(self, folder, length=6, channels=3):
        self.folder, self.length, self.channels = Path(folder), length, channels

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        image = np.zeros((32, 16, 3), np.uint8)
        image[:16, :, 2] = 200  # red above black
        path = self.folder / f"player_{index}.png"
        cv2.imwrite(str(path), image)
        meta = {"img_path": str(path), "person_id": 40 + index, "img_shape": (32, 16)}
        sample = BaseDataElement(metainfo=meta)
        sample.gt_jersey = torch.tensor(7)
        flipped = np.ascontiguousarray(image[::-1].transpose(2, 0, 1))
        return {"inputs": torch.from_numpy(flipped)[: self.channels], "data_samples": sample}


@VISUALIZERS.register_module()
class AnalysisTestVisualizer(Visualizer):
    """Paints images green."""

    def draw_dataset_sample(self, image, data_sample):
        return np.full_like(image, (0, 200, 0))


CONFIG = """
default_scope = 'footmm'
input_size = (8, 4)
model = dict(type='AnalysisTestModel')
train_dataloader = dict(
    batch_size=2, dataset=dict(type='AnalysisTestDataset', folder={folder!r}))
work_dir = 'somewhere'
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.py"
    path.write_text(CONFIG.format(folder=str(tmp_path)))
    return path


def _fails(tool, capsys, *arguments):
    with pytest.raises(SystemExit) as error:
        _tool(tool).main([str(a) for a in arguments])
    assert error.value.code == 2
    return capsys.readouterr().err


# print_config


def test_print_config_prints_and_saves_the_merged_config(config, tmp_path, capsys):
    saved = tmp_path / "new" / "full.py"
    _tool("print_config").main(
        [str(config), "--save", str(saved), "--cfg-options", "work_dir=elsewhere"]
    )
    printed = capsys.readouterr().out
    assert "work_dir = 'elsewhere'" in printed
    assert saved.read_text().strip() == printed.strip()


def test_print_config_runs_as_a_script(config):
    run = subprocess.run(
        [sys.executable, str(ANALYSIS / "print_config.py"), str(config.with_name("absent.py"))],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ANALYSIS.parents[1]), "PATH": ""},
    )
    assert run.returncode == 2
    assert "absent.py" in run.stderr
    assert "Traceback" not in run.stderr


# model_complexity


@pytest.mark.parametrize(("options", "pixels"), [([], 8 * 4), (["--shape", "3", "2", "5"], 10)])
def test_model_complexity_counts(config, capsys, options, pixels):
    _tool("model_complexity").main([str(config), *options])
    printed = capsys.readouterr().out
    lines = dict(line.split(":", 1) for line in printed.splitlines() if ":  " in line)
    assert lines["parameters"].strip().startswith("112 ")
    assert lines["operations"].strip().startswith(f"{pixels * 4 * 27:,} ")


def test_model_complexity_needs_a_shape(config, capsys):
    config.write_text(config.read_text().replace("input_size = (8, 4)", ""))
    assert "give --shape" in _fails("model_complexity", capsys, config)


def _tiny_trajectory_config(folder):
    config = load_config(ROOT / "configs/trajectory/baller2vec_synthetic.py")
    shrink_config(config, folder).dump(folder / "tiny.py")
    return folder / "tiny.py"


def test_model_complexity_of_a_model_without_images(tmp_path, capsys):
    _tool("model_complexity").main([str(_tiny_trajectory_config(tmp_path))])
    printed = capsys.readouterr().out
    assert "positions 40 x 23 x 2, present 40 x 23" in printed
    assert "parameters:   246,745" in printed


def test_model_complexity_of_a_model_of_graphs(tmp_path, capsys):
    config = load_config(ROOT / "configs/tactics/gat_bilstm_synthetic.py")
    shrink_config(config, tmp_path).dump(tmp_path / "tiny.py")
    _tool("model_complexity").main([str(tmp_path / "tiny.py")])
    printed = capsys.readouterr().out
    assert "x 21, edge_index " in printed
    assert "parameters:   252,078" in printed


# plot_logs


def _log(work_dir, timestamp, lines):
    folder = work_dir / timestamp / "vis_data"
    folder.mkdir(parents=True)
    (folder / "scalars.json").write_text("\n".join(lines))


def _train(step, loss, epoch=1):
    return json.dumps({"loss": loss, "time": 0.1, "epoch": epoch, "iter": step, "step": step})


def _val(step, value):
    return json.dumps({"reid/mAP": value, "time": 9.0, "step": step})


def test_read_run_joins_a_resumed_run_and_forgives_half_a_line(tmp_path):
    killed = [_train(10, 3.0), _val(1, 0.1), _train(20, 2.0), _train(30, 9.0), '{"loss": 1.']
    _log(tmp_path, "20260101_000000", killed)
    _log(tmp_path, "20260102_000000", [_train(30, 1.5), _train(40, 1.0, 2), _val(2, 0.3)])
    curves, units = _tool("plot_logs").read_run(tmp_path)
    assert curves["loss"] == [(10, 3.0), (20, 2.0), (30, 1.5), (40, 1.0)]
    assert curves["reid/mAP"] == [(1, 0.1), (2, 0.3)]
    assert curves["time"] == [(10, 0.1), (20, 0.1), (30, 0.1), (40, 0.1)]
    assert units == {"loss": "iteration", "time": "iteration", "reid/mAP": "epoch"}


def test_run_started_anew_replaces_the_one_before(tmp_path):
    _log(tmp_path, "20260101_000000", [_train(1, 3.0), _train(2, 2.0)])
    _log(tmp_path, "20260102_000000", [_train(1, 5.0)])
    assert _tool("plot_logs").read_run(tmp_path)[0]["loss"] == [(1, 5.0)]


def test_plot_logs_writes_a_panel_per_key_and_a_curve_per_run(tmp_path, capsys):
    for run in "ab":
        _log(tmp_path / run, "20260101_000000", [_train(1, 3.0), _train(2, 2.0), _val(1, 0.5)])
    tool = _tool("plot_logs")
    runs = {run: tool.read_run(tmp_path / run) for run in "ab"}
    figure = tool.plot(runs, ["loss", "reid/mAP"])
    loss, metric = figure.axes
    assert [line.get_label() for line in loss.lines] == ["a", "b"]
    assert loss.lines[0].get_ydata().tolist() == [3.0, 2.0]
    assert (loss.get_xlabel(), metric.get_xlabel()) == ("iteration", "epoch")
    out = tmp_path / "new" / "curves.png"
    tool.main([str(tmp_path / "a"), str(tmp_path / "b"), "--keys", "loss", "--out", str(out)])
    assert cv2.imread(str(out)) is not None
    assert [p.name for p in out.parent.iterdir()] == ["curves.png"]


def test_plot_logs_names_the_logged_keys(tmp_path, capsys):
    _log(tmp_path, "20260101_000000", [_train(1, 3.0), _val(1, 0.5)])
    message = _fails("plot_logs", capsys, tmp_path, "--keys", "mAP")
    assert "--keys mAP: never logged here; logged are loss, reid/mAP, time" in message


def test_plot_logs_names_a_broken_line_and_a_folder_without_logs(tmp_path, capsys):
    _log(tmp_path / "run", "20260101_000000", ["nonsense", _train(1, 3.0)])
    assert "scalars.json, line 1: not JSON" in _fails("plot_logs", capsys, tmp_path / "run")
    assert "no logs in" in _fails("plot_logs", capsys, tmp_path / "absent")


# browse_dataset


def _browse(config, out, *options):
    _tool("browse_dataset").main([str(config), "--out", str(out), *options])
    return sorted(path.name for path in out.iterdir())


def test_browse_writes_each_sample_before_and_after_and_a_sheet(config, tmp_path):
    out = tmp_path / "out"
    names = _browse(config, out, "--num", "3")
    assert names == ["browse_train.png"] + [f"train_{i:06d}.png" for i in (0, 2, 5)]
    picture = cv2.imread(str(out / "train_000002.png"))  # 32 x 16 pixels become 256 x 128
    red, black = [0, 0, 200], [0, 0, 0]
    assert picture[64, 64].tolist() == red
    assert picture[192, 64].tolist() == black
    assert picture[64, 192].tolist() == black
    assert picture[192, 192].tolist() == red
    sheet = cv2.imread(str(out / "browse_train.png"))
    assert sheet.shape[1] == 3 * (picture.shape[1] + 6)


def test_browse_original_shows_the_file_only(config, tmp_path):
    _browse(config, tmp_path / "out", "--num", "1", "--original")
    picture = cv2.imread(str(tmp_path / "out" / "train_000000.png"))
    assert picture[64, 64].tolist() == [0, 0, 200]
    assert picture[192, 192].tolist() == [255, 255, 255]


def test_browse_uses_the_drawing_of_the_visualizer(config, tmp_path):
    config.write_text(config.read_text() + "visualizer = dict(type='AnalysisTestVisualizer')\n")
    _browse(config, tmp_path / "out", "--num", "1")
    picture = cv2.imread(str(tmp_path / "out" / "train_000000.png"))
    assert picture[64, 64].tolist() == [0, 0, 200]
    assert picture[64, 192].tolist() == [0, 200, 0]


def test_browse_labels_are_text():
    sample = _reid_sample()
    assert _tool("browse_dataset").label_lines(sample) == [
        "crop.png",
        "gt_body_shape: 1.8, 1.05",
        "gt_jersey: 7",
        "gt_label: 3",
        "person_id: 41",
        "role: query",
    ]


def _reid_sample():
    meta = {"img_path": "a/crop.png", "img_shape": (8, 4), "person_id": 41, "role": "query"}
    sample = ReIDDataSample(metainfo=meta).set_gt_label(3)
    sample.gt_jersey = torch.tensor(7)
    sample.gt_body_shape = torch.tensor([1.8, 1.05])
    sample.pred_feature = torch.zeros(256)
    return sample


def test_browse_refuses_what_it_cannot_show(config, tmp_path, capsys):
    out = tmp_path / "out"
    message = _fails("browse_dataset", capsys, config, "--out", out, "--split", "val")
    assert "no val_dataloader" in message
    config.write_text(config.read_text().replace("folder=", "channels=1, folder="))
    message = _fails("browse_dataset", capsys, config, "--out", out)
    assert "inputs have the shape (1, 32, 16)" in message


def test_browse_dataset_draws_samples_that_are_no_images(tmp_path):
    config = _tiny_trajectory_config(tmp_path)
    _tool("browse_dataset").main([str(config), "--out", str(tmp_path / "out"), "--num", "2"])
    samples = sorted((tmp_path / "out").glob("train_*.png"))
    assert len(samples) == 2
    assert not np.array_equal(*(cv2.imread(str(path)) for path in samples))
