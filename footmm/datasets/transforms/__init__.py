"""Transforms: augment, encode, pack."""

from footmm.datasets.transforms.ball3d import PackBall3DInputs, SimulateBallDetector
from footmm.datasets.transforms.ball_crops import LoadBallCrops, PaintBallCrops
from footmm.datasets.transforms.common import (
    Albumentation,
    LoadImageFromFile,
    UnreadableImageError,
)
from footmm.datasets.transforms.homography import (
    PackPitchInputs,
    PitchRandomFlip,
    PitchRandomWarp,
    PitchResize,
)
from footmm.datasets.transforms.reid import (
    JERSEY_NOT_VISIBLE,
    ComputeColorHistogram,
    PackReIDInputs,
)
from footmm.datasets.transforms.synloc import (
    LoadSynLocImage,
    PackSynLocInputs,
    SynLocFilterAthletes,
    SynLocMosaic,
    SynLocRandomAffine,
    SynLocRandomFlip,
    SynLocRandomTile,
    SynLocResize,
)
from footmm.datasets.transforms.tactics import (
    BuildTacticsGraph,
    PackTacticsInputs,
    TacticsHidePlayers,
    TacticsRandomMirror,
)
from footmm.datasets.transforms.trajectory import PackTrajectoryInputs

__all__ = [
    "JERSEY_NOT_VISIBLE",
    "Albumentation",
    "BuildTacticsGraph",
    "ComputeColorHistogram",
    "LoadBallCrops",
    "LoadImageFromFile",
    "LoadSynLocImage",
    "PackBall3DInputs",
    "PackPitchInputs",
    "PackReIDInputs",
    "PackSynLocInputs",
    "PackTacticsInputs",
    "PackTrajectoryInputs",
    "PaintBallCrops",
    "PitchRandomFlip",
    "PitchRandomWarp",
    "PitchResize",
    "SimulateBallDetector",
    "SynLocFilterAthletes",
    "SynLocMosaic",
    "SynLocRandomAffine",
    "SynLocRandomFlip",
    "SynLocRandomTile",
    "SynLocResize",
    "TacticsHidePlayers",
    "TacticsRandomMirror",
    "UnreadableImageError",
]
