"""Tiny inputs and datasets for tests, docs and users."""

from footmm.testing.configs import narrow_model, shrink_config
from footmm.testing.forks import run_forks, run_ranks

__all__ = ["narrow_model", "run_forks", "run_ranks", "shrink_config"]
