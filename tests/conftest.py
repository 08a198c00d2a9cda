"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import footmm  # noqa: F401  (before mmdet and mmpose: installs the mmcv ops fallback)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real samples; skips the test where there is none."""
    folder = Path(os.environ.get("FOOTMM_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip("no real samples: set FOOTMM_REALDATA to their folder")
    return folder
