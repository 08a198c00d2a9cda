"""trajectories.npz, written and read."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from footmm.datasets.trajectory.trajectories_npz import read_trajectories, write_trajectories
from footmm.engine.hooks.metrics_table import describe_data
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.dimensions import PitchDimensions
from footmm.registry import DATASETS
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks


def make_tracks(match="first", num_frames=12):
    rng = np.random.default_rng(0)
    present = rng.random((num_frames, 4)) < 0.8
    return AgentTracks(
        match=match,
        source="skillcorner",
        rate=6.25,
        positions=(rng.normal(0, 20, (num_frames, 4, 2)) * present[..., None]).astype(np.float32),
        present=present,
        team=np.array([HOME, HOME, AWAY, BALL], np.int8),
        goalkeeper=np.array([True, False, False, False]),
        agent_ids=("11", "Müller", "x", "ball"),
        frame_ids=np.r_[10:19, 5:8].astype(np.int64),
        period=np.repeat([1, 2], [9, 3]).astype(np.int8),
        segments=np.array([[0, 4], [4, 8], [9, 12]]),
        pitch=PitchDimensions(104.0, 67.0),
    )


@pytest.fixture
def path(tmp_path):
    write_trajectories(tmp_path / "trajectories.npz", [make_tracks(), make_tracks("second")])
    return tmp_path / "trajectories.npz"


def rewrite(path, **changes):
    """Write the arrays again as somebody else would; None takes one away."""
    arrays = dict(np.load(path)) | {key.replace("_0_", "0/"): v for key, v in changes.items()}
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


def test_round_trip(path):
    written, found = make_tracks("second"), read_trajectories(path)
    assert [tracks.match for tracks in found] == ["first", "second"]
    for field in fields(AgentTracks):
        before, after = getattr(written, field.name), getattr(found[1], field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            assert np.array_equal(before, after)
        else:
            assert before == after


def test_equal_tracks_make_equal_files(path):
    content = path.read_bytes()
    write_trajectories(path, [make_tracks(), make_tracks("second")])
    assert path.read_bytes() == content


def test_others_may_write_other_sizes_of_numbers(path):
    arrays = dict(np.load(path))
    rewrite(
        path,
        _0_positions=arrays["0/positions"].astype(float),
        _0_team=arrays["0/team"].astype(int),
        _0_frame_ids=arrays["0/frame_ids"].astype(np.int32),
    )
    (first,) = read_trajectories(path, ["first"])
    assert np.array_equal(first.positions, make_tracks().positions)
    assert first.team.dtype == np.int8


def test_windows(path):
    config = dict(
        type="TrajectoriesNpz",
        path=str(path),
        num_frames=3,
        num_observed=1,
        stride=1,
        min_agents=0,
    )
    windows = DATASETS.build(config | {"matches": ["second"]})
    assert [window["frame_ids"][0] for window in windows] == [10, 11, 14, 15, 5]
    assert {window["match"] for window in windows} == {"second"}
    assert len(DATASETS.build(config)) == 10
    assert describe_data(windows.metainfo) == "real: skillcorner"
    rewrite(path, source=np.array(["skillcorner", "simulation"]))
    assert describe_data(DATASETS.build(config).metainfo) == "synthetic: simulation, skillcorner"
    with pytest.raises(ConfigError, match="no match 'secnd'; did you mean 'second'"):
        DATASETS.build(config | {"matches": ["secnd"]})
    with pytest.raises(DatasetNotFoundError, match=r"make_trajectories\.py"):
        DATASETS.build(config | {"path": "none.npz"})


def put(key, index, value):
    array = np.array(getattr(make_tracks(), key))
    array[index] = value
    return {f"_0_{key}": array}


ABSENT = tuple(np.argwhere(~make_tracks().present)[0])
PRESENT = tuple(np.argwhere(make_tracks().present)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": np.int64(2)}, "'version' is 2, this footmm reads 1"),
        ({"version": None}, "'version' is None"),
        ({"match": np.array(["first", "first"])}, "'match' names 'first' twice"),
        ({"source": np.array(["a"])}, r"'source' has the shape \(1,\), needs M=2"),
        ({"rate": np.array([1, 1])}, "'rate' is of int64, needs float"),
        ({"rate": np.array([0.0, 1.0])}, "match 'first': 'rate' is 0.0, needs to be positive"),
        ({"pitch_size": np.full((2, 2), 12.0)}, "match 'first': 'pitch_size': "),
        ({"_0_period": None}, "match 'first': the array '0/period' is missing"),
        ({"_0_present": np.ones((12, 5), bool)}, r"'0/present' has the shape .*T=12, A=4"),
        ({"_0_team": np.zeros(4)}, "'0/team' is of float64, needs integer"),
        ({"_0_agent_ids": np.array([1, "a"], object)}, "damaged .*[Oo]bject"),
        (put("positions", PRESENT, np.nan), "'0/positions' is not finite in frame 0, agent"),
        (put("positions", ABSENT, 1.0), "'0/positions' is not 0 in frame"),
        (put("team", 3, 3), "'0/team' is 3 for agent 3, needs 0, 1 or 2"),
        (put("agent_ids", 3, "x"), "'0/agent_ids' names 'x' twice"),
        (put("frame_ids", 4, 12), "'0/frame_ids' falls from 13 to 12 in frame 4"),
        (put("period", 0, 0), "'0/period' is 0 in frame 0, needs 1 to 127"),
        (put("period", 11, 1), "'0/period' falls in frame 11"),
        (put("segments", (1, 0), 3), "'0/segments' has 3 to 8 as number 1"),
        (put("segments", (2, 1), 13), "'0/segments' has 9 to 13 as number 2"),
        (put("segments", (2, 0), 8), "'0/segments' reaches across two periods in number 2"),
    ],
)
def test_inconsistencies_are_named(path, changes, message):
    rewrite(path, **changes)
    with pytest.raises(DataFormatError, match=f"trajectories.npz.*{message}"):
        read_trajectories(path)


def test_damaged_files_are_named(path):
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[content.index(make_tracks().positions.tobytes())] ^= 1
    np.save(path.with_suffix(".npy"), np.zeros(3))
    for damaged in (
        content[:-1000],
        content[:-1],
        b"",
        flipped,
        path.with_suffix(".npy").read_bytes(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataFormatError, match=r"trajectories.npz is truncated, damaged or no"):
            read_trajectories(path)


def test_broken_tracks_are_not_written(path):
    content = path.read_bytes()
    broken = make_tracks()
    with pytest.raises(DataFormatError, match="'first' twice"):
        write_trajectories(path, [broken, broken])
    with pytest.raises(DataFormatError, match="'0/segments' has 0 to 99"):
        write_trajectories(path, [replace(broken, segments=np.array([[0, 99]]))])
    assert path.read_bytes() == content
