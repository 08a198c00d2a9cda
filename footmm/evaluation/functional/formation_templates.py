"""Formations by template matching: which formation's slots fit the players' mean places best.

After EFPI (Bekkers, arXiv:2506.23843): players are assigned to the slots of every formation by the
Hungarian algorithm, and the formation with the least total cost wins. Unlike there, a template is
moved and stretched to the players by least squares, not to their bounding box, so it also works for
teams of whom only some are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from footmm.simulation.formations import FORMATIONS, Formation

#: Metres from the last line to the first, and from one side to the other, of a usual team.
_USUAL_SIZE = np.array([27.0, 38.0])
#: A team is at most so much smaller or larger than usual.
_STRETCH = (0.5, 2.0)
_ITERATIONS = 4
#: Fewer players fit any formation.
MIN_PLAYERS = 4


class TemplateMatch(NamedTuple):
    """The formation that fits best.

    Attributes:
        formation: Index into the formations.
        slots: ``(P,)``, the slot of each player, 1 to 10 among those of the formation.
        cost: Root mean square distance of the players from their slots, metres.
        costs: ``(F,)``, that of every formation.
    """

    formation: int
    slots: np.ndarray
    cost: float
    costs: np.ndarray


def match_formation(
    places: np.ndarray, formations: Sequence[Formation] = FORMATIONS
) -> TemplateMatch | None:
    """Find the formation of outfield players.

    Args:
        places: ``(P, 2)``, mean places of up to 10 outfield players, metres, attacking along x.
        formations: To choose from.

    Returns:
        The best; None for fewer than :data:`MIN_PLAYERS` players.
    """
    if len(places) < MIN_PLAYERS:
        return None
    fits = [_fit(places, _template(formation)) for formation in formations]
    costs = np.array([cost for cost, _ in fits])
    best = int(costs.argmin())
    return TemplateMatch(best, fits[best][1] + 1, float(costs[best]), costs)


def _template(formation: Formation) -> np.ndarray:
    """``(10, 2)``, the outfield slots of a team of usual size around the origin, metres."""
    slots = np.array([(slot.depth, slot.side / 2) for slot in formation.slots[1:]])
    places = slots * _USUAL_SIZE
    return places - places.mean(0)


def _fit(places: np.ndarray, template: np.ndarray) -> tuple[float, np.ndarray]:
    """Cost and slots ``(P,)`` of the best assignment, moving and stretching the template to it."""
    scale, shift = np.ones(2), places.mean(0)
    slots = None
    for _ in range(_ITERATIONS):
        offsets = places[:, None] - (scale * template + shift)
        found = linear_sum_assignment((offsets**2).sum(-1))[1]
        if slots is not None and (found == slots).all():
            break
        slots = found
        scale, shift = _stretched(places, template[slots])
    distances = ((places - (scale * template[slots] + shift)) ** 2).sum(-1)
    return float(np.sqrt(distances.mean())), slots


def _stretched(places: np.ndarray, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale ``(2,)`` and shift ``(2,)`` of slots ``(P, 2)`` that fit places best, axis by axis."""
    centred = slots - slots.mean(0)
    spread = (centred**2).sum(0)
    scale = (centred * (places - places.mean(0))).sum(0) / np.maximum(spread, 1e-9)
    scale = np.clip(np.where(spread > 1e-6, scale, 1.0), *_STRETCH)
    return scale, places.mean(0) - scale * slots.mean(0)


def outfield(places: np.ndarray, is_goalkeeper: np.ndarray) -> np.ndarray:
    """Which players of a team are not its goalkeeper.

    Args:
        places: ``(P, 2)``, mean places of the team's players, metres, attacking along x.
        is_goalkeeper: ``(P,)`` bool. Where nobody is marked and all eleven are there, the one
            nearest to the own goal keeps it.

    Returns:
        ``(P,)`` bool.
    """
    if is_goalkeeper.any() or len(places) < len(FORMATIONS[0].slots):
        return ~is_goalkeeper
    return np.arange(len(places)) != places[:, 0].argmin()


def match_team(
    places: np.ndarray, is_goalkeeper: np.ndarray
) -> tuple[np.ndarray, TemplateMatch | None]:
    """Find the formation of a team of whom some may keep the goal.

    Args:
        places: ``(P, 2)``, mean places of the team's players, metres, attacking along x.
        is_goalkeeper: ``(P,)`` bool, see :func:`outfield`.

    Returns:
        Numbers ``(M,)`` of the players who are matched, the first ten of the outfield, and the
        match; None for too few of them.
    """
    # A team may have more players in a window than are ever on the pitch.
    players = np.flatnonzero(outfield(places, is_goalkeeper))[: len(FORMATIONS[0].slots) - 1]
    return players, match_formation(places[players])
