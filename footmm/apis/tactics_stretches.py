"""What the teams play over minutes, from windows, and tables of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from footmm.evaluation.functional.formation_templates import match_team
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.state import PLAYERS_PER_TEAM
from footmm.simulation.tracks import STRATEGIES
from footmm.structures.tactical_window import TacticalWindow

TEAMS = ("home", "away")


@dataclass(frozen=True, eq=False)
class TeamStretch:
    """What a team plays over some minutes, from all windows in them.

    Attributes:
        match: Name of the match.
        period: 1 for the first half.
        first_s: Seconds since the start of the period where the stretch begins.
        last_s: And where it ends.
        team: Home or away.
        num_windows: Windows.
        seen: Players of the team who are seen in a window's frame on average.
        formation_scores: ``(F,)``, mean of the windows' probabilities, weighted by the number
            of players seen.
        template_formation: Index of the formation that template matching finds in the mean places;
            None where too few are seen.
        labelled_formation: Index of the labelled formation; None where none, or several, are.
        agent_ids: Names of the players who are seen.
        role_scores: ``(P, R)``, their roles' mean probabilities, weighted by the frames they are
            seen in.
        labelled_roles: Indices of their labelled roles, None where unknown.
        num_frames: ``(P,)``, frames of windows in which they are seen.
    """

    match: str
    period: int
    first_s: float
    last_s: float
    team: int
    num_windows: int
    seen: float
    formation_scores: np.ndarray
    template_formation: int | None
    labelled_formation: int | None
    agent_ids: tuple[str, ...]
    role_scores: np.ndarray
    labelled_roles: tuple[int | None, ...]
    num_frames: np.ndarray

    @property
    def formation(self) -> int:
        """Index of the most probable formation."""
        return int(self.formation_scores.argmax())

    @classmethod
    def of(cls, windows: Sequence[TacticalWindow], team: int) -> TeamStretch:
        """Sum up a team's windows.

        Args:
            windows: Of one match and period, one or more, in the order of time.
            team: Home or away.
        """
        frames_of, places_of, scores_of, labels_of = {}, {}, {}, {}
        keepers = set()
        for window in windows:
            members = window.members(team)
            counts = window.present[:, members].sum(0)
            centred = _relative_places(window, team, members)
            for column, (agent, count) in enumerate(zip(members, counts, strict=True)):
                name = window.agent_ids[agent] or f"place {agent}"
                frames_of[name] = frames_of.get(name, 0) + count
                places_of[name] = places_of.get(name, 0) + count * centred[column]
                scores_of[name] = scores_of.get(name, 0) + count * window.role_scores[agent]
                keepers |= {name} if window.goalkeeper[agent] else set()
                if window.has_role[agent]:
                    labels_of.setdefault(name, set()).add(int(window.role[agent]))
        names = sorted(frames_of, key=frames_of.__getitem__, reverse=True)
        frames = np.array([frames_of[name] for name in names], float)
        eleven = names[:PLAYERS_PER_TEAM]
        seen = np.array([(w.present & (w.team == team)).sum(1).mean() for w in windows])
        weights = np.maximum(seen, 1e-6)[:, None] / np.maximum(seen, 1e-6).sum()
        labelled = {int(w.formation[team]) for w in windows if w.has_formation[team]}
        return cls(
            match=windows[0].match,
            period=windows[0].period,
            first_s=float(windows[0].seconds[0]),
            last_s=float(windows[-1].seconds[-1]),
            team=team,
            num_windows=len(windows),
            seen=float(seen.mean()),
            formation_scores=(np.stack([w.formation_scores[team] for w in windows]) * weights).sum(
                0
            ),
            template_formation=_template_formation(
                {name: places_of[name] / frames_of[name] for name in eleven}, keepers
            ),
            labelled_formation=labelled.pop() if len(labelled) == 1 else None,
            agent_ids=tuple(names),
            role_scores=np.stack([scores_of[name] / frames_of[name] for name in names])
            if names
            else np.zeros((0, windows[0].role_scores.shape[1])),
            labelled_roles=tuple(
                next(iter(labels_of[name])) if len(labels_of.get(name, ())) == 1 else None
                for name in names
            ),
            num_frames=frames,
        )


def _relative_places(window: TacticalWindow, team: int, members: np.ndarray) -> np.ndarray:
    """``(P, 2)``, mean places relative to the team's mean in each frame, in its view, metres."""
    present = window.present[:, members, None]
    places = window.view_of(team)[:, members] * present
    outfielders = present & ~window.goalkeeper[members][:, None]
    centre = (places * outfielders).sum(1, keepdims=True)
    centre = centre / np.maximum(outfielders.sum(1, keepdims=True), 1)
    return ((places - centre) * present).sum(0) / np.maximum(present.sum(0), 1)


def _template_formation(places: dict[str, np.ndarray], keepers: set[str]) -> int | None:
    if not places:
        return None
    found = np.stack(list(places.values()))
    is_keeper = np.array([name in keepers for name in places])
    match = match_team(found, is_keeper)[1]
    return None if match is None else match.formation


def summarise(windows: Sequence[TacticalWindow], minutes: float) -> list[TeamStretch]:
    """Sum up windows over stretches of time, for both teams.

    Args:
        windows: Of any matches.
        minutes: Length of a stretch; it begins with the first window, and anew with every period.
            Windows whose tracks tell no time are summed up by period.

    Returns:
        By match, period and time, home before away.
    """
    groups: dict[tuple[str, int, int], list[TacticalWindow]] = {}
    starts: dict[tuple[str, int], float] = {}
    for window in windows:
        key = window.match, window.period
        middle = float(window.seconds.mean())
        start = starts.setdefault(key, float(window.seconds[0]))
        number = 0 if np.isnan(middle) else int((middle - start) // (60 * minutes))
        groups.setdefault((*key, number), []).append(window)
    return [TeamStretch.of(groups[key], team) for key in sorted(groups) for team in (0, 1)]


def formation_name(formation: int | None) -> str:
    """Name of a formation; a dash for none.

    Args:
        formation: Index into :data:`footmm.simulation.formations.FORMATIONS`.
    """
    return "-" if formation is None else FORMATIONS[formation].name


def window_rows(window: TacticalWindow) -> Iterator[dict[str, Any]]:
    """Yield what a window's last frame says of each team, as in ``windows.csv``."""
    for team in window.teams:
        formation = int(window.formation_scores[team].argmax())
        strategy = int(window.strategy_scores[-1, team].argmax())
        labelled = int(window.formation[team]) if window.has_formation[team] else None
        is_known = window.has_strategy[-1, team]
        yield dict(
            match=window.match,
            period=window.period,
            frame=int(window.frame_ids[-1]),
            seconds=round(float(window.seconds[-1]), 2),
            team=TEAMS[team],
            players_seen=len(window.members(team)),
            formation=formation_name(formation),
            formation_probability=round(float(window.formation_scores[team].max()), 4),
            labelled_formation=formation_name(labelled),
            strategy=STRATEGIES[strategy],
            strategy_probability=round(float(window.strategy_scores[-1, team].max()), 4),
            labelled_strategy=STRATEGIES[int(window.strategy[-1, team])] if is_known else "-",
        )


def _stretch_key(stretch: TeamStretch) -> dict[str, Any]:
    return dict(
        match=stretch.match,
        period=stretch.period,
        first_s=round(stretch.first_s, 1),
        last_s=round(stretch.last_s, 1),
        team=TEAMS[stretch.team],
    )


def formation_table(stretches: Sequence[TeamStretch]) -> pd.DataFrame:
    """Return the formations of stretches, as in ``formations.csv``."""
    return pd.DataFrame(
        _stretch_key(stretch)
        | dict(
            windows=stretch.num_windows,
            players_seen=round(stretch.seen, 1),
            formation=formation_name(stretch.formation),
            probability=round(float(stretch.formation_scores.max()), 3),
            template_matching=formation_name(stretch.template_formation),
            labelled=formation_name(stretch.labelled_formation),
        )
        for stretch in stretches
    )


def role_table(stretches: Sequence[TeamStretch]) -> pd.DataFrame:
    """Return the roles of players by stretch, as in ``roles.csv``."""
    return pd.DataFrame(
        _stretch_key(stretch)
        | dict(
            player=name,
            frames=int(frames),
            role=ROLES[int(scores.argmax())],
            probability=round(float(scores.max()), 3),
            labelled="-" if label is None else ROLES[label],
        )
        for stretch in stretches
        for name, frames, scores, label in zip(
            stretch.agent_ids,
            stretch.num_frames,
            stretch.role_scores,
            stretch.labelled_roles,
            strict=True,
        )
    )
