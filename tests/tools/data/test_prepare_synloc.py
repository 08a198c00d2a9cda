"""Arranging SynLoc: from what is downloaded to what the dataset reads."""

from __future__ import annotations

import json
import runpy
import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from footmm.apis import archives as archives_module
from footmm.datasets.synloc import SynLocDataset

SCRIPT = Path(__file__).parents[3] / "tools" / "data" / "prepare_synloc.py"
NAMES = ["000000.jpg", "000001.jpg", "000002.jpg"]


@pytest.fixture(scope="module")
def main():
    return runpy.run_path(str(SCRIPT))["main"]


@pytest.fixture(scope="module")
def content(synloc_root):
    return json.loads((synloc_root / "annotations" / "train.json").read_text())


def jpeg(width: int = 64, height: int = 36) -> bytes:
    return cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes()


@pytest.fixture
def downloads(tmp_path, content):
    """Two of the four splits, extracted."""
    folder = tmp_path / "SpiideoSynLoc"
    (folder / "annotations").mkdir(parents=True)
    public = {key: value for key, value in content.items() if key != "annotations"}
    for name, part in (("train", content), ("challenge_public", public)):
        (folder / "annotations" / f"{name}.json").write_text(json.dumps(part))
    for split in ("train", "challenge"):
        (folder / split).mkdir()
        for name in NAMES:
            (folder / split / name).write_bytes(jpeg())
    return folder


def pack(folder, prefix=""):
    """Replace an extracted folder by its archive."""
    with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{prefix}{path.name}")
    shutil.rmtree(folder)


@pytest.fixture
def packed(downloads):
    """The same two splits as the Downloader leaves them."""
    pack(downloads / "annotations", "annotations/")
    pack(downloads / "train", "fullhd/train/")
    pack(downloads / "challenge")
    return downloads


def run(main, downloads, *options):
    main([str(downloads), f"--out={downloads.parent / 'out'}", *options])
    return downloads.parent / "out"


def refused(main, downloads, capsys, *options):
    with pytest.raises(SystemExit) as caught:
        run(main, downloads, *options)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    return error


def files_of(folder):
    """All files, those behind links as well."""
    paths = [path for top in folder.rglob("*") for path in (top, *top.rglob("*"))]
    return {str(path.relative_to(folder)) for path in paths if path.is_file()}


WHOLE = {
    "annotations/train.json",
    "annotations/challenge_public.json",
    *(f"fullhd/{split}/{name}" for split in ("train", "challenge") for name in NAMES),
}


def test_extracted_folders_are_linked(main, downloads, capsys):
    out = run(main, downloads)
    assert files_of(out) == WHOLE
    links = [path for path in out.rglob("*") if path.is_symlink()]
    assert {path.resolve() for path in links} == {
        downloads / "train",
        downloads / "challenge",
        downloads / "annotations" / "train.json",
        downloads / "annotations" / "challenge_public.json",
    }
    assert capsys.readouterr().out.splitlines() == [
        f"train: 3 images, all as annotated, linked to {downloads / 'train'}",
        "val: left out, there is no val.json",
        "test: left out, there is no test.json",
        f"challenge_public: 3 images, all as annotated, linked to {downloads / 'challenge'}",
        f"{out} is ready for SynLocDataset, with images='fullhd'",
    ]


def test_archives_are_extracted(main, packed, capsys):
    out = run(main, packed)
    assert files_of(out) == WHOLE
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert f"train: 3 images, all as annotated, extracted from {packed / 'train.zip'}" in (
        capsys.readouterr().out
    )


def test_dataset_reads_what_was_prepared(main, packed):
    out = run(main, packed)
    for split in ("train", "challenge_public"):
        dataset = SynLocDataset(out, split, test_mode=split != "train")
        assert len(dataset) == 3
        assert all(Path(dataset[index]["img_path"]).is_file() for index in range(3))


@pytest.mark.parametrize("kind", ["downloads", "packed"])
def test_second_run_only_checks(main, request, kind, capsys):
    folder = request.getfixturevalue(kind)
    out = run(main, folder)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    capsys.readouterr()
    assert run(main, folder) == out
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == times
    assert f"all as annotated, are in {out / 'fullhd' / 'train'}" in capsys.readouterr().out


def test_archives_are_not_needed_afterwards(main, packed, capsys):
    out = run(main, packed)
    for path in packed.iterdir():
        path.unlink()
    run(main, packed)
    (out / "fullhd" / "train" / NAMES[1]).write_bytes(b"")
    assert "1 unreadable: 000001.jpg" in refused(main, packed, capsys)


def test_archives_can_be_extracted_in_place(main, downloads):
    (downloads / "fullhd").mkdir()
    shutil.move(downloads / "train", downloads / "fullhd")
    main([str(downloads), f"--out={downloads}"])
    assert not (downloads / "fullhd" / "train").is_symlink()
    assert (downloads / "fullhd" / "challenge").resolve() == downloads / "challenge"


@pytest.mark.parametrize("place", ["4K", "4k", "."])
def test_large_images_go_into_a_folder_of_their_own(main, downloads, place):
    (downloads / place).mkdir(exist_ok=True)
    for split in ("train", "challenge"):
        for name in NAMES:
            (downloads / split / name).write_bytes(jpeg(3840, 2160))
        if place != ".":
            shutil.move(downloads / split, downloads / place)
    pack(downloads / place / "challenge")
    out = run(main, downloads, "--images=4k")
    assert {path.name for path in (out / "4k").iterdir()} == {"train", "challenge"}


@pytest.mark.parametrize("kind", ["downloads", "packed"])
@pytest.mark.parametrize(
    ("version", "size", "message"),
    [
        ("4k", (1920, 1080), "3 of 1920 x 1080 pixels, not the 3840 x 2160 of --images 4k: "),
        ("fullhd", (3840, 2160), "3 of 3840 x 2160 pixels, larger than Full HD: give --images 4k"),
    ],
)
def test_other_resolution_is_refused(main, downloads, capsys, kind, version, size, message):
    for split in ("train", "challenge"):
        for name in NAMES:
            (downloads / split / name).write_bytes(jpeg(*size))
        if kind == "packed":
            pack(downloads / split)
    error = refused(main, downloads, capsys, f"--images={version}")
    assert message in error
    assert "000000.jpg, 000001.jpg, 000002.jpg" in error
    assert not (downloads.parent / "out" / version).exists()


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("000001.jpg", None, "1 missing: 000001.jpg"),
        ("000001.jpg", b"", "1 unreadable: 000001.jpg"),
        ("000001.jpg", jpeg()[:20], "1 unreadable: 000001.jpg"),
        ("000001.jpg", b"<html>", "1 unreadable: 000001.jpg"),
        ("000001.jpg", jpeg(64, 48), "1 of 64 x 48 pixels, another shape than the annotated 3840"),
        ("000001.jpg", jpeg(64, 37), "1 of 64 x 37 pixels, another shape"),
        ("more.jpg", jpeg(), "1 not annotated: more.jpg"),
        ("a/more.jpg", jpeg(), "1 not annotated: a/more.jpg"),
    ],
)
def test_every_image_is_checked(main, downloads, capsys, is_packed, name, image, message):
    path = downloads / "train" / name
    if image is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image)
    if is_packed and path.parent.name == "train":
        pack(downloads / "train")
    error = refused(main, downloads, capsys)
    assert "does not fit train.json" in error
    assert message in error
    # What is wrong is not put into place, what is right is.
    out = downloads.parent / "out"
    assert [path.name for path in (out / "fullhd").iterdir()] == ["challenge"]


def test_many_problems_are_counted(main, downloads, capsys):
    for number in range(5):
        (downloads / "train" / f"more{number}.jpg").touch()
        (downloads / "challenge" / f"more{number}.jpg").touch()
    (downloads / "train" / NAMES[0]).unlink()
    error = refused(main, downloads, capsys)
    assert error.count("5 not annotated: more0.jpg, more1.jpg, more2.jpg and 2 more") == 2
    assert "1 missing: 000000.jpg" in error


def test_hidden_files_do_not_matter(main, downloads):
    (downloads / "train" / ".DS_Store").touch()
    (downloads / "challenge" / "._000000.jpg").touch()
    pack(downloads / "challenge")
    run(main, downloads)


def test_broken_link_is_unreadable(main, downloads, capsys):
    (downloads / "train" / NAMES[0]).unlink()
    (downloads / "train" / NAMES[0]).symlink_to("gone.jpg")
    assert "1 unreadable: 000000.jpg" in refused(main, downloads, capsys)


@pytest.fixture
def stop_at(monkeypatch):
    """Stops the extraction at a file, by its number; returns what was begun, then and later."""

    def arrange(number):
        copy, begun = shutil.copyfileobj, []

        def extract(packed, file, *args):
            begun.append(Path(file.name).name)
            if len(begun) == number:
                raise KeyboardInterrupt
            copy(packed, file, *args)

        monkeypatch.setattr(archives_module.shutil, "copyfileobj", extract)
        return begun

    return arrange


def test_stopped_extraction_goes_on(main, packed, stop_at):
    stop_at(4)
    with pytest.raises(SystemExit) as caught:
        run(main, packed)
    assert caught.value.code == 130
    out = packed.parent / "out"
    assert not (out / "fullhd" / "train").exists()
    # As a kill, or a run with another archive, would leave it.
    staging = out / "fullhd" / ".train.unfinished"
    (staging / "more.jpg").touch()
    (staging / "000001.jpg.part").touch()
    run(main, packed)
    assert files_of(out) == WHOLE


def test_finished_parts_are_not_extracted_again(main, packed, stop_at):
    begun = stop_at(7)
    with pytest.raises(SystemExit):
        run(main, packed)
    run(main, packed)
    # Two files of annotations and three images for training once, and the stopped image twice.
    assert len(begun) == 2 + 3 + 3 + 1


def test_damaged_archive_leaves_nothing(main, packed, capsys):
    # Beyond what is read of the image to check it.
    with zipfile.ZipFile(packed / "train.zip", "w") as archive:
        for name in NAMES:
            archive.writestr(name, jpeg() + bytes(200_000))
    content = bytearray((packed / "train.zip").read_bytes())
    content[-100_000] = 1
    (packed / "train.zip").write_bytes(content)
    assert "train.zip is truncated, damaged or no zip archive" in refused(main, packed, capsys)
    assert files_of(packed.parent / "out") == {name for name in WHOLE if "/train/" not in name}


def test_truncated_archive(main, packed, capsys):
    path = packed / "annotations.zip"
    path.write_bytes(path.read_bytes()[:1000])
    assert "annotations.zip is truncated" in refused(main, packed, capsys)
    assert not (packed.parent / "out").exists()


def test_archive_that_leads_out_of_the_folder(main, packed, capsys):
    with zipfile.ZipFile(packed / "train.zip", "a") as archive:
        archive.writestr("../../evil.txt", "evil")
    assert "'../../evil.txt' leads out of the folder" in refused(main, packed, capsys)
    assert not list(packed.parent.rglob("evil.txt"))
    assert not (packed.parent / "out" / "fullhd" / "train").exists()


def test_other_images_are_not_overwritten(main, packed, capsys):
    out = run(main, packed)
    before = (out / "fullhd" / "train" / NAMES[2]).read_bytes()
    (packed / "train").mkdir()
    for name in NAMES:
        (packed / "train" / name).write_bytes(jpeg(32, 18))
    error = refused(main, packed, capsys)
    assert f"{out / 'fullhd' / 'train'} exists and is not what {packed / 'train'} holds" in error
    assert "(e.g. 000000.jpg)" in error
    assert (out / "fullhd" / "train" / NAMES[2]).read_bytes() == before


@pytest.mark.parametrize("kind", ["downloads", "packed"])
def test_other_annotations_are_not_overwritten(main, request, capsys, content, kind):
    folder = request.getfixturevalue(kind)
    target = folder.parent / "out" / "annotations" / "train.json"
    target.parent.mkdir(parents=True)
    other = json.dumps(content | {"annotations": content["annotations"][1:]})
    target.write_text(other)
    assert f"{target} exists and is not what" in refused(main, folder, capsys)
    assert target.read_text() == other


@pytest.mark.parametrize("kind", ["downloads", "packed"])
def test_broken_annotations_are_not_put_into_place(main, downloads, capsys, content, kind):
    broken = content | {"images": content["images"][1:]}
    (downloads / "annotations" / "train.json").write_text(json.dumps(broken))
    if kind == "packed":
        pack(downloads / "annotations")
    error = refused(main, downloads, capsys)
    assert "train.json" in error
    assert "there is no image 0" in error
    assert not list((downloads.parent / "out").rglob("*.json"))


def test_annotations_that_are_there_twice(main, packed, capsys):
    with zipfile.ZipFile(packed / "annotations.zip", "a") as archive:
        archive.writestr("old/train.json", "{}")
    assert "annotations/train.json and old/train.json: which one" in refused(main, packed, capsys)


@pytest.mark.parametrize("path", ["annotations/train.json", "fullhd/train"])
def test_links_to_what_is_gone(main, downloads, capsys, path):
    out = run(main, downloads)
    (out / path).unlink()
    (out / path).symlink_to(downloads / "gone")
    assert f"{out / path} is a link to {downloads / 'gone'}, which is" in (
        refused(main, downloads, capsys)
    )


def test_file_in_place_of_a_folder(main, downloads, capsys):
    (downloads.parent / "out" / "fullhd").mkdir(parents=True)
    (downloads.parent / "out" / "fullhd" / "train").touch()
    assert "is a file, not a folder of images" in refused(main, downloads, capsys)


def test_disk_without_links(main, downloads, capsys, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("Operation not supported")

    monkeypatch.setattr(Path, "symlink_to", fail)
    assert "give an --out on a disk that has links" in refused(main, downloads, capsys)


def test_out_that_cannot_be_written(main, downloads, capsys):
    (downloads.parent / "out").touch()
    assert "error: cannot write" in refused(main, downloads, capsys)


def test_splits_can_be_absent(main, packed, capsys):
    (packed / "challenge.zip").unlink()
    run(main, packed)
    assert "challenge_public: left out, there are no images (challenge.zip, challenge/)" in (
        capsys.readouterr().out
    )


def test_no_split_at_all(main, packed, capsys):
    for name in ("train", "challenge"):
        (packed / f"{name}.zip").unlink()
    assert "holds no split that is complete" in refused(main, packed, capsys)
    assert "is no folder; give the one of the archives" in refused(main, packed / "x", capsys)
