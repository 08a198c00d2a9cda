"""SoccerNet's game states, labelled and predicted."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from footmm.datasets.trajectory.preparation import prepare_tracks
from footmm.datasets.trajectory.soccernet_game_state import (
    read_game_state,
    read_game_state_tracks,
)
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import AWAY, BALL, HOME

LABELS = "Labels-GameState.json"
CAST = {1: ("ball", None), 2: ("player", "left"), 3: ("goalkeepers", "right"), 4: ("referee", None)}


def detection(frame, track, role=None, team=None):
    role, team = (role, team) if role else CAST[track]
    place = {"x_bottom_middle": track + frame / 10, "y_bottom_middle": 2.0 * track}
    return {
        "image_id": f"2060{frame:06d}",
        "track_id": track,
        "supercategory": "object",
        "attributes": {"role": role, "team": team, "jersey": None},
        "bbox_pitch": place,
    }


def labels(num_frames=6):
    images = [
        {"image_id": f"2060{frame:06d}"}
        | {f"has_labeled_{what}": True for what in ("person", "pitch", "camera")}
        for frame in range(1, num_frames + 1)
    ]
    annotations = [detection(f, track) for f in range(1, num_frames + 1) for track in CAST]
    pitch = {"image_id": "2060000001", "supercategory": "pitch", "lines": {}}
    info = {"frame_rate": 25, "seq_length": str(num_frames)}
    return {"info": info, "images": images, "annotations": [pitch, *annotations]}


def write(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LABELS).write_text(json.dumps(content))
    return folder / LABELS


def test_labels(tmp_path):
    content = labels()
    content["images"][2]["has_labeled_pitch"] = False
    content["annotations"][1]["bbox_pitch"] = None
    path = write(tmp_path / "SNGS-060", content)
    state = read_game_state(path)
    assert (state.name, state.rate, state.num_frames) == ("SNGS-060", 25.0, 6)
    assert state.frames.tolist() == [f for f in (1, 2, 4, 5, 6) for _ in CAST]
    assert state.roles[:4].tolist() == ["ball", "player", "goalkeeper", "referee"]
    tracks = prepare_tracks(read_game_state_tracks(path, smoothing_s=0), 25.0)
    assert tracks.team.tolist() == [BALL, HOME, AWAY]
    assert tracks.goalkeeper.tolist() == [False, False, True]
    # y towards the camera becomes y away from it; the frame between is interpolated.
    assert tracks.positions[:, 1, 0] == pytest.approx([2.1, 2.2, 2.3, 2.4, 2.5, 2.6])
    assert tracks.positions[:, 1, 1] == pytest.approx(-4)
    assert tracks.present[:, 0].tolist() == [False] + [True] * 5


def test_predictions(tmp_path):
    entries = [detection(frame, 2) for frame in range(1, 6)]
    entries += [detection(frame, 3, "referee" if frame < 4 else "player") for frame in range(1, 6)]
    entries += [detection(frame, 4, "player", None) for frame in range(1, 6)]
    entries[0]["attributes"] = {"role": "other", "team": None, "jersey": None}
    # As the evaluation takes it: names of another length end in the frame's number from 0.
    entries[4]["image_id"] = "img_0004"
    path = tmp_path / "SNGS-060.json"
    path.write_text(json.dumps({"predictions": entries}))
    raw = read_game_state_tracks(path, smoothing_s=0, frame_rate=10.0)
    assert (raw.match, raw.rate, raw.agent_ids) == ("SNGS-060", 10.0, ("2",))
    assert raw.present.all(1).tolist() == [True] * 5


def test_windows_of_labels(tmp_path):
    for name in ("SNGS-060", "SNGS-061"):
        write(tmp_path / "labels" / name, labels())
    config = dict(
        type="SoccerNetGameStateTrajectories",
        data_root=str(tmp_path / "labels"),
        rate=25.0,
        num_frames=6,
        num_observed=2,
        min_agents=2,
    )
    windows = DATASETS.build(config)
    assert [window["match"] for window in windows] == ["SNGS-060", "SNGS-061"]
    assert windows[0]["present"].sum() == 18
    only = DATASETS.build(config | {"sequences": ["SNGS-061"]})
    assert [window["match"] for window in only] == ["SNGS-061"]
    with pytest.raises(DatasetNotFoundError, match="no sequence 'SNGS-062'"):
        DATASETS.build(config | {"sequences": ["SNGS-062"]})
    with pytest.raises(DatasetNotFoundError, match="soccernet-gamestate"):
        DATASETS.build(config | {"data_root": str(tmp_path)})


def without(content, *keys):
    for key in keys[:-1]:
        content = content[key]
    del content[keys[-1]]


def changed(content, value, *keys):
    for key in keys[:-1]:
        content = content[key]
    content[keys[-1]] = value


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: without(c, "annotations"), "has no list 'annotations'"),
        (lambda c: without(c, "images"), "has no list 'images'"),
        (lambda c: without(c, "info"), "info, 'frame_rate': 'info' is missing"),
        (lambda c: changed(c, 0, "info", "frame_rate"), "'frame_rate': 0 needs to be a positive"),
        (lambda c: changed(c, 5, "info", "seq_length"), "frame 6, track 1: .* 5 frames only"),
        (lambda c: without(c, "images", 1, "image_id"), "images number 1: 'image_id' is missing"),
        (lambda c: without(c, "annotations", 3, "track_id"), "annotations number 3: 'track_id' is"),
        (lambda c: changed(c, 2, "annotations", 1, "track_id"), "frame 1, track 2: .* is twice"),
        (lambda c: changed(c, "x", "annotations", 3, "track_id"), "annotations number 3: invalid"),
        (lambda c: changed(c, "coach", "annotations", 3, "attributes", "role"), "role is 'coach'"),
        (lambda c: changed(c, [1, 2], "annotations", 3, "bbox_pitch"), "annotations number 3: "),
    ],
)
def test_broken_labels_are_named(tmp_path, damage, message):
    content = labels()
    damage(content)
    path = write(tmp_path, content)
    with pytest.raises(DataFormatError, match=f"{LABELS}.*{message}"):
        read_game_state(path)


def test_swapped_teams_are_doubted(tmp_path, capfd):
    content = labels()
    for entry in content["annotations"][1:]:
        if entry["track_id"] == 3:
            entry["bbox_pitch"]["x_bottom_middle"] -= 10
    read_game_state_tracks(write(tmp_path, content))
    assert "team 'left' is 9.0 m right of team 'right'" in "".join(capfd.readouterr())


@pytest.mark.realdata
def test_real_sequences(realdata, tmp_path):
    """Real positions, in the numbers that the official evaluation counts."""
    for name in ("gt", "predictions"):
        zipfile.ZipFile(realdata / "gsr" / f"{name}.zip").extractall(tmp_path / name)
    archive = zipfile.ZipFile(realdata / "tracking_skillcorner" / "skillcorner_v2.zip")
    frames = json.loads(archive.read("structured_data_2417_first_half_part1.json"))
    real = {(who["x"], who["y"]): frame["frame"] for frame in frames for who in frame["data"]}
    expected = json.loads((realdata / "gsr" / "expected.json").read_text())["sequences"]
    for name in ("SNGS-900", "SNGS-901", "SNGS-902", "SNGS-903"):
        state = read_game_state(tmp_path / "gt" / name / LABELS)
        shifts = [
            real[x, y] - frame
            for (x, y), frame in zip(state.positions.tolist(), state.frames.tolist(), strict=True)
        ]
        assert len(set(shifts)) == 1
        predicted = read_game_state(tmp_path / "predictions" / f"{name}.json", frame_rate=10.0)
        num_labelled, num_predicted = (np.sum(s.roles != "ball") for s in (state, predicted))
        # True positives by labels, and by predictions.
        ratio = expected[name]["IDR"] / expected[name]["IDP"]
        assert num_predicted / num_labelled == pytest.approx(ratio, rel=1e-12)
        for path in (tmp_path / "gt" / name / LABELS, tmp_path / "predictions" / f"{name}.json"):
            tracks = prepare_tracks(read_game_state_tracks(path, frame_rate=10.0), 5.0)
            assert tracks.segments.tolist() == [[0, 60]]
