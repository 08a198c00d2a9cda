"""Encoders and decoders in one class each."""
