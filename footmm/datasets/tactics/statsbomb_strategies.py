"""Strategies that StatsBomb's events tell, by rules of thumb.

Nobody labels strategies in public data. What StatsBomb notes comes near:

* ``set_piece`` holds for both teams for some seconds after a possession begins with a restart
  (``play_pattern`` From Corner, From Free Kick, From Throw In, From Goal Kick, From Kick Off);
* the team in possession plays a ``counter_attack`` where StatsBomb says so (From Counter), and
  otherwise a ``build_up``;
* the other team's block is ``high_press``, ``mid_block`` or ``low_block`` by the third of the pitch
  in which its players press on average during the possession; unknown if they never do.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
from kloppy.domain import EventDataset, Ground

from footmm.datasets.tactics.match_sheet import Spell, sorted_spells
from footmm.simulation.tracks import strategy_index
from footmm.structures.agent_tracks import AWAY, HOME

RESTART_S = 5.0
"""Seconds after a restart that still belong to it."""

_RESTARTS = ("From Corner", "From Free Kick", "From Throw In", "From Goal Kick", "From Kick Off")
_COUNTER = "From Counter"
_PRESSURE = "Pressure"
#: StatsBomb's pitch is 120 long, and every team attacks towards 120.
_LENGTH = 120.0
_BLOCKS = ("low_block", "mid_block", "high_press")


def strategies_of_events(dataset: EventDataset) -> tuple[tuple[Spell, ...], tuple[Spell, ...]]:
    """Strategies of the home and the away team over a match.

    Args:
        dataset: Events as kloppy reads them from StatsBomb, with their raw form.
    """
    teams = {
        team.team_id: HOME if team.ground is Ground.HOME else AWAY
        for team in dataset.metadata.teams
    }
    spells: tuple[list[Spell], list[Spell]] = ([], [])
    for possession in _possessions(dataset):
        first = possession[0]
        owner = teams.get(str(first.raw_event["possession_team"]["id"]))
        if owner is None:
            continue
        period, start = first.period.id, first.timestamp.total_seconds()
        pattern = first.raw_event["play_pattern"]["name"]
        attack = strategy_index("counter_attack" if pattern == _COUNTER else "build_up")
        values = {owner: attack, 1 - owner: _block(possession, teams, 1 - owner)}
        for team, value in values.items():
            begins = start
            if pattern in _RESTARTS:
                spells[team].append(Spell(period, start, strategy_index("set_piece")))
                begins = start + RESTART_S
            if begins == start or begins < possession[-1].timestamp.total_seconds():
                spells[team].append(Spell(period, begins, value))
    return sorted_spells(spells[HOME]), sorted_spells(spells[AWAY])


def _possessions(dataset: EventDataset) -> Iterator[list[Any]]:
    """Events by possession, as StatsBomb counts them, period by period."""
    events = [event for event in dataset.events if "possession" in (event.raw_event or {})]

    def key(event: Any) -> tuple[int, int]:
        return event.period.id, event.raw_event["possession"]

    for _, possession in groupby(events, key):
        yield list(possession)


def _block(possession: list[Any], teams: dict[str, int], team: int) -> int | None:
    """Where a team presses in a possession of the other one."""
    places = [
        event.raw_event["location"][0]
        for event in possession
        if event.raw_event["type"]["name"] == _PRESSURE
        and teams.get(str(event.raw_event["team"]["id"])) == team
    ]
    if not places:
        return None
    third = min(int(np.mean(places) / _LENGTH * len(_BLOCKS)), len(_BLOCKS) - 1)
    return strategy_index(_BLOCKS[third])
