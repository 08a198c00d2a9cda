"""Players, ball and referees in images: readers, one public format per module."""

from footmm.datasets.detection.base import DetectionDataset
from footmm.datasets.detection.coco import CocoDetectionDataset
from footmm.datasets.detection.mot import MOTDataset
from footmm.datasets.detection.soccernet_tracking import SoccerNetTrackingDataset
from footmm.datasets.detection.synthetic import SyntheticDetectionDataset
from footmm.datasets.detection.yolo import YOLODataset

__all__ = [
    "CocoDetectionDataset",
    "DetectionDataset",
    "MOTDataset",
    "SoccerNetTrackingDataset",
    "SyntheticDetectionDataset",
    "YOLODataset",
]
