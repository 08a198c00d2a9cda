"""Labels of windows: formation, roles and strategies, and where they are known.

A window with labels has, besides what :func:`footmm.datasets.agent_windows.cut_window` returns,

* ``formation`` (2,) int64, of the home and the away team, into
  :data:`footmm.simulation.formations.FORMATIONS`;
* ``role`` (A,) int64 into :data:`footmm.simulation.formations.ROLES`, A = 23;
* ``strategy`` (frames, 2) int64 into :data:`footmm.simulation.tracks.STRATEGIES`;

and for each of them ``has_...`` of the same shape, bool; where that is False the label is 0 and
means nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.tracks import STRATEGIES

TACTICS_METAINFO: dict[str, Any] = {
    "task": "tactics",
    "synthetic": False,
    "formations": tuple(formation.name for formation in FORMATIONS),
    "roles": ROLES,
    "strategies": STRATEGIES,
}
"""What all datasets of tactics say of themselves."""


def no_labels(num_frames: int, num_agents: int) -> dict[str, np.ndarray]:
    """Return labels of which nothing is known.

    Args:
        num_frames: Frames of the window.
        num_agents: Agents of the window.

    Returns:
        Int64, 0: ``formation`` ``(2,)``, ``role`` ``(num_agents,)`` and ``strategy``
        ``(num_frames, 2)``; and after ``has_`` the same shapes, bool, False.
    """
    shapes = dict(formation=(2,), role=(num_agents,), strategy=(num_frames, 2))
    labels = {name: np.zeros(shape, np.int64) for name, shape in shapes.items()}
    return labels | {f"has_{name}": np.zeros(shape, bool) for name, shape in shapes.items()}
