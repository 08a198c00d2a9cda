"""The recipe of the real data, from training to predictions, each tool in a process of its own."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from footmm.apis.config import load_config
from footmm.apis.predictions import load_predictions
from footmm.structures.localised_athletes import LocalisedAthletes
from footmm.testing import run_forks, shrink_config, shrink_model

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("unformatted_configs")


@pytest.fixture
def config(tmp_path):
    """Two epochs of few small frames, the second one without mosaic; with the EMA."""
    config = load_config(
        ROOT / "configs/synloc/yoloxpose_tiny_640.py",
        {"input_size": (96, 160), "mosaic_epochs": 1},
    )
    config.model.backbone.init_cfg = None
    path = tmp_path / "tiny.py"
    shrink_model(shrink_config(config, tmp_path, epochs=2)).dump(path)
    return path


def run(log, tool, *arguments):
    main = runpy.run_path(str(ROOT / "tools" / tool))["main"]
    [end] = run_forks(log, lambda: main([str(argument) for argument in arguments]))
    assert end == 0, log.read_text()[-3000:]
    return log.read_text()


def test_trains_and_predicts(config, tmp_path):
    printed = run(tmp_path / "training.log", "train.py", config)
    assert "the training pipeline is switched at epoch 2" in printed
    predictions = tmp_path / "predictions.pkl"
    checkpoint = tmp_path / "work/epoch_2.pth"
    log = tmp_path / "test.log"
    printed = run(log, "test.py", config, checkpoint, "--out", predictions)
    assert "synloc/mAP_locsim" in printed
    # Nothing is found after two steps, so there is no threshold to carry, and the test says so.
    assert "these weights carry none from a validation" in " ".join(printed.split())
    samples = load_predictions(predictions, ["pred_instances", "camera"])
    assert len(samples) == 4
    assert LocalisedAthletes.from_sample(samples[0]).truth is not None
