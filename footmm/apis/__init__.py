"""The doors: configs, runners, inferencers."""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "DetectionInferencer": "footmm.apis.detection_inferencer",
    "HomographyInferencer": "footmm.apis.homography_inferencer",
    "TacticsInferencer": "footmm.apis.tactics_inferencer",
    "TrajectoryInferencer": "footmm.apis.trajectory_inferencer",
    "init_model": "footmm.apis.model",
}

__all__ = [
    "DetectionInferencer",
    "HomographyInferencer",
    "TacticsInferencer",
    "TrajectoryInferencer",
    "init_model",
]


def __getattr__(name: str) -> Any:
    # Imported when asked for: with them come PyTorch and all of OpenMMLab.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
