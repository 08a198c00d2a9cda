from __future__ import annotations

import numpy as np
import pyarrow.parquet
import pytest

from footmm.apis.trajectory_embeddings import TrajectoryEmbeddings
from footmm.errors import ConfigError, DataFormatError


def angle(degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=-1).astype(np.float32)


@pytest.fixture
def table():
    """Windows of 40 frames: 0 to 3 of match "a", 20 frames apart, 4 and 5 of "b"."""
    first = np.array([0, 20, 40, 60, 0, 100])
    agents = np.arange(6 * 2 * 3, dtype=np.float32).reshape(6, 2, 3)
    return TrajectoryEmbeddings(
        match=np.array(list("aaaabb")),
        source=np.array(["test"] * 6),
        period=np.ones(6, np.int64),
        first_frame=first,
        last_frame=first + 39,
        embedding=angle([0, 1, 20, 30, 40, 90]),
        agent_ids=np.array([["7", "ball"]] * 5 + [["", "ball"]]),
        agent_embedding=agents,
    )


def test_find(table):
    assert table.find("3") == 3
    # Frame 41 is in windows 1 and 2, and in the middle of 1.
    assert table.find("a:41") == 1
    assert table.find("b:139") == 5


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("6", "no window 6: they are numbered 0 to 5"),
        ("a", "neither the number of a window nor MATCH:FRAME, such as a:0"),
        ("ab:3", r"no windows of match 'ab', but of 2 others, such as a, b; did you mean"),
        ("b:60", r"holds frame 60; the nearest are b, frames 0 to 39 \(window 4\); b, frames 100"),
    ],
)
def test_unknown_query(table, query, message):
    with pytest.raises(ConfigError, match=message):
        table.find(query)


def test_nearest_windows_share_no_frames(table):
    numbers, distances = table.nearest(0, 3)
    # Not 1, which overlaps the query; not 3, which overlaps 2.
    assert numbers.tolist() == [2, 4, 5]
    np.testing.assert_allclose(distances, 1 - np.cos(np.deg2rad([20, 40, 90])), atol=1e-6)
    with pytest.raises(ConfigError, match="of all 6 windows only 3 share no frame"):
        table.nearest(0, 4)


def test_no_windows():
    with pytest.raises(DataFormatError, match="no windows"):
        TrajectoryEmbeddings.collect(iter([]))


def test_npz(table, tmp_path):
    table.write(tmp_path / "e.npz")
    with np.load(tmp_path / "e.npz") as content:
        for name, array in vars(table).items():
            np.testing.assert_array_equal(content[name], array)


def test_parquet(table, tmp_path):
    table.write(tmp_path / "e.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "e.parquet").to_pylist()
    assert rows[5] == dict(
        match="b",
        source="test",
        period=1,
        first_frame=100,
        last_frame=139,
        embedding=table.embedding[5].tolist(),
        agent_ids=["ball"],
        agent_embeddings=[[33.0, 34.0, 35.0]],
    )
    assert rows[0]["agent_ids"] == ["7", "ball"]
    assert rows[0]["agent_embeddings"] == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_unknown_format(table, tmp_path):
    with pytest.raises(ConfigError, match=r"\.parquet or \.npz"):
        table.write(tmp_path / "e.csv")
