"""Tests for the cache of prepared tracks."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from footmm.datasets.trajectory import cache
from footmm.datasets.trajectory.cache import cached_tracks, content_key
from footmm.pitch.dimensions import PitchDimensions
from footmm.structures.agent_tracks import AWAY, BALL, HOME, AgentTracks


def make_tracks() -> AgentTracks:
    rng = np.random.default_rng(0)
    return AgentTracks(
        match="m",
        source="s",
        rate=6.25,
        positions=rng.random((8, 3, 2)).astype(np.float32),
        present=rng.random((8, 3)) < 0.5,
        team=np.array([HOME, AWAY, BALL], np.int8),
        goalkeeper=np.array([True, False, False]),
        agent_ids=("a", "b", "ball"),
        frame_ids=np.arange(8),
        period=np.ones(8, np.int8),
        segments=np.array([[0, 5], [5, 8]]),
        pitch=PitchDimensions(104.0, 67.0),
    )


def refuse() -> AgentTracks:
    raise AssertionError("the cache was not used")


def assert_same(found: AgentTracks, expected: AgentTracks) -> None:
    for field in fields(AgentTracks):
        left, right = getattr(found, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(left, right)
        assert type(right) is not np.ndarray or left.dtype == right.dtype


def test_what_is_cached_comes_back_memory_mapped(tmp_path):
    assert_same(cached_tracks(tmp_path / "cache", "key", make_tracks), make_tracks())
    again = cached_tracks(tmp_path / "cache", "key", refuse)
    assert_same(again, make_tracks())
    assert isinstance(again.positions, np.memmap)
    assert not again.positions.flags.writeable
    assert os.listdir(tmp_path / "cache") == ["key"]


@pytest.mark.parametrize("name", ["positions.npy", "segments.npy", "tracks.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_entry_is_made_again(tmp_path, name, damage, caplog):
    cached_tracks(tmp_path, "key", make_tracks)
    file = tmp_path / "key" / name
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[:-3])
    elif damage == "flip":
        file.write_bytes(content[:-5] + bytes([content[-5] ^ 128]) + content[-4:])
    assert_same(cached_tracks(tmp_path, "key", make_tracks), make_tracks())
    assert_same(cached_tracks(tmp_path, "key", refuse), make_tracks())
    assert os.listdir(tmp_path) == ["key"]


def test_of_two_who_write_at_once_one_wins(tmp_path):
    def make_while_another_does() -> AgentTracks:
        cached_tracks(tmp_path, "key", make_tracks)
        return make_tracks()

    assert_same(cached_tracks(tmp_path, "key", make_while_another_does), make_tracks())
    assert os.listdir(tmp_path) == ["key"]


def test_nothing_is_left_of_an_entry_that_could_not_be_written(tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(cache.np, "save", full)
    with pytest.raises(OSError, match="no space"):
        cached_tracks(tmp_path, "key", make_tracks)
    assert os.listdir(tmp_path) == []


def test_the_key_is_of_content_and_settings(tmp_path: Path):
    for name, text in {"a": "12", "b": "3", "copy": "12", "c": "1", "d": "23"}.items():
        (tmp_path / name).write_text(text)

    def key(first: str = "a", second: str = "b", **settings: object) -> str:
        return content_key({"x": [tmp_path / first], "y": [tmp_path / second]}, settings)

    assert key() == key("copy")
    keys = [key(), key("b", "a"), key("c", "d"), key(rate=5), key(rate=6.25)]
    assert len(set(keys)) == len(keys)
