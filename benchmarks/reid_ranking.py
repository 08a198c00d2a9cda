"""Market-1501 ranking: torchreid's Python evaluation and footmm's, in one run.

python benchmarks/reid_ranking.py [--queries 3368]

Both are given the same features of random persons (751 identities in 6 cameras and distractors, as
many as Market-1501 has in query and gallery), with two threads. ``ranking`` is the time from a
distance matrix to the scores; ``all`` starts at the features. It needs torchreid and gdown (dev
extra).
"""

# The number of threads has to be set before numpy is imported.
# ruff: noqa: E402
from __future__ import annotations

import os

THREADS = "2"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = THREADS

import argparse
import resource
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from footmm.evaluation.functional import DistanceBlock, distance_blocks, rank_metrics

warnings.filterwarnings("ignore", message="Cython evaluation")
from torchreid.reid.metrics import compute_distance_matrix
from torchreid.reid.metrics.rank import eval_market1501

IDENTITIES, CAMERAS, GALLERY, DISTRACTORS, DIMENSIONS, MAX_RANK = 751, 6, 15913, 2798, 256, 50
BLOCK_SIZE = 512


def random_market(num_queries: int) -> tuple[np.ndarray, ...]:
    """Features, identities and cameras of the queries and of the gallery."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(IDENTITIES + 1, DIMENSIONS))
    query_ids = rng.integers(1, IDENTITIES + 1, num_queries)
    gallery_ids = rng.integers(1, IDENTITIES + 1, GALLERY)
    gallery_ids[:DISTRACTORS] = 0

    def features(ids: np.ndarray) -> np.ndarray:
        noise = rng.normal(scale=1.6, size=(len(ids), DIMENSIONS))
        return (centres[ids] * (ids > 0)[:, None] + noise).astype(np.float32)

    cameras = rng.integers(0, CAMERAS, num_queries), rng.integers(0, CAMERAS, GALLERY)
    return features(query_ids), features(gallery_ids), query_ids, gallery_ids, *cameras


def timed(function: Callable) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the Market-1501 ranking.")
    parser.add_argument("--queries", type=int, default=3368)
    args = parser.parse_args()
    torch.set_num_threads(int(THREADS))
    query, gallery, *labels = random_market(args.queries)
    query_ids, gallery_ids, query_cameras, gallery_cameras = labels

    def matrix() -> np.ndarray:
        tensors = torch.from_numpy(query), torch.from_numpy(gallery)
        return compute_distance_matrix(*tensors, "euclidean").numpy()

    def blocks(distances: np.ndarray) -> list[DistanceBlock]:
        starts = range(0, args.queries, BLOCK_SIZE)
        parts = [np.arange(s, min(s + BLOCK_SIZE, args.queries)) for s in starts]
        rows = [distances[s : s + BLOCK_SIZE] for s in starts]
        return [DistanceBlock(p, np.arange(GALLERY), r) for p, r in zip(parts, rows, strict=True)]

    # Ours first: its peak of memory has to be read before torchreid's.
    seconds_all, _ = timed(
        lambda: rank_metrics(distance_blocks(query, gallery, "euclidean"), *labels)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    peer_matrix_seconds, distances = timed(matrix)
    seconds, ours = timed(lambda: rank_metrics(blocks(distances), *labels, max_rank=MAX_RANK))
    peer_seconds, (peer_cmc, peer_map) = timed(
        lambda: eval_market1501(
            distances, query_ids, gallery_ids, query_cameras, gallery_cameras, MAX_RANK
        )
    )
    peer_all = peer_matrix_seconds + peer_seconds
    print(f"{args.queries} queries x {GALLERY} gallery images, {THREADS} threads")
    print(f"{'':10}{'torchreid':>12}{'footmm':>12}{'ratio':>10}")
    for name, theirs, own in (
        ("ranking", peer_seconds, seconds),
        ("all", peer_all, seconds_all),
    ):
        print(f"{name:10}{theirs:>10.2f} s{own:>10.3f} s{theirs / own:>9.1f}x")
    print(f"mAP {ours.mean_average_precision:.4f}, Rank-1 {ours.cmc[0]:.4f}")
    print(f"largest difference: mAP {abs(ours.mean_average_precision - peer_map):.1e},", end=" ")
    print(f"CMC (as float32) {np.abs(ours.cmc.astype(np.float32) - peer_cmc).max():.1e}")
    print(f"peak memory of the process after footmm's run: {peak:.2f} GB")


if __name__ == "__main__":
    main()
