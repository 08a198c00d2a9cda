"""Transforms: augment, encode, pack."""

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

__all__ = [
    "JERSEY_NOT_VISIBLE",
    "Albumentation",
    "ComputeColorHistogram",
    "LoadImageFromFile",
    "PackPitchInputs",
    "PackReIDInputs",
    "PitchRandomFlip",
    "PitchRandomWarp",
    "PitchResize",
    "UnreadableImageError",
]
