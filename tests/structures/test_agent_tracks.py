from __future__ import annotations

import numpy as np
import pytest

from footmm.errors import DataFormatError
from footmm.structures.agent_tracks import AgentTracks


def arrays(**changes):
    positions = np.zeros((4, 3, 2))
    positions[1, 2] = np.nan
    return dict(positions=positions + 1, team=[0, 1, 2], rate=5.0) | changes


def test_what_is_not_said():
    tracks = AgentTracks.from_arrays(**arrays())
    assert (tracks.match, tracks.source, tracks.rate) == ("tracks", "arrays", 5.0)
    assert tracks.positions[1].tolist() == [[1, 1], [1, 1], [0, 0]]
    assert tracks.present.sum() == 11
    assert not tracks.present[1, 2]
    assert tracks.agent_ids == ("0", "1", "2")
    assert tracks.frame_ids.tolist() == [0, 1, 2, 3]
    assert tracks.period.tolist() == [1] * 4
    assert tracks.segments.tolist() == [[0, 4]]
    assert not tracks.goalkeeper.any()
    assert tracks.seconds is None
    assert (tracks.pitch.length, tracks.pitch.width) == (105, 68)


def test_what_is_said():
    tracks = AgentTracks.from_arrays(
        **arrays(
            period=[1, 1, 2, 2],
            agent_ids=["a", "b", "ball"],
            goalkeeper=[1, 0, 0],
            frame_ids=[7, 8, 1, 2],
            seconds=[0, 0.2, 0, 0.2],
            pitch_size=(100, 64),
        )
    )
    assert tracks.segments.tolist() == [[0, 2], [2, 4]]
    assert tracks.agent_ids == ("a", "b", "ball")
    assert tracks.goalkeeper.tolist() == [True, False, False]
    assert tracks.seconds.tolist() == pytest.approx([0, 0.2, 0, 0.2])
    assert tracks.pitch.length == 100
    cut = AgentTracks.from_arrays(**arrays(segments=[[0, 1], [2, 4]]))
    assert cut.segments.tolist() == [[0, 1], [2, 4]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(positions=np.zeros((4, 3))), r"positions are \(4, 3\)"),
        (dict(rate=0.0), "at a rate of 0.0"),
        (dict(team=[0, 1]), r"team has the shape \(2,\), needs \(3,\)"),
        (dict(team=[0, 1, 5]), "team needs to be 0, 1 or 2"),
        (dict(period=[1]), r"period has the shape \(1,\), needs \(4,\)"),
        (dict(agent_ids=["a"]), "agent_ids has the shape"),
        (dict(segments=[[0, 9]]), "frames from 0 to 4"),
        (dict(segments=[0, 4]), r"segments need to be \(S, 2\)"),
    ],
)
def test_arrays_that_do_not_fit(changes, message):
    with pytest.raises(DataFormatError, match=f"tracks 'tracks': .*{message}"):
        AgentTracks.from_arrays(**arrays(**changes))
