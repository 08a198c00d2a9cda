"""The arithmetic of the metrics, in numpy."""

from footmm.evaluation.functional.calibration_jac import (
    JAC_THRESHOLDS,
    CalibrationScores,
    Confusion,
    FrameJaC,
    LineClassScores,
    Summary,
    calibration_scores,
    distances_to_polyline,
    frame_jac,
    project_markings,
)
from footmm.evaluation.functional.homography_errors import (
    PointErrors,
    correct_keypoints,
    point_errors,
    reprojection_errors,
    visible_pitch_points,
)
from footmm.evaluation.functional.homography_iou import (
    PUBLISHED_IMAGE_SIZE,
    iou_part,
    iou_whole,
    projection_error,
    published_iou_part,
    published_projection_error,
    published_reprojection_error,
)
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
    "JAC_THRESHOLDS",
    "MARKET1501_JUNK_ID",
    "PUBLISHED_IMAGE_SIZE",
    "CalibrationScores",
    "Confusion",
    "DistanceBlock",
    "FrameJaC",
    "LineClassScores",
    "PointErrors",
    "RankMetrics",
    "Summary",
    "action_distance_blocks",
    "calibration_scores",
    "correct_keypoints",
    "distance_blocks",
    "distances_to_polyline",
    "frame_jac",
    "iou_part",
    "iou_whole",
    "k_reciprocal_distances",
    "pairwise_distances",
    "point_errors",
    "project_markings",
    "projection_error",
    "published_iou_part",
    "published_projection_error",
    "published_reprojection_error",
    "rank_gallery_per_action",
    "rank_metrics",
    "reprojection_errors",
    "validate_ranking",
    "visible_pitch_points",
]
