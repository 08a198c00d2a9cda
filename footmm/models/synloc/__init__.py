"""Athlete localisation: YOLOX-Pose and what puts its detections on the pitch."""

from footmm.models.synloc.athlete_localiser import AthleteLocaliser
from footmm.models.synloc.keypoint_similarity import KeypointSimilarity, KeypointSimilarityLoss
from footmm.models.synloc.localiser_tta import LocaliserTTAModel
from footmm.models.synloc.multi_scale import SyncRandomResize
from footmm.models.synloc.simcc_yoloxpose_head import SimCCYOLOXPoseHead
from footmm.models.synloc.suppression import box_nms, ground_nms
from footmm.models.synloc.yoloxpose_head import YOLOXPoseHead

__all__ = [
    "AthleteLocaliser",
    "KeypointSimilarity",
    "KeypointSimilarityLoss",
    "LocaliserTTAModel",
    "SimCCYOLOXPoseHead",
    "SyncRandomResize",
    "YOLOXPoseHead",
    "box_nms",
    "ground_nms",
]
