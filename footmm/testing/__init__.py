"""Tiny inputs and datasets for tests, docs and users."""

from footmm.testing.configs import shrink_config

__all__ = ["shrink_config"]
