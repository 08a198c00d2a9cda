"""SoccerNet's tracking sequences, brought to the pitch."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from footmm.datasets.trajectory.preparation import prepare_tracks
from footmm.datasets.trajectory.soccernet_tracking import (
    SoccerNetTrackingTrajectories,
    read_soccernet_sequence,
    read_soccernet_tracking,
)
from footmm.errors import DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import DATASETS
from footmm.simulation.broadcast import CameraKind
from footmm.simulation.export import (
    SoccerNetTrackingExport,
    TrackingExportSettings,
    write_folder,
)
from footmm.simulation.export.scenes import venue_of
from footmm.simulation.match import MatchSettings
from footmm.structures.agent_tracks import AWAY, BALL, HOME
from footmm.structures.calibrated_frame import CalibratedFrame

NUM_FRAMES = 20
SIZE = (1920, 1080)
TIME = np.arange(NUM_FRAMES)[:, None] / 25
#: By number of the track; they run straight ahead.
PATHS = {
    3: [-20.0, 5.0] + TIME * [4.0, -2.0],
    7: [10.0, -8.0] + TIME * [-5.0, 1.0],
    11: [0.0, 30.0] + TIME * [2.0, 0.0],
    12: [5.0, 12.0] + TIME * [-8.0, 9.0],
    13: [-3.0, -3.0] + TIME * [1.0, 1.0],
}
DESCRIPTIONS = {
    3: "player team left;10",
    7: "goalkeeper team right;X",
    11: "goalkeepers team left;y",
    12: "ball;1",
    13: "referee;main",
}


def camera(frame: int) -> Camera:
    target = (-5.0 + 0.3 * frame, 3.0, 0.0)
    return Camera.look_at((2.0, -58.0, 17.0), target, 1900.0, SIZE)


def box_line(frame: int, track: int, place: np.ndarray) -> str:
    """A box whose bottom edge has its middle where the camera sees the place."""
    u, v = camera(frame).project([[*place, 0.0]])[0].tolist()
    left, top = u + 0.5 - 15, v + 0.5 - 60
    return f"{frame},{track},{left:.4f},{top:.4f},30,60,1,-1,-1,-1"


def write_sequence(folder, lines, descriptions=None):
    (folder / "gt").mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text("\n".join(lines) + "\n")
    known = DESCRIPTIONS if descriptions is None else descriptions
    entries = [f"trackletID_{track}= {text}" for track, text in known.items()]
    (folder / "gameinfo.ini").write_text("\n".join(["[Sequence]", "name=SNMOT-060", *entries]))
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nframeRate=25\nseqLength={NUM_FRAMES}\n"
        f"imWidth={SIZE[0]}\nimHeight={SIZE[1]}\n"
    )
    return folder


def write_results(file, frames):
    """As tools/infer/homography.py writes them."""
    found = {}
    for frame in range(1, NUM_FRAMES + 1):
        result = CalibratedFrame(
            name=f"{frame:06d}.jpg",
            image_size=SIZE,
            camera=camera(frame) if frame in frames else None,
            homography=None,
            confidence=1.0,
            failure=None,
            keypoint_set=KEYPOINT_SETS["kp57"],
            keypoints=np.zeros((0, 2)),
            scores=np.zeros(0),
        )
        found[result.name] = result.to_json()
    file.write_text(json.dumps({"complete": True, "frames": found, "unreadable": {}}))
    return file


@pytest.fixture
def lines():
    return [
        box_line(frame + 1, track, path[frame])
        for frame in range(NUM_FRAMES)
        for track, path in PATHS.items()
    ]


def present_at(tracks, track):
    return tracks.present[:, tracks.agent_ids.index(str(track))]


@pytest.mark.parametrize("single_files", [False, True])
def test_positions_come_back(tmp_path, lines, single_files):
    folder = write_sequence(tmp_path / "SNMOT-060", lines)
    cameras = write_results(tmp_path / "cameras.json", range(1, NUM_FRAMES + 1))
    if single_files:
        frames = json.loads(cameras.read_text())["frames"]
        cameras = tmp_path / "cameras"
        cameras.mkdir()
        for name, frame in frames.items():
            (cameras / f"camera_{name[:6]}.json").write_text(json.dumps(frame["camera"]))
    tracks = prepare_tracks(read_soccernet_tracking(folder, cameras), 25.0)
    assert (tracks.match, tracks.source) == ("SNMOT-060", "soccernet-tracking")
    assert tracks.agent_ids == ("3", "7", "11", "12")
    assert tracks.team.tolist() == [HOME, AWAY, HOME, BALL]
    assert tracks.goalkeeper.tolist() == [False, True, True, False]
    assert tracks.frame_ids.tolist() == list(range(1, NUM_FRAMES + 1))
    assert tracks.present.all()
    true = np.stack([PATHS[int(agent)] for agent in tracks.agent_ids], axis=1)
    assert np.linalg.norm(tracks.positions - true, axis=-1).max() < 0.01


def test_who_is_not_seen_is_not_present(tmp_path, lines):
    lines[0] = f"1,3,900,{SIZE[1] - 60},30,60,1,-1,-1,-1"  # feet below the picture
    lines[1] = "1,7,900,-70,30,60,1,-1,-1,-1"  # in the sky
    lines[2] = box_line(1, 11, np.array([0.0, 44.5]))  # over 10 m beyond the touchline
    folder = write_sequence(tmp_path / "SNMOT-060", lines)
    cameras = write_results(tmp_path / "cameras.json", {*range(1, 6), *range(15, 21)})
    raw = read_soccernet_tracking(folder, cameras)
    for track in (3, 7, 11):
        assert present_at(raw, track).tolist() == [False] + [True] * 4 + [False] * 9 + [True] * 6
    assert present_at(raw, 12)[:5].all()
    # 10 frames are 0.4 s: too long to be bridged.
    assert prepare_tracks(raw, 25.0).segments.tolist() == [[0, 5], [5, 11]]


def test_noise_is_smoothed_and_mistakes_are_not(tmp_path, lines):
    rng = np.random.default_rng(0)
    noisy = [
        box_line(frame + 1, 3, PATHS[3][frame] + rng.normal(0, 0.3, 2) + [0, 8 * (frame > 9)])
        for frame in range(NUM_FRAMES)
    ]
    folder = write_sequence(tmp_path / "SNMOT-060", noisy)
    cameras = write_results(tmp_path / "cameras.json", range(1, NUM_FRAMES + 1))
    rough, smooth = (
        read_soccernet_tracking(folder, cameras, seconds).positions[:, 0] for seconds in (0, 0.4)
    )
    true = PATHS[3] + np.where(TIME * 25 > 9, [0.0, 8.0], 0.0)
    assert np.abs(smooth - true).mean() < 0.7 * np.abs(rough - true).mean()
    # The step of 8 m stays one: smoothed, its ends would be some 4 m off.
    assert np.abs(smooth - true).max() < 1


def test_windows_of_all_sequences(tmp_path, lines):
    for name in ("SNMOT-060", "SNMOT-061"):
        write_sequence(tmp_path / "train" / name, lines)
        (tmp_path / "cameras" / name).mkdir(parents=True)
        write_results(tmp_path / "cameras" / name / "cameras.json", range(1, NUM_FRAMES + 1))
    config = dict(
        type="SoccerNetTrackingTrajectories",
        data_root=str(tmp_path / "train"),
        cameras=str(tmp_path / "cameras" / "{sequence}" / "cameras.json"),
        rate=12.5,
        num_frames=5,
        num_observed=2,
        stride=5,
        min_agents=1,
    )
    windows = DATASETS.build(config)
    assert [window["match"] for window in windows] == ["SNMOT-060"] * 2 + ["SNMOT-061"] * 2
    assert windows[1]["frame_ids"].tolist() == [11, 13, 15, 17, 19]
    assert [t.match for t in DATASETS.build(config | {"sequences": ["SNMOT-061"]}).tracks] == [
        "SNMOT-061"
    ]


@pytest.mark.parametrize(
    ("number", "line", "message"),
    [
        (4, "1,13,broken", "line 5: '1,13,broken' is no frame, track"),
        (4, "1,13,5,5,0,9,1,-1,-1,-1", "line 5: .* with a positive size"),
        (4, "1,13,5,nan,4,9,1,-1,-1,-1", "line 5: .* is no frame, track"),
        (4, "1.5,13,5,5,4,9,1,-1,-1,-1", "line 5: frame 1.5 and track 13 must be whole"),
        (4, "1,12,5,5,4,9,1,-1,-1,-1", "line 5: frame 1 of track 12 comes after its frame 1"),
        (9, "1,13,5,5,4,9,1,-1,-1,-1", "line 10: frame 1 of track 13 comes after its frame 1"),
        (9, "21,13,5,5,4,9,1,-1,-1,-1", "line 10: frame 21 is not one of the 20"),
        (9, "2,14,5,5,4,9,1,-1,-1,-1", "line 10: track 14 has no entry in gameinfo.ini"),
    ],
)
def test_broken_lines_are_named(tmp_path, lines, number, line, message):
    lines[number] = line
    folder = write_sequence(tmp_path / "SNMOT-060", lines)
    with pytest.raises(DataFormatError, match=f"gt.txt, {message}"):
        read_soccernet_sequence(folder)


def test_broken_descriptions_are_named(tmp_path, lines):
    folder = write_sequence(tmp_path / "a", lines, DESCRIPTIONS | {7: "player team up;3"})
    with pytest.raises(
        DataFormatError, match=r"gameinfo.ini: 'trackletID_7' is 'player team up;3'"
    ):
        read_soccernet_sequence(folder)
    (folder / "gameinfo.ini").write_text("trackletID_1= ball;1")
    with pytest.raises(DataFormatError, match=r"gameinfo.ini is no valid ini file"):
        read_soccernet_sequence(folder)
    (folder / "seqinfo.ini").write_text("[Sequence]\nframeRate=25\nseqLength=many\n")
    with pytest.raises(DataFormatError, match=r"seqinfo.ini: 'seqLength' is many"):
        read_soccernet_sequence(folder)


def test_missing_files_say_how_to_get_them(tmp_path, lines):
    with pytest.raises(DatasetNotFoundError, match=r"download\.py soccernet-tracking"):
        read_soccernet_sequence(tmp_path / "SNMOT-060")
    with pytest.raises(DatasetNotFoundError, match=r"none holds no .*download\.py"):
        SoccerNetTrackingTrajectories(tmp_path / "none", cameras="{sequence}")


def test_exported_sequence(tmp_path):
    """Silhouettes, and their rounded boxes, stand where the simulated players stand."""
    size = (640, 360)
    settings = TrackingExportSettings(
        seed=1, num_sequences=1, num_frames=2, image_size=size, split_shares=(1.0, 0.0, 0.0)
    )
    root = write_folder(tmp_path / "export", SoccerNetTrackingExport(settings))
    venue = venue_of((1, 0, 1), MatchSettings(2 / 25, 25), size)
    cameras, _ = venue.film(CameraKind.MAIN)
    for frame in range(2):
        parameters = cameras[frame].resized(960, 540).to_soccernet()
        (tmp_path / f"camera_{frame + 1:06d}.json").write_text(json.dumps(parameters))
    tracks = prepare_tracks(read_soccernet_tracking(root / "train" / "SNMOT-001", tmp_path), 25.0)
    assert set(tracks.team.tolist()) == {HOME, AWAY, BALL}
    true = torch.as_tensor(venue.tracks.positions[:2], dtype=torch.float64)
    for agent, team in enumerate(tracks.team.tolist()):
        if team == BALL:
            continue
        places = torch.as_tensor(tracks.positions[:, agent, None], dtype=torch.float64)
        distances = torch.linalg.norm(places - true[:, 11 * team : 11 * team + 11], dim=-1)
        assert distances.mean(0).min() < 0.8
