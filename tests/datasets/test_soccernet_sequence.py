"""Who the tracks of SoccerNet's sequences are."""

from __future__ import annotations

import pytest

from footmm.datasets.soccernet_sequence import read_described_sequence, role_of
from footmm.errors import DataFormatError, DatasetNotFoundError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_text("1,1,0,0,9,9,1,-1,-1,-1\n1,2,5,5,9,9,1,-1,-1,-1\n")
    (tmp_path / "gameinfo.ini").write_text(
        "[Sequence]\nname=A\ntrackletID_1= Player team left;10\n"
    )
    (tmp_path / "seqinfo.ini").write_text(
        "[Sequence]\nframeRate=25\nseqLength=3\nimWidth=100\nimHeight=50\n"
    )
    return tmp_path


def test_tracks_without_entry(folder):
    rejected = []
    sequence, descriptions = read_described_sequence(
        folder, reject=lambda *problem: rejected.append(problem)
    )
    assert descriptions == {1: "Player team left;10"}
    assert role_of(descriptions[1]) == "player team left"
    assert sequence.tracks.tolist() == [1]
    place = f"{folder / 'gt' / 'gt.txt'}, line 2"
    assert rejected == [("unknown track", place, "track 2 has no entry in gameinfo.ini")]
    with pytest.raises(DataFormatError, match=r"line 2: track 2 has no entry in gameinfo.ini"):
        read_described_sequence(folder)


@pytest.mark.parametrize("name", ["gt/gt.txt", "gameinfo.ini", "seqinfo.ini"])
def test_missing_files_say_how_to_get_them(folder, name):
    (folder / name).unlink()
    with pytest.raises(DatasetNotFoundError, match=f"{name} does not exist.*soccernet-tracking"):
        read_described_sequence(folder)
