"""Sequences whose items are made in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.simulation.blocks import Blocks, shuffled_blocks


def test_blocks_are_made_when_asked_for_and_few_are_kept():
    made = []

    def make(number):
        made.append(number)
        return [10 * number + place for place in range(3)]

    blocks = Blocks(make, size=3, cached=2)
    assert [blocks[index] for index in (0, 2, 4, 1, 8, 3, 0)] == [0, 2, 11, 1, 22, 10, 0]
    # Block 0 was the one not used for longest when block 2 was made... and block 1 after it.
    assert made == [0, 1, 2, 1, 0]
    with pytest.raises(IndexError, match="numbered from 0"):
        blocks[-1]


def test_shuffled_numbers_stay_in_their_blocks():
    order = shuffled_blocks(10, 4, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(10))
    blocks = order // 4
    assert (np.diff(blocks) != 0).sum() == 2
    assert len(shuffled_blocks(0, 4, np.random.default_rng(0))) == 0
