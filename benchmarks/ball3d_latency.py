"""How long Ball3DTracker takes for a window, beside the least-squares parabola on the same windows.

Prints a table: milliseconds a window, one at a time and in batches, and the parabola's.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from footmm.apis.config import load_config
from footmm.apis.onnx_export.latency import time_runs
from footmm.apis.runner import config_mistakes_explained
from footmm.evaluation.functional.ball3d_baselines import parabola
from footmm.registry import DATASETS, MODELS
from footmm.structures.ball_track import BallTrack

CONFIG = "configs/ball3d/tcn_synthetic.py"
NUM_WINDOWS = 64


def milliseconds(run: Callable[[], object], rounds: int) -> float:
    """Median time of a run."""
    return 1000.0 * statistics.median(time_runs(run, rounds, warm_up=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    init_default_scope("footmm")
    config = load_config(CONFIG)
    settings = config.test_dataloader.dataset
    settings.update(num_samples=NUM_WINDOWS, windows_per_block=NUM_WINDOWS)
    with config_mistakes_explained():
        dataset, model = DATASETS.build(settings), MODELS.build(config.model).eval()
    items = [dataset[index] for index in range(NUM_WINDOWS)]

    one, many = pseudo_collate(items[:1]), pseudo_collate(items)
    predict = torch.no_grad()(model.test_step)
    tracks = [BallTrack.from_sample(sample) for sample in predict(many)]
    frames = len(tracks[0].positions)
    rows = [
        ("Ball3DTracker, one window", milliseconds(lambda: predict(one), args.rounds)),
        (
            f"Ball3DTracker, {NUM_WINDOWS} windows together",
            milliseconds(lambda: predict(many), args.rounds // 5 + 1) / NUM_WINDOWS,
        ),
        (
            "least-squares parabola, one window",
            milliseconds(lambda: [parabola(track) for track in tracks], 3) / NUM_WINDOWS,
        ),
    ]
    print(f"windows of {frames} frames, {args.threads} threads")
    for name, value in rows:
        print(f"{name:<40}{value:>10.2f} ms a window")


if __name__ == "__main__":
    main()
