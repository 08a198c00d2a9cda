"""SoccerNet's archives, through its own downloader, from a server in place of the Hub."""

from __future__ import annotations

import dataclasses
import json

import pytest
from SoccerNet import Downloader

from footmm.apis.downloads import hub as hub_module
from footmm.apis.downloads.soccernet import PASSWORD, SoccerNetArchives
from footmm.errors import ConfigError, DownloadError

CONTENT = bytes(range(256)) * 30_000
REPOSITORY = "SoccerNet/SN-Tracking-2023"


@pytest.fixture
def transport(hub, tmp_path):
    hub.add_hub_files(REPOSITORY, {"train.zip": CONTENT, "challenge2023.zip": CONTENT[:100]})
    return SoccerNetArchives("tracking-2023").connect(tmp_path / "tracking-2023")


def test_archives_are_named_by_soccernets_downloader():
    source = SoccerNetArchives("tracking-2023")
    assert [source.archive(s) for s in ("train", "challenge")] == ["train.zip", "challenge2023.zip"]


def test_sizes_are_asked_for(transport):
    assert transport.sizes(["train", "challenge"]) == {"train": len(CONTENT), "challenge": 100}


def test_the_downloader_is_left_as_it_was(transport):
    before = Downloader.snapshot_download
    transport.sizes(["train"])
    assert Downloader.snapshot_download is before


def test_a_broken_connection_is_continued(hub, transport, tools, tmp_path):
    hub.breaks[f"/datasets/{REPOSITORY}/resolve/{'c' * 40}/train.zip"] = [3_000_000]
    transport.fetch("train")
    assert tools.contents(tmp_path) == {"tracking-2023/train.zip": CONTENT}
    first, second = hub.starts("/train.zip")
    assert first == 0 < second <= 3_000_000


def test_a_later_run_goes_on_where_the_last_one_was_stopped(hub, transport, tmp_path, monkeypatch):
    path = f"/datasets/{REPOSITORY}/resolve/{'c' * 40}/train.zip"
    hub.last_byte[path] = 3_000_000
    monkeypatch.setattr(hub_module, "ATTEMPTS", 1)
    with pytest.raises(DownloadError, match=r"did not arrive whole .* are kept in .*run this"):
        transport.fetch("train")
    (partial,) = (tmp_path / "tracking-2023").iterdir()
    kept = partial.stat().st_size
    assert 0 < kept <= 3_000_000
    del hub.last_byte[path]
    hub.log.clear()
    transport.fetch("train")
    assert (tmp_path / "tracking-2023" / "train.zip").read_bytes() == CONTENT
    assert hub.starts("/train.zip") == [kept]


@pytest.mark.parametrize("change", [dict(size=len(CONTENT) - 5), dict(size=len(CONTENT) + 5)])
def test_another_size_than_announced(hub, transport, tmp_path, monkeypatch, change):
    monkeypatch.setattr(hub_module, "ATTEMPTS", 1)
    (file,) = hub_module.list_files(REPOSITORY, "main", ["train.zip"])
    with pytest.raises(DownloadError, match=r"did not arrive whole|more came than"):
        hub_module.fetch_file(dataclasses.replace(file, **change), tmp_path / "train.zip")
    assert not (tmp_path / "train.zip").exists()


def test_another_content_than_announced(hub, transport, tmp_path):
    (file,) = hub_module.list_files(REPOSITORY, "main", ["train.zip"])
    wrong = dataclasses.replace(file, sha256="0" * 64)
    with pytest.raises(DownloadError, match=r"arrived damaged .*it was removed"):
        hub_module.fetch_file(wrong, tmp_path / "train.zip")
    assert not list(tmp_path.iterdir())


def test_an_archive_that_is_gone(hub, transport):
    info = json.loads(hub.files[f"/api/datasets/{REPOSITORY}/revision/main"])
    info["siblings"] = info["siblings"][1:]
    hub.files[f"/api/datasets/{REPOSITORY}/revision/main"] = json.dumps(info).encode()
    with pytest.raises(DownloadError, match=r"SN-Tracking-2023 holds no train\.zip"):
        transport.sizes(["train"])


def test_without_permission_the_way_to_it_is_told(hub, transport):
    hub.refused.add(f"/api/datasets/{REPOSITORY}/revision/main")
    with pytest.raises(DownloadError, match=r"request access at .*SN-Tracking-2023.* HF_TOKEN"):
        transport.sizes(["train"])


def test_a_file_without_permission_is_not_tried_again(hub, transport):
    hub.refused.add(f"/datasets/{REPOSITORY}/resolve/{'c' * 40}/train.zip")
    with pytest.raises(DownloadError, match="request access at"):
        transport.fetch("train")
    assert len([path for _, path, _ in hub.log if path.endswith("train.zip")]) == 1


@pytest.fixture
def drive(server, tmp_path, monkeypatch):
    # SoccerNet's downloader reports each download to Google.
    monkeypatch.setattr(Downloader, "report", lambda *args: None)
    monkeypatch.setenv(PASSWORD, "s3cret")
    server.files["/train.zip"] = CONTENT
    source = SoccerNetArchives("tracking-2023", drive=f"{server.url}/")
    (tmp_path / "tracking-2023").mkdir()
    return source.connect(tmp_path / "tracking-2023")


def test_from_the_drive_with_the_password(drive, tools, tmp_path):
    # The downloader would take this for the archive.
    left = tmp_path / "tracking-2023" / ".train.zip.unfinished" / "tracking-2023" / "train.zip"
    left.parent.mkdir(parents=True)
    left.write_bytes(CONTENT[:10])
    drive.fetch("train")
    assert tools.contents(tmp_path) == {"tracking-2023/train.zip": CONTENT}


def test_from_the_drive_truncated(server, drive, tools, tmp_path):
    server.last_byte["/train.zip"] = 1000
    with pytest.raises(DownloadError, match="retrieval incomplete"):
        drive.fetch("train")
    assert tools.contents(tmp_path) == {}


def test_from_the_drive_refused(server, drive):
    server.refused.add("/train.zip")
    with pytest.raises(DownloadError, match=rf"did not give train\.zip .* {PASSWORD} right"):
        drive.fetch("train")


def test_the_password_is_not_shown_even_by_the_downloader(drive, capsys, monkeypatch):
    def fail(self, *args, password, **kwargs):
        print(f"using {password}")
        raise ValueError(f"cannot log in with {password}")

    monkeypatch.setattr(Downloader.SoccerNetDownloader, "downloadDataTask", fail)
    with pytest.raises(DownloadError, match=r"cannot log in with \*\*\*"):
        drive.fetch("train")
    shown = capsys.readouterr()
    assert "s3cret" not in shown.out + shown.err
    assert "using ***" in shown.out


def test_without_a_password(drive, monkeypatch):
    monkeypatch.delenv(PASSWORD)
    with pytest.raises(ConfigError, match=PASSWORD):
        drive.fetch("train")
