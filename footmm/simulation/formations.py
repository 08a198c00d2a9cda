"""Formations: who plays where in a team, in coordinates that fit any pitch and any strategy.

A slot's place is normalised to the block of the ten outfield players: ``depth`` runs from 0 on the
last line to 1 on the first one, ``side`` from -1 at the right end of the block to +1 at its left
end, right and left as the team sees them when it attacks. Slot names are the position
abbreviations of mplsoccer's formations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from footmm.errors import ConfigError, did_you_mean

ROLES = (
    "goalkeeper",
    "right back",
    "centre back",
    "left back",
    "right wing back",
    "left wing back",
    "defensive midfield",
    "central midfield",
    "attacking midfield",
    "right midfield",
    "left midfield",
    "right wing",
    "left wing",
    "striker",
)
"""The roles a player can have; labels are indices into this tuple."""


def _mirrored(role: str) -> str:
    swapped = {"left": "right", "right": "left"}
    return " ".join(swapped.get(word, word) for word in role.split())


MIRRORED_ROLES = np.array([ROLES.index(_mirrored(role)) for role in ROLES])
"""The role that each becomes where left and right change places."""

_ROLE_OF_SLOT = {
    "GK": "goalkeeper",
    "RB": "right back",
    "RCB": "centre back",
    "CB": "centre back",
    "LCB": "centre back",
    "LB": "left back",
    "RWB": "right wing back",
    "LWB": "left wing back",
    "RDM": "defensive midfield",
    "CDM": "defensive midfield",
    "LDM": "defensive midfield",
    "RCM": "central midfield",
    "CM": "central midfield",
    "LCM": "central midfield",
    "CAM": "attacking midfield",
    "RM": "right midfield",
    "LM": "left midfield",
    "RW": "right wing",
    "LW": "left wing",
    "RCF": "striker",
    "ST": "striker",
    "LCF": "striker",
}


@dataclass(frozen=True)
class Slot:
    """One place in a formation.

    Attributes:
        name: Abbreviation of the position, e.g. ``"RCB"``.
        depth: 0 on the last line of the outfield players, 1 on the first.
        side: -1 at the right end of the block, 1 at its left end.
    """

    name: str
    depth: float
    side: float

    @property
    def role(self) -> int:
        """Index of the slot's role in :data:`ROLES`."""
        return ROLES.index(_ROLE_OF_SLOT[self.name])


@dataclass(frozen=True)
class Formation:
    """Eleven slots, the goalkeeper first, then roughly from the last line to the first.

    Attributes:
        name: E.g. ``"4-4-2"``.
        slots: The eleven slots.
    """

    name: str
    slots: tuple[Slot, ...]


def _formation(name: str, **places: tuple[float, float]) -> Formation:
    """A formation of depths and sides of the ten outfield slots, and the goalkeeper."""
    slots = (Slot(slot, depth, side) for slot, (depth, side) in places.items())
    return Formation(name, (Slot("GK", 0.0, 0.0), *slots))


_BACK_FOUR = dict(RB=(0.10, -0.92), RCB=(0.0, -0.30), LCB=(0.0, 0.30), LB=(0.10, 0.92))
_BACK_THREE = dict(RCB=(0.0, -0.5), CB=(0.0, 0.0), LCB=(0.0, 0.5))
_TWO_CENTRAL = dict(RCM=(0.5, -0.3), LCM=(0.5, 0.3))
_TWO_STRIKERS = dict(RCF=(1.0, -0.25), LCF=(1.0, 0.25))
_ONE_STRIKER = dict(ST=(1.0, 0.0))

FORMATIONS = (
    _formation(
        "4-4-2",
        **_BACK_FOUR,
        RM=(0.54, -0.95),
        **_TWO_CENTRAL,
        LM=(0.54, 0.95),
        **_TWO_STRIKERS,
    ),
    _formation(
        "4-3-3",
        **_BACK_FOUR,
        CDM=(0.34, 0.0),
        RCM=(0.56, -0.42),
        LCM=(0.56, 0.42),
        RW=(0.9, -0.9),
        LW=(0.9, 0.9),
        **_ONE_STRIKER,
    ),
    _formation(
        "4-2-3-1",
        **_BACK_FOUR,
        RDM=(0.36, -0.3),
        LDM=(0.36, 0.3),
        RW=(0.74, -0.9),
        CAM=(0.7, 0.0),
        LW=(0.74, 0.9),
        **_ONE_STRIKER,
    ),
    _formation(
        "3-5-2",
        **_BACK_THREE,
        RWB=(0.42, -1.0),
        LWB=(0.42, 1.0),
        RCM=(0.56, -0.4),
        CM=(0.46, 0.0),
        LCM=(0.56, 0.4),
        **_TWO_STRIKERS,
    ),
    _formation(
        "5-3-2",
        RB=(0.12, -1.0),
        **_BACK_THREE,
        LB=(0.12, 1.0),
        CDM=(0.45, 0.0),
        RCM=(0.55, -0.5),
        LCM=(0.55, 0.5),
        **_TWO_STRIKERS,
    ),
    _formation(
        "3-4-3",
        **_BACK_THREE,
        RWB=(0.48, -1.0),
        LWB=(0.48, 1.0),
        **_TWO_CENTRAL,
        RW=(0.9, -0.68),
        LW=(0.9, 0.68),
        **_ONE_STRIKER,
    ),
    _formation(
        "4-1-4-1",
        **_BACK_FOUR,
        CDM=(0.32, 0.0),
        RM=(0.62, -0.95),
        RCM=(0.62, -0.32),
        LCM=(0.62, 0.32),
        LM=(0.62, 0.95),
        **_ONE_STRIKER,
    ),
    _formation(
        "4-5-1",
        **_BACK_FOUR,
        RM=(0.55, -1.0),
        RCM=(0.5, -0.45),
        CM=(0.42, 0.0),
        LCM=(0.5, 0.45),
        LM=(0.55, 1.0),
        **_ONE_STRIKER,
    ),
)
"""The formations a team can play; labels are indices into this tuple."""


def formation_index(name: str) -> int:
    """Index of a formation in :data:`FORMATIONS`.

    Args:
        name: E.g. ``"4-4-2"``.

    Raises:
        ConfigError: There is no such formation.
    """
    names = [formation.name for formation in FORMATIONS]
    if name not in names:
        raise ConfigError(
            f"there is no formation {name!r}{did_you_mean(name, names)}; "
            f"choose one of {', '.join(names)}"
        )
    return names.index(name)


def _role_places() -> np.ndarray:
    """``(R, 2)``, mean depth and side of the slots of every role."""
    slots = [slot for formation in FORMATIONS for slot in formation.slots]
    return np.array(
        [
            np.mean([(slot.depth, slot.side) for slot in slots if slot.role == role], axis=0)
            for role in range(len(ROLES))
        ]
    )


_ROLE_PLACES = _role_places()
_GOALKEEPER = ROLES.index("goalkeeper")


def closest_formation(roles: Sequence[int]) -> int | None:
    """Index of the formation whose roles are played nearest to where given roles are played.

    Args:
        roles: Of eleven players, indices into :data:`ROLES`.

    Returns:
        None where there are not eleven, of whom one keeps the goal.
    """
    outfield = [role for role in roles if role != _GOALKEEPER]
    if len(roles) != len(FORMATIONS[0].slots) or len(outfield) != len(roles) - 1:
        return None
    places = _ROLE_PLACES[outfield]
    costs = []
    for formation in FORMATIONS:
        # Places of the slots' roles, not of the slots: nothing tells the left of a central pair.
        slots = _ROLE_PLACES[[slot.role for slot in formation.slots[1:]]]
        cost = ((places[:, None] - slots) ** 2).sum(-1)
        costs.append(cost[linear_sum_assignment(cost)].sum())
    return int(np.argmin(costs))
