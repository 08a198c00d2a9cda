"""Tests for match sheets that kloppy reads."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from kloppy.domain import PositionType

from footmm.datasets.tactics import MatchSheet, read_match_sheet
from footmm.datasets.tactics.kloppy_sheets import role_of_position
from footmm.datasets.tactics.match_sheet import Spell
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.agent_tracks import AWAY, HOME

BARCELONA, ALAVES = HOME, AWAY


@pytest.fixture(scope="module")
def statsbomb_files(statsbomb_root) -> dict[str, Path]:
    return dict(
        event_data=statsbomb_root / "events" / "15946.json",
        lineup_data=statsbomb_root / "lineups" / "15946.json",
    )


@pytest.fixture(scope="module")
def statsbomb(statsbomb_files) -> MatchSheet:
    return read_match_sheet("statsbomb", statsbomb_files)


@pytest.fixture(scope="module")
def skillcorner_files(skillcorner_root) -> dict[str, Path]:
    return dict(
        meta_data=skillcorner_root / "match_data_2417.json",
        raw_data=skillcorner_root / "structured_data_2417_timestamp_variant_first600.json",
    )


@pytest.fixture(scope="module")
def sportec_files(realdata, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sportec")
    files = dict(event_data="sportec_events.xml", meta_data="sportec_meta.xml")
    with zipfile.ZipFile(realdata / "tracking_misc" / "providers.zip") as archive:
        return {key: Path(archive.extract(name, folder)) for key, name in files.items()}


def spells(found, names):
    return [
        (spell.period, spell.seconds, None if spell.value is None else names[spell.value])
        for spell in found
    ]


def role_at_start(sheet: MatchSheet, name: str) -> str | None:
    labels = sheet.labels(1, np.float32([300, 301]), [name], 2, 2)
    return ROLES[labels["role"][0]] if labels["has_role"][0] else None


def formations(sheet: MatchSheet, period: int, seconds: float) -> list[str | None]:
    labels = sheet.labels(period, np.float32([seconds, seconds + 1]), [], 2, 2)
    return [
        FORMATIONS[index].name if known else None
        for index, known in zip(labels["formation"], labels["has_formation"], strict=True)
    ]


@pytest.mark.realdata
def test_statsbomb_formations(statsbomb):
    home = spells(statsbomb.formations[BARCELONA], [known.name for known in FORMATIONS])
    assert home[:2] == [(1, 0.0, "4-4-2"), (2, 0.0, "4-3-3")]
    assert {name for _, _, name in home[2:]} == {"4-3-3"}
    assert spells(statsbomb.formations[ALAVES], [known.name for known in FORMATIONS]) == [
        (1, 0.0, "4-1-4-1"),
        (2, pytest.approx(1394.8, abs=0.1), "4-4-2"),
    ]
    assert formations(statsbomb, 1, 2690) == ["4-4-2", "4-1-4-1"]
    assert formations(statsbomb, 2, 1390) == ["4-3-3", "4-1-4-1"]
    # The clock may be wrong by 2 s.
    assert formations(statsbomb, 2, 1392) == ["4-3-3", None]
    assert formations(statsbomb, 2, 1397) == ["4-3-3", "4-4-2"]


@pytest.mark.realdata
def test_statsbomb_roles(statsbomb):
    assert len(statsbomb.players) == 35
    messi, nelson_semedo, coutinho = "5503", "6374", "3501"
    assert statsbomb.players[messi] == (BARCELONA, 10)
    assert statsbomb.players["6613"] == (ALAVES, 7)

    def roles(name):
        return spells(statsbomb.roles[statsbomb.players[name]], ROLES)

    assert roles(messi) == [(1, 0.0, "striker"), (2, 0.0, "right wing")]
    # Who is replaced at half-time, and who replaces him.
    assert roles(nelson_semedo) == [(1, 0.0, "right back"), (2, 0.0, None)]
    assert roles(coutinho) == [
        (2, 0.0, "central midfield"),
        (2, pytest.approx(1878.3, abs=0.1), "left wing"),
    ]
    starters = [role_at_start(statsbomb, name) for name in statsbomb.players]
    counts = Counter(starters)
    assert counts[None] == len(starters) - 22
    assert counts["goalkeeper"] == counts["right back"] == counts["left back"] == 2
    assert counts["centre back"] == 4


@pytest.mark.realdata
def test_statsbomb_strategies(statsbomb):
    for team in (BARCELONA, ALAVES):
        found = statsbomb.strategies[team]
        assert len(found) > 150
        assert list(found) == sorted(found, key=lambda spell: (spell.period, spell.seconds))
        assert {spell.period for spell in found} == {1, 2}
    values = {spell.value for found in statsbomb.strategies for spell in found}
    assert values == {None, *range(len(STRATEGIES))}
    for first, second in zip(*statsbomb.strategies, strict=True):
        assert (first.period, first.seconds) == (second.period, second.seconds)
        names = {STRATEGIES[spell.value] for spell in (first, second) if spell.value is not None}
        # Either a restart, or one team attacks and the other one does not.
        attack = names & {"build_up", "counter_attack"}
        assert names == {"set_piece"} or (len(attack) == 1 and "set_piece" not in names)
    # Barcelona had the ball.
    build_up = [
        sum(spell.value == STRATEGIES.index("build_up") for spell in found)
        for found in statsbomb.strategies
    ]
    assert build_up[BARCELONA] > build_up[ALAVES]


@pytest.mark.realdata
def test_skillcorner(skillcorner_files):
    sheet = read_match_sheet("skillcorner", skillcorner_files)
    neuer, lewandowski, kimmich, reus = "6627", "9106", "5472", "5568"
    assert sheet.players[lewandowski] == (HOME, 9)
    assert role_at_start(sheet, neuer) == "goalkeeper"
    assert role_at_start(sheet, lewandowski) == "striker"
    # SkillCorner calls him a left midfielder, and Coman, who is outside of him, a left winger.
    assert role_at_start(sheet, kimmich) == "central midfield"
    assert role_at_start(sheet, reus) == "attacking midfield"
    assert sum(role_at_start(sheet, name) is not None for name in sheet.players) == 22
    assert sheet.formations == sheet.strategies == ((), ())
    assert formations(sheet, 1, 600) == ["4-3-3", "4-2-3-1"]


@pytest.mark.realdata
def test_sportec(sportec_files):
    sheet = read_match_sheet("sportec", sportec_files)
    assert sheet.players["DFL-OBJ-0027B9"] == (HOME, 9)
    assert role_at_start(sheet, "DFL-OBJ-0027B9") == "striker"
    assert role_at_start(sheet, "DFL-OBJ-0001E6") == "left midfield"
    assert sum(role_at_start(sheet, name) is not None for name in sheet.players) == 22
    # The sheet calls the first "4-4-2 Double-6", the second "4-3-3 Double-6".
    assert formations(sheet, 1, 600) == ["4-4-2", "4-2-3-1"]


def test_roles_of_positions():
    assert ROLES[role_of_position(PositionType.LeftWingBack)] == "left wing back"
    assert ROLES[role_of_position(PositionType.RightCenterBack)] == "centre back"
    assert role_of_position(PositionType.Unknown) is None
    assert role_of_position(PositionType.Midfielder) is None
    assert role_of_position(None) is None
    sides = {"Left": "left", "Right": "right"}
    for position in PositionType:
        role = role_of_position(position)
        for prefix, side in sides.items():
            if role is not None and ROLES[role].split()[0] in sides.values():
                assert position.name.startswith(prefix) == ROLES[role].startswith(side)
    assert {role_of_position(position) for position in PositionType} == {None, *range(len(ROLES))}


@pytest.mark.realdata
def test_files_that_are_missing(statsbomb_files, tmp_path):
    files = statsbomb_files | dict(lineup_data=tmp_path / "none.json")
    with pytest.raises(
        DatasetNotFoundError, match=r"none\.json does not exist.*statsbomb/open-data"
    ):
        read_match_sheet("statsbomb", files)


@pytest.mark.realdata
@pytest.mark.parametrize("key", ["event_data", "lineup_data"])
def test_files_that_are_cut_off(statsbomb_files, tmp_path, key):
    cut = tmp_path / "cut.json"
    cut.write_bytes(statsbomb_files[key].read_bytes()[:3000])
    with pytest.raises(DataFormatError, match=r"cannot read .*cut\.json.* StatsBomb .*truncated"):
        read_match_sheet("statsbomb", statsbomb_files | {key: cut})


@pytest.mark.realdata
def test_sportec_files_that_are_cut_off(sportec_files, tmp_path):
    cut = tmp_path / "cut.xml"
    cut.write_bytes(sportec_files["meta_data"].read_bytes()[:3000])
    with pytest.raises(DataFormatError, match=r"cut\.xml as Sportec data: XMLSyntaxError"):
        read_match_sheet("sportec", sportec_files | dict(meta_data=cut))


@pytest.mark.parametrize(
    ("provider", "files", "message"),
    [
        ("statsbom", {}, r"provider='statsbom' has no match sheets.*statsbomb"),
        ("tracab", {}, "there are skillcorner, sportec, statsbomb"),
        ("statsbomb", {}, r"files gives nothing; .* has the files event_data, lineup_data"),
        (
            "statsbomb",
            dict(event_data="a", lineup_data="b", raw_data="c"),
            "files gives event_data, lineup_data, raw_data",
        ),
    ],
)
def test_wrong_arguments(provider, files, message):
    with pytest.raises(ConfigError, match=message):
        read_match_sheet(provider, files)


@pytest.mark.realdata
def test_spells_begin_within_the_match(statsbomb):
    lists = [*statsbomb.roles.values(), *statsbomb.formations, *statsbomb.strategies]
    for found in lists:
        assert all(isinstance(spell, Spell) for spell in found)
        moments = [(spell.period, spell.seconds) for spell in found]
        assert moments == sorted(set(moments))
        assert all(period in (1, 2) and 0 <= seconds < 3300 for period, seconds in moments)
