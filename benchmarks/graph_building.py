"""Graphs of players and ball: unravelsports' converter and footmm's, on the same frames in one run.

pip install unravelsports
python benchmarks/graph_building.py [--frames 2000]

A simulated match is written in Metrica's csv format and read by kloppy; each library starts from
what it reads tracks into, positions and velocities in memory (unravelsports' KloppyPolarsDataset,
footmm's windows), and ends at PyTorch Geometric's graphs, one of each frame. footmm's windows hold
ten frames, as the configs' do, and its clips are cut into frames afterwards, outside the clock.
The node positions of both are compared. CPU time of one thread.
"""

# The number of threads has to be set before numpy and polars are imported.
# ruff: noqa: E402
from __future__ import annotations

import os

for variable in (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "POLARS_MAX_THREADS",
):
    os.environ[variable] = "1"

import argparse
import contextlib
import io
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from kloppy import metrica

from footmm.datasets.agent_windows import GOALKEEPER, WINDOW_TEAM
from footmm.datasets.transforms.tactics import graph_of_window
from footmm.datasets.transforms.tactics_graph import EDGE_FEATURES, NODE_FEATURES, GraphSettings
from footmm.simulation.match import MatchSettings, simulate_match
from footmm.simulation.moment import NUM_PLAYERS
from footmm.simulation.state import PLAYERS_PER_TEAM

RATE = 25.0
WINDOW = 10
REPEATS = 3
HALF = np.array([52.5, 34.0])


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=2000, help="a multiple of ten")
    return parser.parse_args()


def simulated_positions(num_frames: int) -> np.ndarray:
    """``(T, 23, 2)``, metres; nobody is off the pitch: Metrica's unit square has no place there."""
    match = simulate_match(MatchSettings(duration_s=num_frames / RATE + 1, rate=RATE), 0)
    ball = match.ball_position[:, None, :2]
    positions = np.concatenate([match.positions[:, :NUM_PLAYERS], ball], axis=1)[:num_frames]
    return np.clip(positions, 0.1 - HALF, HALF - 0.1)


def write_metrica(positions: np.ndarray, folder: Path) -> dict[str, str]:
    """Write both files of a match; return their paths by kloppy's names."""
    square = positions / (2 * HALF) * [1, -1] + 0.5
    teams = {"home_data": ("Home", 0), "away_data": ("Away", PLAYERS_PER_TEAM)}
    paths = {}
    for key, (team, first) in teams.items():
        numbers = [str(first + number + 1) for number in range(PLAYERS_PER_TEAM)]
        header = [
            f",,,{''.join(f'{team},,' for _ in numbers)},",
            f",,,{','.join(f'{number},' for number in numbers)},,",
            f"Period,Frame,Time [s],{','.join(f'Player{number},' for number in numbers)},Ball,",
        ]
        own = [*range(first, first + PLAYERS_PER_TEAM), NUM_PLAYERS]
        rows = [
            f"1,{frame + 1},{(frame + 1) / RATE:.2f},"
            + ",".join(f"{value:.6f}" for value in square[frame, own].ravel())
            for frame in range(len(square))
        ]
        path = folder / f"{key}.csv"
        path.write_text("\n".join([*header, *rows]) + "\n")
        paths[key] = str(path)
    return paths


def unravel_converter(paths: dict[str, str]) -> Callable[[], list[Any]]:
    """What turns the match into graphs, once it has been read."""
    from unravel.soccer import KloppyPolarsDataset, SoccerGraphConverter

    dataset = KloppyPolarsDataset(
        kloppy_dataset=metrica.load_tracking_csv(**paths, coordinates="secondspectrum"),
        orient_ball_owning=False,
    )
    dataset.add_dummy_labels(by=["frame_id"])
    dataset.add_graph_ids(by=["frame_id"])

    def convert() -> list[Any]:
        converter = SoccerGraphConverter(
            dataset=dataset,
            adjacency_matrix_type="split_by_team",
            adjacency_matrix_connect_type="ball",
            label_type="binary",
            chunk_size=20_000,
        )
        return converter.to_pytorch_graphs()

    return convert


def footmm_converter(positions: np.ndarray) -> Callable[[], list[Any]]:
    settings = GraphSettings()
    windows = [
        dict(
            positions=positions[first : first + WINDOW].astype(np.float32),
            present=np.ones((WINDOW, NUM_PLAYERS + 1), bool),
            team=WINDOW_TEAM,
            goalkeeper=GOALKEEPER,
            rate=RATE,
        )
        for first in range(0, len(positions), WINDOW)
    ]
    frames = np.arange(WINDOW)

    def convert() -> list[Any]:
        return [graph_of_window(window, frames, settings) for window in windows]

    return convert


def timed(convert: Callable[[], list[Any]]) -> tuple[list[Any], float]:
    """Graphs, and the least CPU seconds of some runs."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        graphs = convert()
        seconds.append(time.process_time() - start)
    return graphs, min(seconds)


def in_metres(unit: np.ndarray) -> np.ndarray:
    """unravelsports' positions, 0 to 1 along each side with y down, as metres."""
    return (unit * 2 - 1) * HALF * [1, -1]


def main() -> None:
    args = parse_args()
    positions = simulated_positions(args.frames // WINDOW * WINDOW)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()):
            theirs = unravel_converter(write_metrica(positions, Path(folder)))
            their_graphs, their_seconds = timed(theirs)
    our_graphs, our_seconds = timed(footmm_converter(positions))
    nodes = np.concatenate([graph.x.numpy() for graph in our_graphs])
    nodes = nodes.reshape(-1, NUM_PLAYERS + 1, len(NODE_FEATURES))
    # The away team and the ball are turned there.
    turn = np.where(np.arange(NUM_PLAYERS + 1) < PLAYERS_PER_TEAM, 1, -1)[:NUM_PLAYERS, None]
    ours = nodes[:, :NUM_PLAYERS, :2] * HALF * turn
    largest = 0.0
    for graph, frame in zip(their_graphs, ours, strict=True):
        # In another order: every player has to be found.
        found = in_metres(graph.x.numpy()[:, :2])
        gaps = np.linalg.norm(frame[:, None] - found, axis=-1).min(1)
        largest = max(largest, float(gaps.max()))
    count = len(ours)
    print(f"{'':22}{'frames/s':>10}{'nodes':>8}{'edges':>8}{'node feats':>12}{'edge feats':>12}")
    their = their_graphs[0]
    print(
        f"{'unravelsports':22}{len(their_graphs) / their_seconds:>10.0f}{their.x.shape[0]:>8}"
        f"{their.edge_index.shape[1]:>8}{their.x.shape[1]:>12}{their.edge_attr.shape[1]:>12}"
    )
    edges = sum(graph.edge_index.shape[1] for graph in our_graphs) / count
    print(
        f"{'footmm':22}{count / our_seconds:>10.0f}{NUM_PLAYERS + 1:>8}{edges:>8.0f}"
        f"{len(NODE_FEATURES):>12}{len(EDGE_FEATURES):>12}"
    )
    print(f"ratio {their_seconds / len(their_graphs) / (our_seconds / count):.1f}")
    print(f"largest distance of a player's position in both: {largest:.4f} m")


if __name__ == "__main__":
    main()
