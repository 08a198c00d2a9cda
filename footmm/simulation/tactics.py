"""What teams do without the ball at their feet: shape, marking, pressing, and the referees' walk.

A team is a block of slots whose last line, length, width and sideways shift depend on where the
ball is and on the team's strategy. All of it is array arithmetic over many matches.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.state import (
    BOTTOM_ASSISTANT,
    CALM,
    PLAYERS_PER_TEAM,
    REFEREE,
    TEAM_SIGN,
    TOP_ASSISTANT,
    URGENT,
    BallState,
    BatchState,
    length,
)
from footmm.simulation.tracks import STRATEGIES

_PUSH = 0.8
_MARKING_RANGE = 14.0
_ELBOW_ROOM = 2.2


@dataclass(frozen=True)
class Tactic:
    """How a strategy shapes a team; metres in the team's own direction of attack.

    Attributes:
        gap: From the last line to the ball.
        lowest: The last line's place nearest to the own goal, from the centre of the pitch.
        highest: Its place farthest from it.
        length: From the last line to the first.
        width: From the outermost slot to the other.
        shift: Share of the ball's distance from the middle by which the block shifts with it.
        press: Distance to the ball from which on a player goes for it.
        second_press: The same for a second player.
        marking: Share of the way from the own place to the opponent nearest to it.
        runs: How far players stray from their places.
        pace: Highest speed in shape, metres a second.
    """

    gap: float
    lowest: float
    highest: float
    length: float
    width: float
    shift: float
    press: float
    second_press: float
    marking: float
    runs: float
    pace: float


TACTICS = {
    "high_press": Tactic(13.0, -36.0, 12.0, 29.0, 39.0, 0.45, 26.0, 14.0, 0.65, 1.6, 7.0),
    "mid_block": Tactic(17.0, -40.0, -16.0, 27.0, 37.0, 0.45, 16.0, 7.0, 0.5, 1.5, 6.5),
    "low_block": Tactic(17.0, -42.0, -28.0, 23.0, 34.0, 0.45, 10.0, 4.0, 0.45, 1.2, 6.0),
    "build_up": Tactic(13.0, -36.0, 9.0, 29.0, 48.0, 0.2, 0.0, 0.0, 0.0, 3.2, 6.5),
    "counter_attack": Tactic(18.0, -36.0, 8.0, 31.0, 44.0, 0.25, 0.0, 0.0, 0.0, 3.0, 8.5),
    "set_piece": Tactic(20.0, -38.0, 0.0, 32.0, 44.0, 0.4, 0.0, 0.0, 0.4, 1.5, 5.0),
}
"""The tactic of every strategy in :data:`footmm.simulation.tracks.STRATEGIES`."""

_TABLE = {
    field.name: np.array([getattr(TACTICS[name], field.name) for name in STRATEGIES])
    for field in fields(Tactic)
}


def plan(state: BatchState) -> None:
    """Set targets and paces of all agents."""
    view = state.team_view()
    opponents = -view[:, ::-1]
    ball = state.ball_reference[:, None] * TEAM_SIGN[:, None]
    rows = {name: values[state.style] for name, values in _TABLE.items()}
    attacking = state.team[:, None] == np.arange(2)
    place = _block(state, ball, rows)
    # Second-last defender, the goalkeeper being the last as a rule.
    line = np.partition(opponents[..., 0], PLAYERS_PER_TEAM - 2, axis=-1)[..., -2]
    _stay_onside(place, ball, line, attacking)
    _mark(place, opponents, rows["marking"], rows["press"])
    _keep_goal(place, ball, state.pitch.length / 2)
    pace = np.minimum(rows["pace"][..., None], _players(state.top_speed))
    urgent = _press(state, view, place, pace, rows, attacking)
    _give_room(view, place)
    count = len(place)
    target = (place * TEAM_SIGN[:, None, None]).reshape(count, NUM_PLAYERS, 2)
    pace = pace.reshape(count, NUM_PLAYERS)
    assigned = state.assigned
    urgency = np.where(urgent.reshape(count, NUM_PLAYERS) | assigned, URGENT, CALM)
    state.urgency[:, :NUM_PLAYERS] = urgency
    state.target[:, :NUM_PLAYERS] = np.where(assigned[..., None], state.assigned_target, target)
    state.pace[:, :NUM_PLAYERS] = np.where(assigned, state.assigned_pace, pace)
    _walk_referees(state, line)


def _players(values: np.ndarray) -> np.ndarray:
    return values[:, :NUM_PLAYERS].reshape(len(values), 2, PLAYERS_PER_TEAM, *values.shape[2:])


def _block(state: BatchState, ball: np.ndarray, rows: dict[str, np.ndarray]) -> np.ndarray:
    """``(M, 2, 11, 2)``, the slots' places as the teams see them."""
    last = np.clip(ball[..., 0] - rows["gap"], rows["lowest"], rows["highest"])
    half_length, half_width = state.pitch.length / 2, state.pitch.width / 2
    wander = state.wander.reshape(len(last), 2, PLAYERS_PER_TEAM, 2)
    place = rows["runs"][..., None, None] * wander
    place[..., 0] += last[..., None] + state.depth * rows["length"][..., None]
    place[..., 1] += (rows["shift"] * ball[..., 1])[..., None]
    place[..., 1] += state.side * (rows["width"] / 2)[..., None]
    np.clip(place[..., 0], 4 - half_length, half_length - 3, out=place[..., 0])
    np.clip(place[..., 1], 2 - half_width, half_width - 2, out=place[..., 1])
    return place


def _stay_onside(
    place: np.ndarray, ball: np.ndarray, line: np.ndarray, attacking: np.ndarray
) -> None:
    limit = np.maximum(np.maximum(line, ball[..., 0]), 0.0) - 0.5
    limit = np.where(attacking, limit, np.inf)
    np.minimum(place[..., 0], limit[..., None], out=place[..., 0])


def _mark(place: np.ndarray, opponents: np.ndarray, marking: np.ndarray, press: np.ndarray) -> None:
    """Move defenders towards the goal side of the opponent nearest to their place.

    The farther a team presses, the farther its players step forward to mark.
    """
    gap = place[:, :, :, None] - opponents[:, :, None]
    away = length(gap)
    away[..., 0] = np.inf
    nearest = away.argmin(-1)
    distance = np.take_along_axis(away, nearest[..., None], -1)[..., 0]
    mark = np.take_along_axis(opponents, nearest[..., None], 2)
    share = marking[..., None] * np.clip(2 * (1 - distance / _MARKING_RANGE), 0.0, 1.0)
    goal_side = mark - place
    stepping_up = goal_side[..., 0] / np.maximum(0.5 * press, 1.0)[..., None]
    share *= np.clip(1.0 - stepping_up, 0.0, 1.0)
    goal_side[..., 0] -= 1.5
    place += share[..., None] * goal_side


def _keep_goal(place: np.ndarray, ball: np.ndarray, half_length: float) -> None:
    far = ball[..., 0] + half_length
    place[:, :, 0, 0] = 1.5 - half_length + np.clip(0.14 * far, 0.0, 13.0)
    # Near the goal he narrows the angle, far from it he stands in the middle.
    place[:, :, 0, 1] = np.clip(ball[..., 1] * 2.5 / np.maximum(far, 8.0), -3.0, 3.0)


def _press(
    state: BatchState,
    view: np.ndarray,
    place: np.ndarray,
    pace: np.ndarray,
    rows: dict[str, np.ndarray],
    attacking: np.ndarray,
) -> np.ndarray:
    """Send one or two defenders to the opponent with the ball.

    Returns:
        ``(M, 2, 11)``, who goes.
    """
    going = np.zeros(pace.shape, bool)
    held = np.isin(state.ball_state, (BallState.CARRIED, BallState.CONTROL))[:, None] & ~attacking
    ball = state.ball[:, None, :2] * TEAM_SIGN[:, None]
    way = ball[:, :, None] - view
    distance = length(way)
    distance[..., 0] = np.inf
    match, team = np.nonzero(held)
    ball = ball[match, team]
    top_speed = _players(state.top_speed)
    for reach, keep_off in (("press", 0.8), ("second_press", 2.5)):
        near = distance[match, team]
        player = near.argmin(-1)
        goes = near.min(-1) < rows[reach][match, team]
        who = match[goes], team[goes], player[goes]
        place[who] = ball[goes]
        place[(*who, 0)] -= keep_off
        pace[who] = 0.85 * top_speed[who]
        going[who] = True
        distance[match, team, player] = np.inf
    return going


def _give_room(view: np.ndarray, place: np.ndarray) -> None:
    """Keep team-mates from standing in the same place."""
    gap = view[:, :, :, None] - view[:, :, None]
    push = np.clip(1.0 - length(gap) / (2 * _ELBOW_ROOM), 0.0, None)
    # The sum of push times gap over all team-mates.
    place += _PUSH * (push.sum(-1)[..., None] * view - push @ view)


def _walk_referees(state: BatchState, line: np.ndarray) -> None:
    """The referee keeps to a diagonal beside play, assistants keep level with the last lines."""
    x, y = state.ball_reference[:, 0], state.ball_reference[:, 1]
    half_length, half_width = state.pitch.length / 2, state.pitch.width / 2
    state.target[:, REFEREE, 0] = 0.75 * x
    state.target[:, REFEREE, 1] = 0.5 * y - 13.0 * x / half_length
    gap = state.target[:, REFEREE] - state.ball[:, :2]
    distance = length(gap)
    away = np.clip(9.0 - distance, 0.0, None) / np.maximum(distance, 0.5)
    state.target[:, REFEREE] += away[:, None] * gap
    # What team 0 sees as the line it attacks is in the world frame already.
    right = np.clip(np.maximum(line[:, 0], x), 0.0, half_length)
    left = -np.clip(np.maximum(line[:, 1], -x), 0.0, half_length)
    state.target[:, BOTTOM_ASSISTANT, 0] = right
    state.target[:, BOTTOM_ASSISTANT, 1] = -half_width - 0.8
    state.target[:, TOP_ASSISTANT, 0] = left
    state.target[:, TOP_ASSISTANT, 1] = half_width + 0.8
    state.pace[:, REFEREE:] = np.minimum(6.5, state.top_speed[:, REFEREE:])
