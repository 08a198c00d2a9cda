"""What holds for every metric, however it counts; and that each has its properties tested."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

from footmm.errors import DataFormatError
from footmm.evaluation import functional
from footmm.registry import METRICS

FOLDER = Path(__file__).resolve().parents[1]


def metrics():
    """Names of footmm's metrics."""
    METRICS.import_from_location()
    parts = METRICS.module_dict.items()
    return sorted(name for name, cls in parts if cls.__module__.startswith("footmm."))


def functions():
    """Names of the public functions of ``evaluation/functional``, exported or not."""
    names = set()
    for info in pkgutil.iter_modules(functional.__path__):
        module = importlib.import_module(f"{functional.__name__}.{info.name}")
        for name, thing in vars(module).items():
            is_own = inspect.isfunction(thing) and thing.__module__ == module.__name__
            if is_own and not name.startswith("_"):
                names.add(name)
    return sorted(names)


@pytest.fixture(scope="module")
def drawn():
    """What is named in tests that hypothesis draws, or in what these use of their modules."""
    names = set()
    for file in FOLDER.rglob("test_*.py"):
        named, waiting = {}, []
        for node in ast.parse(file.read_text()).body:
            for part in ast.walk(node):
                decorators = getattr(part, "decorator_list", [])
                if any(_called(decorator) == "given" for decorator in decorators):
                    waiting += _names(part)
            targets = getattr(node, "targets", [])
            keys = [getattr(node, "name", None), *(getattr(t, "id", None) for t in targets)]
            named |= dict.fromkeys(keys, _names(node))
        seen = set()
        while waiting:
            name = waiting.pop()
            waiting += named.get(name, set()) - seen
            seen.add(name)
        names |= seen
    return names


def _called(decorator):
    return getattr(getattr(decorator, "func", None), "id", None)


def _names(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


@pytest.mark.parametrize("name", [*metrics(), *functions()])
def test_has_a_property(name, drawn):
    assert name in drawn, f"no test in {FOLDER} that hypothesis draws (@given) names {name}"


@pytest.mark.parametrize("name", [name for name in metrics() if name != "CalibrationJaC"])
def test_without_samples_there_are_no_figures(name):
    assert METRICS.build({"type": name}).compute_metrics([]) == {}


def test_the_score_of_cameras_is_one_over_frames():
    with pytest.raises(DataFormatError, match="no frames to score"):
        METRICS.build({"type": "CalibrationJaC"}).compute_metrics([])
