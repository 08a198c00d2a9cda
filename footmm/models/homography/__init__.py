"""Models that find the pitch in a frame, and with it the camera."""

from footmm.models.homography.pitch_heatmap_head import PitchHeatmapHead
from footmm.models.homography.pitch_keypoint_estimator import PitchKeypointEstimator

__all__ = ["PitchHeatmapHead", "PitchKeypointEstimator"]
