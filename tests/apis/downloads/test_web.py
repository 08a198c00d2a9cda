"""A single file, from servers that break, lie and refuse."""

from __future__ import annotations

import hashlib

import pytest

from footmm.apis.downloads.web import RETRIES, fetch_url
from footmm.errors import DownloadError

CONTENT = bytes(range(256)) * 8000
CHECKSUM = ("md5", hashlib.md5(CONTENT).hexdigest())


@pytest.fixture
def url(server):
    server.files["/a.zip"] = CONTENT
    return f"{server.url}/a.zip"


def test_a_broken_connection_is_continued(server, url, tmp_path):
    server.breaks["/a.zip"] = [700_000, 1_500_000]
    fetch_url(url, tmp_path / "a.zip", CHECKSUM, len(CONTENT))
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "a.zip"]
    starts = server.starts("/a.zip")
    assert len(starts) == 3
    assert 0 == starts[0] < starts[1] <= 700_000 < starts[2] <= 1_500_000


def test_a_file_that_is_always_truncated_ends_in_an_error_and_is_kept(server, url, tmp_path):
    server.last_byte["/a.zip"] = 1_000_000
    with pytest.raises(DownloadError, match=r"could not be downloaded .* are kept in .*run this"):
        fetch_url(url, tmp_path / "a.zip", CHECKSUM)
    assert len(server.starts("/a.zip")) == 1 + RETRIES
    (partial,) = tmp_path.iterdir()
    assert CONTENT.startswith(partial.read_bytes())
    kept = partial.stat().st_size
    assert kept > 0
    # The next run goes on with it.
    del server.last_byte["/a.zip"]
    fetch_url(url, tmp_path / "a.zip", CHECKSUM)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.starts("/a.zip")[-1] == kept


@pytest.mark.parametrize("wrong", [dict(size=5), dict(checksum=("md5", "0" * 32))])
def test_another_file_than_the_known_one_is_removed(url, tmp_path, wrong):
    with pytest.raises(DownloadError, match="another file than the one that is known"):
        fetch_url(url, tmp_path / "a.zip", **(dict(checksum=CHECKSUM) | wrong))
    assert not list(tmp_path.iterdir())


def test_refusals_and_closed_ports_are_errors(server, url, closed_port, tmp_path):
    server.refused.add("/a.zip")
    with pytest.raises(DownloadError, match="401"):
        fetch_url(url, tmp_path / "a.zip", CHECKSUM)
    with pytest.raises(DownloadError, match="could not be downloaded"):
        fetch_url(f"{closed_port}/a.zip", tmp_path / "a.zip", CHECKSUM)
