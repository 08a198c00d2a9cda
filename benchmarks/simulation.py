"""The rates of the synthetic match, each beside its bar.

python benchmarks/simulation.py [--frames 150] [--windows 20000] [--flights 50000] [--set 2000]

Rows with ``core`` are measured in processor time of one thread, so that other work on the machine
does not count; the set of images is measured by the clock, with two processes.
"""

# The number of threads has to be set before numpy is imported.
# ruff: noqa: E402
from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from footmm.pitch.camera import Camera
from footmm.simulation.appearance import sample_match_identities, sample_view
from footmm.simulation.broadcast import CameraKind
from footmm.simulation.export import (
    ImageExportSettings,
    SoccerNetCalibrationExport,
    write_folder,
)
from footmm.simulation.export.scenes import Venue
from footmm.simulation.flights import sample_flights
from footmm.simulation.match import MatchSettings, simulate_match
from footmm.simulation.player_crop import render_player_crop
from footmm.simulation.renderer import FrameRenderer
from footmm.simulation.stadium import sample_stadium
from footmm.simulation.windows import TrajectoryWindows, TrajectoryWindowSettings

SIZES = ((960, 540), (1920, 1080))
WARM_UP = 3
CROP_SIZE = (256, 128)


class Table:
    """Prints a row as soon as it is measured."""

    def __init__(self) -> None:
        print(f"{'what':<42} {'measured':>14} {'bar':>16}", flush=True)

    def row(self, what: str, measured: float, unit: str, bar: float | None, at_most: bool) -> None:
        """Print what was measured beside what is asked for."""
        sign = "<=" if at_most else ">="
        wanted = "" if bar is None else f"{sign} {bar:,.0f} {unit}"
        print(f"{what:<42} {f'{measured:,.1f} {unit}':>14} {wanted:>16}", flush=True)


def seconds_per_item(items: Iterable) -> float:
    """Processor time of an item, the first few left out."""
    count, start = 0, time.process_time()
    for index, _ in enumerate(items):
        if index + 1 == WARM_UP:
            start = time.process_time()
        count = index + 1
    return (time.process_time() - start) / (count - WARM_UP)


def frames_per_second(size: tuple[int, int], kind: CameraKind, count: int) -> float:
    """Render consecutive moments of a match, a second apart."""
    venue = Venue(np.random.SeedSequence(0), MatchSettings(duration_s=60.0, rate=25.0), size)
    venue.film(kind)
    rng = np.random.default_rng(0)
    total = venue.tracks.num_frames
    return 1 / seconds_per_item(
        venue.draw(kind, 25 * index % total, rng) for index in range(WARM_UP + count)
    )


def crowded_frames_per_second(count: int) -> float:
    """Render moments a second apart with a panning camera that has all 25 people in view."""
    rng = np.random.default_rng(0)
    tracks = simulate_match(MatchSettings(duration_s=60.0, rate=25.0), 0)
    renderer = FrameRenderer(sample_match_identities(rng), sample_stadium(rng), SIZES[0])
    target = tracks.ball_position * (0.2, 0.2, 0.0)
    cameras = Camera.look_at(np.tile((0.0, -75.0, 30.0), (len(target), 1)), target, 650.0, SIZES[0])

    def frames() -> Iterator[int]:
        for index in range(WARM_UP + count):
            frame = 25 * index % tracks.num_frames
            _, labels = renderer.render(cameras[frame], tracks.moment(frame), rng)
            yield len(labels.persons)

    return 1 / seconds_per_item(frames())


def windows_per_minute(count: int) -> float:
    """Cut windows of 50 frames out of matches that are simulated for them."""
    windows = TrajectoryWindows(TrajectoryWindowSettings(num_frames=50), seed=0)
    count = -(-count // windows.settings.windows_per_block) * windows.settings.windows_per_block
    start = time.process_time()
    for index in range(count):
        windows[index]
    return 60 * count / (time.process_time() - start)


def flight_seconds(count: int) -> float:
    """Draw flights of 3 s at 25 Hz."""
    sample_flights(64, 0)
    start = time.process_time()
    sample_flights(count, 1)
    return time.process_time() - start


def match_minutes_per_second() -> float:
    """Simulate a match of ten minutes at 25 Hz."""
    start = time.process_time()
    simulate_match(MatchSettings(duration_s=600.0, rate=25.0), 0)
    return 10 / (time.process_time() - start)


def crops_per_second(count: int) -> float:
    """Draw crops of single players."""
    rng = np.random.default_rng(0)
    people = sample_match_identities(rng)
    views = [sample_view(rng, height_px=(240, 256)) for _ in range(WARM_UP + count)]
    return 1 / seconds_per_item(
        render_player_crop(people[index % len(people)], view, rng, CROP_SIZE)
        for index, view in enumerate(views)
    )


def set_seconds(count: int) -> float:
    """Write a SoccerNet calibration set with two processes, from nothing to complete."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        export = SoccerNetCalibrationExport(ImageExportSettings(num_images=count))
        write_folder(Path(folder) / "set", export, num_workers=2)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=150, help="rendered for each size")
    parser.add_argument("--windows", type=int, default=20000, help="of trajectories")
    parser.add_argument("--flights", type=int, default=50000, help="of the ball")
    parser.add_argument("--crops", type=int, default=300, help="of players")
    parser.add_argument("--set", type=int, default=2000, help="images written to disk; 0 for none")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    table = Table()
    for size, bar in zip(SIZES, (20, 6), strict=True):
        rate = frames_per_second(size, CameraKind.MAIN, args.frames)
        table.row(f"frames {size[0]} x {size[1]}, core", rate, "/s", bar, at_most=False)
    rate = crowded_frames_per_second(args.frames)
    table.row("frames 960 x 540, all people in view, core", rate, "/s", 20, at_most=False)
    rate = frames_per_second(SIZES[1], CameraKind.WIDE_FIXED, args.frames)
    table.row("frames 1920 x 1080, fixed camera, core", rate, "/s", None, at_most=False)
    rate = windows_per_minute(args.windows)
    table.row("windows of 50 frames, core", rate, "/min", 50_000, at_most=False)
    bar = 10 * args.flights / 50_000
    table.row(f"{args.flights:,} ball flights, core", flight_seconds(args.flights), "s", bar, True)
    table.row("minutes of a match at 25 Hz, core", match_minutes_per_second(), "/s", None, False)
    table.row("crops of players 256 x 128, core", crops_per_second(args.crops), "/s", 300, False)
    if args.set:
        seconds = set_seconds(args.set)
        bar = 90 * args.set / 2000
        table.row(f"{args.set:,} images 960 x 540 on disk", seconds, "s", bar, at_most=True)


if __name__ == "__main__":
    main()
