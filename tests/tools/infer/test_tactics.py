from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

from footmm.apis.config import load_config
from footmm.registry import MODELS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.testing import shrink_config

ROOT = Path(__file__).resolve().parents[3]
SMALL = dict(num_frames=31, num_observed=21, frame_step=5, embed_dims=8, num_layers=1, num_heads=2)
TABLES = ["formations.csv", "roles.csv", "windows.csv"]
PICTURES = ["attention.png", "formation_map.png", "timeline.png"]
NAMES = [formation.name for formation in FORMATIONS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A config with four windows of two matches, and weights of its model."""
    folder = tmp_path_factory.mktemp("tactics")
    config = load_config(ROOT / "configs/tactics/gat_bilstm_synthetic.py", SMALL)
    config = shrink_config(config, folder)
    config.test_dataloader.dataset.update(num_samples=4, match_duration_s=10.0)
    config.dump(folder / "config.py")
    init_default_scope("footmm")
    torch.manual_seed(0)
    torch.save(MODELS.build(config.model).state_dict(), folder / "weights.pth")
    return folder


@pytest.fixture(scope="module")
def run(tool, folder):
    def run(out, *options, config="config.py", checkpoint="weights.pth"):
        """Return the exit code and the names of the results."""
        arguments = [str(folder / config), str(folder / checkpoint), *map(str, options)]
        code = 0
        try:
            tool.main([*arguments, "--out", str(out), "--device", "cpu"])
        except SystemExit as error:
            code = error.code
        return code, sorted(path.name for path in out.iterdir()) if out.is_dir() else []

    return run


@pytest.fixture(scope="module")
def results(run, folder):
    """The folder of results by stretches of three seconds, a window each."""
    out = folder / "out"
    assert run(out, "--minutes", 0.05) == (0, sorted([*TABLES, *PICTURES, "summary.json"]))
    return out


def read(path):
    # Not even a dash may be taken for a missing value.
    return pd.read_csv(path, keep_default_na=False)


def test_windows(results):
    table = read(results / "windows.csv")
    assert table["match"].tolist() == ["match_00000"] * 4 + ["match_00001"] * 4
    assert table["team"].tolist() == ["home", "away"] * 4
    assert table["frame"].tolist() == [20, 20, 36, 36] * 2
    assert table["seconds"].tolist() == pytest.approx([4.0, 4.0, 7.2, 7.2] * 2)
    assert set(table["players_seen"]) == {11}
    for column, names in (("formation", NAMES), ("strategy", STRATEGIES)):
        assert set(table[column]) <= set(names)
        assert set(table[f"labelled_{column}"]) <= {*names, "-"}
        assert table[f"{column}_probability"].between(1 / len(names), 1).all()
    # Strategies of simulated matches are always known.
    assert "-" not in set(table["labelled_strategy"])


def test_formations_and_roles_by_stretch(results):
    table = read(results / "formations.csv")
    assert table["windows"].tolist() == [1] * 8
    assert table["first_s"].tolist() == pytest.approx([0, 0, 3.2, 3.2] * 2)
    assert table["last_s"].tolist() == pytest.approx([4.0, 4.0, 7.2, 7.2] * 2)
    assert table["players_seen"].tolist() == [11.0] * 8
    for column in ("formation", "template_matching", "labelled"):
        assert set(table[column]) <= {*NAMES, "-"}
    # One window is the same by itself and as a stretch.
    windows = read(results / "windows.csv")
    assert table["formation"].tolist() == windows["formation"].tolist()
    assert table["labelled"].tolist() == windows["labelled_formation"].tolist()
    roles = read(results / "roles.csv")
    assert len(roles) == 8 * 11
    home = roles[(roles["match"] == "match_00000") & (roles["first_s"] == 0)]
    assert sorted(home["player"]) == list(range(22))
    assert set(home[home["team"] == "away"]["player"]) == set(range(11, 22))
    assert set(roles["frames"]) == {5}
    assert set(roles["role"]) <= set(ROLES)
    assert set(roles["labelled"]) <= {*ROLES, "-"}
    assert home.set_index("player").loc[0, "labelled"] == "goalkeeper"


def test_pictures(results):
    sizes = set()
    for name in PICTURES:
        with Image.open(results / name) as picture:
            assert min(picture.size) > 100
            assert len(picture.convert("RGB").resize((64, 64)).getcolors(4096)) > 8
            sizes.add(picture.tobytes())
    assert len(sizes) == 3


def test_stretches_of_minutes_overwrite_earlier_results(run, results, capsys):
    assert run(results)[0] == 0
    table = read(results / "formations.csv")
    assert table["windows"].tolist() == [2] * 4
    assert len(read(results / "windows.csv")) == 8
    printed = capsys.readouterr().out
    assert "formations of stretches, template matching" in printed
    roles = read(results / "roles.csv")
    known = roles[roles["labelled"] != "-"]
    right = (known["role"] == known["labelled"]).mean()
    assert f"{right:6.1%} of {len(known)} labelled ones right" in printed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--minutes", "0"], "'0' is no positive number of minutes"),
        (["--minutes", "nan"], "'nan' is no positive number of minutes"),
        (["--minutes", "five"], "'five' is no positive number of minutes"),
        (["--batch-size", "0"], "batch_size is 0"),
        (["--cfg-options", "model.encoder.num_head=2"], "did you mean 'num_heads'"),
        (["--cfg-options", "test_dataloader.dataset.num_observed=31"], "num_observed=31"),
    ],
)
def test_bad_arguments(run, tmp_path, capsys, options, message):
    assert run(tmp_path / "out", *options)[0] == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_config_of_another_task(run, folder, tmp_path, capsys):
    config = load_config(ROOT / "configs/trajectory/baller2vec_synthetic.py")
    config.dump(folder / "other.py")
    init_default_scope("footmm")
    torch.save(MODELS.build(config.model).state_dict(), folder / "other.pth")
    assert run(tmp_path / "out", config="other.py", checkpoint="other.pth") == (2, [])
    assert "builds a Baller2Vec, which tells no tactics" in capsys.readouterr().err


def test_checkpoint_of_another_model(run, folder, tmp_path, capsys):
    torch.save({"weight": torch.zeros(1)}, folder / "wrong.pth")
    assert run(tmp_path / "out", checkpoint="wrong.pth") == (2, [])
    assert "wrong.pth" in capsys.readouterr().err


def test_foreign_folders_are_left_alone(run, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("my own")
    assert run(tmp_path) == (2, ["thesis.txt"])
    assert "no windows.csv or formations.csv or roles.csv" in capsys.readouterr().err
