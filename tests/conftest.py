"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.utils import ManagerMixin

import footmm  # noqa: F401  (before mmdet and mmpose: installs the mmcv ops fallback)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real samples; skips the test where there is none."""
    folder = Path(os.environ.get("FOOTMM_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip("no real samples: set FOOTMM_REALDATA to their folder")
    return folder


@pytest.fixture(autouse=True)
def forget_runs() -> Iterator[None]:
    """Drop MMEngine's named instances: two runs within a second would share their names."""
    yield
    classes: list[type] = [ManagerMixin]
    while classes:
        cls = classes.pop()
        cls._instance_dict.clear()
        classes += cls.__subclasses__()
