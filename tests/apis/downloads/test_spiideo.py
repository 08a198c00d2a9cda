"""SynLoc's archives, through SoccerNet's downloader, from a server in place of AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from footmm.apis.downloads import spiideo
from footmm.apis.downloads.spiideo import PASSWORD, USER, SpiideoArchives
from footmm.errors import DownloadError

CONTENT = bytes(range(256)) * 10_000
BUCKET = "/research-data.eu-west-1.prod.spiideo/datasets/SoccerNet/SpiideoSynLoc"
TRAIN = f"{BUCKET}/fullhd/train.zip"


@pytest.fixture
def storage(server, monkeypatch, tmp_path):
    """The server as Spiideo's storage and its log-in."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "HOME": str(tmp_path / "home"),
        USER: "me@example.org",
        PASSWORD: "s3cret",
    }.items():
        monkeypatch.setenv(name, value)
    keys = dict(AccessKeyId="a", SecretKey="b", SessionToken="c", Expiration=2e9)
    server.actions = {
        "InitiateAuth": {"AuthenticationResult": {"IdToken": "t"}},
        "GetId": {"IdentityId": "eu-west-1:0"},
        "GetCredentialsForIdentity": {"IdentityId": "eu-west-1:0", "Credentials": keys},
    }
    server.files |= {TRAIN: CONTENT, f"{BUCKET}/4K/annotations.zip": b"annotations"}
    return server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archives" / "SpiideoSynLoc"


@pytest.fixture
def transport(storage, folder):
    return SpiideoArchives("fullhd").connect(folder)


def test_archives_come_one_by_one_and_no_password_is_kept(transport, tools, folder, tmp_path):
    transport.fetch("train")
    assert tools.contents(folder) == {"train.zip": CONTENT}
    transport.fetch("annotations")
    assert tools.contents(folder) == {"train.zip": CONTENT, "annotations.zip": b"annotations"}
    assert not (tmp_path / "home").exists()


def test_broken_connections_are_continued(storage, transport, tools, folder):
    storage.breaks[TRAIN] = [1_000_000, 2_000_000]
    transport.fetch("train")
    assert tools.contents(folder) == {"train.zip": CONTENT}
    starts = storage.starts("train.zip")
    assert len(starts) == 3
    assert 0 == starts[0] < starts[1] < starts[2]


def test_a_later_run_goes_on(storage, transport, tools, folder, monkeypatch):
    monkeypatch.setattr(spiideo, "ATTEMPTS", 2)
    storage.last_byte[TRAIN] = 1_500_000
    with pytest.raises(
        DownloadError, match=r"bytes are kept in .*run this again to go on"
    ) as error:
        transport.fetch("train")
    assert "s3cret" not in str(error.value)
    assert len(storage.starts("train.zip")) == 2
    # As a kill would leave it: the last piece is not appended, or only in part.
    (partial,) = folder.iterdir()
    piece = Path(f"{partial}.1000000")
    piece.write_bytes(CONTENT[1_000_000:1_600_000])
    del storage.last_byte[TRAIN]
    storage.log.clear()
    transport.fetch("train")
    assert tools.contents(folder) == {"train.zip": CONTENT}
    assert storage.starts("train.zip") == [1_600_000]


def test_a_file_that_is_there_whole_but_not_named_is_begun_again(storage, transport, tools, folder):
    folder.mkdir(parents=True)
    (folder / ".train.zip.part").write_bytes(CONTENT)
    transport.fetch("train")
    assert tools.contents(folder) == {"train.zip": CONTENT}


def test_a_wrong_password_is_an_error_without_it(storage, transport, capsys):
    storage.actions["InitiateAuth"] = {"ChallengeName": "s3cret"}
    with pytest.raises(DownloadError, match="KeyError") as error:
        transport.fetch("train")
    shown = capsys.readouterr()
    assert "s3cret" not in str(error.value) + shown.out + shown.err


def test_a_file_of_the_downloader_with_the_credentials_is_used(
    storage, folder, tmp_path, monkeypatch
):
    monkeypatch.delenv(USER)
    kept = tmp_path / "home" / ".cache" / "spiideo_research" / "credentials.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(["you", "pass"]))
    SpiideoArchives("fullhd").connect(folder).fetch("annotations")
    assert (folder / "annotations.zip").is_file()


def test_a_file_is_named_only_when_it_is_whole(tmp_path):
    from footmm.apis.downloads.spiideo_pieces import Resumable

    file = Resumable(tmp_path / "train.zip")
    file.size = 11
    (tmp_path / ".train.zip.part").write_bytes(b"0123456789")
    with pytest.raises(DownloadError, match=r"train\.zip did not arrive whole: 10 of 11 bytes"):
        file.finish()
    assert not file.target.exists()
