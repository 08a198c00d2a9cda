"""Detection of players, balls and referees."""

from footmm.models.detection.center_dino import CenterDINO
from footmm.models.detection.center_heatmap_head import CenterHeatmapHead
from footmm.models.detection.detectors import DETR, DINO, ConditionalDETR, merge_balls
from footmm.models.detection.heads import ConditionalDETRHead, DETRHead, DINOHead

__all__ = [
    "DETR",
    "DINO",
    "CenterDINO",
    "CenterHeatmapHead",
    "ConditionalDETR",
    "ConditionalDETRHead",
    "DETRHead",
    "DINOHead",
    "merge_balls",
]
