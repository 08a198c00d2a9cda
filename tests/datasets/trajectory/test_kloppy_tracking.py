"""Tests for tracking data that kloppy reads."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from footmm.datasets.trajectory import kloppy_tracking
from footmm.datasets.trajectory.kloppy_tracking import TrackingDataset, read_kloppy, read_tracking
from footmm.datasets.trajectory.preparation import RawTracks, prepare_tracks
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.structures.agent_tracks import AWAY, BALL, HOME

FILES = dict(meta_data="{match}.json", raw_data="{match}.jsonl")
HOME_ID, AWAY_ID, BALL_TRACK = 1, 2, 99
NUM_PLAYERS = 4


def skillcorner_frame(number: int, period: int = 1) -> dict:
    """Both teams run to the right; the home team stands left in the first half."""
    side = 1 if period == 1 else -1
    players = [
        dict(player_id=10 * team + i, x=side * (20 * team - 30) + 0.3 * number, y=5.0 * i)
        for team in (HOME_ID, AWAY_ID)
        for i in range(NUM_PLAYERS)
    ]
    seconds = number / 10 + (period - 1) * 45 * 60
    return dict(
        frame=1000 * period + number,
        timestamp=f"{seconds // 3600:02.0f}:{seconds // 60 % 60:02.0f}:{seconds % 60:05.2f}",
        period=period,
        possession=dict(group=None),
        ball_data=dict(x=0.3 * number, y=1.0, z=0.2),
        player_data=players,
    )


def write_match(folder: Path, frames: list[dict], name: str = "7") -> dict[str, Path]:
    """Write a match in SkillCorner's format."""
    team_players = [(team, i) for team in (HOME_ID, AWAY_ID) for i in range(NUM_PLAYERS)]
    meta = dict(
        id=7,
        home_team=dict(id=HOME_ID, name="h"),
        away_team=dict(id=AWAY_ID, name="a"),
        home_team_coach=None,
        away_team_coach=None,
        home_team_score=0,
        away_team_score=0,
        ball=dict(trackable_object=BALL_TRACK),
        referees=[],
        pitch_length=104,
        pitch_width=67,
        players=[
            dict(id=10 * team + i, trackable_object=10 * team + i, team_id=team, number=i,
                 first_name="f", last_name="l", start_time="00:00:00", player_role=dict(id=i))
            for team, i in team_players
        ],
    )  # fmt: skip
    paths = dict(meta_data=folder / f"{name}.json", raw_data=folder / f"{name}.jsonl")
    paths["meta_data"].write_text(json.dumps(meta))
    paths["raw_data"].write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    return paths


def build(folder: Path, **settings) -> TrackingDataset:
    settings = dict(provider="skillcorner", matches=["7"], files=FILES) | settings
    shape = dict(num_frames=6, num_observed=2, stride=1, rate=5)
    return TrackingDataset(folder, cache_dir=folder / "cache", **(shape | settings))


TWO_HALVES = [skillcorner_frame(number, period) for period in (1, 2) for number in range(25)]


def test_a_match_is_read_as_delivered(tmp_path):
    raw = read_kloppy("skillcorner", write_match(tmp_path, TWO_HALVES), "7")
    assert raw.agent_ids == ("10", "11", "12", "13", "20", "21", "22", "23", "ball")
    assert raw.team.tolist() == [HOME] * 4 + [AWAY] * 4 + [BALL]
    # SkillCorner's role 0.
    assert np.flatnonzero(raw.goalkeeper).tolist() == [0, 4]
    assert (raw.pitch.length, raw.pitch.width) == (104, 67)
    assert raw.home_attacks_right == {1: True, 2: False}
    assert raw.period.tolist() == [1] * 25 + [2] * 25
    np.testing.assert_allclose(raw.times, np.tile(np.arange(25) / 10, 2))
    np.testing.assert_allclose(raw.positions[27, [1, 7, 8]], [[10.6, 5], [-9.4, 15], [0.6, 1]])


def test_windows_of_a_match(tmp_path):
    write_match(tmp_path, TWO_HALVES)
    dataset = build(tmp_path)
    # 13 frames of 5 Hz in each half.
    assert [window["frame_ids"][0] for window in dataset] == [
        *range(1000, 1016, 2), *range(2000, 2016, 2)
    ]  # fmt: skip
    assert {window["match"] for window in dataset} == {"7"}
    assert dataset.metainfo["data_source"] == "SkillCorner"
    assert dataset.metainfo["synthetic"] is False
    first, second = dataset[0], dataset[8]
    # Home runs towards the goal it attacks in the first half, and from it in the second.
    home = first["agent_ids"].index("10")
    np.testing.assert_allclose(first["positions"][:, home, 0], -10 + 0.6 * np.arange(6), rtol=1e-5)
    np.testing.assert_allclose(second["positions"][:, home, 0], -10 - 0.6 * np.arange(6), rtol=1e-5)


def test_matches_are_given_by_name_or_by_their_files(tmp_path):
    write_match(tmp_path, TWO_HALVES)
    write_match(tmp_path, TWO_HALVES[:20], "8")
    files = dict(meta_data="8.json", raw_data="8.jsonl")
    assert [tracks.match for tracks in build(tmp_path, matches=["7", files]).tracks] == ["7", "8"]
    with pytest.raises(ConfigError, match="matches lists '8' twice"):
        build(tmp_path, matches=["8", files])


def test_what_is_cached_is_not_read_again(tmp_path, monkeypatch):
    calls = []
    read = kloppy_tracking.read_kloppy
    monkeypatch.setattr(
        kloppy_tracking, "read_kloppy", lambda *args: calls.append(args) or read(*args)
    )
    write_match(tmp_path, TWO_HALVES)
    build(tmp_path)
    build(tmp_path, part=(0.5, 1.0))
    assert len(calls) == 1
    build(tmp_path, max_gap_s=0.5)
    build(tmp_path, loader_options=dict(limit=24))
    assert len(calls) == 3
    write_match(tmp_path, TWO_HALVES[1:])
    build(tmp_path)
    assert len(calls) == 4
    for file in (tmp_path / "cache").glob("*/present.npy"):
        file.write_bytes(b"")
    build(tmp_path)
    assert len(calls) == 5


def test_the_same_files_under_another_name(tmp_path):
    for name in ("7", "8"):
        write_match(tmp_path, TWO_HALVES, name)
    assert [tracks.match for tracks in build(tmp_path, matches=["7", "8"]).tracks] == ["7", "8"]
    assert len([*(tmp_path / "cache").iterdir()]) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(provider="skilcorner"), "'skilcorner' is not known; did you mean 'skillcorner'"),
        (dict(files=dict(raw_data="x")), "the files meta_data, raw_data"),
        (dict(files=FILES | dict(meta="x")), "files gives meta, meta_data"),
        (dict(loader_options=dict(only_live=True)), "'only_live'; did you mean 'only_alive'"),
        (dict(loader_options=dict(sample_rate=0.5)), "footmm resamples by itself"),
        (dict(rate=12), "10 frames a second"),
    ],
)
def test_unknown_and_impossible_arguments_are_refused(tmp_path, settings, message):
    write_match(tmp_path, TWO_HALVES)
    with pytest.raises(ConfigError, match=message):
        build(tmp_path, **settings)


def test_missing_files_say_where_they_come_from(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"7.json does not exist.*SkillCorner/opendata"):
        build(tmp_path)
    paths = write_match(tmp_path, TWO_HALVES)
    paths["raw_data"].write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(DatasetNotFoundError, match="git lfs pull"):
        build(tmp_path)


def _truncate(frames: list[dict]) -> str:
    return "\n".join(map(json.dumps, frames))[:-30]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_truncate(TWO_HALVES), r"7.jsonl, line 50 after frame 2023, is no frame"),
        (json.dumps(TWO_HALVES)[:-9], r"7.jsonl as SkillCorner data: JSONDecodeError"),
        ("", r"7.jsonl as SkillCorner data"),
        ("\n".join(map(json.dumps, TWO_HALVES[25:])), "no frame of the first half"),
        (json.dumps([*TWO_HALVES[:9], *TWO_HALVES[8:]]), "7.jsonl: frame 1008 .* duplicated"),
        (json.dumps([*TWO_HALVES[:9], *TWO_HALVES[10:], TWO_HALVES[9]]), "frame 1009 is of period"),
        (json.dumps([*TWO_HALVES[:25:2], *TWO_HALVES[1:25:2]]), "frame 1001 .* out of order"),
        (
            json.dumps(
                [*TWO_HALVES[:3], TWO_HALVES[3] | dict(player_data=[dict(player_id=5, x=0, y=0)])]
            ),
            r"KeyError: '5' \(in or after frame 1003\)",
        ),
    ],
    ids=["line", "array", "empty", "second half", "duplicate", "period", "unsorted", "player"],
)
def test_broken_files_are_named_with_the_frame(tmp_path, content, message):
    write_match(tmp_path, TWO_HALVES)["raw_data"].write_text(content)
    with pytest.raises(DataFormatError, match=message):
        build(tmp_path)


def test_gaps_of_the_source_are_gaps_of_the_tracks(tmp_path):
    write_match(tmp_path, TWO_HALVES[:9] + TWO_HALVES[16:25])
    tracks = build(tmp_path, num_frames=3).tracks[0]
    assert tracks.segments.tolist() == [[0, 5], [5, 10]]


def test_clear_positions_overrule_the_stated_direction(tmp_path):
    frames = [skillcorner_frame(number % 20) | dict(frame=number) for number in range(700)]
    raw = read_kloppy("skillcorner", write_match(tmp_path, frames[:1]))
    many = replace(
        raw,
        period=np.ones(700, np.int8),
        positions=np.repeat(raw.positions, 700, axis=0),
        present=np.repeat(raw.present, 700, axis=0),
    )
    assert kloppy_tracking._directions(many, {1: False}) == {1: True}
    assert kloppy_tracking._directions(raw, {1: False}) == {1: False}
    assert kloppy_tracking._directions(raw, {}) == {1: True}


# Files in the archives, by the names that the expected.json files have for them.
SKILLCORNER = {
    "structured_data_2417_first_half_part1.json": dict(
        meta_data="match_data_2417.json", raw_data="structured_data_2417_first_half_part1.json"
    ),
    "timestamp variant": dict(
        meta_data="match_data_2417.json",
        raw_data="structured_data_2417_timestamp_variant_first600.json",
    ),
    "v3/skillcorner_v3_raw_data.jsonl": dict(
        meta_data="v3/skillcorner_meta_data.json", raw_data="v3/skillcorner_v3_raw_data.jsonl"
    ),
}
OTHERS = {
    "metrica epts": (
        "metrica_epts",
        dict(meta_data="epts_metrica_metadata.xml", raw_data="epts_metrica_tracking.txt"),
    ),
    "metrica csv": (
        "metrica_csv",
        dict(home_data="metrica_home.csv", away_data="metrica_away.csv"),
    ),
    "tracab dat": ("tracab", dict(meta_data="tracab_meta.xml", raw_data="tracab_raw.dat")),
    "sportec": ("sportec", dict(meta_data="sportec_meta.xml", raw_data="sportec_positional.xml")),
    "pff 3812": (
        "pff",
        dict(
            meta_data="pff_metadata_3812.json",
            roster_meta_data="pff_rosters_3812.json",
            raw_data="pff_3812.jsonl",
        ),
    ),
}
ARCHIVES = {
    "skillcorner": ("tracking_skillcorner", "skillcorner_v2.zip"),
    "others": ("tracking_misc", "providers.zip"),
}
Sample = tuple[RawTracks, dict]


@pytest.fixture(scope="module")
def unzipped(realdata, tmp_path_factory) -> dict[str, Path]:
    """Folders with the samples, by the keys of ``ARCHIVES``."""
    folders = {}
    for name, (folder, archive) in ARCHIVES.items():
        folders[name] = tmp_path_factory.mktemp(name)
        with zipfile.ZipFile(realdata / folder / archive) as file:
            file.extractall(folders[name])
    return folders


@pytest.fixture(scope="module")
def sample(realdata, unzipped) -> Callable[[str], Sample]:
    """Reads a sample, each once, and what is expected of it."""
    samples: dict[str, Sample] = {}

    def read(name: str) -> Sample:
        if name not in samples:
            group = "skillcorner" if name in SKILLCORNER else "others"
            provider, files = (
                ("skillcorner", SKILLCORNER[name]) if group == "skillcorner" else OTHERS[name]
            )
            expected = json.loads((realdata / ARCHIVES[group][0] / "expected.json").read_text())
            paths = {key: unzipped[group] / path for key, path in files.items()}
            samples[name] = read_kloppy(provider, paths, name), expected["results"][name]
        return samples[name]

    return read


@pytest.mark.realdata
@pytest.mark.parametrize("name", [*SKILLCORNER, *OTHERS])
@pytest.mark.filterwarnings("ignore:The pitch dimensions are required")
def test_real_samples_read_to_the_stated_counts(sample, name):
    raw, expected = sample(name)
    assert len(raw.times) == expected["n_frames"]
    assert raw.rate == expected["frame_rate"]
    assert (raw.pitch.length, raw.pitch.width) == (
        expected["pitch_length"],
        expected["pitch_width"],
    )
    ltr = expected["orientation"] == "Orientation.HOME_AWAY"
    assert raw.home_attacks_right == {
        p["id"]: ltr == (p["id"] % 2 == 1) for p in expected["periods"]
    }
    for period in expected["periods"]:
        assert (raw.period == period["id"]).sum() == period["frames"]
    listed = np.array(["anon" not in agent for agent in raw.agent_ids])
    for team, content in zip((HOME, AWAY), expected["teams"], strict=True):
        assert (listed & (raw.team == team)).sum() == content["n_players"]
    assert raw.present[:, raw.team == BALL].sum() == expected["frames_with_ball"]
    # kloppy's players at "NaN" are counted there, and not present here.
    absent = 3 if name == "metrica epts" else 0
    players = raw.present[:, raw.team != BALL].sum(1).mean()
    assert players == pytest.approx(expected["mean_players_per_frame"] - absent)


@pytest.mark.realdata
@pytest.mark.parametrize("name", [*SKILLCORNER, *OTHERS])
@pytest.mark.filterwarnings("ignore:The pitch dimensions are required")
def test_real_samples_read_to_the_stated_positions(sample, name):
    raw, expected = sample(name)
    for frame in expected["sample_frames"]:
        index = np.flatnonzero(raw.frame_ids == frame["frame_id"]).item()
        assert raw.period[index] == frame["period"]
        assert raw.times[index] == pytest.approx(frame["timestamp_s"])
        positions = frame["players"] | ({"ball": frame["ball"][:2]} if frame["ball"] else {})
        known = {agent: place for agent, place in positions.items() if not np.isnan(place).any()}
        found = {
            raw.agent_ids[agent]: raw.positions[index, agent]
            for agent in np.flatnonzero(raw.present[index])
        }
        assert found.keys() == known.keys()
        for agent, place in known.items():
            np.testing.assert_allclose(found[agent], place, atol=1e-4)


@pytest.mark.realdata
def test_the_real_half_is_prepared(sample):
    raw, _ = sample("structured_data_2417_first_half_part1.json")
    tracks = prepare_tracks(raw, 6.25)
    assert tracks.num_frames == 3480
    assert len(tracks.segments) == 57
    assert 13 < tracks.present[:, tracks.team != BALL].sum(1).mean() < 13.5
    # The home team, which plays to the left in this half, is turned.
    keeper = np.flatnonzero(tracks.goalkeeper & (tracks.team == HOME)).item()
    assert tracks.positions[tracks.present[:, keeper], keeper, 0].mean() < -40
    steps = np.linalg.norm(np.diff(tracks.positions, axis=0), axis=2) * tracks.rate
    same = np.ones(len(steps), bool)
    same[tracks.segments[:-1, 1] - 1] = False
    steady = tracks.present[1:] & tracks.present[:-1] & same[:, None] & (tracks.team != BALL)
    assert steps[steady].max() < 12.1


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        ("tracab dat", "raw_data", r"tracab_raw.dat as Tracab data.*in or after frame 2017933"),
        ("sportec", "raw_data", r"sportec_positional.xml as Sportec data: XMLSyntaxError"),
        ("sportec", "meta_data", r"sportec_meta.xml.* as Sportec data: XMLSyntaxError"),
        ("metrica epts", "raw_data", r"epts_metrica_tracking.txt as Metrica"),
        ("metrica csv", "home_data", r"metrica_home.csv.* as Metrica"),
        ("pff 3812", "raw_data", r"pff_3812.jsonl as PFF data: JSONDecodeError.*frame 190178"),
    ],
)
@pytest.mark.filterwarnings("ignore:The pitch dimensions are required")
def test_truncated_files_of_other_providers(unzipped, tmp_path, name, argument, message):
    provider, files = OTHERS[name]
    paths = {key: unzipped["others"] / path for key, path in files.items()}
    content = paths[argument].read_bytes().rstrip()
    paths[argument] = tmp_path / files[argument]
    paths[argument].write_bytes(content[: -len(content.splitlines()[-1]) // 2])
    with pytest.raises(DataFormatError, match=message):
        read_tracking(provider, paths)


@pytest.mark.realdata
@pytest.mark.filterwarnings("ignore:The pitch dimensions are required")
def test_metrica_files_of_unlike_length(unzipped, tmp_path):
    files = {key: unzipped["others"] / path for key, path in OTHERS["metrica csv"][1].items()}
    lines = files["away_data"].read_text().splitlines(keepends=True)
    files["away_data"] = tmp_path / "away.csv"
    files["away_data"].write_text("".join(lines[:-1]))
    with pytest.raises(DataFormatError, match=r"away.csv has 8 lines.*after frame 145005"):
        read_kloppy("metrica_csv", files)


@pytest.mark.realdata
def test_signality_and_second_spectrum(unzipped, tmp_path):
    folder = unzipped["others"]
    raw = read_kloppy(
        "signality",
        dict(
            meta_data=folder / "signality_meta_data.json",
            venue_information=folder / "signality_venue_information.json",
            raw_data_feeds=[folder / "signality_p1_raw_data_subset.json"],
        ),
    )
    assert raw.frame_ids.tolist() == [0, 1, 2, 3, 73062]
    assert raw.present.sum(1).tolist() == [23, 23, 23, 22, 22]
    assert (raw.pitch.length, raw.pitch.width) == (104.82, 68.407)

    meta = tmp_path / "meta.xml"
    meta.write_text(
        '<m><match iFrameRateFps="25" fPitchXSizeMeters="104.85" fPitchYSizeMeters="67.97">'
        '<period iId="1" iStartFrame="0" iEndFrame="74556"/></match></m>'
    )
    raw = read_kloppy(
        "secondspectrum",
        dict(
            meta_data=meta,
            raw_data=folder / "second_spectrum_fake_data_utf8sig.jsonl",
            additional_meta_data=folder / "second_spectrum_fake_metadata.json",
        ),
    )
    assert raw.frame_ids.tolist() == list(range(0, 5200, 400))
    assert (raw.present.sum(1) == 23).all()
    assert raw.goalkeeper.sum() == 2
