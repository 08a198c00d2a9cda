from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.visualization import Visualizer

from footmm.engine.hooks import ValidationPictureHook
from footmm.errors import ConfigError


class CountingVisualizer(Visualizer):
    """Draws a red picture as wide as there are samples."""

    def draw_samples(self, samples):
        assert all(not s.pred.requires_grad and s.pred.device.type == "cpu" for s in samples)
        image = np.zeros((2, len(samples), 3), np.uint8)
        image[..., 0] = 255
        return {"count": image}


@pytest.fixture
def visualizer(tmp_path):
    return CountingVisualizer(
        name=str(tmp_path),
        save_dir=str(tmp_path / "vis"),
        vis_backends=[{"type": "LocalVisBackend"}],
    )


def _pictures(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_pictures_every_interval_and_at_the_last_epoch(make_runner, visualizer, read_log):
    runner = make_runner([ValidationPictureHook(interval=2)], epochs=3, visualizer=visualizer)
    runner.train()
    folder = Path(runner.work_dir) / "pictures"
    assert _pictures(folder) == ["count_epoch_2.png", "count_epoch_3.png"]
    image = cv2.imread(str(folder / "count_epoch_2.png"))
    assert image.shape == (2, 8, 3)
    assert image[0, 0].tolist() == [0, 0, 255]  # OpenCV reads BGR
    assert f"picture: {folder}/count_epoch_3.png" in read_log(runner)
    assert any(Path(runner.work_dir).parent.glob("vis/**/count_2.png"))


def test_max_samples_and_out_dir_in_a_test(make_runner, visualizer, tmp_path):
    hook = ValidationPictureHook(max_samples=5, out_dir=str(tmp_path / "out"))
    make_runner([hook], visualizer=visualizer).test()
    assert _pictures(tmp_path / "out") == ["count_test.png"]
    assert cv2.imread(str(tmp_path / "out" / "count_test.png")).shape[1] == 5


def test_lone_validation(make_runner, visualizer):
    runner = make_runner([ValidationPictureHook(interval=9)], visualizer=visualizer)
    runner.val()
    assert _pictures(Path(runner.work_dir) / "pictures") == ["count_val.png"]


def test_iteration_based_training(make_runner, visualizer):
    runner = make_runner([ValidationPictureHook()], iterations=4, visualizer=visualizer)
    runner.train()
    assert _pictures(Path(runner.work_dir) / "pictures") == ["count_iter_2.png", "count_iter_4.png"]


def test_visualizer_that_cannot_draw_is_refused_before_training(make_runner):
    runner = make_runner([ValidationPictureHook()])
    with pytest.raises(ConfigError, match=r"visualizer\.type='Visualizer' has no method draw_sam"):
        runner.train()
    assert runner.iter == 0
