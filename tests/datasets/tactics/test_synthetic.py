"""Tests for windows of synthetic matches with labels of tactics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from footmm.datasets.tactics import SyntheticTacticsDataset
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES
from footmm.simulation.windows import TrajectoryWindows, TrajectoryWindowSettings
from footmm.structures.agent_tracks import AWAY, BALL, HOME

T, OBSERVED = 8, 5
SETTINGS = dict(num_frames=T, rate=5.0, match_duration_s=8.0, matches_per_block=2, cached_blocks=1)
#: Nine windows a match.
COUNT, PER_MATCH = 20, 9


def build(**changes):
    arguments = dict(
        type="SyntheticTacticsDataset",
        num_samples=COUNT,
        num_observed=OBSERVED,
        # Its garbage collection takes most of the time.
        serialize_data=False,
    )
    return DATASETS.build(arguments | SETTINGS | changes)


@pytest.fixture(scope="module")
def dataset():
    return build()


@pytest.fixture(scope="module")
def windows(dataset):
    return TrajectoryWindows(TrajectoryWindowSettings(**SETTINGS), dataset._windows.seed)


def test_labels_are_those_of_the_simulation(dataset, windows):
    assert len(dataset) == COUNT
    formations, roles = set(), set()
    for number, sample in enumerate(dataset):
        window = windows[number]
        np.testing.assert_array_equal(sample["positions"], window.positions)
        np.testing.assert_array_equal(sample["strategy"], window.strategy)
        np.testing.assert_array_equal(sample["formation"], window.formation[OBSERVED - 1])
        np.testing.assert_array_equal(sample["role"][:22], window.role[OBSERVED - 1])
        observed = window.formation[:OBSERVED]
        np.testing.assert_array_equal(sample["has_formation"], (observed == observed[0]).all(0))
        formations |= set(sample["formation"][sample["has_formation"]].tolist())
        roles |= set(sample["role"][sample["has_role"]].tolist())
    # Three matches of two teams.
    assert 1 < len(formations) <= 6
    assert len(roles) > 8


def test_roles_belong_to_the_formation(dataset):
    for sample in dataset:
        for team in (HOME, AWAY):
            played = sample["role"][sample["team"] == team]
            slots = FORMATIONS[sample["formation"][team]].slots
            assert sorted(played.tolist()) == sorted(slot.role for slot in slots)


def test_a_window(dataset):
    sample = dataset[PER_MATCH + 2]
    assert sample["match"] == "match_00001"
    assert sample["frame_ids"].tolist() == list(range(8, 8 + T))
    np.testing.assert_allclose(sample["seconds"], np.arange(8, 8 + T) / 5)
    assert (sample["rate"], sample["num_observed"], sample["period"]) == (5.0, OBSERVED, 1)
    for name, shape in dict(formation=(2,), role=(23,), strategy=(T, 2)).items():
        assert sample[name].shape == sample[f"has_{name}"].shape == shape
        assert sample[name].dtype == np.int64
        assert sample[f"has_{name}"].dtype == bool
    assert sample["has_strategy"].all()
    assert sample["has_role"].tolist() == [True] * 22 + [False]
    assert sample["role"][[0, 11]].tolist() == [ROLES.index("goalkeeper")] * 2
    assert sample["team"][-1] == BALL


def test_metainfo(dataset):
    meta = dataset.metainfo
    assert meta["synthetic"] is True
    assert meta["task"] == "tactics"
    assert meta["formations"] == tuple(formation.name for formation in FORMATIONS)
    assert (meta["roles"], meta["strategies"]) == (ROLES, STRATEGIES)


def test_a_window_does_not_depend_on_those_before(dataset):
    again = build()
    for number in (19, 2, 11):
        first, second = dataset[number], again[number]
        assert first.keys() == second.keys()
        for key, value in first.items():
            np.testing.assert_array_equal(value, second[key])


@pytest.mark.parametrize("change", [dict(split="valid"), dict(split="test"), dict(seed=1)])
def test_other_splits_and_seeds_share_no_window(dataset, change):
    other = build(**change)
    # Later than the kick-off, before which all stand still.
    places = [number for number in range(COUNT) if number % PER_MATCH > 4]
    start = {dataset[number]["positions"][0].tobytes() for number in places}
    assert len(start) == len(places)
    assert not start & {other[number]["positions"][0].tobytes() for number in places}


@pytest.mark.parametrize(
    ("frame", "known"), [(0, True), (1, False), (OBSERVED - 1, False), (OBSERVED, True)]
)
def test_what_changes_in_the_observed_frames_is_unknown(
    dataset, windows, monkeypatch, frame, known
):
    window = windows[3]
    formation = np.zeros_like(window.formation)
    formation[:frame, 1] = 4
    role = np.zeros_like(window.role)
    role[frame:, 7] = 3
    strategy = np.zeros_like(window.strategy)
    strategy[frame:] = 2
    changed = dataclasses.replace(window, formation=formation, role=role, strategy=strategy)
    monkeypatch.setattr(TrajectoryWindows, "__getitem__", lambda windows, index: changed)
    sample = dataset[3]
    assert sample["has_formation"].tolist() == [True, known]
    assert sample["has_role"].tolist() == [known if i == 7 else i < 22 for i in range(23)]
    # What is played in the last observed frame.
    assert sample["formation"].tolist() == [0, 4 if frame == OBSERVED else 0]
    assert sample["role"][7] == (0 if frame == OBSERVED else 3)
    np.testing.assert_array_equal(sample["strategy"], strategy)
    assert sample["has_strategy"].all()


def test_samples_can_be_changed(dataset):
    before = dataset[0]
    for name in ("formation", "role", "strategy", "positions", "team", "goalkeeper"):
        dataset[0][name][:] = 1
        np.testing.assert_array_equal(dataset[0][name], before[name])
        assert not (before[name] == 1).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(split="val"), r"split='val'\): the splits are train, valid, test"),
        (dict(num_samples=0), "SyntheticTacticsDataset: num_samples=0 must be at least 1"),
        (dict(num_observed=0), "num_observed=0 at least 1 and less than num_frames=8"),
        (dict(num_observed=8), "num_observed=8 at least 1 and less than num_frames=8"),
        (dict(match_duration_s=1.0), "make the matches longer"),
        (dict(matches_per_block=0), "matches_per_block=0: give at least 1"),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticTacticsDataset(**(SETTINGS | dict(num_observed=OBSERVED) | wrong))
