from __future__ import annotations

import configparser
import contextlib
import io
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import trackeval

from footmm.errors import ConfigError
from footmm.simulation.export import (
    SoccerNetTrackingExport,
    TrackingExportSettings,
    write_folder,
)

SETTINGS = TrackingExportSettings(
    seed=1, num_sequences=2, num_frames=30, image_size=(320, 180), split_shares=(0.5, 0.0, 0.5)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "tracking"
    return write_folder(folder, SoccerNetTrackingExport(SETTINGS))


@pytest.fixture(scope="module")
def sequence(root):
    return root / "train" / "SNMOT-001"


def rows(path):
    return np.loadtxt(path, delimiter=",", dtype=int)


def section(path):
    parser = configparser.ConfigParser()
    parser.read(path)
    return dict(parser["Sequence"])


def test_layout(root, sequence):
    files = {str(path.relative_to(sequence)) for path in sequence.rglob("*") if path.is_file()}
    texts = {"gt/gt.txt", "det/det.txt", "gameinfo.ini", "seqinfo.ini"}
    assert files == texts | {f"img1/{frame:06d}.jpg" for frame in range(1, 31)}
    assert (root / "test" / "SNMOT-002" / "gt" / "gt.txt").is_file()
    assert cv2.imread(str(sequence / "img1" / "000030.jpg")).shape == (180, 320, 3)


def test_sequence_info(sequence):
    assert section(sequence / "seqinfo.ini") == {
        "name": "SNMOT-001",
        "imdir": "img1",
        "framerate": "25",
        "seqlength": "30",
        "imwidth": "320",
        "imheight": "180",
        "imext": ".jpg",
    }


def test_rows_are_those_of_the_format(sequence):
    truth, detections = rows(sequence / "gt" / "gt.txt"), rows(sequence / "det" / "det.txt")
    assert truth.shape[1] == 10
    assert set(truth[:, 0]) == set(range(1, 31))
    assert (truth[:, 6:] == [1, -1, -1, -1]).all()
    assert (truth[:, 2:4] >= 0).all()
    assert (truth[:, 4:6] >= 1).all()
    assert ((truth[:, 2:4] + truth[:, 4:6]) <= (321, 181)).all()
    pairs = [tuple(row) for row in truth[:, :2].tolist()]
    assert len(set(pairs)) == len(pairs)
    assert (detections[:, 1] == -1).all()
    assert (np.delete(detections, 1, axis=1) == np.delete(truth, 1, axis=1)).all()


def test_tracks_move_little_from_frame_to_frame(sequence):
    truth = rows(sequence / "gt" / "gt.txt")
    ball = int(section(sequence / "gameinfo.ini")["num_tracklets"])
    moves = []
    for track in set(truth[:, 1]) - {ball}:
        path = truth[truth[:, 1] == track]
        next_frame = np.diff(path[:, 0]) == 1
        center = path[:, 2:4] + path[:, 4:6] / 2
        moves.append(np.abs(np.diff(center, axis=0)[next_frame]).max(initial=0))
    assert max(moves) < 25


def test_game_info_says_who_is_who(root):
    for sequence in (root / "train" / "SNMOT-001", root / "test" / "SNMOT-002"):
        info = section(sequence / "gameinfo.ini")
        tracks = set(rows(sequence / "gt" / "gt.txt")[:, 1].tolist())
        assert tracks == set(range(1, int(info["num_tracklets"]) + 1))
        people = [info[f"trackletid_{track}"] for track in tracks]
        assert len(set(people)) == len(people)
        for person in people:
            kind, _, detail = person.partition(";")
            if kind == "referee":
                assert detail in ("main", "side top", "side bottom")
            elif kind == "ball":
                assert detail == "1"
            else:
                assert kind in ("player team left", "player team right") or "goalkeeper" in kind
                assert 1 <= int(detail) <= 99


def test_scored_against_itself_it_is_perfect(root, tmp_path):
    shutil.copytree(root / "train", tmp_path / "gt" / "snmot-train")
    (tmp_path / "gt" / "snmot-train" / "SNMOT-001" / "img1").rename(tmp_path / "images")
    tracker = tmp_path / "trackers" / "truth" / "data"
    tracker.mkdir(parents=True)
    shutil.copy(root / "train" / "SNMOT-001" / "gt" / "gt.txt", tracker / "SNMOT-001.txt")
    dataset = trackeval.datasets.MotChallenge2DBox(
        {
            "GT_FOLDER": str(tmp_path / "gt" / "snmot-train"),
            "TRACKERS_FOLDER": str(tmp_path / "trackers"),
            "SEQ_INFO": {"SNMOT-001": None},
            "SKIP_SPLIT_FOL": True,
            "DO_PREPROC": False,
            "PRINT_CONFIG": False,
        }
    )
    evaluator = trackeval.Evaluator(
        {"PRINT_RESULTS": False, "PRINT_CONFIG": False, "OUTPUT_SUMMARY": False}
        | {"OUTPUT_DETAILED": False, "PLOT_CURVES": False, "TIME_PROGRESS": False}
    )
    metrics = [trackeval.metrics.HOTA(), trackeval.metrics.Identity({"PRINT_CONFIG": False})]
    with contextlib.redirect_stdout(io.StringIO()):
        results, _ = evaluator.evaluate([dataset], metrics)
    scores = results["MotChallenge2DBox"]["truth"]["COMBINED_SEQ"]["pedestrian"]
    assert (scores["HOTA"]["HOTA"] == 1).all()
    assert scores["Identity"]["IDF1"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [({"num_sequences": 0}, "num_sequences=0"), ({"num_frames": 0}, "num_frames=0")],
)
def test_impossible_settings_are_named(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(SETTINGS, **change)
