"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mmengine.utils import ManagerMixin

import footmm  # noqa: F401  (before mmdet and mmpose: installs the mmcv ops fallback)
from footmm.datasets.synloc import SyntheticSynLocDataset

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real samples; skips the test where there is none."""
    folder = Path(os.environ.get("FOOTMM_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip("no real samples: set FOOTMM_REALDATA to their folder")
    return folder


@pytest.fixture(scope="session")
def synloc_root(tmp_path_factory) -> Path:
    """Three synthetic frames for each of training and test, as SynLoc's files."""
    folder = tmp_path_factory.mktemp("synloc")
    roots = [
        Path(SyntheticSynLocDataset(3, split, image_size=(640, 360), data_root=folder).data_root)
        for split in ("train", "test")
    ]
    content = json.loads((roots[1] / "annotations" / "test.json").read_text())
    (roots[0] / "annotations" / "test.json").write_text(json.dumps(content))
    for image in (roots[1] / "fullhd" / "test").iterdir():
        image.rename(roots[0] / "fullhd" / "test" / image.name)
    return roots[0]


@pytest.fixture(autouse=True)
def forget_runs() -> Iterator[None]:
    """Drop MMEngine's named instances: two runs within a second would share their names."""
    yield
    classes: list[type] = [ManagerMixin]
    while classes:
        cls = classes.pop()
        cls._instance_dict.clear()
        classes += cls.__subclasses__()
