"""Encoders and decoders in one class each."""

from footmm.codecs.pitch_heatmap import PitchHeatmap

__all__ = ["PitchHeatmap"]
