"""Writes the synthetic match in the file formats of public data sets."""

from footmm.simulation.export.coco import CocoExport
from footmm.simulation.export.folder import Export, Observer, Workload, write_folder
from footmm.simulation.export.market1501 import Market1501Export, export_market1501
from footmm.simulation.export.scenes import ImageExportSettings
from footmm.simulation.export.soccernet_calibration import SoccerNetCalibrationExport
from footmm.simulation.export.soccernet_reid import (
    SoccerNetReIDExport,
    SoccerNetReIDExportSettings,
    export_soccernet_reid,
)
from footmm.simulation.export.soccernet_tracking import (
    SoccerNetTrackingExport,
    TrackingExportSettings,
)
from footmm.simulation.export.synloc import SynLocExport
from footmm.simulation.export.tracks_npz import TracksExport, TracksExportSettings

__all__ = [
    "CocoExport",
    "Export",
    "ImageExportSettings",
    "Market1501Export",
    "Observer",
    "SoccerNetCalibrationExport",
    "SoccerNetReIDExport",
    "SoccerNetReIDExportSettings",
    "SoccerNetTrackingExport",
    "SynLocExport",
    "TrackingExportSettings",
    "TracksExport",
    "TracksExportSettings",
    "Workload",
    "export_market1501",
    "export_soccernet_reid",
    "write_folder",
]
