"""Matches that ``tools/data/simulate.py --format npz`` wrote."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from footmm.datasets.agent_windows import AGENT_IDS, GOALKEEPER, SIMULATION, WINDOW_TEAM
from footmm.datasets.trajectory.preparation import RawTracks
from footmm.datasets.trajectory.trajectories_npz import open_arrays
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.dimensions import PitchDimensions
from footmm.simulation.moment import NUM_AGENTS, NUM_PLAYERS

_SHAPES: dict[str, tuple[str | int, ...]] = {
    "rate": (),
    "pitch_length": (),
    "pitch_width": (),
    "positions": ("T", NUM_AGENTS, 2),
    "ball_position": ("T", 3),
    "attacks_right": ("T", 2),
}

#: Booleans, integers and floats, as NumPy calls them.
_KINDS = "biuf"


def read_simulated_match(path: str | os.PathLike[str]) -> RawTracks:
    """Read a match of :class:`footmm.simulation.export.TracksExport`.

    Team 0 is the home team, agents are named by their numbers in the simulation, and frames count
    from 0. The first agent of each team is its goalkeeper.

    Args:
        path: A ``match_NNNNN.npz``, which the match is named after.

    Raises:
        DatasetNotFoundError: There is no such file.
        DataFormatError: The file is damaged, or something else.
    """
    path = Path(path)
    arrays = _read_arrays(path)
    rate, players = float(arrays["rate"]), arrays["positions"][:, :NUM_PLAYERS]
    if not 0 < rate < np.inf:
        raise DataFormatError(f"{path}: 'rate' is {rate}, needs to be positive and finite")
    positions = np.concatenate([players, arrays["ball_position"][:, None, :2]], axis=1)
    num_frames = len(positions)
    try:
        pitch = PitchDimensions(float(arrays["pitch_length"]), float(arrays["pitch_width"]))
    except ConfigError as error:
        raise DataFormatError(f"{path}: {error}") from error
    return RawTracks(
        match=path.stem,
        source=SIMULATION,
        origin=str(path),
        rate=rate,
        times=np.arange(num_frames) / rate,
        period=np.ones(num_frames, np.int8),
        frame_ids=np.arange(num_frames),
        positions=positions,
        present=np.ones(positions.shape[:2], bool),
        team=WINDOW_TEAM.copy(),
        goalkeeper=GOALKEEPER.copy(),
        agent_ids=AGENT_IDS,
        # Teams do not change ends in a simulated match.
        home_attacks_right={1: bool(arrays["attacks_right"][0, 0])},
        pitch=pitch,
    )


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays that are needed; their shapes fit each other."""
    if not path.is_file():
        raise DatasetNotFoundError(
            f"{path} does not exist; simulate matches with 'tools/data/simulate.py --format npz "
            "--num 10 --out FOLDER'"
        )
    with open_arrays(path, "simulated match") as archive:
        arrays = {key: archive[key] for key in _SHAPES}
    num_frames = len(arrays["positions"]) if arrays["positions"].ndim else 0
    for key, shape in _SHAPES.items():
        wanted = tuple(num_frames if side == "T" else side for side in shape)
        if not num_frames or arrays[key].shape != wanted:
            raise DataFormatError(f"{path}: '{key}' has the shape {arrays[key].shape}, not {shape}")
        if arrays[key].dtype.kind not in _KINDS:
            raise DataFormatError(f"{path}: '{key}' is of {arrays[key].dtype}, needs numbers")
    return arrays
