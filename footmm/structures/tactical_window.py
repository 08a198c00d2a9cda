"""A window of a match, what the teams played in it, and what a model says they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement

from footmm.structures.agent_tracks import AWAY, BALL, HOME
from footmm.structures.samples import required


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
            DataFormatError: The sample lacks a key.
        """

        def get(key: str, dtype: type = np.float64) -> np.ndarray:
            value = required(sample, key, named_by="match")
            return torch.as_tensor(value).detach().cpu().numpy().astype(dtype)

        frames = get("graph_frames", np.int64)
        present = get("present", bool)[frames]
        return cls(
            match=str(required(sample, "match", named_by="match")),
            source=str(required(sample, "source", named_by="match")),
            period=int(required(sample, "period", named_by="match")),
            frame_ids=get("frame_ids", np.int64)[frames],
            seconds=np.asarray(required(sample, "seconds", named_by="match"), float)[frames],
            pitch_size=tuple(required(sample, "pitch_size", named_by="match")),
            team=get("team", np.int64),
            goalkeeper=get("goalkeeper", bool),
            agent_ids=tuple(required(sample, "agent_ids", named_by="match")),
            positions=get("positions")[frames],
            present=present,
            formation=get("formation", np.int64),
            has_formation=get("has_formation", bool),
            role=get("role", np.int64),
            has_role=get("has_role", bool) & present.any(0),
            strategy=get("strategy", np.int64),
            has_strategy=get("has_strategy", bool),
            formation_scores=get("pred_formation"),
            role_scores=get("pred_role"),
            strategy_scores=get("pred_strategy"),
            edges=get("graph_edges", np.int64),
            attention=get("pred_attention"),
        )

    @property
    def seen(self) -> np.ndarray:
        """``(A,)`` bool, who is present in any of the frames."""
        return self.present.any(0)

    def members(self, team: int) -> np.ndarray:
        """Numbers of the seen players of a team."""
        return np.flatnonzero(self.seen & (self.team == team))

    def view_of(self, team: int) -> np.ndarray:
        """``(T, A, 2)``, positions as a team sees them, attacking to the right, metres."""
        return self.positions * (-1 if team == AWAY else 1)

    def mean_places(self, team: int) -> np.ndarray:
        """``(A, 2)``, where everybody was on average, as a team sees it; 0 if never, metres."""
        weight = self.present[..., None]
        total = (self.view_of(team) * weight).sum(0)
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
