"""Tiny inputs and datasets for tests, docs and users."""

from footmm.testing.configs import shrink_config, shrink_model
from footmm.testing.forks import run_forks, run_ranks

__all__ = ["run_forks", "run_ranks", "shrink_config", "shrink_model"]
