"""Match sheets of the providers that kloppy reads: line-ups, tactical shifts, events."""

from __future__ import annotations

import importlib
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kloppy.domain import (
    EventDataset,
    EventType,
    FormationType,
    Ground,
    Player,
    PositionType,
    TrackingDataset,
)

from footmm.datasets.tactics.match_sheet import MatchSheet, Spell, sorted_spells
from footmm.datasets.tactics.statsbomb_strategies import strategies_of_events
from footmm.errors import (
    ConfigError,
    DataFormatError,
    DatasetNotFoundError,
    FootmmError,
    did_you_mean,
)
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.structures.agent_tracks import AWAY, HOME

_TEAMS = {Ground.HOME: HOME, Ground.AWAY: AWAY}

_ROLE_OF_POSITION = {
    "GK": "goalkeeper",
    "RB": "right back",
    "LB": "left back",
    "CB": "centre back",
    "RCB": "centre back",
    "LCB": "centre back",
    "RWB": "right wing back",
    "LWB": "left wing back",
    "DM": "defensive midfield",
    "CDM": "defensive midfield",
    "RDM": "defensive midfield",
    "LDM": "defensive midfield",
    "CM": "central midfield",
    "RCM": "central midfield",
    "LCM": "central midfield",
    "AM": "attacking midfield",
    "CAM": "attacking midfield",
    "RAM": "attacking midfield",
    "LAM": "attacking midfield",
    "RM": "right midfield",
    "LM": "left midfield",
    "RW": "right wing",
    "LW": "left wing",
    "ST": "striker",
    "RF": "striker",
    "LF": "striker",
    "ATT": "striker",
}
"""footmm's roles by kloppy's position codes; others (``MID``, ``DEF``) say too little."""

#: A central pair that SkillCorner calls left and right midfield, where wingers play outside of it.
_INNER = {
    ROLES.index("right midfield"): ROLES.index("right wing"),
    ROLES.index("left midfield"): ROLES.index("left wing"),
}
_CENTRAL = ROLES.index("central midfield")


@dataclass(frozen=True)
class SheetProvider:
    """How the sheet of a match is read.

    Attributes:
        title: Name of the provider.
        loader: Function of kloppy, ``module.function``.
        files: Names of its arguments that are files.
        options: Its other arguments.
        uncertainty_s: Seconds by which its clock may be wrong: events are noted by hand, a
            line-up holds until somebody is substituted.
        how_to_get: Where the data comes from.
    """

    title: str
    loader: str
    files: tuple[str, ...]
    options: Mapping[str, Any]
    uncertainty_s: float
    how_to_get: str


SHEET_PROVIDERS: dict[str, SheetProvider] = {
    "skillcorner": SheetProvider(
        "SkillCorner",
        "skillcorner.load",
        ("meta_data", "raw_data"),
        dict(limit=1),
        60.0,
        "Open matches: 'tools/data/download.py skillcorner' "
        "(https://github.com/SkillCorner/opendata).",
    ),
    "sportec": SheetProvider(
        "Sportec",
        "sportec.load_event",
        ("event_data", "meta_data"),
        {},
        5.0,
        "Open matches: 'tools/data/download.py sportec' "
        "(https://doi.org/10.6084/m9.figshare.28196177).",
    ),
    "statsbomb": SheetProvider(
        "StatsBomb",
        "statsbomb.load",
        ("event_data", "lineup_data"),
        {},
        2.0,
        "Open matches: 'tools/data/download.py statsbomb' "
        "(https://github.com/statsbomb/open-data, events/ and lineups/).",
    ),
}
"""Who delivers sheets, by the names that configs use."""


def read_match_sheet(provider: str, files: Mapping[str, str | os.PathLike[str]]) -> MatchSheet:
    """Read who played what in a match.

    * Roles are the positions of the line-up and, where kloppy reads them (StatsBomb), of later
      tactical shifts and substitutions. Of SkillCorner and Sportec it reads the line-up alone: a
      starter's role is taken to hold as long as he is on the pitch, a substitute's is unknown.
    * Formations are those that the provider states; others than
      :data:`footmm.simulation.formations.FORMATIONS` are replaced by the one nearest to the roles.
    * Strategies are known of StatsBomb only, see
      :mod:`footmm.datasets.tactics.statsbomb_strategies`.

    Args:
        provider: One of :data:`SHEET_PROVIDERS`.
        files: By the loader's file arguments.

    Raises:
        ConfigError: The provider or a file argument is not known, or one is missing.
        DatasetNotFoundError: A file is missing.
        DataFormatError: kloppy cannot read the files.
    """
    known = _checked_provider(provider, files)
    module, _, function = known.loader.partition(".")
    load = getattr(importlib.import_module(f"kloppy.{module}"), function)
    paths = {key: os.fspath(path) for key, path in files.items()}
    with damage_explained(known.title, paths):
        return sheet_of(provider, load(**paths, **known.options))


@contextmanager
def damage_explained(title: str, files: Mapping[str, str]) -> Iterator[None]:
    """Name the files in the errors of kloppy, and of what it hands on.

    Args:
        title: Name of the provider.
        files: Paths by the loader's arguments.

    Raises:
        DataFormatError: Whatever goes wrong inside.
    """
    try:
        yield
    except (FootmmError, MemoryError, PermissionError):
        raise
    # kloppy lets through whatever goes wrong inside it, and what a file has in place of a number.
    except Exception as error:
        named = ", ".join(f"{key} {path}" for key, path in files.items())
        raise DataFormatError(
            f"kloppy cannot read {named} as {title} data: {type(error).__name__}: {error}. "
            "The files are truncated or damaged, or do not belong together; get them again"
        ) from error


def sheet_of(provider: str, dataset: EventDataset | TrackingDataset) -> MatchSheet:
    """Return the sheet of a match that kloppy has read, see :func:`read_match_sheet`.

    Args:
        provider: One of :data:`SHEET_PROVIDERS`.
        dataset: The match.
    """
    metadata = dataset.metadata
    players = [player for team in metadata.teams for player in team.players]
    roles = {_shirt(player): _role_spells(player) for player in players}
    if provider == "skillcorner":
        roles = _without_inner_wingers(roles)
    strategies = strategies_of_events(dataset) if provider == "statsbomb" else ((), ())
    return MatchSheet(
        players={str(player.player_id): _shirt(player) for player in players},
        roles=roles,
        formations=_formations(dataset),
        strategies=strategies,
        uncertainty_s=SHEET_PROVIDERS[provider].uncertainty_s,
    )


def _checked_provider(provider: str, files: Mapping[str, str | os.PathLike[str]]) -> SheetProvider:
    """Return a provider whose files are all there."""
    if provider not in SHEET_PROVIDERS:
        raise ConfigError(
            f"provider='{provider}' has no match sheets{did_you_mean(provider, SHEET_PROVIDERS)}; "
            f"there are {', '.join(SHEET_PROVIDERS)}"
        )
    known = SHEET_PROVIDERS[provider]
    if set(files) != set(known.files):
        raise ConfigError(
            f"files gives {', '.join(sorted(files)) or 'nothing'}; the sheet of a match of "
            f"provider='{provider}' has the files {', '.join(known.files)}"
        )
    for path in files.values():
        if not Path(path).is_file():
            raise DatasetNotFoundError(f"{path} does not exist. {known.how_to_get}")
    return known


def _shirt(player: Player) -> tuple[int, int]:
    return _TEAMS[player.team.ground], int(player.jersey_no)


def role_of_position(position: PositionType | None) -> int | None:
    """Return the role that a position of kloppy is, or None if it says too little.

    Args:
        position: E.g. ``PositionType.LeftBack``.
    """
    code = getattr(position, "code", None)
    return ROLES.index(_ROLE_OF_POSITION[code]) if code in _ROLE_OF_POSITION else None


def _role_spells(player: Player) -> tuple[Spell, ...]:
    """Positions over time; one for the whole match where a provider tells no times."""
    spells = [
        Spell(time.period.id, time.timestamp.total_seconds(), role_of_position(position))
        for time, position in player.positions.items.items()
    ]
    start = role_of_position(player.starting_position) if player.starting else None
    if start is not None and not any(spell.period == 1 and spell.seconds == 0 for spell in spells):
        spells.insert(0, Spell(1, 0.0, start))
    return sorted_spells(spells)


def _without_inner_wingers(
    roles: Mapping[tuple[int, int], tuple[Spell, ...]],
) -> dict[tuple[int, int], tuple[Spell, ...]]:
    """Call the left and right of a central midfield central, in teams with wingers besides."""
    played: dict[int, set[int | None]] = defaultdict(set)
    for (team, _), spells in roles.items():
        played[team] |= {spell.value for spell in spells}

    def role(team: int, value: int | None) -> int | None:
        return _CENTRAL if _INNER.get(value) in played[team] and value in _INNER else value

    return {
        (team, number): tuple(
            Spell(spell.period, spell.seconds, role(team, spell.value)) for spell in spells
        )
        for (team, number), spells in roles.items()
    }


def _formations(dataset: EventDataset | TrackingDataset) -> tuple[tuple[Spell, ...], ...]:
    """What the provider states; empty for a team of which it states nothing we know."""
    spells: dict[int, list[Spell]] = {HOME: [], AWAY: []}
    for team in dataset.metadata.teams:
        stated = _formation_index(team.starting_formation)
        if team.starting_formation is not None:
            spells[_TEAMS[team.ground]].append(Spell(1, 0.0, stated))
    for event in _events(dataset):
        if event.event_type is EventType.FORMATION_CHANGE:
            value = _formation_index(event.formation_type)
            moment = event.period.id, event.timestamp.total_seconds()
            spells[_TEAMS[event.team.ground]].append(Spell(*moment, value))
    return sorted_spells(spells[HOME]), sorted_spells(spells[AWAY])


def _events(dataset: EventDataset | TrackingDataset) -> Iterable[Any]:
    return dataset.events if isinstance(dataset, EventDataset) else ()


def _formation_index(formation: FormationType | None) -> int | None:
    names = [known.name for known in FORMATIONS]
    value = getattr(formation, "value", None)
    return names.index(value) if value in names else None
