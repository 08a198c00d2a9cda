from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from footmm.simulation.appearance import Kit, KitPattern
from footmm.simulation.shirt import COLUMNS, ROWS, column_of, unrolled_shirt

RED, BLUE, WHITE = (0, 0, 200), (200, 0, 0), (255, 255, 255)
KIT = Kit(RED, BLUE, WHITE, WHITE, WHITE, WHITE, KitPattern.PLAIN)


def test_columns_run_from_left_to_right_seen_from_outside():
    # Seen from the front, the person's right arm is on the left.
    assert column_of(math.pi / 2) == COLUMNS / 4
    assert column_of(0.0) == COLUMNS / 2
    assert column_of(-math.pi / 2) == 3 * COLUMNS / 4


def test_a_plain_shirt_without_number_has_one_colour_below_the_collar():
    cloth = unrolled_shirt(KIT, None)

    assert cloth.shape == (ROWS, COLUMNS, 3)
    assert (cloth[10:] == RED).all()
    assert (cloth[0] == WHITE).all()


def test_halves_divide_the_person_into_right_and_left():
    cloth = unrolled_shirt(replace(KIT, pattern=KitPattern.HALVES), None)

    assert tuple(cloth[60, round(column_of(1.0))]) == BLUE
    assert tuple(cloth[60, round(column_of(-1.0))]) == RED


@pytest.mark.parametrize("pattern", [KitPattern.STRIPES, KitPattern.HOOPS, KitPattern.SASH])
def test_patterns_show_both_colours(pattern):
    cloth = unrolled_shirt(replace(KIT, pattern=pattern), None)[10:]

    for color in (RED, BLUE):
        assert (cloth == color).all(axis=-1).mean() > 0.1


def test_the_number_is_larger_on_the_back_than_on_the_chest():
    printed = (unrolled_shirt(KIT, 8) != unrolled_shirt(KIT, None)).any(axis=-1)
    chest = printed[:, COLUMNS // 4 : 3 * COLUMNS // 4].sum()
    back = printed.sum() - chest

    assert 0 < chest < 0.6 * back


def test_the_cloth_is_shared_and_cannot_be_painted_over():
    cloth = unrolled_shirt(KIT, 7)

    assert cloth is unrolled_shirt(KIT, 7)
    with pytest.raises(ValueError, match="read-only"):
        np.add(cloth, 1, out=cloth)
