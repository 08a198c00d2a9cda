"""The download tool: words, terms, and data that the datasets then read."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from footmm.apis.downloads import DATASETS, fetching
from footmm.datasets.reid import SoccerNetReIDDataset
from footmm.datasets.synloc import SynLocDataset
from footmm.errors import DownloadError

TESTS = Path(__file__).parents[2]
SCRIPT = TESTS.parent / "tools" / "data" / "download.py"
_fixtures = runpy.run_path(str(TESTS / "apis" / "downloads" / "conftest.py"))
server, hub, tools = _fixtures["server"], _fixtures["hub"], _fixtures["tools"]
closed_port = _fixtures["closed_port"]


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture
def typed(monkeypatch):
    """What is typed at the terminal; nobody is there without."""
    answers = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: bool(answers), raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop())
    return answers


@pytest.fixture
def reid(hub, tools):
    crop = cv2.imencode(".png", np.zeros((64, 32, 3), np.uint8))[1].tobytes()
    game = "train/england_epl/2014-2015/game/0"
    names = [f"{i}-0-{i // 2}-0-Player_team_left-None-a-64x32.png" for i in range(4)]
    train = tools.packed({f"{game}/{name}": crop for name in names})
    hub.add_hub_files("SoccerNet/SN-ReID-2023", {"train.zip": train})
    return hub


def refused(main, capsys, *argv):
    with pytest.raises(SystemExit) as caught:
        main(list(argv))
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    return error


def test_the_dataset_reads_what_was_fetched(main, reid, tmp_path, capsys):
    main(["reid", f"--root={tmp_path}", "--split", "train", "--yes"])
    assert len(SoccerNetReIDDataset(str(tmp_path / "soccernet/reid-2023"), "train")) == 4
    shown = capsys.readouterr().out
    assert "SoccerNet's terms: research only, https://www.soccer-net.org/data" in shown


def test_terms_have_to_be_agreed_to(main, reid, typed, tmp_path, capsys):
    argv = ["reid", f"--root={tmp_path}", "--split", "train"]
    assert "say so with --yes" in refused(main, capsys, *argv)
    typed.append("n")
    assert "terms were not agreed to" in refused(main, capsys, *argv)
    assert not list(tmp_path.iterdir())
    typed.append("y")
    main(argv)
    assert (tmp_path / "soccernet" / "reid-2023" / "train").is_dir()


def test_without_network(main, hub, closed_port, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", closed_port)
    error = refused(main, capsys, "homography", f"--root={tmp_path}", "--yes")
    assert f"{closed_port.removeprefix('http://')} cannot be reached" in error
    assert "docs/data.md" in error
    assert not list(tmp_path.iterdir())


def test_the_list_has_everything(main, capsys):
    main(["--list"])
    shown = capsys.readouterr().out
    for dataset in DATASETS.values():
        assert dataset.name in shown
        assert f"{dataset.licence.name}, {dataset.licence.address}" in shown


def test_wrong_arguments(main, tmp_path, capsys):
    assert "name a task" in refused(main, capsys)
    assert "'ried' is neither" in refused(main, capsys, "ried")
    error = refused(main, capsys, "metrica", f"--root={tmp_path}", "--split", "train")
    assert "metrica comes as a whole" in error


def test_no_password_is_an_argument(main, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--password" not in capsys.readouterr().out


def test_the_drive_needs_the_password(main, server, typed, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SOCCERNET_PASSWORD", raising=False)
    monkeypatch.setitem(main.__globals__, "DRIVE", f"{server.url}/")
    argv = ["reid", f"--root={tmp_path}", "--yes", "--source=drive", "--split", "train"]
    assert "set the environment variable SOCCERNET_PASSWORD" in refused(main, capsys, *argv)


def test_a_root_that_cannot_be_written(main, reid, tmp_path, capsys):
    (tmp_path / "archives").touch()
    argv = ["reid", f"--root={tmp_path}", "--yes", "--split", "train"]
    assert f"cannot write below {tmp_path}" in refused(main, capsys, *argv)


@pytest.fixture
def brought_synloc(tools, tmp_path):
    """The archives of SynLoc's challenge, which has cameras only, on a disk without network."""
    camera = {"width": 64, "height": 36, "camera_matrix": np.eye(3, 4).tolist()}
    camera |= {"dist_poly": [1.0, 0.0], "undist_poly": [1.0, 0.0]}
    images = [camera | {"id": number, "file_name": f"{number}.jpg"} for number in range(3)]
    labels = json.dumps({"images": images, "categories": [{"id": 1, "name": "person"}]})
    image = cv2.imencode(".jpg", np.zeros((36, 64, 3), np.uint8))[1].tobytes()
    archives = tmp_path / "archives" / "fullhd" / "SpiideoSynLoc"
    archives.mkdir(parents=True)
    for name, files in {
        "annotations": {"annotations/challenge_public.json": labels},
        "challenge": {f"challenge/{number}.jpg": image for number in range(3)},
    }.items():
        (archives / f"{name}.zip").write_bytes(tools.packed(files))
    return archives


def test_synloc_is_checked_and_put_into_place(main, brought_synloc, tmp_path, capsys, monkeypatch):
    def fail(address):
        raise DownloadError(f"{address} cannot be reached")

    monkeypatch.setattr(fetching, "check_reachable", fail)
    argv = ["synloc", f"--root={tmp_path}", "--yes", "--split", "challenge"]
    main([*argv, "--remove-archives"])
    dataset = SynLocDataset(tmp_path / "synloc", "challenge_public", test_mode=True)
    assert len(dataset) == 3
    assert [path.name for path in brought_synloc.iterdir()] == ["manifest.json"]
    # Nothing is left to do, so no network is needed.
    capsys.readouterr()
    main(argv)
    assert capsys.readouterr().out.count("is complete") == 2
