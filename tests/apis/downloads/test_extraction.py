"""From archives of any inner order to the folder of a split."""

from __future__ import annotations

import stat
import zipfile
from collections import namedtuple

import pytest

from footmm.apis.downloads import extraction
from footmm.apis.downloads.extraction import check_room, extract
from footmm.errors import DataFormatError, DownloadError

FILES = {"a/0.png": b"0", "1.json": b"11"}


@pytest.mark.parametrize("prefix", ["", "train/", "challenge2023/", "reid-2023/train/"])
def test_what_comes_before_a_split_is_dropped(tools, tmp_path, prefix):
    path = tmp_path / "train.zip"
    extra = {"__MACOSX/train/a": b"x", f"{prefix}.DS_Store": b"x"}
    path.write_bytes(tools.packed({prefix + name: data for name, data in FILES.items()} | extra))
    assert extract(path, tmp_path / "out" / "train", {"train", "challenge2023"}) == 2
    assert tools.contents(tmp_path / "out") == {f"train/{name}": d for name, d in FILES.items()}


def test_a_folder_with_gaps_is_completed(tools, tmp_path):
    path = tmp_path / "train.zip"
    path.write_bytes(tools.packed(FILES))
    extract(path, tmp_path / "train", {"train"})
    (tmp_path / "train" / "1.json").unlink()
    extract(path, tmp_path / "train", {"train"})
    assert tools.contents(tmp_path / "train") == FILES


def bad_archive(path, kind):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/0.png", b"0")
        if kind == "outside":
            archive.writestr("train/../../evil.txt", b"evil")
        elif kind == "bomb":
            archive.writestr("train/1.png", bytes(20_000_000))
        else:
            link = zipfile.ZipInfo("train/link")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, b"/etc")


@pytest.mark.parametrize("kind", ["outside", "bomb", "link"])
def test_nothing_of_a_malicious_archive_is_extracted(tmp_path, kind):
    path = tmp_path / "a" / "train.zip"
    path.parent.mkdir()
    bad_archive(path, kind)
    with pytest.raises(DataFormatError, match="is refused"):
        extract(path, tmp_path / "a" / "out" / "train", {"train"})
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


def test_a_damaged_archive_leaves_no_folder(tools, tmp_path):
    path = tmp_path / "train.zip"
    content = bytearray(tools.packed({"0.png": b"0" * 5000}))
    content[1000] = 7
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match="truncated, damaged or no zip"):
        extract(path, tmp_path / "train", {"train"})
    assert not (tmp_path / "train").exists()


def test_room(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**10, 0, 2 * 10**9)
    monkeypatch.setattr(extraction.shutil, "disk_usage", lambda folder: usage)
    check_room(tmp_path / "not" / "there", 2 * 10**9, "reid")
    with pytest.raises(DownloadError, match=r"reid: about 3\.0 GB are needed .* 2\.0 GB are free"):
        check_room(tmp_path, 3 * 10**9, "reid")
