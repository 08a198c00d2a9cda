"""Endless sequences whose items are made many at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


class Blocks(Generic[Item]):
    """Makes blocks of items when one of them is asked for, and keeps some blocks in memory.

    Args:
        make: Returns the items of a block, given its number.
        size: Items of a block.
        cached: Blocks that are kept.
    """

    def __init__(self, make: Callable[[int], Sequence[Item]], size: int, cached: int) -> None:
        self._make = make
        self._size = size
        self._cached = cached
        self._blocks: OrderedDict[int, Sequence[Item]] = OrderedDict()

    def __getitem__(self, index: int) -> Item:
        """Return an item.

        Raises:
            IndexError: The index is negative.
        """
        if index < 0:
            raise IndexError(f"item {index}: items are numbered from 0 and have no end")
        number, place = divmod(index, self._size)
        if number not in self._blocks:
            self._blocks[number] = self._make(number)
            if len(self._blocks) > self._cached:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number][place]


def shuffled_blocks(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """The first numbers in a random order that stays within one block before it begins another.

    Args:
        count: How many numbers.
        size: Numbers of a block.
        rng: Decides the order.

    Returns:
        ``(count,)``, every number below ``count`` once: blocks in random order, and numbers in
        random order within their blocks.
    """
    blocks = [first + rng.permutation(min(size, count - first)) for first in range(0, count, size)]
    order = rng.permutation(len(blocks))
    return np.concatenate([np.zeros(0, np.int64), *(blocks[number] for number in order)])
