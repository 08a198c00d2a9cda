"""What is known of a match besides the tracks: who played what, from when on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from footmm.datasets.tactics.labels import no_labels
from footmm.simulation.formations import closest_formation


@dataclass(frozen=True, order=True)
class Spell:
    """A value that holds from a moment on, until the next spell.

    Attributes:
        period: 1 for the first half.
        seconds: Since the start of the period.
        value: Index of a class; None: unknown from here on.
    """

    period: int
    seconds: float
    value: int | None


Spells = Sequence[Spell]

#: Longer than any period lasts.
_PERIOD_S = 1e5


@dataclass(frozen=True)
class MatchSheet:
    """Roles, formations and strategies over a match.

    Attributes:
        players: Team (home or away) and shirt number by the player's name in the source.
        roles: By team and shirt number, in the order of time.
        formations: Of the home and the away team; empty where the source states none: then they
            follow from the roles of those on the pitch.
        strategies: Of the home and the away team.
        uncertainty_s: Seconds by which the clock of the sheet may differ from that of the tracks.
            Labels are unknown this near to a change.
    """

    players: Mapping[str, tuple[int, int]]
    roles: Mapping[tuple[int, int], Spells]
    formations: tuple[Spells, Spells] = ((), ())
    strategies: tuple[Spells, Spells] = ((), ())
    uncertainty_s: float = 0.0
    _cache: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_events(self, events: MatchSheet) -> MatchSheet:
        """Take roles, formations and strategies from another source of the same match.

        Args:
            events: What an event provider says; players are the same where team and shirt number
                are.
        """
        return MatchSheet(
            players=self.players,
            roles=dict(events.roles),
            formations=events.formations,
            strategies=events.strategies,
            uncertainty_s=events.uncertainty_s,
        )

    def labels(
        self,
        period: int,
        seconds: np.ndarray | None,
        agent_ids: Sequence[str],
        num_frames: int,
        num_observed: int,
    ) -> dict[str, np.ndarray]:
        """Label a window, see :mod:`footmm.datasets.tactics.labels`.

        Formation and roles are known where they do not change within the observed frames; where
        the tracks tell no time, where they do not change in the whole match.

        Args:
            period: Of the window.
            seconds: ``(num_frames,)``, since the start of the period; None if not known.
            agent_ids: Names of the agents; empty where a place is not taken.
            num_frames: Frames of the window.
            num_observed: Frames in which formation and roles have to hold.

        Returns:
            Of the shapes of :func:`footmm.datasets.tactics.labels.no_labels`.
        """
        labels = no_labels(num_frames, len(agent_ids))
        span = None if seconds is None else (float(seconds[0]), float(seconds[num_observed - 1]))
        for place, name in enumerate(agent_ids):
            role = self._steady(self.roles.get(self.players.get(name), ()), period, span)
            _set(labels, "role", place, role)
        for team in (0, 1):
            _set(labels, "formation", team, self._formation(team, period, span))
            if seconds is None:
                continue
            values, known = self._values_at(self.strategies[team], period, seconds)
            labels["strategy"][:, team], labels["has_strategy"][:, team] = values, known
        return labels

    def _formation(self, team: int, period: int, span: tuple[float, float] | None) -> int | None:
        if self.formations[team]:
            return self._steady(self.formations[team], period, span)
        roles = (
            self._steady(spells, period, span)
            for (side, _), spells in self.roles.items()
            if side == team
        )
        eleven = sorted(role for role in roles if role is not None)
        key = (team, *eleven)
        if key not in self._cache:
            self._cache[key] = closest_formation(eleven)
        return self._cache[key]

    def _values_at(
        self, spells: Spells, period: int, seconds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """``(T,)`` values at times, and whether they hold there, give or take the uncertainty."""
        values = np.array([-1, *(-1 if spell.value is None else spell.value for spell in spells)])
        starts = np.array([spell.period * _PERIOD_S + spell.seconds for spell in spells])
        times = period * _PERIOD_S + np.asarray(seconds, float)
        first = np.maximum(times - self.uncertainty_s, period * _PERIOD_S)
        current = np.searchsorted(starts, first, side="right")
        latest = np.searchsorted(starts, times + self.uncertainty_s, side="right")
        changes = np.append(0, np.cumsum(np.diff(values) != 0))
        known = (changes[current] == changes[latest]) & (values[current] >= 0)
        return np.where(known, values[current], 0), known

    def _steady(self, spells: Spells, period: int, span: tuple[float, float] | None) -> int | None:
        """The one value that holds over a span of time, with the clock's uncertainty around it."""
        if span is None:
            values = {spell.value for spell in spells}
            return values.pop() if len(values) == 1 else None
        # Nothing changes between the line-up and the kick-off.
        first = max(span[0] - self.uncertainty_s, 0.0)
        last = span[1] + self.uncertainty_s
        current: int | None = None
        for spell in spells:
            if (spell.period, spell.seconds) <= (period, first):
                current = spell.value
            elif (spell.period, spell.seconds) <= (period, last) and spell.value != current:
                return None
        return current


def _set(labels: dict[str, np.ndarray], name: str, place: Any, value: int | None) -> None:
    if value is not None:
        labels[name][place] = value
        labels[f"has_{name}"][place] = True


def sorted_spells(spells: Iterable[Spell]) -> tuple[Spell, ...]:
    """Spells in the order of time; of those that begin together the last counts.

    Args:
        spells: In the order in which they are known.
    """
    latest = {(spell.period, spell.seconds): spell for spell in spells}
    return tuple(latest[moment] for moment in sorted(latest))
