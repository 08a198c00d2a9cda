"""Whole matches as arrays, one ``npz`` file each."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from footmm.errors import ConfigError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.export.folder import Export, Item, LabelsOf, Unit
from footmm.simulation.export.scenes import check_count
from footmm.simulation.formations import FORMATIONS, ROLES
from footmm.simulation.match import MatchSettings, simulate_match
from footmm.simulation.tracks import LABELS, STRATEGIES, BallMode, EventKind, MatchTracks, Phase

_ARRAYS = ("positions", "velocities", "headings", "ball_position", "ball_velocity", *LABELS)


@dataclass(frozen=True)
class TracksExportSettings:
    """Everything that decides the bytes of a set of matches.

    Attributes:
        seed: Seed of the whole set.
        num_matches: Number of files.
        minutes: Length of every match.
        rate: Frames a second.
        pitch_size: Length and width in metres.
        revision: Raised whenever the same settings give other files than before.
    """

    seed: int = 0
    num_matches: int = 10
    minutes: float = 10.0
    rate: float = 25.0
    pitch_size: tuple[float, float] = (105.0, 68.0)
    revision: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        check_count("num_matches", self.num_matches)
        for key in ("minutes", "rate"):
            if getattr(self, key) <= 0:
                raise ConfigError(f"{key}={getattr(self, key)}: give more than 0")
        PitchDimensions(*self.pitch_size)


def tracks_to_arrays(tracks: MatchTracks) -> dict[str, np.ndarray]:
    """Return a match as arrays that are read without pickle.

    The arrays of :class:`footmm.simulation.tracks.MatchTracks` keep their names, shapes and units;
    ``rate``, ``pitch_length`` and ``pitch_width`` are scalars. Names behind the numbers are in
    ``formation_names``, ``role_names``, ``strategy_names``, ``ball_mode_names``, ``phase_names``
    and ``event_names``. Events are ``event_frame``, ``event_time``, ``event_kind``, ``event_team``,
    ``event_position``, and ``event_agent`` and ``event_target``, which are meaningless where
    ``event_has_agent`` and ``event_has_target`` are not set.
    """
    return {
        "rate": np.float64(tracks.rate),
        "pitch_length": np.float64(tracks.pitch.length),
        "pitch_width": np.float64(tracks.pitch.width),
        **{name: getattr(tracks, name) for name in _ARRAYS},
        "formation_names": np.array([formation.name for formation in FORMATIONS]),
        "role_names": np.array(ROLES),
        "strategy_names": np.array(STRATEGIES),
        "ball_mode_names": np.array([mode.name.lower() for mode in BallMode]),
        "phase_names": np.array([phase.name.lower() for phase in Phase]),
        **_event_arrays(tracks),
    }


def _event_arrays(tracks: MatchTracks) -> dict[str, np.ndarray]:
    events, kinds = tracks.events, list(EventKind)
    people = {}
    for key in ("agent", "target"):
        values = [getattr(event, key) for event in events]
        people[f"event_{key}"] = np.array([value or 0 for value in values], np.int8)
        people[f"event_has_{key}"] = np.array([value is not None for value in values], bool)
    return people | {
        "event_names": np.array([kind.value for kind in kinds]),
        "event_kind": np.array([kinds.index(event.kind) for event in events], np.int8),
        "event_frame": np.array([event.frame for event in events], np.int32),
        "event_time": np.array([event.time for event in events], np.float64),
        "event_team": np.array([event.team for event in events], np.int8),
        "event_position": np.array([event.position for event in events]).reshape(-1, 2),
    }


@dataclass(frozen=True)
class _MatchUnit:
    number: int
    settings: TracksExportSettings

    @property
    def name(self) -> str:
        return f"match_{self.number:05d}"

    def __len__(self) -> int:
        return 1

    def items(self, start: int) -> Iterator[Item]:
        settings = self.settings
        match = MatchSettings(
            duration_s=60 * settings.minutes,
            rate=settings.rate,
            pitch=PitchDimensions(*settings.pitch_size),
        )
        if start == 0:
            tracks = simulate_match(match, np.random.SeedSequence([settings.seed, self.number]))
            file = io.BytesIO()
            # numpy dates all members to 1980: the same match gives the same bytes.
            np.savez(file, **tracks_to_arrays(tracks))
            yield Item({f"{self.name}.npz": file.getvalue()})


class TracksExport(Export):
    """Matches as arrays: ``match_NNNNN.npz``, see :func:`tracks_to_arrays`.

    Args:
        settings: What to simulate.
    """

    folders = ()

    def __init__(self, settings: TracksExportSettings) -> None:
        self._settings = settings

    def settings(self) -> dict[str, Any]:
        """Return what decides the bytes."""
        return {"format": "npz", **asdict(self._settings)}

    def units(self) -> list[Unit]:
        """Return one unit per match."""
        return [_MatchUnit(i, self._settings) for i in range(self._settings.num_matches)]

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make nothing: every match is on its own."""
        return iter(())
