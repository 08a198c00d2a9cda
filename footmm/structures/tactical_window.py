"""A window of a match, what the teams played in it, and what a model says they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from footmm.structures.agent_tracks import AWAY, BALL, HOME
from footmm.structures.samples import check_shapes, required


@dataclass(frozen=True, eq=False)
class TacticalWindow:
    """``T`` frames of ``A`` agents, those that the model saw, with labels and predictions.

    Attributes:
        match: Name of the match.
        source: Where the tracks come from.
        period: 1 for the first half.
        frame_ids: ``(T,)``, the source's numbers of the frames.
        seconds: ``(T,)``, since the start of the period; nan where the tracks do not tell.
        pitch_size: Length and width, metres.
        team: ``(A,)``, see :mod:`footmm.structures.agent_tracks`.
        goalkeeper: ``(A,)`` bool.
        agent_ids: Names of the agents; empty for places of the window that nobody fills.
        positions: ``(T, A, 2)``, metres, world frame, the home team attacking to the right; 0 where
            not present.
        present: ``(T, A)`` bool.
        formation: ``(2,)`` int64, of the home and the away team, into
            :data:`footmm.simulation.formations.FORMATIONS`.
        has_formation: ``(2,)`` bool, whether it is known.
        role: ``(A,)`` int64 into :data:`footmm.simulation.formations.ROLES`.
        has_role: ``(A,)`` bool, whether it is known; False for those who were not seen.
        strategy: ``(T, 2)`` int64 into :data:`footmm.simulation.tracks.STRATEGIES`.
        has_strategy: ``(T, 2)`` bool, whether it is known.
        formation_scores: ``(2, F)``, probabilities.
        role_scores: ``(A, R)``, probabilities.
        strategy_scores: ``(T, 2, S)``, probabilities.
        edges: ``(2, E)`` int64, senders and receivers among the ``T A`` nodes of the graph.
        attention: ``(E,)``, how much each edge counted; those to a node add up to 1.
    """

    match: str
    source: str
    period: int
    frame_ids: np.ndarray
    seconds: np.ndarray
    pitch_size: tuple[float, float]
    team: np.ndarray
    goalkeeper: np.ndarray
    agent_ids: tuple[str, ...]
    positions: np.ndarray
    present: np.ndarray
    formation: np.ndarray
    has_formation: np.ndarray
    role: np.ndarray
    has_role: np.ndarray
    strategy: np.ndarray
    has_strategy: np.ndarray
    formation_scores: np.ndarray
    role_scores: np.ndarray
    strategy_scores: np.ndarray
    edges: np.ndarray
    attention: np.ndarray

    @classmethod
    def from_sample(cls, sample: Mapping[str, Any] | BaseDataElement) -> TacticalWindow:
        """Read the predictions of ``TacticsGNN``.

        Raises:
            DataFormatError: The sample lacks a key, or its arrays do not fit each other.
        """

        arrays = {
            name: _required_array(sample, name, dtype)
            for dtype, names in _NAMES.items()
            for name in names
        }
        match = str(required(sample, "match", named_by="match"))
        frame_ids = np.asarray(required(sample, "frame_ids", named_by="match"), np.int64)
        seconds = np.asarray(required(sample, "seconds", named_by="match"), float)
        times = {"frame_ids": frame_ids, "seconds": seconds}
        owner = f"a window of match '{match}'"
        check_shapes(owner, arrays | times, _SHAPES)
        frames = arrays["graph_frames"]
        present = arrays["present"][frames]
        return cls(
            match=match,
            source=str(required(sample, "source", named_by="match")),
            period=int(required(sample, "period", named_by="match")),
            frame_ids=frame_ids[frames],
            seconds=seconds[frames],
            pitch_size=tuple(required(sample, "pitch_size", named_by="match")),
            agent_ids=tuple(required(sample, "agent_ids", named_by="match")),
            positions=arrays["positions"][frames],
            present=present,
            has_role=arrays["has_role"] & present.any(0),
            **{name: arrays[name] for name in _AS_THEY_ARE},
            **{name: arrays[key] for name, key in _RENAMED.items()},
        )

    @property
    def seen(self) -> np.ndarray:
        """``(A,)`` bool, who is present in any of the frames."""
        return self.present.any(0)

    def members(self, team: int) -> np.ndarray:
        """Numbers of the seen players of a team, ``(P,)``."""
        return np.flatnonzero(self.seen & (self.team == team))

    def view_of(self, team: int) -> np.ndarray:
        """``(T, A, 2)``, positions as a team sees them, attacking to the right, metres."""
        return self.positions * (-1 if team == AWAY else 1)

    def mean_places(self, team: int) -> np.ndarray:
        """``(A, 2)``, where everybody was on average, as a team sees it; 0 if never, metres."""
        weight = self.present[..., None]
        total = np.where(weight, self.view_of(team), 0.0).sum(0)
        return total / np.maximum(weight.sum(0), 1)

    @property
    def teams(self) -> tuple[int, int]:
        """The home and the away team."""
        return HOME, AWAY

    @property
    def ball(self) -> int | None:
        """Number of the ball, where it is seen."""
        found = np.flatnonzero(self.seen & (self.team == BALL))
        return int(found[0]) if len(found) else None


_NAMES: Mapping[type, tuple[str, ...]] = {
    bool: ("present", "goalkeeper", "has_formation", "has_role", "has_strategy"),
    np.int64: ("graph_frames", "team", "formation", "role", "strategy", "graph_edges"),
    np.float64: ("positions", "pred_formation", "pred_role", "pred_strategy", "pred_attention"),
}
_AS_THEY_ARE = (
    "team",
    "goalkeeper",
    "formation",
    "has_formation",
    "role",
    "strategy",
    "has_strategy",
)
_RENAMED = {
    "formation_scores": "pred_formation",
    "role_scores": "pred_role",
    "strategy_scores": "pred_strategy",
    "edges": "graph_edges",
    "attention": "pred_attention",
}
#: Of the samples: T frames of the window, of which the graphs have G.
_SHAPES: Mapping[str, tuple[int | str, ...]] = {
    "present": ("T", "A"),
    "positions": ("T", "A", 2),
    "frame_ids": ("T",),
    "seconds": ("T",),
    "graph_frames": ("G",),
    "team": ("A",),
    "goalkeeper": ("A",),
    "formation": (2,),
    "has_formation": (2,),
    "role": ("A",),
    "has_role": ("A",),
    "strategy": ("G", 2),
    "has_strategy": ("G", 2),
    "pred_formation": (2, "F"),
    "pred_role": ("A", "R"),
    "pred_strategy": ("G", 2, "S"),
    "graph_edges": (2, "E"),
    "pred_attention": ("E",),
}


def _required_array(
    sample: Mapping[str, Any] | BaseDataElement, key: str, dtype: type
) -> np.ndarray:
    value = required(sample, key, named_by="match")
    return torch.as_tensor(value).detach().cpu().numpy().astype(dtype)
