"""Whole data sets: fetched once, gone on with, and never half in place."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import namedtuple
from pathlib import Path

import pytest

from footmm.apis.downloads import DATASETS, Settings, extraction, fetch
from footmm.apis.downloads.archive_sources import WebArchive
from footmm.errors import ConfigError, DataFormatError, DownloadError

REPOSITORY = "SoccerNet/SN-ReID-2023"
TRAIN = {f"train/a/{number}.png": bytes([number]) * 5000 for number in range(4)}
TEST = {f"{role}/a/{number}.png": b"9" * 500 for number, role in enumerate(("query", "gallery"))}
REID = DATASETS["soccernet-reid"]
PLACE = Path("soccernet/reid-2023")
ARCHIVES = Path("archives/soccernet/reid-2023")


@pytest.fixture
def reid(hub, tools):
    hub.add_hub_files(
        REPOSITORY, {"train.zip": tools.packed(TRAIN), "test.zip": tools.packed(TEST)}
    )
    return hub


@pytest.fixture
def settings(tmp_path, lines):
    return Settings(tmp_path, ("train", "test"), tell=lines.append)


def test_splits_are_in_place(reid, settings, tools, tmp_path, lines):
    fetch(REID, settings)
    wanted = TRAIN | {f"test/{name}": data for name, data in TEST.items()}
    assert tools.contents(tmp_path / PLACE) == wanted
    manifest = json.loads((tmp_path / ARCHIVES / "manifest.json").read_text())
    content = tools.packed(TRAIN)
    assert manifest["train.zip"] == {
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "source": reid.url,
        "files": 4,
    }
    assert f"{tmp_path / PLACE / 'train'}: 4 files" in lines


def test_what_is_complete_is_not_asked_for_again(reid, settings, lines):
    fetch(REID, settings)
    reid.log.clear()
    lines.clear()
    fetch(REID, settings)
    assert reid.log == []
    assert [line.rpartition("/")[2] for line in lines] == ["train is complete", "test is complete"]


def test_files_that_were_lost_are_extracted_again(reid, settings, tools, tmp_path):
    fetch(REID, settings)
    reid.log.clear()
    (tmp_path / PLACE / "train/a/0.png").unlink()
    fetch(REID, settings)
    assert (tmp_path / PLACE / "train/a/0.png").read_bytes() == TRAIN["train/a/0.png"]
    assert reid.log == []


def test_archives_can_go(reid, settings, tmp_path):
    settings = dataclasses.replace(settings, remove_archives=True)
    fetch(REID, settings)
    assert [path.name for path in (tmp_path / ARCHIVES).iterdir()] == ["manifest.json"]
    reid.log.clear()
    fetch(REID, settings)
    assert reid.log == []


def test_a_dry_run_only_tells(reid, settings, tools, tmp_path, lines):
    fetch(REID, dataclasses.replace(settings, dry_run=True))
    assert tools.contents(tmp_path) == {}
    archive = tmp_path / ARCHIVES / "train.zip"
    assert f"{archive}: to be fetched, {len(tools.packed(TRAIN)) / 1000:.1f} kB" in lines


@pytest.mark.parametrize("remove_archives", [False, True])
def test_there_has_to_be_room(reid, settings, tools, tmp_path, monkeypatch, remove_archives):
    sizes = [len(tools.packed(files)) for files in (TRAIN, TEST)]
    # What is extracted, and all archives beside it, or one after the other.
    needed = sum(sizes) + (max(sizes) if remove_archives else sum(sizes))
    usage = namedtuple("usage", "total used free")
    settings = dataclasses.replace(settings, remove_archives=remove_archives)
    free = [needed - 1]
    monkeypatch.setattr(extraction.shutil, "disk_usage", lambda folder: usage(10**9, 0, free[0]))
    with pytest.raises(DownloadError, match=r"soccernet-reid: about .* are needed .*--split"):
        fetch(REID, settings)
    assert tools.contents(tmp_path) == {}
    free[0] = needed
    fetch(REID, settings)


def test_what_somebody_put_there_is_left_alone(reid, settings, tmp_path, lines):
    (tmp_path / PLACE / "train").mkdir(parents=True)
    fetch(REID, settings)
    assert list((tmp_path / PLACE / "train").iterdir()) == []
    assert "left as it is" in lines[0]
    assert (tmp_path / PLACE / "test").is_dir()


def test_archives_that_were_brought_here_need_no_network(
    hub, settings, tools, tmp_path, closed_port, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", closed_port)
    (tmp_path / ARCHIVES).mkdir(parents=True)
    (tmp_path / ARCHIVES / "train.zip").write_bytes(tools.packed(TRAIN))
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch(REID, settings)
    fetch(REID, dataclasses.replace(settings, splits=["train"]))
    assert tools.contents(tmp_path / PLACE) == TRAIN


def test_a_truncated_archive_that_was_brought_here(reid, settings, tools, tmp_path):
    (tmp_path / ARCHIVES).mkdir(parents=True)
    (tmp_path / ARCHIVES / "train.zip").write_bytes(tools.packed(TRAIN)[:-9])
    with pytest.raises(DownloadError, match=r"train\.zip has \d+ bytes, \d+ were announced"):
        fetch(REID, settings)
    assert not (tmp_path / PLACE).exists()


def test_a_malicious_archive_changes_nothing(hub, settings, tools, tmp_path):
    evil = tools.packed({"train/0.png": b"0", "../../evil.txt": b"evil"})
    hub.add_hub_files(REPOSITORY, {"train.zip": evil, "test.zip": tools.packed(TEST)})
    with pytest.raises(DataFormatError, match="leads out of the folder"):
        fetch(REID, settings)
    assert set(tools.contents(tmp_path)) == {f"{ARCHIVES}/train.zip", f"{ARCHIVES}/manifest.json"}


def test_a_broken_manifest_is_named(reid, settings, tmp_path):
    (tmp_path / ARCHIVES).mkdir(parents=True)
    (tmp_path / ARCHIVES / "manifest.json").write_text('{"train.zip": {"size": 1}}')
    with pytest.raises(DataFormatError, match=r"manifest\.json is broken"):
        fetch(REID, settings)


def test_one_archive_on_the_web(server, tools, tmp_path, lines):
    content = tools.packed({"Market-1501-v15.09.15/query/0001_c1s1_000151_01.jpg": b"0"})
    server.files["/uc"] = content
    source = WebArchive(f"{server.url}/uc", "m.zip", ("md5", hashlib.md5(content).hexdigest()))
    dataset = dataclasses.replace(DATASETS["market1501"], source=source)
    fetch(dataset, Settings(tmp_path, tell=lines.append))
    found = tools.contents(tmp_path / "Market-1501-v15.09.15")
    server.refused.add("/uc")
    with pytest.raises(DownloadError, match=r"with a browser and put it there as .*m\.zip"):
        fetch(dataset, Settings(tmp_path / "other", tell=lines.append))
    assert found == {"query/0001_c1s1_000151_01.jpg": b"0"}


def test_files_of_the_hub_as_they_are(hub, tools, tmp_path, lines):
    hub.add_hub_files("pysport/idsse-data", {"DFL_02_01_a.xml": b"meta", "README.md": b"no"})
    settings = Settings(tmp_path, tell=lines.append)
    fetch(DATASETS["sportec"], settings)
    assert tools.contents(tmp_path / "sportec") == {"DFL_02_01_a.xml": b"meta"}
    hub.log.clear()
    fetch(DATASETS["sportec"], settings)
    assert hub.starts(".xml") == []
    hub.refused.add("/api/datasets/pysport/idsse-data/revision/main")
    with pytest.raises(DownloadError, match="pysport/idsse-data: "):
        fetch(DATASETS["sportec"], settings)


def test_splits_are_checked(settings):
    with pytest.raises(ConfigError, match=r"no split 'trian'; did you mean 'train'"):
        fetch(REID, dataclasses.replace(settings, splits=["trian"]))
    with pytest.raises(ConfigError, match="market1501 comes as a whole"):
        fetch(DATASETS["market1501"], settings)
