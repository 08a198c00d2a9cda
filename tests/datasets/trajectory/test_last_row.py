"""Tests for the reader of Last Row's plays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from footmm.datasets.trajectory.last_row import read_last_row
from footmm.datasets.trajectory.preparation import prepare_tracks
from footmm.errors import DataFormatError
from footmm.structures.agent_tracks import AWAY, BALL, HOME

HEADER = "player,frame,x,y,z,team\n"
ROWS = ["0,0,50,50,0,", "0,1,10,50,0,", "7,0,40,100,,attack", "7,1,39,99,,attack",
        "12,1,0,0,,defense"]  # fmt: skip


def write_play(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "play.csv"
    path.write_text(header + "\n".join(rows) + "\n")
    return path


def test_a_play_is_read_in_metres(tmp_path):
    raw = read_last_row(write_play(tmp_path, ROWS))
    assert raw.agent_ids == ("7", "12", "0")
    assert raw.team.tolist() == [HOME, AWAY, BALL]
    assert raw.present.tolist() == [[True, False, True], [True, True, True]]
    np.testing.assert_allclose(
        raw.positions[1], [[-11.55, 33.32], [-52.5, -34], [-42, 0]], rtol=1e-6
    )
    assert raw.rate == 20
    assert raw.times.tolist() == [0, 0.05]
    # The ball ends on the left.
    assert raw.home_attacks_right == {1: False}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "7,1,38,98,,attack"], r"play.csv:7: frame 1 has player 7 twice"),
        ([*ROWS[:-1], "12,1,0,0"], r"play.csv:6: frame 1 of player 12 is cut off"),
        ([*ROWS, "3,1,x,2,,attack"], r"play.csv:7: frame 1 of player 3: could not convert"),
        ([*ROWS, "3,1,1,2,,referee"], r"play.csv:7: .*team is none of"),
        (ROWS[2:], r"0 agents without a team"),
        ([], r"no positions"),
    ],
)
def test_broken_plays_are_refused(tmp_path, rows, message):
    with pytest.raises(DataFormatError, match=message):
        read_last_row(write_play(tmp_path, rows))


def test_a_file_of_something_else_is_refused(tmp_path):
    with pytest.raises(DataFormatError, match="no column player, frame, team"):
        read_last_row(write_play(tmp_path, ["1,2"], header="x,y\n"))


@pytest.mark.realdata
def test_a_real_play(realdata, tmp_path):
    with zipfile.ZipFile(realdata / "tracking_lastrow" / "lastrow.zip") as archive:
        path = archive.extract("LIV_[2]-1_CHE.csv", tmp_path)
    raw = read_last_row(path)
    assert raw.positions.shape == (195, 21, 2)
    assert [int((raw.team == team).sum()) for team in (HOME, AWAY, BALL)] == [10, 10, 1]
    np.testing.assert_allclose(raw.positions[0, 20], [-7.3645, 32.459], atol=1e-3)
    tracks = prepare_tracks(raw, 6.25)
    assert tracks.segments.tolist() == [[0, 61]]
    # The play ends with a goal of the home team.
    assert tracks.positions[-1, 20, 0] > 52
