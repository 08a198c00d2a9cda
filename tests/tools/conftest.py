"""What tests of tools share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).resolve().parent
TOOLS = TESTS.parents[1] / "tools"


@pytest.fixture(scope="module")
def tool(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The tool that a test file is named after, as a module."""
    place = request.path.relative_to(TESTS)
    path = TOOLS / place.with_name(place.name.removeprefix("test_"))
    name = "_".join(("tool", *place.parent.parts, path.stem))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look up the module of their annotations.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


@pytest.fixture(scope="module")
def unformatted_configs() -> Iterator[None]:
    """Leave out yapf, which MMEngine runs over the config at each start and each checkpoint.

    It is most of the time of a tiny training, and changes nothing but line breaks.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmengine.config.config.FormatCode", lambda text, **_: (text, True))
        yield
