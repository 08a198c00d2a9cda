from __future__ import annotations

import json

import pytest


@pytest.fixture
def content(synloc_root) -> dict:
    """The annotations of the training frames, to be damaged."""
    return json.loads((synloc_root / "annotations" / "train.json").read_text())
