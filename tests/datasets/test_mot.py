"""Sequences in the MOT layout; strict, and with boxes that are rejected."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from footmm.datasets.mot import list_sequences, read_mot_sequence
from footmm.errors import DataFormatError, DatasetNotFoundError

INFO = "[Sequence]\nname=A\nframeRate=25\nseqLength=4\nimWidth=100\nimHeight=50\n"


def write(folder, lines, info=INFO):
    (folder / "gt").mkdir(parents=True)
    text = lines if isinstance(lines, bytes) else "\n".join(lines).encode()
    (folder / "gt" / "gt.txt").write_bytes(text)
    (folder / "seqinfo.ini").write_text(info)
    return folder


@pytest.mark.parametrize("separator", [",", ", "])
def test_fields(tmp_path, separator):
    lines = [separator.join(line.split()) for line in ("2 0 5.5 6 7 8 1 1 1", "", "1 3 0 0 1 1")]
    sequence = read_mot_sequence(write(tmp_path / "a", lines))
    assert (sequence.name, sequence.rate, sequence.num_frames) == ("A", 25.0, 4)
    assert sequence.image_size == (100, 50)
    assert sequence.frames.tolist() == [2, 1]
    assert sequence.tracks.tolist() == [0, 3]
    assert sequence.boxes.tolist() == [[5.5, 6, 7, 8], [0, 0, 1, 1]]
    file = tmp_path / "a" / "gt" / "gt.txt"
    assert sequence.places() == [f"{file}, line 1", f"{file}, line 3"]
    assert sequence.image_path(12) == tmp_path / "a" / "img1" / "000012.jpg"


def test_names_of_images_and_of_the_folder(tmp_path):
    info = INFO.replace("name=A\n", "imDir=frames\nimExt=.png\n")
    sequence = read_mot_sequence(write(tmp_path / "a", [], info))
    assert sequence.name == "a"
    assert sequence.image_path(1) == tmp_path / "a" / "frames" / "000001.png"
    assert sequence.boxes.shape == (0, 4)


def test_rejected_boxes_are_left_out(tmp_path):
    rejected = []
    lines = ["1,1,5,5,4,9", "1,2,5,5,0,9", "2,2,5,5,4,-9", "2,1,6,5,4,9"]
    sequence = read_mot_sequence(
        write(tmp_path / "a", lines), reject=lambda *problem: rejected.append(problem)
    )
    assert sequence.lines.tolist() == [1, 4]
    assert [kind for kind, _, _ in rejected] == ["no positive size"] * 2
    assert [place.rpartition(" ")[2] for _, place, _ in rejected] == ["2", "3"]
    with pytest.raises(DataFormatError, match=r"line 2: '1,2,5,5,0,9' .* with a positive size"):
        read_mot_sequence(tmp_path / "a")


def test_only_chosen_frames_are_looked_at(tmp_path):
    lines = [f"{frame},1,5,5,{frame % 2},9" for frame in (1, 2, 3, 4)]
    assert read_mot_sequence(write(tmp_path / "a", lines), every=2).frames.tolist() == [1, 3]


def test_unknown_tracks_may_be_several_in_a_frame(tmp_path):
    lines = ["1,-1,5,5,4,9", "1,-1,8,5,4,9"]
    assert read_mot_sequence(write(tmp_path / "a", lines)).tracks.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,1,5,5,4,9", "1,2,5"], "line 2: '1,2,5' is no frame, track, left"),
        (["frame,track,left,top,width,height"], "line 1: 'frame,track.*' is no frame"),
        (["1,1,5,inf,4,9"], "line 1: .* is no frame"),
        (["1,1.5,5,5,4,9"], "line 1: frame 1 and track 1.5 must be whole"),
        (["0,1,5,5,4,9"], "line 1: frame 0 is not one of the 4 that seqinfo.ini states"),
        (["5,1,5,5,4,9"], "line 1: frame 5 is not one of the 4"),
        (["2,0,5,5,4,9", "2,0,5,5,4,9"], "line 2: frame 2 of track 0 comes after its frame 2"),
        (b"\xff\xd8\xff\xe0", "is no text"),
        (b"\x00\x01\x02", "line 1: .* is no frame"),
    ],
)
def test_broken_lines_are_named(tmp_path, lines, message):
    folder = write(tmp_path / "a", lines)
    # Whoever drops boxes gets the same errors for broken files.
    for options in ({}, {"reject": lambda *problem: None}):
        with pytest.raises(DataFormatError, match=f"gt.txt.*{message}"):
            read_mot_sequence(folder, **options)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("", r"has no section \[Sequence\]"),
        ("name=A", "is no valid ini file"),
        (INFO.replace("imWidth=100", "imWidth=-1"), "'imWidth' is -1, needs to be a positive"),
        (INFO.replace("frameRate=25\n", ""), "'frameRate' is None"),
    ],
)
def test_broken_info_is_named(tmp_path, info, message):
    folder = write(tmp_path / "a", [], info)
    with pytest.raises(DataFormatError, match=f"seqinfo.ini.*{message}"):
        read_mot_sequence(folder)


def test_missing_files(tmp_path):
    folder = write(tmp_path / "root" / "a", [])
    (tmp_path / "root" / ".hidden").mkdir()
    assert list_sequences(tmp_path / "root") == ["a"]
    (folder / "gt" / "gt.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"gt.txt does not exist.*SportsMOT"):
        read_mot_sequence(folder)
    for root in (tmp_path / "none", folder / "gt"):
        with pytest.raises(DatasetNotFoundError, match="holds no folders of sequences"):
            list_sequences(root)


@pytest.mark.realdata
def test_sportsmot(realdata, tmp_path):
    folder = realdata / "mot_sportsmot"
    with zipfile.ZipFile(folder / "gt.zip") as archive:
        archive.extractall(tmp_path)
    expected = json.loads((folder / "expected.json").read_text())["sequences"]
    del expected["COMBINED_SEQ"]
    assert list_sequences(tmp_path) == sorted(expected)
    for name, numbers in expected.items():
        sequence = read_mot_sequence(tmp_path / name)
        found = sequence.num_frames, len(sequence.boxes), len(set(sequence.tracks.tolist()))
        assert found == tuple(numbers[key] for key in ("Frames", "GT_Dets", "GT_IDs"))
        assert sequence.image_size == (1280, 720)
        assert sequence.tracks.min() == 0


@pytest.mark.parametrize(
    ("rest", "point"),
    [
        ("", None),
        (",1,1,1", None),
        (",1,", None),
        (",1,-1,-1,-1", None),
        (",1,1.5,-2,0.1", [1.5, -2.0, 0.1]),
    ],
)
def test_world_points_are_read_from_ten_fields(tmp_path, rest, point):
    folder = tmp_path / "a"
    (folder / "gt").mkdir(parents=True)
    (folder / "seqinfo.ini").write_text(
        "[Sequence]\nframeRate=25\nseqLength=2\nimWidth=100\nimHeight=100\n"
    )
    (folder / "gt" / "gt.txt").write_text(f"1,1,2,3,4,5{rest}")
    (found,) = read_mot_sequence(folder).world_points
    assert np.isnan(found).all() if point is None else found.tolist() == point
