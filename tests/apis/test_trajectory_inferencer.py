from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

import footmm.apis
from footmm.apis.trajectory_embeddings import TrajectoryEmbeddings
from footmm.apis.trajectory_inferencer import TrajectoryInferencer
from footmm.datasets.trajectory.trajectories_npz import TrajectoriesNpz, write_trajectories
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.registry import MODELS
from footmm.structures.agent_tracks import AgentTracks

RATE, OBSERVED, FUTURE, DIMS = 5.0, 3, 2, 8
PIPELINE = [dict(type="PackTrajectoryInputs")]


@MODELS.register_module()
class InferencerTestNoTrajectories(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples=None, mode="tensor"):
        return inputs


def tracks(num_frames=35):
    """Six players, the seventh missing, and the ball, all at random places."""
    rng = np.random.default_rng(0)
    present = np.ones((num_frames, 8), bool)
    present[:, 6] = False
    positions = rng.uniform(-30, 30, (num_frames, 8, 2)).astype(np.float32) * present[..., None]
    return AgentTracks(
        match="m",
        source="test",
        rate=RATE,
        positions=positions,
        present=present,
        team=np.array([0, 0, 0, 1, 1, 1, 1, 2], np.int8),
        goalkeeper=np.zeros(8, bool),
        agent_ids=(*"abcdefg", "ball"),
        frame_ids=np.arange(num_frames),
        period=np.full(num_frames, 2, np.int8),
        segments=np.array([[0, num_frames]]),
    )


@pytest.fixture
def path(tmp_path):
    write_trajectories(tmp_path / "t.npz", [tracks()])
    return tmp_path / "t.npz"


@pytest.fixture
def config(path):
    head = dict(type="ForecastHead", num_frames=FUTURE, rate=RATE, num_modes=2)
    model = dict(
        type="Baller2Vec",
        num_observed=OBSERVED,
        rate=RATE,
        embed_dims=DIMS,
        encoder=dict(num_layers=1, num_heads=2),
        forecast_head=head,
    )
    length = dict(num_frames=OBSERVED + FUTURE, num_observed=OBSERVED)
    dataset = dict(type="TrajectoriesNpz", path=str(path), pipeline=PIPELINE, **length)
    return Config(dict(model=model, test_pipeline=PIPELINE, test_dataloader=dict(dataset=dataset)))


@pytest.fixture
def make(config, tmp_path):
    def make(**options):
        init_default_scope("footmm")
        torch.manual_seed(0)
        checkpoint = tmp_path / "weights.pth"
        torch.save(MODELS.build(config.model).state_dict(), checkpoint)
        return TrajectoryInferencer(config, checkpoint, "cpu", **options)

    return make


def test_is_exported():
    assert footmm.apis.TrajectoryInferencer is TrajectoryInferencer


def test_windows_in_batches(make, path):
    inferencer = make()
    windows = list(inferencer(path, batch_size=3))
    assert [window.trajectories.frame_ids[0] for window in windows] == [0, 10, 20, 30]
    first = windows[0]
    assert first.trajectories.predictions.shape == (2, FUTURE, 23, 2)
    assert first.trajectories.match == "m"
    assert first.period == 2
    assert first.agents.shape == (23, DIMS)
    assert first.frames.shape == (OBSERVED + FUTURE, *first.window.shape)
    there = np.array([name != "" for name in first.trajectories.agent_ids])
    assert there.sum() == 7
    assert (first.agents.any(axis=1) == there).all()
    for window, other in zip(windows, inferencer(path, batch_size=1), strict=True):
        np.testing.assert_allclose(window.window, other.window, atol=1e-5)
        np.testing.assert_allclose(
            window.trajectories.predictions, other.trajectories.predictions, atol=1e-4
        )


def test_windows_are_read_when_they_are_needed(make):
    class Counting:
        def __init__(self, dataset):
            self.dataset, self.read = dataset, []

        def __len__(self):
            return len(self.dataset)

        def __getitem__(self, index):
            self.read.append(index)
            return self.dataset[index]

    inferencer = make()
    dataset = Counting(inferencer.test_dataset())
    results = inferencer(dataset, batch_size=2)
    assert dataset.read == []
    next(results)
    assert dataset.read == [0, 1]


def test_collected(make):
    inferencer = make()
    windows = list(inferencer(inferencer.test_dataset()))
    table = TrajectoryEmbeddings.collect(iter(windows), with_agents=True)
    assert len(table) == 4
    assert (table.match[3], table.period[3]) == ("m", 2)
    assert (table.first_frame[3], table.last_frame[3]) == (30, 34)
    np.testing.assert_array_equal(table.embedding[3], windows[3].window)
    np.testing.assert_array_equal(table.agent_embedding[3], windows[3].agents)
    assert table.agent_ids[3, 22] == "ball"
    assert TrajectoryEmbeddings.collect(iter(windows)).agent_embedding is None


def test_windows_that_do_not_fit_the_model(make, config, tmp_path):
    inferencer = make()
    write_trajectories(tmp_path / "fast.npz", [replace(tracks(), rate=10.0)])
    with pytest.raises(DataFormatError, match="test, match 'm': the tracks have 10 frames a sec"):
        inferencer(tmp_path / "fast.npz")
    dataset = TrajectoriesNpz(tmp_path / "fast.npz", None, num_frames=5, num_observed=3)
    dataset.pipeline = inferencer.test_dataset().pipeline
    with pytest.raises(DataFormatError, match="'m', frame 0: the tracks have 10 frames a second"):
        next(inferencer(dataset))
    config.test_dataloader.dataset.num_frames = 8
    with pytest.raises(DataFormatError, match="has 3 observed and 5 future frames, the model is"):
        next(inferencer(inferencer.test_dataset()))
    config.test_dataloader.dataset.pipeline = []
    with pytest.raises(ConfigError, match="has to end with PackTrajectoryInputs"):
        next(inferencer(inferencer.test_dataset()))


def test_files_that_are_no_tracks(make, tmp_path):
    inferencer = make()
    (tmp_path / "broken.npz").write_bytes(b"broken")
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    (tmp_path / "empty").mkdir()
    write_trajectories(tmp_path / "short.npz", [tracks(num_frames=4)])
    for wrong, error, message in (
        ("gone.npz", DatasetNotFoundError, r"gone\.npz does not exist"),
        ("empty", DatasetNotFoundError, r"empty' holds no tracks"),
        ("broken.npz", DataFormatError, r"broken\.npz is truncated"),
        ("clip.mp4", DataFormatError, r"of a video, find its cameras and people first"),
        ("short.npz", DataFormatError, "no window"),
    ):
        with pytest.raises(error, match=message):
            inferencer(tmp_path / wrong)
    for wrong, error, message in (
        ([], DatasetNotFoundError, "list of tracks is empty"),
        (5, DataFormatError, "a int holds no tracks"),
        (dict(positions=np.zeros((9, 2, 2))), DataFormatError, "needs positions, team and rate"),
        (dict(positions=1, team=[], rate=5.0), DataFormatError, r"positions are \(\)"),
    ):
        with pytest.raises(error, match=message):
            inferencer(wrong)


def test_tracks_in_memory_files_and_folders(make, path):
    inferencer = make()
    given = tracks()
    arrays = dict(
        positions=np.where(given.present[..., None], given.positions, np.nan),
        team=given.team,
        rate=RATE,
        period=given.period,
    )
    expected = [window.window for window in inferencer(path)]
    for same in (given, arrays, str(path), path.parent, [path]):
        found = [window.window for window in inferencer(same)]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(list(inferencer([given, arrays, path]))) == 3 * len(expected)


def test_results_are_written(make, path, tmp_path):
    inferencer = make(file_format="npz", with_agents=True, num_forecasts=2)
    out = tmp_path / "out"
    with inferencer(path, batch_size=1, out_dir=out) as found:
        next(found)
    assert json.loads((out / "summary.json").read_text()) == {"complete": False, "windows": 1}
    assert sorted(file.name for file in out.iterdir()) == ["embeddings.npz", "summary.json"]
    windows = list(inferencer(path, out_dir=out))
    assert json.loads((out / "summary.json").read_text()) == {"complete": True, "windows": 4}
    with np.load(out / "embeddings.npz") as content:
        np.testing.assert_array_equal(content["embedding"], [w.window for w in windows])
        assert content["agent_embedding"].shape == (4, 23, DIMS)
    assert (out / "forecasts.png").is_file()


def test_wrong_models(make, config):
    with pytest.raises(ConfigError, match="file_format='csv' has to be one of parquet, npz"):
        make(file_format="csv")
    config.model.forecast_head = None
    with pytest.raises(ConfigError, match=r"without model\.forecast_head"):
        make()
    config.model = dict(type="InferencerTestNoTrajectories")
    with pytest.raises(ConfigError, match="InferencerTestNoTrajectories, which knows no traject"):
        make()
