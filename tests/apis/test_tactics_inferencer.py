"""Tactics of windows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

import footmm.apis
from footmm.apis.config import load_config
from footmm.apis.tactics_inferencer import TacticsInferencer
from footmm.errors import CheckpointError, ConfigError, DataFormatError
from footmm.registry import MODELS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import AgentTracks
from footmm.testing import shrink_config

CONFIG = Path(__file__).parents[2] / "configs/tactics/gat_bilstm_synthetic.py"
SMALL = dict(num_frames=31, num_observed=21, frame_step=5, embed_dims=8, num_layers=1, num_heads=2)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    config = shrink_config(load_config(CONFIG, SMALL), tmp_path_factory.mktemp("tactics"))
    config.test_dataloader.dataset.update(num_samples=4, match_duration_s=10.0)
    return config


@pytest.fixture(scope="module")
def checkpoint(config, tmp_path_factory):
    init_default_scope("footmm")
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pth"
    torch.save(MODELS.build(config.model).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def inferencer(config, checkpoint):
    return TacticsInferencer(config, checkpoint, "cpu")


@pytest.fixture(scope="module")
def dataset(inferencer):
    return inferencer.test_dataset()


def test_is_exported():
    assert footmm.apis.TacticsInferencer is TacticsInferencer


def test_windows_in_batches(inferencer, dataset):
    windows = list(inferencer(dataset, batch_size=3))
    assert [window.match for window in windows] == [f"match_0000{n}" for n in (0, 0, 1, 1)]
    assert [window.frame_ids[-1] for window in windows] == [20, 36] * 2
    first = windows[0]
    assert first.positions.shape == (5, 23, 2)
    assert first.seconds.tolist() == pytest.approx([0, 1, 2, 3, 4])
    np.testing.assert_array_equal(
        first.positions, dataset[0]["data_samples"].positions[:21:5].numpy()
    )
    assert first.formation_scores.shape == (2, len(FORMATIONS))
    assert first.role_scores.shape == (23, len(ROLES))
    assert first.strategy_scores.shape == (5, 2, len(STRATEGIES))
    assert first.attention.shape == first.edges[0].shape
    for window, other in zip(windows, inferencer(dataset, batch_size=1), strict=True):
        assert window.match == other.match
        np.testing.assert_allclose(window.formation_scores, other.formation_scores, atol=1e-5)
        np.testing.assert_allclose(window.attention, other.attention, atol=1e-5)


def test_windows_are_read_when_they_are_needed(inferencer, dataset):
    class Counting:
        def __init__(self):
            self.read = []

        def __len__(self):
            return len(dataset)

        def __getitem__(self, index):
            self.read.append(index)
            return dataset[index]

    counting = Counting()
    results = inferencer(counting, batch_size=3)
    assert counting.read == []
    next(results)
    assert counting.read == [0, 1, 2]


def test_wrong_configs(config, checkpoint, tmp_path):
    with pytest.raises(ConfigError, match="minutes=0 has to be positive"):
        TacticsInferencer(config, checkpoint, "cpu", minutes=0)
    with pytest.raises(CheckpointError, match=r"gone\.pth"):
        TacticsInferencer(config, tmp_path / "gone.pth", "cpu")
    trajectory = load_config(CONFIG.parents[1] / "trajectory/baller2vec_synthetic.py")
    torch.save(MODELS.build(trajectory.model).state_dict(), tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="builds a Baller2Vec, which tells no tactics"):
        TacticsInferencer(trajectory, tmp_path / "other.pth", "cpu")


def test_config_without_test_data(config, checkpoint):
    without = Config({key: value for key, value in config.items() if key != "test_dataloader"})
    with pytest.raises(ConfigError, match="has no test_dataloader"):
        TacticsInferencer(without, checkpoint, "cpu").test_dataset()


def tracks(rate=5.0, num_frames=45):
    rng = np.random.default_rng(0)
    return dict(
        positions=rng.uniform(-30, 30, (num_frames, 23, 2)),
        team=np.repeat([0, 1, 2], [11, 11, 1]),
        rate=rate,
        match="cup",
    )


def test_tracks_without_labels(inferencer, config):
    windows = list(inferencer(tracks()))
    # Every tenth frame begins a window of 21 frames, and one after them.
    assert [window.frame_ids[-1] for window in windows] == [20, 30, 40]
    assert windows[0].match == "cup"
    assert not windows[0].has_formation.any()
    assert not windows[0].has_role.any()
    assert windows[0].has_strategy.shape == (5, 2)
    assert not windows[0].has_strategy.any()
    np.testing.assert_allclose(windows[1].positions[0], tracks()["positions"][10], atol=1e-5)
    same = inferencer([AgentTracks.from_arrays(**tracks())], batch_size=1)
    np.testing.assert_allclose(
        [window.role_scores for window in same], [w.role_scores for w in windows], atol=1e-5
    )
    with pytest.raises(DataFormatError, match="10 frames a second, the model was trained with 5"):
        inferencer(tracks(rate=10.0))


def test_results_of_a_run_that_was_given_up(inferencer, dataset, tmp_path):
    with inferencer(dataset, batch_size=1, out_dir=tmp_path) as found:
        next(found)
        next(found)
    assert json.loads((tmp_path / "summary.json").read_text()) == {"complete": False, "windows": 2}
    table = pd.read_csv(tmp_path / "windows.csv")
    assert table["frame"].tolist() == [20, 20, 36, 36]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "formations.csv",
        "roles.csv",
        "summary.json",
        "windows.csv",
    ]
