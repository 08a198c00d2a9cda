from __future__ import annotations

from collections import Counter
from itertools import chain

import numpy as np
import pytest

from footmm.datasets import samplers
from footmm.datasets.samplers import ActionSampler, PKSampler, WindowBlockSampler
from footmm.errors import ConfigError

P, K = 4, 2


class Persons:
    """Label i has counts[i] images; actions[i] is its (game, action)."""

    def __init__(self, counts, actions=None):
        self.labels = np.repeat(np.arange(len(counts)), counts)
        self.actions = actions

    def identity_indices(self):
        return {
            label: np.flatnonzero(self.labels == label).tolist()
            for label in range(self.labels.max() + 1)
        }

    def action_of(self, label):
        return self.actions[label]


@pytest.fixture
def persons():
    # Game a: actions of 6, 3 and 1 persons; game b: one of 2.
    actions = [("a", 0)] * 6 + [("a", 1)] * 3 + [("a", 2)] + [("b", 3)] * 2
    return Persons([1, 2, 3, 4, 5, 7, 2, 2, 2, 6, 2, 3], actions)


def batches(sampler, size=P * K):
    indices = list(sampler)
    assert len(indices) == len(sampler)
    assert len(indices) % size == 0
    return [indices[i : i + size] for i in range(0, len(indices), size)]


def at_rank(monkeypatch, rank, world_size):
    monkeypatch.setattr(samplers, "get_dist_info", lambda: (rank, world_size))


@pytest.mark.parametrize("cls", [PKSampler, ActionSampler])
def test_batches_hold_p_identities_of_k_images(cls, persons):
    sampler = cls(persons, P, K, seed=0)
    for epoch in range(5):
        sampler.set_epoch(epoch)
        seen = Counter()
        for batch in batches(sampler):
            groups = np.reshape(batch, (P, K))
            labels = persons.labels[groups]
            assert (labels == labels[:, :1]).all()
            for group, label in zip(groups, labels[:, 0], strict=True):
                assert len(set(group)) == min(K, (persons.labels == label).sum())
            seen.update(batch)
        assert set(persons.labels[list(seen)]) == set(range(12))


@pytest.mark.parametrize("cls", [PKSampler, ActionSampler])
@pytest.mark.parametrize("world_size", [2, 4])
def test_processes_share_the_batches_of_one(cls, world_size, persons, monkeypatch):
    whole = cls(persons, P, K, seed=3)
    whole.set_epoch(2)
    parts = []
    for rank in range(world_size):
        at_rank(monkeypatch, rank, world_size)
        sampler = cls(persons, P // world_size, K, seed=3)
        sampler.set_epoch(2)
        assert len(sampler) * world_size == len(whole)
        parts.append(batches(sampler, P * K // world_size))
    joined = [list(chain(*shares)) for shares in zip(*parts, strict=True)]
    assert joined == batches(whole)


@pytest.mark.parametrize("cls", [PKSampler, ActionSampler])
def test_order_depends_on_seed_and_epoch_alone(cls, persons):
    sampler = cls(persons, P, K, seed=1)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    resumed = cls(persons, P, K, seed=1)
    resumed.set_epoch(2)
    np.random.seed(99)
    assert list(resumed) == epochs[2]
    assert epochs[0] != epochs[1]
    assert list(cls(persons, P, K, seed=2)) != epochs[0]


@pytest.mark.parametrize("cls", [PKSampler, ActionSampler])
def test_length_is_that_of_every_epoch(cls, persons):
    sampler = cls(persons, P, K, seed=0)
    for epoch in range(30):
        sampler.set_epoch(epoch)
        assert len(list(sampler)) == len(sampler)


def test_pk_shows_every_image_once():
    persons = Persons([4, 4, 2, 2, 2, 2])
    for batch in batches(sampler := PKSampler(persons, P, K, seed=0)):
        assert len(set(persons.labels[batch])) == P
    assert Counter(sampler) == Counter(range(16))


def test_pk_length():
    # 1 + 1 + 2 + 3 = 7 turns make two batches of four.
    assert len(PKSampler(Persons([1, 3, 4, 6]), P, K, seed=0)) == 2 * P * K


def test_fewer_identities_than_places():
    persons = Persons([8, 8])
    (batch,) = batches(PKSampler(persons, 8, 2, seed=0), 16)
    assert sorted(batch) == list(range(16))
    (batch,) = batches(PKSampler(Persons([2, 2]), P, K, seed=0))
    assert set(batch) == {0, 1, 2, 3}


def test_actions_stay_together_and_share_batches_with_other_games():
    actions = [(f"game {i // 2}", i) for i in range(12)]
    # Actions of two persons, so two fit into a batch of four.
    persons = Persons([K] * 24, [action for action in actions for _ in range(2)])
    sampler = ActionSampler(persons, P, K, seed=0)
    for epoch in range(10):
        sampler.set_epoch(epoch)
        for batch in batches(sampler):
            held = Counter(persons.actions[label] for label in set(persons.labels[batch]))
            assert list(held.values()) == [2, 2]
            assert len({game for game, _ in held}) == 2


def test_batch_is_filled_up_from_other_games():
    actions = [("a", 0)] * 3 + [("b", 1)] * 3 + [("c", 2)] * 3
    persons = Persons([K] * 9, actions)
    sampler = ActionSampler(persons, P, K, seed=0)
    for batch in batches(sampler):
        held = Counter(actions[label] for label in set(persons.labels[batch]))
        assert sorted(held.values()) == [1, 3]


def test_too_few_games_are_no_reason_to_stop():
    actions = [("a", 0)] * 3 + [("a", 1)] * 3
    sampler = ActionSampler(Persons([K] * 6, actions), P, K, seed=0)
    for batch in batches(sampler):
        assert len({index // K for index in batch}) == P


@pytest.mark.parametrize("cls", [PKSampler, ActionSampler])
def test_dataset_without_identities(cls):
    with pytest.raises(ConfigError, match=r"identity_indices.*list has none"):
        cls([1, 2, 3], P, K)


class Blocks:
    """Samples that are made four at a time."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def shuffled(self, rng):
        blocks = [rng.permutation(block) for block in np.split(np.arange(self.count), [4, 8])]
        return np.concatenate([blocks[number] for number in rng.permutation(3)])


def test_windows_come_block_by_block_and_each_of_them_once():
    sampler = WindowBlockSampler(Blocks(11), seed=0)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
        assert sorted(epochs[-1]) == list(range(11))
        blocks = np.array(epochs[-1]) // 4
        assert np.count_nonzero(np.diff(blocks)) == 2
    assert len(sampler) == 11
    assert epochs[0] != epochs[1] != epochs[2]
    again = WindowBlockSampler(Blocks(11), seed=0)
    again.set_epoch(2)
    np.random.seed(99)
    assert list(again) == epochs[2]
    assert list(WindowBlockSampler(Blocks(11), seed=1)) != epochs[0]


@pytest.mark.parametrize(("world_size", "left_out"), [(2, 1), (4, 3)])
def test_processes_share_no_window(world_size, left_out, monkeypatch):
    parts = []
    for rank in range(world_size):
        at_rank(monkeypatch, rank, world_size)
        sampler = WindowBlockSampler(Blocks(11), seed=0)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler) == 11 // world_size
    seen = list(chain(*parts))
    assert len(set(seen)) == len(seen) == 11 - left_out


def test_window_sampler_refuses_other_datasets():
    with pytest.raises(ConfigError, match=r"list does not make its samples in blocks; use dict\("):
        WindowBlockSampler([1, 2, 3])
