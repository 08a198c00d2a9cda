"""Graphs of players and ball: what their nodes and edges know.

Everything is seen as the team of a node sees it, attacking to the right, so a window in which the
teams swap sides and names has the same graph. The ball belongs to no team and knows no direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from footmm.errors import ConfigError
from footmm.structures.agent_tracks import AWAY, BALL

#: Metres, metres a second and seconds that become one.
_POSITION_SCALE = np.float32([52.5, 34.0])
_DISTANCE_SCALE = np.float32(20.0)
_SPEED_SCALE = np.float32(5.0)
_TIME_SCALE = np.float32(10.0)

NODE_FEATURES = (
    "position x",
    "position y",
    "velocity x",
    "velocity y",
    "speed",
    "from ball x",
    "from ball y",
    "distance to ball",
    "velocity of ball x",
    "velocity of ball y",
    "from team x",
    "from team y",
    "mean from team x",
    "mean from team y",
    "share of frames present",
    "seconds to the last frame",
    "is goalkeeper",
    "is ball",
    "is present",
    "ball is present",
    "velocity is known",
)
"""What a node knows, in this order. ``from team`` is the place relative to the mean of the present
players of its team, goalkeepers left out; its mean, and the share of frames present, are over all
frames of the window up to the last of the graph."""

EDGE_FEATURES = (
    "distance",
    "cosine of angle",
    "sine of angle",
    "relative speed",
    "same team",
    "opponents",
    "from ball",
)
"""What an edge knows, in this order. The angle is that at which the receiving player sees the other
one; the ball sees no angles."""


@dataclass(frozen=True)
class GraphSettings:
    """How graphs are made.

    Attributes:
        num_nearest: Players that every player is connected to, those nearest to it.
        max_speed: Velocities beyond this count as unknown, metres a second.

    Raises:
        ConfigError: A value is impossible.
    """

    num_nearest: int = 4
    max_speed: float = 12.0

    def __post_init__(self) -> None:
        if self.num_nearest < 0 or not self.max_speed > 0:
            raise ConfigError(
                f"num_nearest={self.num_nearest} has to be 0 or more, and max_speed="
                f"{self.max_speed} positive"
            )


@dataclass(frozen=True, eq=False)
class Scenes:
    """``T`` frames of ``A`` agents.

    Attributes:
        positions: ``(T, A, 2)`` float32, metres, world frame, the home team attacking to the
            right; 0 where not present.
        velocities: ``(T, A, 2)`` float32, metres a second; 0 where not known.
        moving: ``(T, A)`` bool, whether the velocity is known.
        present: ``(T, A)`` bool.
        team: ``(A,)`` int64, see :mod:`footmm.structures.agent_tracks`.
        goalkeeper: ``(A,)`` bool.
        seconds: ``(T,)`` float32, times of the frames.
        mean_from_team: ``(A, 2)`` float32, mean place relative to the team's mean, as the team sees
            it, over all frames of the window up to the last, metres; 0 for those never present.
        share_present: ``(A,)`` float32, share of these frames in which an agent is present.
    """

    positions: np.ndarray
    velocities: np.ndarray
    moving: np.ndarray
    present: np.ndarray
    team: np.ndarray
    goalkeeper: np.ndarray
    seconds: np.ndarray
    mean_from_team: np.ndarray
    share_present: np.ndarray

    @classmethod
    def of_window(cls, window: Mapping[str, Any], frames: np.ndarray, max_speed: float) -> Scenes:
        """Take some frames of a window; velocities are those since the frame before.

        Args:
            window: With ``positions``, ``present``, ``team``, ``goalkeeper`` and ``rate``, and
                ``seconds`` where its frames are not evenly spaced.
            frames: ``(T,)``, numbers of frames.
            max_speed: Of players; faster ones count as unknown, metres a second. A ball may be
                five times as fast.
        """
        present = np.asarray(window["present"], bool)
        positions = np.where(present[..., None], window["positions"], np.float32(0))
        seconds = window.get("seconds")
        if seconds is None:
            seconds = np.arange(len(present)) / window["rate"]
        before = np.maximum(frames - 1, 0)
        elapsed = np.maximum(seconds[frames] - seconds[before], 1e-6).astype(np.float32)
        velocities = (positions[frames] - positions[before]) / elapsed[:, None, None]
        team = np.asarray(window["team"], np.int64)
        limit = np.where(team == BALL, 5 * max_speed, max_speed)
        moving = present[frames] & present[before] & (frames > 0)[:, None]
        moving &= (velocities**2).sum(-1) <= limit**2
        goalkeeper = np.asarray(window["goalkeeper"], bool)
        so_far = slice(0, int(frames[-1]) + 1)
        share = present[so_far].mean(0, dtype=np.float32)
        from_team = _from_team(positions[so_far], present[so_far], team, goalkeeper)
        return cls(
            positions=positions[frames].astype(np.float32),
            velocities=(velocities * moving[..., None]).astype(np.float32),
            moving=moving,
            present=present[frames],
            team=team,
            goalkeeper=goalkeeper,
            seconds=np.asarray(seconds[frames], np.float32),
            mean_from_team=from_team.mean(0) / np.maximum(share, 1e-6)[:, None],
            share_present=share,
        )

    @property
    def turn(self) -> np.ndarray:
        """``(A, 1)`` float32: 1, -1 for the away team, 0 for the ball; turns to a team's view."""
        return _turn(self.team)


def _turn(team: np.ndarray) -> np.ndarray:
    sign = np.where(team == AWAY, -1, 1) * (team != BALL)
    return sign.astype(np.float32)[:, None]


@dataclass(frozen=True, eq=False)
class Graphs:
    """The graphs of ``T`` frames as one graph of ``T A`` nodes, frame after frame.

    Attributes:
        nodes: ``(T * A, C)`` float32, see :data:`NODE_FEATURES`; 0 for those not present but for
            what is known of them all the same.
        edges: ``(2, E)`` int64, senders and receivers, all of them present.
        edge_features: ``(E, D)`` float32, see :data:`EDGE_FEATURES`.
    """

    nodes: np.ndarray
    edges: np.ndarray
    edge_features: np.ndarray


def build_graphs(scenes: Scenes, settings: GraphSettings) -> Graphs:
    """Make the graphs of frames.

    An edge leads to a player from the ``num_nearest`` players nearest to it, from its team-mates
    and from the ball, and to the ball from all players.

    Args:
        scenes: The frames.
        settings: Of the graphs.
    """
    offsets = scenes.positions[:, None] - scenes.positions[:, :, None]
    distances = np.sqrt((offsets**2).sum(-1))
    frame, receiver, sender = np.nonzero(_connected(scenes, distances, settings.num_nearest))
    num_agents = len(scenes.team)
    edges = np.stack([frame * num_agents + sender, frame * num_agents + receiver])
    return Graphs(
        nodes=_node_features(scenes).reshape(-1, len(NODE_FEATURES)),
        edges=edges,
        edge_features=_edge_features(scenes, offsets, distances, (frame, receiver, sender)),
    )


def _connected(scenes: Scenes, distances: np.ndarray, num_nearest: int) -> np.ndarray:
    """``(T, A, A)`` bool: who hears of whom."""
    team = scenes.team
    is_ball = team == BALL
    wanted = (team[:, None] == team) | is_ball[:, None] | is_ball
    both = scenes.present[:, :, None] & scenes.present[:, None]
    both[:, np.arange(len(team)), np.arange(len(team))] = False
    near = _nearest(distances, both & ~(is_ball[:, None] | is_ball), num_nearest)
    return both & (wanted | near)


def _nearest(distances: np.ndarray, candidates: np.ndarray, count: int) -> np.ndarray:
    """``(T, A, A)`` bool, the ``count`` candidates nearest to each agent."""
    num_agents = distances.shape[-1]
    count = min(count, num_agents)
    if not count:
        return np.zeros_like(candidates)
    far = np.where(candidates, distances, np.inf)
    limit = np.partition(far, count - 1, axis=-1)[..., count - 1 : count]
    return candidates & (far <= limit)


def _node_features(scenes: Scenes) -> np.ndarray:
    turn, present = scenes.turn, scenes.present[..., None]
    is_ball = scenes.team == BALL
    ball_seen = (scenes.present & is_ball).any(1)[:, None, None]
    ball = (scenes.positions * is_ball[:, None]).sum(1, keepdims=True)
    ball_velocity = (scenes.velocities * is_ball[:, None]).sum(1, keepdims=True)
    from_ball = (scenes.positions - ball) * (ball_seen & present) * turn
    from_team = _from_team(scenes.positions, scenes.present, scenes.team, scenes.goalkeeper)
    frames, agents = scenes.present.shape
    parts = (
        scenes.positions * turn / _POSITION_SCALE,
        scenes.velocities * turn / _SPEED_SCALE,
        _length(scenes.velocities) / _SPEED_SCALE,
        from_ball / _DISTANCE_SCALE,
        _length(from_ball) / _DISTANCE_SCALE,
        ball_velocity * turn * present / _SPEED_SCALE,
        from_team / _DISTANCE_SCALE,
        scenes.mean_from_team / _DISTANCE_SCALE,
        scenes.share_present[:, None],
        (scenes.seconds[-1] - scenes.seconds)[:, None, None] / _TIME_SCALE,
        scenes.goalkeeper[:, None],
        is_ball[:, None],
        present,
        ball_seen,
        scenes.moving[..., None],
    )
    full = [np.broadcast_to(part, (frames, agents, part.shape[-1])) for part in parts]
    return np.concatenate(full, axis=-1).astype(np.float32)


def _from_team(
    positions: np.ndarray, present: np.ndarray, team: np.ndarray, goalkeeper: np.ndarray
) -> np.ndarray:
    """``(T, A, 2)``, places relative to the mean of the team, as it sees them, metres."""
    result = np.zeros(positions.shape, np.float32)
    for side in np.unique(team[team != BALL]):
        members = team == side
        counted = (present & members & ~goalkeeper)[..., None]
        total = (positions * counted).sum(1, keepdims=True)
        centre = total / np.maximum(counted.sum(1, keepdims=True), 1)
        known = present[..., None] & counted.any(1, keepdims=True) & members[:, None]
        result += (positions - centre) * known
    return result * _turn(team)


def _edge_features(
    scenes: Scenes,
    offsets: np.ndarray,
    distances: np.ndarray,
    edges: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    frame, receiver, sender = edges
    distance = distances[edges][:, None]
    direction = offsets[edges] / np.maximum(distance, 1e-6) * scenes.turn[receiver]
    relative = scenes.velocities[frame, sender] - scenes.velocities[frame, receiver]
    known = scenes.moving[frame, sender] & scenes.moving[frame, receiver]
    teams = scenes.team[sender], scenes.team[receiver]
    with_ball = (teams[0] == BALL) | (teams[1] == BALL)
    same = teams[0] == teams[1]
    parts = (
        distance / _DISTANCE_SCALE,
        direction,
        _length(relative) * known[:, None] / _SPEED_SCALE,
        same[:, None],
        (~same & ~with_ball)[:, None],
        (teams[0] == BALL)[:, None],
    )
    return np.concatenate(parts, axis=1).astype(np.float32)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(-1, keepdims=True))
