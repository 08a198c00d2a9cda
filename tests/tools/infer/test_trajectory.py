from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

from footmm.apis.config import load_config
from footmm.datasets.trajectory.trajectories_npz import write_trajectories
from footmm.registry import MODELS
from footmm.structures.agent_tracks import AgentTracks

CONFIG = """
default_scope = "footmm"
test_pipeline = [dict(type="PackTrajectoryInputs")]
model = dict(
    type="Baller2Vec",
    num_observed=3,
    rate=5.0,
    embed_dims=8,
    encoder=dict(num_layers=1, num_heads=2),
    forecast_head=dict(type="ForecastHead", num_frames=2, rate=5.0, num_modes=2),
)
test_dataloader = dict(
    dataset=dict(
        type="TrajectoriesNpz",
        path="{path}",
        num_frames=5,
        num_observed=3,
        pipeline=test_pipeline,
    )
)
"""


def tracks(match, num_frames=35):
    """Eleven players each and the ball walk along curves."""
    agents = np.arange(23)
    time = np.arange(num_frames)[:, None] / 5
    x = 2 * agents - 22 + 3 * np.sin(time + agents)
    y = 20 * np.cos(agents) + 3 * np.cos(time)
    return AgentTracks(
        match=match,
        source="test",
        rate=5.0,
        positions=np.stack(np.broadcast_arrays(x, y), axis=-1).astype(np.float32),
        present=np.ones((num_frames, 23), bool),
        team=np.repeat([0, 1, 2], [11, 11, 1]).astype(np.int8),
        goalkeeper=agents % 11 == 0,
        agent_ids=tuple(map(str, agents)),
        frame_ids=np.arange(num_frames),
        period=np.ones(num_frames, np.int8),
        segments=np.array([[0, num_frames]]),
    )


@pytest.fixture
def folder(tmp_path):
    """A config, weights of its model, and tracks of one match, the config's test data."""
    write_trajectories(tmp_path / "tracks.npz", [tracks("cup")])
    (tmp_path / "config.py").write_text(CONFIG.format(path=tmp_path / "tracks.npz"))
    init_default_scope("footmm")
    model = MODELS.build(load_config(tmp_path / "config.py").model)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    return tmp_path


@pytest.fixture
def run(tool, folder):
    def run(*options, checkpoint="weights.pth"):
        """Return the exit code and the names of the results."""
        out = folder / "out"
        arguments = [str(folder / "config.py"), str(folder / checkpoint), *map(str, options)]
        code = 0
        try:
            tool.main([*arguments, "--out", str(out), "--device", "cpu", "--format", "npz"])
        except SystemExit as error:
            code = error.code
        return code, sorted(path.name for path in out.iterdir()) if out.is_dir() else []

    return run


def test_embeddings_and_forecasts_of_the_test_data(run, folder, capsys):
    assert run("--agents") == (
        0,
        ["embeddings.npz", "forecast.gif", "forecasts.png", "summary.json"],
    )
    with np.load(folder / "out" / "embeddings.npz") as content:
        assert content["first_frame"].tolist() == [0, 10, 20, 30]
        assert len(content["embedding"]) == 4
        assert content["agent_embedding"].shape == (4, 23, 8)
    printed = dict(line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line)
    assert (printed["windows"], printed["matches"]) == ("4", "1")
    assert float(printed["that of constant velocity (m)"]) > 0


def test_query_of_given_tracks(run, folder, capsys):
    write_trajectories(folder / "others.npz", [tracks("final"), tracks("third place")])
    options = ("--query", "third place:22", "--num-similar", "3", "--forecasts", "0")
    code, names = run(folder / "others.npz", *options)
    assert code == 0
    assert names == ["embeddings.npz", "forecast.gif", "similar_situations.png", "summary.json"]
    with Image.open(folder / "out" / "forecast.gif") as animation:
        assert animation.n_frames == 5
    table = capsys.readouterr().out.split("most like ")[1].splitlines()
    assert table[0] == "third place, frames 20 to 24 (window 6):"
    # The same movements, in the other match.
    assert table[1].split(maxsplit=2) == ["1", "0.0000", "final, frames 20 to 24 (window 2)"]
    assert len(table) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--query", "cap:3"], "did you mean 'cup'"),
        (["--query", "cup:999"], "the nearest are cup, frames 30 to 34 (window 3)"),
        (["--query", "0", "--num-similar", "4"], "only 3 share no frame"),
        (["gone.npz"], "gone.npz does not exist"),
        (["--batch-size", "0"], "batch_size is 0"),
    ],
)
def test_bad_arguments(run, capsys, options, message):
    assert run(*options)[0] == 2
    assert message in capsys.readouterr().err


def test_checkpoint_of_another_model(run, folder, capsys):
    torch.save({"weight": torch.zeros(1)}, folder / "other.pth")
    assert run(checkpoint="other.pth") == (2, [])
    assert "other.pth" in capsys.readouterr().err


def test_foreign_folders_are_left_alone(run, folder, capsys):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.txt").write_text("my own")
    assert run() == (2, ["thesis.txt"])
    assert "no embeddings.parquet or embeddings.npz or summary.json" in capsys.readouterr().err
