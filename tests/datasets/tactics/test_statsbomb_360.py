"""Tests for windows of StatsBomb's freeze frames."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate

from footmm.datasets.tactics import StatsBombTacticsDataset, statsbomb_360
from footmm.datasets.tactics.statsbomb_360 import _places_of
from footmm.datasets.transforms import BuildTacticsGraph, PackTacticsInputs
from footmm.datasets.transforms.tactics_graph import NODE_FEATURES
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.structures.agent_tracks import AWAY, BALL, HOME

MATCH = "3788741"
FILES = dict(
    event_data="events/{match}.json",
    lineup_data="lineups/{match}.json",
    three_sixty_data="three-sixty/{match}.json",
)
NUM_FRAMES, OBSERVED, STRIDE = 12, 8, 4
BALL_PLACE = 22

pytestmark = pytest.mark.filterwarnings("ignore:The pitch dimensions are required")


def lineup(event: dict) -> dict:
    players = [
        dict(
            player_id=entry["player"]["id"],
            player_name=entry["player"]["name"],
            player_nickname=None,
            jersey_number=entry["jersey_number"],
            country=dict(id=1, name="x"),
        )
        for entry in event["tactics"]["lineup"]
    ]
    return dict(team_id=event["team"]["id"], team_name=event["team"]["name"], lineup=players)


def half_end(start: dict, last: dict, number: int) -> dict:
    place = {key: last[key] for key in ("period", "timestamp", "minute", "second")}
    event = start | place | dict(type=dict(id=34, name="Half End"), index=last["index"] + number)
    event.pop("related_events", None)
    return event | dict(id=f"end-{number}")


@pytest.fixture(scope="module")
def root(statsbomb_root, tmp_path_factory) -> Path:
    """The extract of the match as files of a match that ends with the extract."""
    folder = tmp_path_factory.mktemp("freeze_frames")
    for name in ("events", "lineups", "three-sixty"):
        (folder / name).mkdir()
    events = json.loads((statsbomb_root / "events" / f"{MATCH}_first.json").read_text())
    lineups = [lineup(event) for event in events if event["type"]["name"] == "Starting XI"]
    starts = [event for event in events if event["type"]["name"] == "Half Start"]
    ends = [half_end(start, events[-1], number) for number, start in enumerate(starts, 1)]
    (folder / "events" / f"{MATCH}.json").write_text(json.dumps(events + ends))
    (folder / "lineups" / f"{MATCH}.json").write_text(json.dumps(lineups))
    shutil.copy(
        statsbomb_root / "three-sixty" / f"{MATCH}_first400.json",
        folder / "three-sixty" / f"{MATCH}.json",
    )
    return folder


def build(folder: Path, **changes) -> StatsBombTacticsDataset:
    settings = dict(
        matches=[MATCH],
        files=FILES,
        num_frames=NUM_FRAMES,
        num_observed=OBSERVED,
        stride=STRIDE,
        serialize_data=False,
    )
    return StatsBombTacticsDataset(folder, **(settings | changes))


@pytest.fixture(scope="module")
def dataset(root) -> StatsBombTacticsDataset:
    return build(root)


@pytest.fixture(scope="module")
def frames(dataset):
    return dataset._matches[MATCH][0]


@pytest.fixture(scope="module")
def windows(dataset) -> list[dict]:
    return list(dataset)


@pytest.fixture(scope="module")
def raw(root) -> dict[str, list[dict]]:
    """The freeze frames by the events' identifiers."""
    content = json.loads((root / "three-sixty" / f"{MATCH}.json").read_text())
    return {entry["event_uuid"]: entry["freeze_frame"] for entry in content}


@pytest.mark.realdata
def test_every_frame_is_read_once(frames, raw):
    assert len(frames.seconds) == len(raw) == 400
    assert len(set(frames.frame_ids.tolist())) == 400
    assert (np.diff(frames.seconds) >= 0).all()
    assert set(frames.period.tolist()) == {1}
    assert frames.seconds[-1] == pytest.approx(601.2, abs=0.1)


@pytest.mark.realdata
def test_places_are_those_of_the_files_turned(root, frames, raw):
    events = json.loads((root / "events" / f"{MATCH}.json").read_text())
    home = events[0]["team"]["id"]
    by_index = {event["index"]: event for event in events}
    seen = {True: 0, False: 0}
    for number, index in enumerate(frames.frame_ids.tolist()):
        event = by_index[index]
        if event["type"]["name"] == "Shot":
            # Has a frame of its own.
            continue
        acts_home = event["team"]["id"] == home
        turn = 1 if acts_home else -1
        for team in (HOME, AWAY):
            theirs = [
                player["location"]
                for player in raw[event["id"]]
                # Of some who act StatsBomb says that they are not of their team.
                if (player["teammate"] or player["actor"]) == (acts_home == (team == HOME))
            ]
            places = np.array(theirs).reshape(-1, 2)
            wanted = turn * (places - [60, 40]) * [105 / 120, -68 / 80]
            found = frames.places[number][team]
            assert found.shape == wanted.shape
            # kloppy stretches the pitch between its lines, not as a whole.
            order = np.argsort(found[:, 0]), np.argsort(wanted[:, 0])
            np.testing.assert_allclose(found[order[0]], wanted[order[1]], atol=2.5)
        seen[acts_home] += 1
    assert min(seen.values()) > 100


@pytest.mark.realdata
def test_the_home_team_attacks_to_the_right(frames):
    keepers = [
        np.concatenate(
            [
                places[team][keeper[team], 0]
                for places, keeper in zip(frames.places, frames.keepers, strict=True)
            ]
        )
        for team in (HOME, AWAY)
    ]
    assert len(keepers[HOME]) == 40
    assert keepers[HOME].max() < -35
    # Once StatsBomb says of Turkey's goalkeeper that he is Italy's.
    assert len(keepers[AWAY]) == 18
    assert np.sort(keepers[AWAY])[1] > 35


@pytest.mark.realdata
def test_numbers_of_windows_and_frames(dataset, windows, frames):
    assert dataset.metainfo["data_source"] == "StatsBomb 360"
    assert dataset.metainfo["task"] == "tactics"
    starts = [int(np.flatnonzero(frames.frame_ids == w["frame_ids"][0])[0]) for w in windows]
    gaps = np.diff(frames.seconds)
    assert (gaps > 10).sum() == 10
    fitting = [first for first in range(393) if (gaps[first : first + OBSERVED - 1] <= 10).all()]
    assert set(starts) < set(fitting)
    assert all(second - first >= STRIDE for first, second in pairwise(starts))
    # The first window after every gap is there.
    assert {first for first in fitting if first - 1 not in fitting} <= set(starts)
    for window in windows:
        assert window["match"] == MATCH
        assert window["positions"].shape == (NUM_FRAMES, 23, 2)
        assert window["positions"].dtype == np.float32
        assert window["present"].shape == (NUM_FRAMES, 23)
        assert window["team"].tolist() == [HOME] * 11 + [AWAY] * 11 + [BALL]
        assert window["num_observed"] == OBSERVED
        assert window["present"][:OBSERVED].any(1).all()
        assert not window["present"][OBSERVED:].any()
        assert not window["positions"][~window["present"]].any()
        assert np.abs(window["positions"]).max() < 60
        np.testing.assert_allclose(np.diff(window["seconds"][OBSERVED - 1 :]), 0.2, atol=1e-3)
        assert len(window["frame_ids"]) == len(window["seconds"]) == NUM_FRAMES


@pytest.mark.realdata
def test_windows_hold_all_players_of_the_frames(windows, frames):
    for window in windows:
        first = int(np.flatnonzero(frames.frame_ids == window["frame_ids"][0])[0])
        for row in range(OBSERVED):
            for team in (HOME, AWAY):
                shown = window["present"][row] & (window["team"] == team)
                found = window["positions"][row, shown]
                wanted = frames.places[first + row][team].astype(np.float32)
                assert sorted(found.tolist()) == sorted(wanted.tolist())
            ball = window["positions"][row, BALL_PLACE]
            np.testing.assert_allclose(ball, frames.balls[first + row], rtol=1e-5)


@pytest.mark.realdata
def test_players_do_not_leap_while_a_place_is_free(windows):
    steps, leaps = 0, 0
    for window in windows:
        for team in (HOME, AWAY):
            places = np.flatnonzero(window["team"] == team)
            for agent in places:
                rows = np.flatnonzero(window["present"][:OBSERVED, agent])
                for before, row in pairwise(rows):
                    way = window["positions"][[before, row], agent]
                    elapsed = window["seconds"][row] - window["seconds"][before]
                    steps += 1
                    if np.linalg.norm(way[1] - way[0]) > 9 * elapsed + 3.01:
                        leaps += 1
                        assert window["present"][: row + 1][:, places].any(0).all()
    assert steps > 5000
    assert leaps < 5


@pytest.mark.realdata
def test_labels(windows):
    assert [FORMATIONS[index].name for index in (6, 1)] == ["4-1-4-1", "4-3-3"]
    named: dict[str, set[str]] = {}
    for window in windows:
        assert window["formation"].tolist() == [6, 1]
        assert window["has_formation"].all()
        assert (window["has_role"] == [name != "" for name in window["agent_ids"]]).all()
        for name, role in zip(window["agent_ids"], window["role"], strict=True):
            if name:
                named.setdefault(name, set()).add(ROLES[role])
        known = [name for name in window["agent_ids"] if name]
        assert len(set(known)) == len(known)
    cakir, donnarumma, immobile, insigne = "30357", "7036", "7788", "7037"
    assert named[cakir] == named[donnarumma] == {"goalkeeper"}
    assert named[immobile] == {"striker"}
    assert named[insigne] == {"left wing"}
    assert 18 < len(named) <= 22
    share = np.mean([window["has_strategy"][:OBSERVED].mean() for window in windows])
    assert 0.3 < share < 1
    assert len({value for window in windows for value in window["strategy"].flat}) > 3


@pytest.mark.realdata
def test_goalkeepers_are_marked(windows, frames):
    marked = 0
    for window in windows:
        first = int(np.flatnonzero(frames.frame_ids == window["frame_ids"][0])[0])
        for team in (HOME, AWAY):
            theirs = window["goalkeeper"] & (window["team"] == team)
            seen = any(frames.keepers[first + row][team].any() for row in range(OBSERVED))
            assert theirs.any() == seen
            marked += int(seen)
    assert marked > 20


@pytest.mark.realdata
def test_windows_become_packed_graphs(dataset):
    pack = [BuildTacticsGraph(2, 3), PackTacticsInputs()]
    batch = pseudo_collate([pack[1](pack[0](dataset.get_data_info(index))) for index in (0, 5)])
    for graph, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
        assert sample.graph_frames.tolist() == [1, 3, 5, 7]
        assert graph.x.shape == (4 * 23, len(NODE_FEATURES))
        assert np.isfinite(graph.x.numpy()).all()
        assert np.isfinite(graph.edge_attr.numpy()).all()
        assert sample.strategy.shape == (4, 2)
        times = graph.x[:, NODE_FEATURES.index("seconds to the last frame")].reshape(4, 23)[:, 0]
        seconds = sample.metainfo["seconds"][[1, 3, 5, 7]]
        np.testing.assert_allclose(times, (seconds[-1] - seconds) / 10, atol=1e-4)


@pytest.mark.realdata
def test_no_window_fits(root, dataset, monkeypatch):
    # As it has been read.
    read = dataset._matches[MATCH]
    monkeypatch.setattr(statsbomb_360, "read_freeze_frames", lambda files: read)
    with pytest.raises(DataFormatError, match=r"no 8 consecutive freeze frames.*max_gap_s=0\.001"):
        build(root, max_gap_s=0.001)


@pytest.mark.realdata
@pytest.mark.parametrize("missing", ["events", "three-sixty"])
def test_files_that_are_missing(root, missing):
    files = FILES | {
        key: "none/{match}.json" for key, path in FILES.items() if path.startswith(missing)
    }
    with pytest.raises(DatasetNotFoundError, match=rf"none/{MATCH}.json does not exist.*three-six"):
        build(root, files=files)


@pytest.mark.realdata
def test_files_that_are_damaged(root, statsbomb_root, tmp_path):
    frames = (root / "three-sixty" / f"{MATCH}.json").read_text()
    (tmp_path / f"{MATCH}.json").write_text(frames[: len(frames) // 2])
    cut = str(tmp_path / "{match}.json")
    with pytest.raises(DataFormatError, match=r"as StatsBomb data: JSONDecodeError.*truncated"):
        build(root, files=FILES | dict(three_sixty_data=cut))
    entries = [entry | dict(event_uuid=f"other {i}") for i, entry in enumerate(json.loads(frames))]
    (tmp_path / f"{MATCH}.json").write_text(json.dumps(entries))
    events = json.loads((root / "events" / f"{MATCH}.json").read_text())
    short = [event for event in events if event["type"]["name"] != "Shot"]
    (tmp_path / "events.json").write_text(json.dumps(short))
    files = FILES | dict(three_sixty_data=cut, event_data=str(tmp_path / "events.json"))
    with pytest.raises(DataFormatError, match="holds no freeze frame of the events"):
        build(root, files=files)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(files=dict(event_data="a")), r"lineup_data, three_sixty_data \(has event_data\)"),
        (dict(num_observed=0), "num_observed=0 has to be 1 to num_frames=12"),
        (dict(num_observed=13), "num_observed=13 has to be 1 to num_frames=12"),
        (dict(stride=0), "stride=0 at least 1"),
    ],
)
def test_wrong_arguments(tmp_path, wrong, message):
    with pytest.raises(ConfigError, match=message):
        build(tmp_path, **wrong)


def test_players_keep_places_within_reach():
    last = np.array([[0.0, 0.0], [10.0, 0.0], [np.nan, np.nan], [np.nan, np.nan]])
    elapsed = np.array([1.0, 1.0, np.inf, np.inf])
    # The order of the players says nothing; the shortest total way counts.
    assert _places_of(np.array([[11.0, 0.0], [4.0, 0.0]]), last, elapsed).tolist() == [1, 0]
    # 12 m in a second is what can be allowed, 13 m is not.
    assert _places_of(np.array([[-11.9, 0.0]]), last, elapsed).tolist() == [0]
    assert _places_of(np.array([[-13.0, 0.0]]), last, elapsed)[0] in (2, 3)
    assert _places_of(np.zeros((0, 2)), last, elapsed).tolist() == []
    # Without a free place it goes to the one that nobody had for longest.
    full = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0]])
    elapsed = np.array([0.5, 2.0, 0.5])
    assert _places_of(np.array([[0.0, 40.0]]), full, elapsed).tolist() == [1]
