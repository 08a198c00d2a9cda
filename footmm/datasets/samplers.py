"""Samplers that decide who meets whom in a batch.

Both samplers decide the batches of ALL processes together and hand every process its share: two
processes of P identities see what one process of 2 P identities sees. As everywhere in MMEngine,
sizes are those of one process; the data loader's ``batch_size`` has to be
``identities_per_batch * images_per_identity``.

The order is a function of seed and epoch alone: a run resumed at an epoch sees what an unbroken one
would have seen.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from footmm.errors import ConfigError
from footmm.registry import DATA_SAMPLERS


class IdentitySampler(Sampler[int], metaclass=ABCMeta):
    """Base: batches of P identities with K images each.

    An identity of n images takes part ``max(1, n // K)`` times an epoch, each time with K other
    images of its own; of one with fewer than K images some are repeated. Where a batch is short,
    identities that it does not hold yet fill it up, with images drawn anew.

    Args:
        dataset: A dataset with ``identity_indices()``, label -> indices of its images.
        identities_per_batch: P, in each process.
        images_per_identity: K.
        seed: Seed of the order; None takes a random one, the same on all processes.

    Raises:
        ConfigError: The dataset has no labels.
    """

    def __init__(
        self,
        dataset: Any,
        identities_per_batch: int = 16,
        images_per_identity: int = 4,
        seed: int | None = None,
    ) -> None:
        name = type(self).__name__
        rank, world_size = get_dist_info()
        self.dataset = dataset
        self.identities_per_batch = identities_per_batch * world_size
        self.images_per_identity = images_per_identity
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self._own_share = slice(rank * identities_per_batch, (rank + 1) * identities_per_batch)
        self._images = {
            label: np.asarray(indices) for label, indices in _identities(dataset, name).items()
        }
        self._labels = np.fromiter(self._images, int)
        self._turns = {
            label: max(1, len(images) // images_per_identity)
            for label, images in self._images.items()
        }
        self._num_batches = len(self._plan(self._generator()))

    @abstractmethod
    def _plan(self, rng: np.random.Generator) -> list[list[int]]:
        """Return the labels of every batch of an epoch, P each, every label once or more.

        The number of batches must not depend on the generator.
        """

    def __iter__(self) -> Iterator[int]:
        """Iterate over this process's indices of the epoch, batch after batch."""
        rng = self._generator()
        decks: dict[int, list[np.ndarray]] = defaultdict(list)
        for batch in self._plan(rng):
            # Every process draws for the whole batch: the generators have to stay in step.
            groups = [self._deal(label, decks[label], rng) for label in batch]
            for group in groups[self._own_share]:
                yield from group.tolist()

    def __len__(self) -> int:
        """Number of indices of this process in an epoch."""
        share = self._own_share.stop - self._own_share.start
        return self._num_batches * share * self.images_per_identity

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, which decides the order together with the seed."""
        self.epoch = epoch

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.epoch])

    def _deal(self, label: int, deck: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """Return the K images of an identity's next turn, from a deck shuffled when it is empty."""
        if not deck:
            size = self._turns[label] * self.images_per_identity
            shuffled = np.resize(rng.permutation(self._images[label]), size)
            deck.extend(shuffled.reshape(-1, self.images_per_identity))
        return deck.pop()

    def _fill_up(self, batch: list[int], rng: np.random.Generator) -> list[int]:
        """Complete a batch with random labels, other ones than it holds as far as there are."""
        missing = self.identities_per_batch - len(batch)
        if missing <= 0:
            return batch
        fresh = rng.permutation(np.setdiff1d(self._labels, batch))[:missing].tolist()
        return [*batch, *fresh, *rng.choice(self._labels, missing - len(fresh)).tolist()]


def _identities(dataset: Any, sampler: str) -> dict[int, list[int]]:
    if not hasattr(dataset, "identity_indices"):
        raise ConfigError(
            f"{sampler} needs a dataset of identities, with a method identity_indices(); "
            f"{type(dataset).__name__} has none"
        )
    return dataset.identity_indices()


@DATA_SAMPLERS.register_module()
class PKSampler(IdentitySampler):
    """Batches of P random identities with K images each.

    The turns of all identities are dealt to the batches like cards, so an identity meets itself in
    a batch only where there are fewer identities than places. An epoch shows every image once, but
    for the remainder of n / K.

    Source: Hermans et al., In Defense of the Triplet Loss for Person Re-Identification, 2017.
    """

    def _plan(self, rng: np.random.Generator) -> list[list[int]]:
        labels = rng.permutation(list(self._turns))
        cards = np.repeat(labels, [self._turns[label] for label in labels])
        num_batches = -(-len(cards) // self.identities_per_batch)
        dealt = [cards[start::num_batches].tolist() for start in rng.permutation(num_batches)]
        return [self._fill_up(batch, rng) for batch in dealt]


@DATA_SAMPLERS.register_module()
class ActionSampler(IdentitySampler):
    """Batches of identities of one action: team-mates and opponents on the same pitch.

    These are the hard negatives of SoccerNet-ReID, where a query is ranked against its own action
    only. An action of more than P identities is cut; what remains of it, and smaller actions, share
    a batch with actions of OTHER games: a player keeps no identity from one action of a game to the
    next, so two actions of a game would call the same person two different ones. Only where there
    are too few games do batches hold such pairs.

    The dataset also needs ``action_of(label)``, (game, action) of an identity.
    """

    _TRIES = 10
    """Attempts to move a block, or to draw an identity, out of the way of a game."""

    def __init__(self, dataset: Any, *args: Any, **kwargs: Any) -> None:
        self._action_of: dict[int, tuple[str, int]] = {
            label: dataset.action_of(label) for label in _identities(dataset, type(self).__name__)
        }
        super().__init__(dataset, *args, **kwargs)

    def _plan(self, rng: np.random.Generator) -> list[list[int]]:
        batches = self._pack(self._blocks(rng), rng)
        self._separate_games(batches, rng)
        plan = [self._fill_from_other_games(list(chain(*batch)), rng) for batch in batches]
        return [plan[index] for index in rng.permutation(len(plan))]

    def _blocks(self, rng: np.random.Generator) -> list[list[int]]:
        """Cut the actions into blocks of at most P identities, one turn of each."""
        members: dict[Hashable, list[int]] = defaultdict(list)
        for label in rng.permutation(list(self._action_of)).tolist():
            for turn in range(self._turns[label]):
                members[self._action_of[label], turn].append(label)
        size = self.identities_per_batch
        return [
            block[start : start + size]
            for block in members.values()
            for start in range(0, len(block), size)
        ]

    def _pack(self, blocks: list[list[int]], rng: np.random.Generator) -> list[list[list[int]]]:
        """Lay whole blocks together into batches of at most P: best fit, the largest first.

        Going by size alone makes the number of batches the same in every epoch.
        """
        shuffled = rng.permutation(len(blocks)).tolist()
        batches: list[list[list[int]]] = []
        by_room: dict[int, list[list[list[int]]]] = defaultdict(list)
        for index in sorted(shuffled, key=lambda i: -len(blocks[i])):
            size = len(blocks[index])
            fitting = (r for r in range(size, self.identities_per_batch) if by_room[r])
            room = next(fitting, self.identities_per_batch)
            if not by_room[room]:
                batches.append([])
                by_room[room].append(batches[-1])
            batch = by_room[room].pop()
            batch.append(blocks[index])
            by_room[room - size].append(batch)
        return batches

    def _separate_games(self, batches: list[list[list[int]]], rng: np.random.Generator) -> None:
        """Swap blocks of equal size, in place, until no batch holds two of one game."""
        places = defaultdict(list)
        for batch in batches:
            for position, block in enumerate(batch):
                places[len(block)].append((batch, position))
        for candidates in places.values():
            for batch, position in candidates:
                for _ in range(self._TRIES):
                    if not self._clashes(batch, position, batch[position]):
                        break
                    other, there = candidates[rng.integers(len(candidates))]
                    if self._clashes(batch, position, other[there]) or self._clashes(
                        other, there, batch[position]
                    ):
                        continue
                    batch[position], other[there] = other[there], batch[position]

    def _clashes(self, batch: list[list[int]], position: int, block: list[int]) -> bool:
        """Whether a block would share a batch with another one of its game."""
        return any(
            self._game(other[0]) == self._game(block[0])
            for index, other in enumerate(batch)
            if index != position
        )

    def _game(self, label: int) -> str:
        return self._action_of[label][0]

    def _fill_from_other_games(self, batch: list[int], rng: np.random.Generator) -> list[int]:
        missing = self.identities_per_batch - len(batch)
        games = {self._game(label) for label in batch}
        for label in rng.choice(self._labels, self._TRIES * missing).tolist():
            if len(batch) == self.identities_per_batch:
                break
            if self._game(label) not in games:
                games.add(self._game(label))
                batch.append(label)
        return self._fill_up(batch, rng)


@DATA_SAMPLERS.register_module()
class WindowBlockSampler(Sampler[int]):
    """A random order for datasets that make their samples block by block.

    Every process draws blocks of its own; all of them have the same number of samples, so up to
    ``world_size - 1`` samples of the dataset are left out of an epoch.

    Args:
        dataset: A dataset with ``shuffled(rng)``, all indices in an order that visits every block
            once.
        seed: Seed of the order; None takes a random one, the same on all processes.

    Raises:
        ConfigError: The dataset has no such order.
    """

    def __init__(self, dataset: Any, seed: int | None = None) -> None:
        if not hasattr(dataset, "shuffled"):
            raise ConfigError(
                f"WindowBlockSampler: {type(dataset).__name__} does not make its samples in "
                "blocks; use dict(type='DefaultSampler', shuffle=True)"
            )
        self.dataset = dataset
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self.rank, self.world_size = get_dist_info()

    def __iter__(self) -> Iterator[int]:
        """Iterate over this process's indices of the epoch."""
        order = self.dataset.shuffled(np.random.default_rng([self.seed, self.epoch]))
        first = self.rank * len(self)
        yield from order[first : first + len(self)].tolist()

    def __len__(self) -> int:
        return len(self.dataset) // self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch
