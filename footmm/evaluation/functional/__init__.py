"""The arithmetic of the metrics, in numpy."""

from footmm.evaluation.functional.reid_distances import DISTANCES, pairwise_distances
from footmm.evaluation.functional.reid_ranking import (
    MARKET1501_JUNK_ID,
    DistanceBlock,
    RankMetrics,
    action_distance_blocks,
    distance_blocks,
    rank_gallery_per_action,
    rank_metrics,
    validate_ranking,
)
from footmm.evaluation.functional.reid_reranking import k_reciprocal_distances

__all__ = [
    "DISTANCES",
    "MARKET1501_JUNK_ID",
    "DistanceBlock",
    "RankMetrics",
    "action_distance_blocks",
    "distance_blocks",
    "k_reciprocal_distances",
    "pairwise_distances",
    "rank_gallery_per_action",
    "rank_metrics",
    "validate_ranking",
]
