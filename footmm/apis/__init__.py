"""The doors: configs, runners, inferencers.

============================== ============================ ======================================
class                          inputs                       a result
============================== ============================ ======================================
:class:`HomographyInferencer`  images, folders, videos      ``CalibratedFrame``: the camera
:class:`DetectionInferencer`   images, folders, videos      ``DetectedObjects``: boxes and classes
:class:`SynLocInferencer`      the same, with cameras       ``LocalisedAthletes``: positions
:class:`ReIDInferencer`        pictures of persons          ``PersonEmbedding``: a vector
:class:`TrajectoryInferencer`  tracks                       ``InferredWindow``: futures, vectors
:class:`TacticsInferencer`     tracks                       ``TacticalWindow``: formations, roles
:class:`Ball3DInferencer`      the ball's boxes, cameras    ``BallTrack``: the path in 3D
============================== ============================ ======================================

All are made of a config, a checkpoint and a device, and called alike
(:meth:`footmm.apis.inferencer.Inferencer.__call__`): ``inferencer(inputs, batch_size=, show=,
out_dir=, progress=, overwrite=)`` yields results while they are asked for. :func:`init_model`
builds the model alone.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = {
    "Ball3DInferencer": "footmm.apis.ball3d_inferencer",
    "DetectionInferencer": "footmm.apis.detection_inferencer",
    "HomographyInferencer": "footmm.apis.homography_inferencer",
    "ReIDInferencer": "footmm.apis.reid_inferencer",
    "SynLocInferencer": "footmm.apis.synloc_inferencer",
    "TacticsInferencer": "footmm.apis.tactics_inferencer",
    "TrajectoryInferencer": "footmm.apis.trajectory_inferencer",
    "init_model": "footmm.apis.model",
}

__all__ = [
    "Ball3DInferencer",
    "DetectionInferencer",
    "HomographyInferencer",
    "ReIDInferencer",
    "SynLocInferencer",
    "TacticsInferencer",
    "TrajectoryInferencer",
    "init_model",
]


def __getattr__(name: str) -> Any:
    # Imported when asked for: with them come PyTorch and all of OpenMMLab.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
