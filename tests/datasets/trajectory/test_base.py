"""Tests for windows that are cut out of matches."""

from __future__ import annotations

import numpy as np
import pytest

from footmm.datasets.agent_windows import WINDOW_TEAM, cut_window
from footmm.datasets.trajectory.base import TrajectoryDataset
from footmm.errors import ConfigError, DataFormatError
from footmm.pitch.dimensions import PitchDimensions
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks


def make_tracks(segments=((0, 60), (60, 100)), num_away: int = 13) -> AgentTracks:
    """12 home players, away players and the ball; x is the frame's number, y the agent's."""
    team = np.repeat([BALL, HOME, AWAY], [1, 12, num_away]).astype(np.int8)
    num_frames = segments[-1][1]
    positions = np.zeros((num_frames, len(team), 2), np.float32)
    positions[..., 0] = np.arange(num_frames)[:, None]
    positions[..., 1] = np.arange(len(team))
    return AgentTracks(
        match="m",
        source="s",
        rate=10.0,
        positions=positions,
        present=np.ones((num_frames, len(team)), bool),
        team=team,
        goalkeeper=np.arange(len(team)) == 2,
        agent_ids=tuple(f"agent {i}" for i in range(len(team))),
        frame_ids=1000 + np.arange(num_frames),
        period=np.repeat(np.arange(1, len(segments) + 1), np.diff(segments)[:, 0]).astype(np.int8),
        segments=np.array(segments),
        pitch=PitchDimensions(104.0, 67.0),
    )


class OneMatch(TrajectoryDataset):
    """Windows of one match."""

    def __init__(self, tracks: AgentTracks, **kwargs) -> None:
        self._given = tracks
        super().__init__(**kwargs)

    def load_tracks(self) -> list[AgentTracks]:
        """Return the match."""
        return [self._given]


def first_frames(dataset: TrajectoryDataset) -> list[int]:
    return [int(window["frame_ids"][0]) - 1000 for window in dataset]


def test_windows_do_not_reach_over_borders_of_segments():
    dataset = OneMatch(make_tracks(), num_frames=25, num_observed=5, stride=10)
    assert first_frames(dataset) == [0, 10, 20, 30, 60, 70]
    assert [window["period"] for window in dataset] == [1, 1, 1, 1, 2, 2]
    for window in dataset:
        assert (np.diff(window["frame_ids"]) == 1).all()


def test_parts_share_no_frame():
    settings = dict(num_frames=10, num_observed=2, stride=1)
    frames = [
        {
            frame
            for window in OneMatch(make_tracks(), part=part, **settings)
            for frame in window["frame_ids"].tolist()
        }
        for part in ((0.0, 0.7), (0.7, 1.0))
    ]
    assert frames[0] == set(range(1000, 1070))
    assert frames[1] == set(range(1070, 1100))


def test_windows_with_few_players_are_left_out():
    tracks = make_tracks()
    tracks.present[24, tracks.team != BALL] = False
    tracks.present[24, 1:7] = True
    settings = dict(num_frames=25, num_observed=5)
    # The last observed frame of the window from frame 20 on is frame 24.
    assert 20 in first_frames(OneMatch(tracks, min_agents=6, **settings))
    assert first_frames(OneMatch(tracks, min_agents=7, **settings)) == [0, 10, 30, 60, 70]


def test_a_place_goes_to_those_who_are_present_longest():
    tracks = make_tracks()
    tracks.present[10:30, 3] = False
    tracks.present[10:40, [15, 16]] = False
    tracks.present[12, 1] = False
    window = cut_window(tracks, 10, 20)
    home, away = (
        {window["agent_ids"][place] for place in np.flatnonzero(np.equal(WINDOW_TEAM, team))}
        for team in (HOME, AWAY)
    )
    assert home == {f"agent {i}" for i in range(1, 13) if i != 3}
    assert away == {f"agent {i}" for i in range(13, 26) if i not in (15, 16)}
    assert window["agent_ids"][22] == "agent 0"
    missing = np.argwhere(~window["present"]).tolist()
    assert missing == [[2, window["agent_ids"].index("agent 1")]]


def test_a_window_is_what_the_model_reads():
    dataset = OneMatch(make_tracks(num_away=3), num_frames=25, num_observed=5)
    window = dataset[2]
    assert window["positions"].shape == (25, 23, 2)
    assert window["positions"].dtype == np.float32
    assert window["present"].shape == (25, 23)
    assert window["present"].dtype == bool
    assert window["team"].tolist() == [HOME] * 11 + [AWAY] * 11 + [BALL]
    assert window["team"].dtype == window["frame_ids"].dtype == np.int64
    assert [window[key] for key in ("match", "source", "rate", "num_observed", "pitch_size")] == [
        "m", "s", 10.0, 5, (104.0, 67.0)
    ]  # fmt: skip
    taken = window["present"].any(0)
    assert taken.sum() == 11 + 3 + 1
    assert [bool(name) for name in window["agent_ids"]] == taken.tolist()
    assert (window["positions"][:, ~taken] == 0).all()
    for place in np.flatnonzero(taken):
        agent = int(window["agent_ids"][place].split()[1])
        np.testing.assert_array_equal(window["positions"][:, place, 0], np.arange(20, 45))
        assert (window["positions"][:, place, 1] == agent).all()
        assert window["goalkeeper"][place] == (agent == 2)


def test_a_window_is_a_copy():
    tracks = make_tracks()
    window = cut_window(tracks, 0, 5)
    window["positions"] += 1
    window["present"][:] = False
    window["frame_ids"] += 1
    assert tracks.present.all()
    assert tracks.frame_ids[0] == 1000
    np.testing.assert_array_equal(tracks.positions[:, 0, 0], np.arange(100))


def test_a_subset_still_finds_its_match():
    dataset = OneMatch(make_tracks(), num_frames=25, num_observed=5)
    subset = dataset.get_subset([4, 1])
    assert first_frames(subset) == [60, 10]


@pytest.mark.parametrize(
    "settings",
    [dict(num_observed=40), dict(num_observed=0), dict(stride=0), dict(part=(0.5, 0.5)),
     dict(part=(0.0, 1.1))],
)  # fmt: skip
def test_impossible_arguments_are_refused(settings):
    with pytest.raises(ConfigError, match="OneMatch"):
        OneMatch(make_tracks(), **settings)


def test_no_window_is_an_error_that_says_why():
    with pytest.raises(DataFormatError, match=r"num_frames=61 .*longest segment .* has 60 frames"):
        OneMatch(make_tracks(), num_frames=61)
    with pytest.raises(DataFormatError, match=r"none of 4 windows are min_agents=26 players"):
        OneMatch(make_tracks(), min_agents=26, num_frames=40)
