from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from footmm.errors import ConfigError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.export import TracksExport, TracksExportSettings, write_folder
from footmm.simulation.match import MatchSettings, simulate_match

SETTINGS = TracksExportSettings(
    seed=3, num_matches=2, minutes=0.5, rate=10.0, pitch_size=(100.0, 64.0)
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "npz", TracksExport(SETTINGS))


def load(root, number):
    # Without pickle, as always with files of unknown origin.
    return dict(np.load(root / f"match_{number:05d}.npz", allow_pickle=False))


def test_arrays_are_those_of_the_match(root):
    assert sorted(p.name for p in root.iterdir()) == [
        "match_00000.npz",
        "match_00001.npz",
        "settings.json",
    ]
    arrays = load(root, 1)
    pitch = PitchDimensions(100.0, 64.0)
    match = MatchSettings(duration_s=30.0, rate=10.0, pitch=pitch)
    tracks = simulate_match(match, np.random.SeedSequence([3, 1]))
    assert arrays["positions"].shape == (300, 25, 2)
    for name in ("positions", "ball_position", "possessor", "role", "phase", "attacks_right"):
        assert np.array_equal(arrays[name], getattr(tracks, name))
        assert arrays[name].dtype == getattr(tracks, name).dtype
    assert (arrays["rate"], arrays["pitch_length"], arrays["pitch_width"]) == (10, 100, 64)


def test_numbers_have_names(root):
    arrays = load(root, 0)
    for labels, names in (
        ("formation", "formation_names"),
        ("role", "role_names"),
        ("strategy", "strategy_names"),
        ("ball_mode", "ball_mode_names"),
        ("phase", "phase_names"),
        ("event_kind", "event_names"),
    ):
        assert arrays[labels].max(initial=0) < len(arrays[names])
    assert arrays["ball_mode_names"].tolist() == ["fly", "roll", "possessed", "out"]
    assert arrays["role_names"][arrays["role"][0, 0]] == "goalkeeper"
    assert "4-4-2" in arrays["formation_names"]


def test_events_say_who_is_missing(root):
    arrays = load(root, 0)
    count = len(arrays["event_frame"])
    assert count > 0
    assert arrays["event_position"].shape == (count, 2)
    for person in ("agent", "target"):
        known = arrays[f"event_has_{person}"]
        assert known.dtype == bool
        assert (arrays[f"event_{person}"][~known] == 0).all()
    assert arrays["event_has_agent"].any()
    assert (np.diff(arrays["event_frame"]) >= 0).all()


def test_matches_differ_and_do_not_depend_on_their_number(root, tmp_path):
    one = write_folder(tmp_path / "one", TracksExport(replace(SETTINGS, num_matches=1)))
    first, second = ((root / f"match_0000{i}.npz").read_bytes() for i in (0, 1))
    assert (one / "match_00000.npz").read_bytes() == first
    assert first != second


def test_files_carry_no_date(root):
    with zipfile.ZipFile(root / "match_00000.npz") as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


@pytest.mark.parametrize("change", [{"num_matches": 0}, {"minutes": 0.0}, {"rate": -1.0}])
def test_impossible_settings_are_named(change):
    ((key, value),) = change.items()
    with pytest.raises(ConfigError, match=f"{key}={value}"):
        replace(SETTINGS, **change)
