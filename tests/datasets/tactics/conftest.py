"""Real samples of match sheets, unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest


def _unpack(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def statsbomb_root(realdata, tmp_path_factory) -> Path:
    """Events and line-ups of match 15946, and an extract of match 3788741."""
    archive = realdata / "events_statsbomb" / "statsbomb.zip"
    return _unpack(archive, tmp_path_factory.mktemp("statsbomb"))


@pytest.fixture(scope="session")
def skillcorner_root(realdata, tmp_path_factory) -> Path:
    """The first half of match 2417, and sheets of other matches."""
    archive = realdata / "tracking_skillcorner" / "skillcorner_v2.zip"
    return _unpack(archive, tmp_path_factory.mktemp("skillcorner"))
