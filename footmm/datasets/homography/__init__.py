"""Datasets of broadcast frames with the lines of the pitch."""

from footmm.datasets.homography.soccernet import SoccerNetCalibrationDataset, lines_in_pixels
from footmm.datasets.homography.synthetic import SyntheticHomographyDataset

__all__ = ["SoccerNetCalibrationDataset", "SyntheticHomographyDataset", "lines_in_pixels"]
