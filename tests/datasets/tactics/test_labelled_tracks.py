"""Tests for windows of tracking data with the labels of match sheets."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.datasets.tactics import TacticsDataset
from footmm.datasets.transforms import BuildTacticsGraph, PackTacticsInputs
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.registry import DATASETS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.structures.agent_tracks import AWAY, BALL, HOME

T, OBSERVED = 51, 41
FILES = dict(
    meta_data="match_data_{match}.json",
    raw_data="structured_data_{match}_timestamp_variant_first600.json",
)
SHEETS = dict(provider="skillcorner", files=FILES)


@pytest.fixture(scope="module")
def config(skillcorner_root, tmp_path_factory):
    """Config of the dataset: the first minute of a match."""
    return dict(
        type="TacticsDataset",
        tracks=dict(
            type="TrackingDataset",
            data_root=str(skillcorner_root),
            provider="skillcorner",
            files=FILES,
            matches=["2417"],
            rate=5.0,
            num_frames=T,
            num_observed=OBSERVED,
            stride=20,
            # Its garbage collection takes most of the time.
            serialize_data=False,
            cache_dir=str(tmp_path_factory.mktemp("cache")),
        ),
        sheets=SHEETS,
        data_root=str(skillcorner_root),
        test_mode=True,
        serialize_data=False,
    )


@pytest.fixture(scope="module")
def dataset(config) -> TacticsDataset:
    return DATASETS.build(config)


@pytest.fixture(scope="module")
def window(dataset) -> dict:
    return dataset[0]


@pytest.mark.realdata
def test_a_window_of_the_tracks(dataset, window):
    # All others hold fewer than 51 frames without a gap.
    assert len(dataset) == 1
    assert window["positions"].shape == (T, 23, 2)
    assert window["team"].tolist() == [HOME] * 11 + [AWAY] * 11 + [BALL]
    assert (window["match"], window["source"], window["period"]) == ("2417", "skillcorner", 1)
    np.testing.assert_allclose(np.diff(window["seconds"]), 0.2, atol=1e-3)
    assert (window["num_observed"], window["sample_idx"]) == (OBSERVED, 0)
    assert window["frame_ids"][0] == 1523
    meta = dataset.metainfo
    assert (meta["task"], meta["data_source"]) == ("tactics", "SkillCorner")
    assert meta["synthetic"] is False
    assert meta["roles"] == ROLES


@pytest.mark.realdata
def test_roles_and_formations_are_those_of_the_sheet(window):
    assert [FORMATIONS[index].name for index in window["formation"]] == ["4-3-3", "4-2-3-1"]
    assert window["has_formation"].all()
    roles = {
        name: ROLES[role]
        for name, role, known in zip(
            window["agent_ids"], window["role"], window["has_role"], strict=True
        )
        if known
    }
    kimmich, lewandowski, reus, hummels = "5472", "9106", "5568", "7207"
    assert len(roles) == 20
    assert roles[kimmich] == "central midfield"
    assert roles[lewandowski] == "striker"
    assert roles[reus] == "attacking midfield"
    assert roles[hummels] == "centre back"
    # The ball, a place that nobody fills, and somebody whom SkillCorner could not identify.
    for name in ("ball", "", "home_anon_75"):
        place = window["agent_ids"].index(name)
        assert not window["has_role"][place]
        assert window["role"][place] == 0
    assert window["strategy"].shape == (T, 2)
    assert not window["has_strategy"].any()


@pytest.mark.realdata
def test_roles_are_where_they_should_be(window):
    """The sheet and the tracks are of the same match and the same side."""
    seen = window["present"].any(0)
    weight = window["present"][..., None]
    mean = (window["positions"] * weight).sum(0) / np.maximum(weight.sum(0), 1)
    # As the team sees it.
    mean *= np.where(window["team"] == AWAY, -1, 1)[:, None]
    for team in (HOME, AWAY):
        theirs = seen & window["has_role"] & (window["team"] == team)
        depth = {
            name: mean[theirs & (window["role"] == ROLES.index(name)), 0].mean()
            for name in ("centre back", "striker")
        }
        assert depth["centre back"] < depth["striker"]
        side = {
            name: mean[theirs & (window["role"] == ROLES.index(name)), 1].mean()
            for name in ("left back", "right back")
        }
        assert side["right back"] < side["left back"]


@pytest.mark.realdata
def test_pipeline(config):
    pipeline = [BuildTacticsGraph(10), PackTacticsInputs()]
    packed = DATASETS.build(config | dict(pipeline=pipeline))[0]
    sample = packed["data_samples"]
    assert sample.graph_frames.tolist() == [0, 10, 20, 30, 40]
    assert packed["inputs"].x.shape[0] == 5 * 23
    assert sample.strategy.shape == (5, 2)
    assert sample.has_role.sum() == 20
    assert sample.metainfo["seconds"].shape == (T,)


@pytest.mark.realdata
def test_events_are_taken_instead(config, statsbomb_root):
    """Events of another match do for this: players are told by their shirts."""
    folder = statsbomb_root
    files = dict(
        event_data=str(folder / "events" / "15946.json"),
        lineup_data=str(folder / "lineups" / "15946.json"),
    )
    window = DATASETS.build(config | dict(events=dict(provider="statsbomb", files=files)))[0]
    # Strategies are known of the events alone, to two seconds.
    assert window["has_strategy"].any()
    assert [FORMATIONS[index].name for index in window["formation"]] == ["4-4-2", "4-1-4-1"]
    number_18, number_25 = window["agent_ids"].index("6158"), window["agent_ids"].index("10308")
    # Barcelona's number 18 is a left back, and they have no number 25.
    assert ROLES[window["role"][number_18]] == "left back"
    assert window["has_role"][[number_18, number_25]].tolist() == [True, False]


@pytest.mark.realdata
def test_a_sheet_of_another_match(config):
    files = FILES | dict(meta_data="v2_other_matches/match_data_2068.json")
    message = r"sheet of match '2417' .*match_data_2068.json.* names none of the players"
    with pytest.raises(DataFormatError, match=message):
        DATASETS.build(config | dict(sheets=dict(SHEETS, files=files)))


@pytest.mark.realdata
def test_a_sheet_that_is_missing(config):
    files = FILES | dict(meta_data="sheet_of_{match}.json")
    with pytest.raises(DatasetNotFoundError, match=r"sheet_of_2417\.json does not exist"):
        DATASETS.build(config | dict(sheets=dict(SHEETS, files=files)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            dict(sheets=dict(files=FILES)),
            r"TacticsDataset\(sheets=...\) has files; give 'provider'",
        ),
        (dict(sheets={}), r"sheets=...\) has nothing"),
        (dict(events=dict(SHEETS, more=1)), r"events=...\) has provider, files, more"),
    ],
)
def test_wrong_arguments(wrong, message):
    tracks = dict(type="TrackingDataset", data_root="", provider="skillcorner", files=FILES)
    with pytest.raises(ConfigError, match=message):
        TacticsDataset(**(dict(tracks=dict(tracks, matches=["1"]), sheets=SHEETS) | wrong))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        (dict(SHEETS, provider="tracab"), "there are skillcorner, sportec, statsbomb"),
        (dict(SHEETS, files=dict(meta_data="a")), "files gives meta_data; the sheet of a match"),
    ],
)
def test_sheets_that_nobody_delivers(config, sheets, message):
    with pytest.raises(ConfigError, match=message):
        DATASETS.build(config | dict(sheets=sheets))
