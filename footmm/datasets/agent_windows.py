"""Windows of the agents of a match: 11 places for each team, and the ball."""

from __future__ import annotations

from typing import Any

import numpy as np

from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.state import PLAYERS_PER_TEAM
from footmm.simulation.windows import TrajectoryWindow, TrajectoryWindowSettings
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks

WINDOW_TEAM = np.repeat([HOME, AWAY, BALL], [PLAYERS_PER_TEAM, PLAYERS_PER_TEAM, 1]).astype(
    np.int64
)
"""What the places of a window belong to: 11 of the home team, 11 of the away team, the ball."""

SIMULATION = "simulation"
"""The source of the tracks of simulated matches."""

AGENT_IDS = (*map(str, range(NUM_PLAYERS)), "ball")
"""The agents of a simulated match: their numbers in the simulation, and the ball."""

GOALKEEPER = np.isin(np.arange(len(AGENT_IDS)), (0, PLAYERS_PER_TEAM))
"""Which of them keep the goals: the first of each team."""


def simulated_window(
    number: int, window: TrajectoryWindow, settings: TrajectoryWindowSettings, num_observed: int
) -> dict[str, Any]:
    """Return a window of a simulated match in the form of :func:`cut_window`.

    Args:
        number: Of the window.
        window: The window.
        settings: What it was cut from.
        num_observed: Frames that predictions are made from.

    Returns:
        What :func:`cut_window` returns, with ``num_observed``.
    """
    match, place = divmod(number, settings.windows_per_match)
    first = place * settings.stride
    return dict(
        positions=window.positions.astype(np.float32),
        present=np.ones(window.positions.shape[:2], bool),
        team=WINDOW_TEAM.copy(),
        goalkeeper=GOALKEEPER.copy(),
        agent_ids=list(AGENT_IDS),
        match=f"match_{match:05d}",
        source=SIMULATION,
        rate=settings.rate,
        period=1,
        frame_ids=np.arange(first, first + settings.num_frames),
        pitch_size=(settings.pitch.length, settings.pitch.width),
        num_observed=num_observed,
        seconds=(np.arange(first, first + settings.num_frames) / settings.rate).astype(np.float32),
    )


def cut_window(tracks: AgentTracks, first: int, num_frames: int) -> dict[str, Any]:
    """Copy a window out of a match.

    A team's places go to its up to 11 agents who are present longest in the window.

    Args:
        tracks: The match.
        first: First frame of the window.
        num_frames: Number of frames ``T``; all in one segment, which is not checked.

    Returns:
        ``positions`` ``(T, 23, 2)`` float32, metres, world frame, 0 where not present;
        ``present`` ``(T, 23)`` bool; ``team`` ``(23,)`` int64, see :data:`WINDOW_TEAM`;
        ``goalkeeper`` ``(23,)`` bool; ``agent_ids``, a list of names, empty where a place is not
        taken; ``frame_ids`` ``(T,)`` int64; ``match``, ``source``, ``rate``, ``period`` and
        ``pitch_size`` (length, width); and ``seconds`` ``(T,)``, since the start of the period,
        where the source tells.
    """
    frames = slice(first, first + num_frames)
    present = np.asarray(tracks.present[frames])
    agents, places = _choose_agents(present.sum(0), np.asarray(tracks.team))
    window_positions = np.zeros((num_frames, len(WINDOW_TEAM), 2), np.float32)
    window_present = np.zeros((num_frames, len(WINDOW_TEAM)), bool)
    goalkeeper = np.zeros(len(WINDOW_TEAM), bool)
    window_positions[:, places] = np.asarray(tracks.positions[frames])[:, agents]
    window_present[:, places] = present[:, agents]
    window_positions[~window_present] = 0
    goalkeeper[places] = tracks.goalkeeper[agents]
    names = dict(zip(places.tolist(), (tracks.agent_ids[agent] for agent in agents), strict=True))
    clock = {} if tracks.seconds is None else dict(seconds=np.array(tracks.seconds[frames]))
    return clock | dict(
        positions=window_positions,
        present=window_present,
        team=WINDOW_TEAM.copy(),
        goalkeeper=goalkeeper,
        agent_ids=[names.get(place, "") for place in range(len(WINDOW_TEAM))],
        match=tracks.match,
        source=tracks.source,
        rate=tracks.rate,
        period=int(tracks.period[first]),
        frame_ids=np.array(tracks.frame_ids[frames]),
        pitch_size=(tracks.pitch.length, tracks.pitch.width),
    )


def _choose_agents(num_present: np.ndarray, team: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The agents who get a place in a window, longest present first, and their places."""
    agents, places = [], []
    for number in (HOME, AWAY, BALL):
        free = np.flatnonzero(np.equal(WINDOW_TEAM, number))
        members = np.flatnonzero((team == number) & (num_present > 0))
        longest = members[np.argsort(-num_present[members], kind="stable")[: len(free)]]
        agents.append(longest)
        places.append(free[: len(longest)])
    return np.concatenate(agents), np.concatenate(places)
