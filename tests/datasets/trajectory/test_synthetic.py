from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from footmm.datasets.agent_windows import WINDOW_TEAM
from footmm.datasets.trajectory import SyntheticTrajectoryDataset
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.tracks import STRATEGIES
from footmm.simulation.windows import TrajectoryWindows
from footmm.structures.agent_tracks import AWAY, BALL, HOME

T, OBSERVED = 8, 3
#: Eight windows a match, one match a block: the windows are in three blocks.
COUNT, BLOCK = 20, 8


def build(**changes):
    arguments = dict(
        type="SyntheticTrajectoryDataset",
        num_samples=COUNT,
        num_frames=T,
        num_observed=OBSERVED,
        match_duration_s=6.0,
        matches_per_block=1,
        cached_blocks=1,
        # Its garbage collection takes most of the time.
        serialize_data=False,
    )
    return DATASETS.build(arguments | changes)


@pytest.fixture(scope="module")
def dataset():
    return build()


def same(first, second):
    return all(np.array_equal(first[key], second[key]) for key in first)


def test_a_window(dataset):
    sample = dataset[1]
    assert len(dataset) == COUNT
    assert sample["positions"].shape == (T, 23, 2)
    assert sample["positions"].dtype == np.float32
    assert sample["present"].shape == (T, 23)
    assert sample["present"].dtype == bool
    assert sample["present"].all()
    assert sample["team"].dtype == np.int64
    assert sample["team"].tolist() == [HOME] * 11 + [AWAY] * 11 + [BALL]
    assert np.flatnonzero(sample["goalkeeper"]).tolist() == [0, 11]
    assert len(set(sample["agent_ids"])) == 23
    assert sample["agent_ids"][-1] == "ball"
    assert sample["frame_ids"].dtype == np.int64
    assert (sample["rate"], sample["period"], sample["num_observed"]) == (6.25, 1, OBSERVED)
    assert sample["pitch_size"] == (105.0, 68.0)
    assert sample["strategy"].dtype == np.int64
    assert sample["strategy"].shape == sample["has_strategy"].shape == (2,)
    assert sample["has_strategy"].dtype == bool


def test_metainfo(dataset):
    assert dataset.metainfo["synthetic"] is True
    assert dataset.metainfo["task"] == "trajectory"
    assert dataset.metainfo["strategies"] == STRATEGIES


def test_players_are_on_the_pitch_and_home_attacks_to_the_right(dataset):
    for sample in dataset:
        assert (np.abs(sample["positions"]) < (60, 42)).all()
        assert sample["positions"][:, 0, 0].max() < 0 < sample["positions"][:, 11, 0].min()
        speed = np.linalg.norm(np.diff(sample["positions"][:, :22], axis=0), axis=-1) * 6.25
        assert speed.max() < 12
        assert set(sample["strategy"]) <= set(range(len(STRATEGIES)))


def test_windows_of_a_match_overlap_where_their_frames_say_so(dataset):
    first, second, other = dataset[5], dataset[6], dataset[8]
    assert first["match"] == second["match"] != other["match"]
    assert second["frame_ids"].tolist() == list(range(24, 24 + T))
    assert not np.array_equal(first["positions"][4:], first["positions"][:4])
    np.testing.assert_array_equal(second["positions"][:4], first["positions"][4:])


def test_a_window_does_not_depend_on_those_before(dataset):
    samples = list(dataset)
    again = build()
    for index in np.random.default_rng(0).permutation(COUNT).tolist():
        assert same(again[index], samples[index])


@pytest.mark.parametrize("change", [dict(split="valid"), dict(split="test"), dict(seed=1)])
def test_other_splits_and_seeds_share_no_window(dataset, change):
    other = build(**change)
    # At the beginning of every match all stand still, waiting for the kick-off.
    places = [index for index in range(COUNT) if index % BLOCK > 3]
    start = {dataset[index]["positions"][0].tobytes() for index in places}
    assert len(start) == len(places)
    assert not start & {other[index]["positions"][0].tobytes() for index in places}


def test_strategies_that_change_are_not_stated(dataset, monkeypatch):
    cut = TrajectoryWindows.__getitem__
    strategy = np.zeros((T, 2), np.int8)
    strategy[:, 1] = 4
    strategy[5:, 0] = 3

    def with_strategy(windows, index):
        return dataclasses.replace(cut(windows, index), strategy=strategy)

    monkeypatch.setattr(TrajectoryWindows, "__getitem__", with_strategy)
    assert dataset[0]["strategy"].tolist() == [3, 4]
    assert dataset[0]["has_strategy"].tolist() == [False, True]


def test_samples_can_be_changed(dataset):
    dataset[0]["team"][:] = 9
    dataset[0]["goalkeeper"][:] = True
    dataset[0]["positions"][:] = 99
    assert np.array_equal(dataset[0]["team"], WINDOW_TEAM)
    assert dataset[0]["goalkeeper"].sum() == 2
    assert dataset[0]["positions"].max() < 60


def test_shuffled_visits_every_block_once():
    order = build().shuffled(np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(COUNT))
    assert order.tolist() != list(range(COUNT))
    blocks = order // BLOCK
    assert (np.diff(blocks) != 0).sum() == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(split="val"), r"split='val'\): the splits are train, valid, test"),
        (dict(num_samples=0), "num_samples=0 must be at least 1"),
        (dict(num_observed=0), "num_observed=0 at least 1 and less than num_frames=8"),
        (dict(num_observed=8), "num_observed=8 at least 1 and less than num_frames=8"),
        (dict(match_duration_s=1.0), "make the matches longer"),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticTrajectoryDataset(**(dict(num_frames=T, num_observed=OBSERVED) | wrong))
