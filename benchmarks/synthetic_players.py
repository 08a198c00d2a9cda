"""Crops of synthetic players per second on one core.

Run: ``python benchmarks/synthetic_players.py``. The bar is 300 crops of 256 x 128 a second.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import cv2
import numpy as np

from footmm.simulation.appearance import View, sample_match_identities, sample_view
from footmm.simulation.player_crop import render_player_crop

CANVASES = ((256, 128), (128, 64), (384, 192))
OCCLUSIONS = (0.0, 0.2, 1.0)


def crops_per_second(size: tuple[int, int], occlusion: float, count: int) -> float:
    """Paint ``count`` crops as large as the canvas, views drawn beforehand."""
    rng = np.random.default_rng(0)
    people = sample_match_identities(rng)
    others = tuple(people)
    views = [
        _full_size(sample_view(rng, others=others, occlusion=occlusion), size) for _ in range(count)
    ]
    for view in views[:20]:
        render_player_crop(people[0], view, rng, size)
    start = time.perf_counter()
    for index, view in enumerate(views):
        render_player_crop(people[index % len(people)], view, rng, size)
    return count / (time.perf_counter() - start)


def _full_size(view: View, size: tuple[int, int]) -> View:
    return replace(view, height_px=float(size[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600, help="crops per row of the table")
    count = parser.parse_args().count
    cv2.setNumThreads(1)
    print(f"{'canvas':>10} {'with neighbour':>15} {'crops/s':>8}")
    for size in CANVASES:
        for occlusion in OCCLUSIONS:
            rate = crops_per_second(size, occlusion, count)
            print(f"{size[0]:>4} x {size[1]:<3} {occlusion:>15.0%} {rate:>8.0f}")


if __name__ == "__main__":
    main()
