"""Who runs to a loose ball, and where to."""

from __future__ import annotations

import numpy as np

from footmm.simulation.flight_library import FlightLibrary
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.recording import turned
from footmm.simulation.state import PLAYERS_PER_TEAM, BatchState, length

_LOOK_AHEAD = np.arange(1, 17) * 0.25
"""Seconds."""

_JUMPING_HEIGHT = 1.9
_REACTION = 0.3
_ARM = 0.6
_SHARE_OF_TOP_SPEED = 0.75
_MARGIN = 1.5


class Runs:
    """Runs of the players of one match that its decisions ask for, not the teams' shapes.

    Args:
        state: All matches.
        match: Which of them.
        library: The flights.
    """

    def __init__(self, state: BatchState, match: int, library: FlightLibrary) -> None:
        self.state, self.match, self.library = state, match, library

    def assign_only(self, player: int, target: np.ndarray, pace: float) -> None:
        """Send one player somewhere, ``(2,)``, metres, all others to their places in the team."""
        self.state.assigned[self.match] = False
        self.assign(player, target, pace)

    def assign(self, player: int, target: np.ndarray, pace: float) -> None:
        """Send a player somewhere, ``(2,)``, metres, world frame, at a pace in metres a second."""
        state, match = self.state, self.match
        limit = np.array([state.pitch.length, state.pitch.width]) / 2 + _MARGIN
        state.assigned[match, player] = True
        state.assigned_target[match, player] = np.clip(target, -limit, limit)
        state.assigned_pace[match, player] = min(pace, state.top_speed[match, player])

    def chase(self, time: float, target: int | None) -> None:
        """Send one of each team to the flying or rolling ball.

        Args:
            time: Seconds.
            target: The player the ball is meant for, who goes whoever else could.
        """
        state, match = self.state, self.match
        since = time - state.flight_start[match] + _LOOK_AHEAD
        ball, _, _ = self.library.sample(state.flight[match, None], since[None])
        ball = turned(ball, state.flight_turn[match, None])[0]
        places = ball[:, :2] + state.flight_origin[match]
        late, when = self._lateness(places, ball[:, 2])
        arrival = np.where(late <= 0.0, _LOOK_AHEAD[when], np.inf)
        state.assigned[match] = False
        for team in (0, 1):
            own = slice(team * PLAYERS_PER_TEAM, (team + 1) * PLAYERS_PER_TEAM)
            first = own.start + int((arrival[own] + 1e-3 * late[own]).argmin())
            if not np.isfinite(arrival[first]):
                first = own.start + int(late[own].argmin())
            if target is not None and own.start <= target < own.stop:
                first = target
            distance = float(np.hypot(*(places[when[first]] - state.position[match, first])))
            pace = 1.25 * distance / max(_LOOK_AHEAD[when[first]] - 0.2, 0.2)
            self.assign(first, places[when[first]], max(pace, 2.5))

    def _lateness(self, places: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Seconds by which players miss the ball where they get it first, and when that is.

        Args:
            places: ``(K, 2)``, where the ball will be.
            heights: ``(K,)``.

        Returns:
            ``(22,)``, zero or less for who gets there in time, and ``(22,)`` indices of places.
        """
        state, match = self.state, self.match
        limit = np.array([state.pitch.length / 2, state.pitch.width / 2])
        reachable = (heights < _JUMPING_HEIGHT) & (np.abs(places) < limit).all(-1)
        players = state.position[match, :NUM_PLAYERS]
        players = players + _REACTION * state.velocity[match, :NUM_PLAYERS]
        distance = length(places[None] - players[:, None])
        speed = _SHARE_OF_TOP_SPEED * state.top_speed[match, :NUM_PLAYERS, None]
        needed = _REACTION + np.maximum(distance - _ARM, 0.0) / speed
        late = np.where(reachable, needed - _LOOK_AHEAD, 50.0 + distance)
        for keeper, side in ((0, -1.0), (PLAYERS_PER_TEAM, 1.0)):
            outside = side * places[:, 0] < limit[0] - state.pitch.penalty_area_length
            late[keeper, outside] = 99.0 + distance[keeper, outside]
        in_time = late <= 0.0
        when = np.where(in_time.any(1), in_time.argmax(1), late.argmin(1))
        return np.take_along_axis(late, when[:, None], 1)[:, 0], when
