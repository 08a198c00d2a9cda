"""Zip archives from the network: nothing of a bad one is extracted."""

from __future__ import annotations

import io
import random
import shutil
import stat
import zipfile
from collections import namedtuple

import pytest

from footmm.apis import archives
from footmm.apis.archives import open_archive, pack_files
from footmm.errors import DataFormatError, DatasetNotFoundError

FILES = {"train/0.jpg": b"0" * 500, "train/a/1.jpg": bytes(range(256)), "empty.txt": b""}


def entry(name: str, mode: int = 0, flags: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.flag_bits = flags
    return info


def write_zip(path, *entries):
    """Write entries ``(name or ZipInfo, content)``; a name can be there twice."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@pytest.fixture
def packed(tmp_path):
    return write_zip(tmp_path / "good.zip", ("train/", b""), *FILES.items())


def extract(path, folder):
    with open_archive(path) as archive:
        archive.extract({name: folder / name for name in archive.sizes})


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_lists_reads_and_extracts_files(packed, tmp_path):
    with open_archive(packed) as archive:
        assert archive.sizes == {name: len(content) for name, content in FILES.items()}
        assert archive.read("train/a/1.jpg") == bytes(range(256))
        with archive.open("train/0.jpg") as file:
            assert file.read(3) == b"000"
    extract(packed, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


def test_names_lose_their_detours(tmp_path):
    path = write_zip(tmp_path / "a.zip", ("./train//0.jpg", b"0"), ("train\\1.jpg", b"1"))
    with open_archive(path) as archive:
        assert list(archive.sizes) == ["train/0.jpg", "train/1.jpg"]
        assert archive.read("train/1.jpg") == b"1"


def test_goes_on_where_it_was_stopped(packed, tmp_path, monkeypatch):
    copy, calls = shutil.copyfileobj, []

    def stopped(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        copy(*args)

    monkeypatch.setattr(archives.shutil, "copyfileobj", stopped)
    with pytest.raises(KeyboardInterrupt):
        extract(packed, tmp_path / "out")
    assert contents(tmp_path / "out") == {"train/0.jpg": FILES["train/0.jpg"]}
    extract(packed, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES
    assert len(calls) == 4


def test_files_that_are_not_whole_are_written_again(packed, tmp_path):
    (tmp_path / "out" / "train").mkdir(parents=True)
    (tmp_path / "out" / "train" / "0.jpg").write_bytes(b"1" * 500)
    (tmp_path / "out" / "train" / "0.jpg.part").write_bytes(b"1")
    (tmp_path / "out" / "empty.txt").write_bytes(b"1")
    extract(packed, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


def test_counts_what_is_there_and_what_comes(packed, tmp_path):
    steps = []
    (tmp_path / "empty.txt").touch()
    with open_archive(packed) as archive:
        archive.extract({name: tmp_path / name for name in archive.sizes}, steps.append)
    assert steps == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.txt", "leads out of the folder"),
        ("train/../../evil.txt", "leads out of the folder"),
        ("..\\evil.txt", "leads out of the folder"),
        ("../folder/", "leads out of the folder"),
        ("/tmp/evil.txt", "is an absolute path"),
        ("\\\\server\\evil.txt", "is an absolute path"),
        ("C:\\evil.txt", "has a drive letter"),
        ("c:evil.txt", "has a drive letter"),
        (".", "has no name"),
        ("train/0.jpg", "is there twice"),
        ("./train/0.jpg", "is there twice"),
        ("Train\\0.JPG", "is there twice"),
        (entry("link", stat.S_IFLNK | 0o777), "is a link or a special file"),
        (entry("device", stat.S_IFCHR | 0o666), "is a link or a special file"),
    ],
)
# zipfile itself warns of names that it writes twice.
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_bad_entry_refuses_the_archive(tmp_path, name, reason):
    path = write_zip(tmp_path / "bad.zip", *FILES.items(), (name, b"evil"))
    with pytest.raises(DataFormatError, match=rf"bad\.zip is refused: its entry '.*' {reason}"):
        extract(path, tmp_path / "a" / "b" / "out")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("offset", "value", "reason"),
    [(8, 1, "is encrypted"), (10, zipfile.ZIP_LZMA, "is packed by another method")],
)
def test_what_cannot_be_unpacked_is_refused(tmp_path, offset, value, reason):
    path = write_zip(tmp_path / "bad.zip", ("0.jpg", b"0"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + offset] = value
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=f"'0.jpg' {reason}"):
        extract(path, tmp_path / "out")


def test_bombs_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.jpg", bytes(archives.HARMLESS_SIZE + 1))
    with pytest.raises(DataFormatError, match=r"its 9\.. kB would become 10\.0 MB, more than 100"):
        extract(tmp_path / "bomb.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_the_disk_cannot_hold_is_refused(packed, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 700, 700)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DataFormatError, match=r"0\.8 kB are to be extracted .* 0\.7 kB are free"):
        extract(packed, tmp_path / "out")
    assert contents(tmp_path / "out") == {}
    # What is there already needs no room.
    (tmp_path / "out" / "train").mkdir(exist_ok=True)
    (tmp_path / "out" / "train" / "0.jpg").write_bytes(FILES["train/0.jpg"])
    extract(packed, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


@pytest.mark.parametrize("keep", [0, 10, 600])
def test_truncated_archives_are_refused(packed, tmp_path, keep):
    packed.write_bytes(packed.read_bytes()[:keep])
    with pytest.raises(DataFormatError, match=r"good\.zip is truncated, damaged or no zip archive"):
        extract(packed, tmp_path / "out")


def test_damaged_archives_give_right_files_or_an_error(packed, tmp_path):
    """Damage that zipfile does not see, in dates for example, is fine."""
    whole, rng = packed.read_bytes(), random.Random(0)
    num_refused = 0
    for number in range(150):
        content = bytearray(whole)
        for _ in range(3):
            content[rng.randrange(len(content))] = rng.randrange(256)
        path, out = tmp_path / f"{number}.zip", tmp_path / str(number)
        path.write_bytes(content)
        try:
            extract(path, out)
        except DataFormatError:
            num_refused += 1
        extracted = contents(out) if out.exists() else {}
        assert all(content in FILES.values() for content in extracted.values())
    assert num_refused > 30


def test_missing_archive(tmp_path):
    with (
        pytest.raises(DatasetNotFoundError, match=r"no\.zip does not exist"),
        open_archive(tmp_path / "no.zip"),
    ):
        pass


def test_packed_files_are_the_same_whatever_their_order(tmp_path):
    content = pack_files(FILES)
    assert pack_files(dict(reversed(FILES.items()))) == content
    with open_archive("not written yet.zip", content) as archive:
        assert {name: archive.read(name) for name in archive.sizes} == FILES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.getinfo("train/0.jpg").compress_size < 50
