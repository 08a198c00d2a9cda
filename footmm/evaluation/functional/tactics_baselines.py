"""What simple rules say of formations, roles and strategies: no number stands alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from footmm.evaluation.functional.formation_templates import match_team, outfield
from footmm.evaluation.functional.linear_probe import linear_probe_predictions
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.state import PLAYERS_PER_TEAM
from footmm.structures.tactical_window import TacticalWindow

_GOALKEEPER = ROLES.index("goalkeeper")
#: Where no template fits: fewer players are seen than it takes.
UNKNOWN = -1
#: Places of both teams and the ball.
FRAME_VECTOR_LENGTH = 4 * PLAYERS_PER_TEAM + 2


def template_formations(window: TacticalWindow) -> tuple[np.ndarray, np.ndarray]:
    """Formations and roles by template matching on mean places.

    Args:
        window: The window; what a model says of it is not read.

    Returns:
        ``(2,)`` int64, the formations, and ``(A,)`` int64, the roles; :data:`UNKNOWN` where too few
        players are seen.
    """
    formations = np.full(2, UNKNOWN, np.int64)
    roles = np.full(len(window.team), UNKNOWN, np.int64)
    for team in window.teams:
        members = window.members(team)
        places = window.mean_places(team)[members]
        is_goalkeeper = window.goalkeeper[members]
        roles[members[~outfield(places, is_goalkeeper)]] = _GOALKEEPER
        players, match = match_team(places, is_goalkeeper)
        if match is not None:
            formations[team] = match.formation
            slots = FORMATIONS[match.formation].slots
            roles[members[players]] = [slots[slot].role for slot in match.slots]
    return formations, roles


def team_vector(window: TacticalWindow, team: int) -> np.ndarray:
    """A team's mean places as a vector that does not depend on the order of the players.

    Args:
        window: The window.
        team: Home or away.

    Returns:
        ``(44,)``, metres: places relative to the team's mean, sorted along the pitch, and their
        coordinates sorted one by one; as if the missing were at the mean.
    """
    members = window.members(team)[:PLAYERS_PER_TEAM]
    places = np.zeros((PLAYERS_PER_TEAM, 2))
    if len(members):
        found = window.mean_places(team)[members]
        places[: len(members)] = found - found.mean(0)
    ordered = places[places[:, 0].argsort(kind="stable")]
    return np.concatenate([ordered.ravel(), np.sort(places, axis=0).ravel()])


def player_vectors(window: TacticalWindow, team: int) -> tuple[np.ndarray, np.ndarray]:
    """Players' mean places, each with its team's.

    Args:
        window: The window.
        team: Home or away.

    Returns:
        Numbers of the seen players ``(P,)``, and ``(P, 50)``: place relative to the team's mean,
        absolute values and squares of it, and the team's vector.
    """
    members = window.members(team)
    places = window.mean_places(team)[members]
    places = places - places.mean(0) if len(members) else places
    of_team = np.tile(team_vector(window, team), (len(members), 1))
    return members, np.concatenate([places, np.abs(places), places**2 / 10, of_team], axis=1)


def frame_vector(window: TacticalWindow, team: int, frame: int) -> np.ndarray:
    """Both teams' places in a frame as a team sees them, each sorted along the pitch, and the ball.

    Args:
        window: The window.
        team: Home or away.
        frame: Number of the frame in the window.

    Returns:
        ``(46,)``, metres; 0 where missing.
    """
    places, present = window.view_of(team)[frame], window.present[frame]
    parts = []
    for side in (team, 1 - team):
        found = places[present & (window.team == side)][:PLAYERS_PER_TEAM]
        padded = np.zeros((PLAYERS_PER_TEAM, 2))
        padded[: len(found)] = found[found[:, 0].argsort(kind="stable")]
        parts.append(padded.ravel())
    ball = window.ball
    parts.append(places[ball] if ball is not None and present[ball] else np.zeros(2))
    return np.concatenate(parts)


def cross_fitted(vectors: np.ndarray, labels: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Classify by logistic regressions, each fitted to half of the groups, of the other half.

    Args:
        vectors: ``(N, C)``.
        labels: ``(N,)``.
        groups: ``(N,)``, e.g. the matches; none is in both halves.

    Returns:
        ``(N,)``, labels; :data:`UNKNOWN` where there is nothing to fit.
    """
    names, numbers = np.unique(np.asarray(groups), return_inverse=True)
    first = numbers < len(names) / 2
    found = np.full(len(labels), UNKNOWN, np.int64)
    for test in (first, ~first):
        if test.any() and len(np.unique(labels[~test])) > 1:
            found[test] = linear_probe_predictions(vectors[~test], labels[~test], vectors[test])
    return found
