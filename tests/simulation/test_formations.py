from __future__ import annotations

import pytest
from mplsoccer import Pitch

from footmm.errors import ConfigError
from footmm.simulation.formations import FORMATIONS, ROLES, formation_index

NAMES = ["4-4-2", "4-3-3", "4-2-3-1", "3-5-2", "5-3-2", "3-4-3", "4-1-4-1", "4-5-1"]


def test_the_usual_formations_are_there_in_a_fixed_order():
    assert [formation.name for formation in FORMATIONS] == NAMES
    assert formation_index("4-2-3-1") == 2


@pytest.mark.parametrize("formation", FORMATIONS, ids=lambda formation: formation.name)
def test_slots_are_those_of_mplsoccer(formation):
    table = Pitch().formations_dataframe
    theirs = table[table.formation == formation.name.replace("-", "")]["name"]
    assert {slot.name for slot in formation.slots} == set(theirs)
    assert len(formation.slots) == 11
    assert formation.slots[0].name == "GK"


@pytest.mark.parametrize("formation", FORMATIONS, ids=lambda formation: formation.name)
def test_a_formation_fills_its_block_and_is_symmetric(formation):
    outfield = formation.slots[1:]
    assert min(slot.depth for slot in outfield) == 0.0
    assert max(slot.depth for slot in outfield) == 1.0
    places = {(slot.depth, slot.side) for slot in outfield}
    assert len(places) == 10
    assert {(depth, -side) for depth, side in places} == places


def test_every_role_is_played_somewhere():
    played = {slot.role for formation in FORMATIONS for slot in formation.slots}
    assert played == set(range(len(ROLES)))
    left_back = next(slot for slot in FORMATIONS[0].slots if slot.name == "LB")
    assert ROLES[left_back.role] == "left back"
    assert left_back.side > 0


def test_an_unknown_formation_is_explained():
    with pytest.raises(ConfigError, match=r"'4-4-3'; did you mean.*choose one of 4-4-2"):
        formation_index("4-4-3")
