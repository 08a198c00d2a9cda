from __future__ import annotations

import json
import zipfile

import pytest

from footmm.datasets.trajectory.kloppy_tracking import read_kloppy
from footmm.datasets.trajectory.skillcorner_detections import has_guesses, read_detections
from footmm.errors import DataFormatError
from footmm.structures.agent_tracks import BALL

SEEN = dict(player_id=1, x=1.5, y=-2.0, is_detected=True)
GUESSED = dict(player_id=2, x=9.0, y=9.0, is_detected=False)


def frame(players, ball_seen):
    ball = dict(x=3.0, y=4.0, z=0.1, is_detected=ball_seen)
    return dict(frame=7, period=1, player_data=players, ball_data=ball)


@pytest.fixture
def tracks(tmp_path):
    path = tmp_path / "tracking.jsonl"
    frames = [frame([SEEN, GUESSED], True), frame([GUESSED], False)]
    path.write_text("\n".join(map(json.dumps, frames)) + "\n")
    return path


def test_guesses_are_left_out(tracks):
    assert has_guesses(tracks)
    first, second = map(json.loads, read_detections(tracks).splitlines())
    assert first == frame([SEEN], True)
    assert second["player_data"] == []
    assert second["ball_data"] == dict(x=None, y=None, z=None, is_detected=False)


def test_lists_of_frames_hold_no_guesses(tmp_path):
    (tmp_path / "structured_data.json").write_text("[]")
    assert not has_guesses(tmp_path / "structured_data.json")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"frame": 8, "player', "JSONDecodeError"),
        ('{"frame": 8, "ball_data": {}}', "KeyError: 'player_data'"),
        ('{"player_data": {}, "ball_data": {}}', "'player_data' has to be a list"),
    ],
)
def test_broken_lines_are_named(tracks, line, message):
    with tracks.open("a") as file:
        file.write(line)
    with pytest.raises(DataFormatError, match="line 3") as error:
        read_detections(tracks)
    assert message in str(error.value)


@pytest.mark.realdata
def test_real_frames_hold_only_who_was_seen(realdata, tmp_path):
    with zipfile.ZipFile(realdata / "tracking_skillcorner" / "skillcorner_v2.zip") as archive:
        archive.extractall(tmp_path)
    files = dict(
        meta_data=tmp_path / "v3/skillcorner_meta_data.json",
        raw_data=tmp_path / "v3/skillcorner_v3_raw_data.jsonl",
    )
    raw = read_kloppy("skillcorner", files, detected_only=True)
    assert raw.present[:, raw.team != BALL].sum(1).tolist() == [13, 13, 13, 5, 6, 4]
    assert raw.present[:, raw.team == BALL].sum(1).tolist() == [1, 1, 1, 1, 0, 0]
    assert (
        read_kloppy("skillcorner", files).present[:, raw.team != BALL].sum(1).tolist() == [22] * 6
    )
