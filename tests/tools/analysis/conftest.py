"""The fixture of all tests of analysis tools."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "tools" / "analysis"


@pytest.fixture(scope="module")
def tool(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The tool that a test file is named after, as a module."""
    name = request.path.stem.removeprefix("test_")
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up the module of their annotations.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]
