"""Every public name has a docstring, which states the shapes of the arrays it takes and returns.

The rule, for docstrings in Google style:

* a parameter that is an array, or a container of arrays, has a shape in its entry under ``Args``,
  or a link to the function or the class that states it (``As in :meth:`forward`.``);
  parameters without an entry have theirs in the text above the sections, which then needs a shape
  for each (``Distances of points ``(N, 2)`` from places ``(N, 2)``.``);
* a returned array has a shape under ``Returns`` or ``Yields``, or in that text;
* a field of a dataclass or a named tuple has one in its entry under ``Attributes`` or ``Args``.

An override need not repeat what the docstring says that it overrides.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest
import torch

import footmm

_SIZE = r"[\w.`']+(?:\s*[-+*/|]+\s*[\w.`']+)*"
_SIZES = rf"{_SIZE},(?:\s*{_SIZE},?)*"
#: A tuple of sizes, as code or with a number, a capital or an ellipsis among them; words for what
#: has none, any, or the shape of another; or a link to what states it.
SHAPE = re.compile(
    rf"``\({_SIZES}\)``|\((?=[^()]*(?:\b\d|\b[A-Z]|\.\.\.)){_SIZES}\)|\([A-Z]?\.\.\.\)|"
    r"\b(?:[Ss]calars?|0-d|[Aa]ny shape|[Ss]ame shape)\b|"
    r"\b(?:[Ll]ike|[Aa]s|[Ss]hape of) ``\w+``|:(?:meth|func|class):`"
)
_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|[A-Z][a-z]+s?):$", re.MULTILINE)
_ENTRY = re.compile(r"^    \*{0,2}(\w+)(?: \([^)]*\))?:", re.MULTILINE)
_KINDS = (property, functools.cached_property, classmethod, staticmethod)


class Docstring:
    """A docstring in parts: its text, the text of its sections, and the entries of a section."""

    def __init__(self, text: str) -> None:
        self.text, *parts = _SECTION.split(text)
        self.sections = dict(zip(parts[::2], parts[1::2], strict=True))

    def entries(self, *sections: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for section in sections:
            _, *parts = _ENTRY.split(self.sections.get(section, ""))
            found |= dict(zip(parts[::2], parts[1::2], strict=True))
        return found


def modules() -> list[str]:
    """The public modules of the package; one that cannot be imported is an error."""

    def fail(name: str) -> None:
        raise ImportError(name)

    found = pkgutil.walk_packages(footmm.__path__, "footmm.", onerror=fail)
    return ["footmm", *(module.name for module in found if "._" not in module.name)]


def public_names(module: ModuleType) -> Iterator[tuple[str, object]]:
    """The classes and functions that a module defines."""
    for name, thing in vars(module).items():
        is_own = getattr(thing, "__module__", None) == module.__name__
        if is_own and not name.startswith("_"):
            thing = inspect.unwrap(thing) if callable(thing) else thing
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield name, thing


def public_members(cls: type) -> Iterator[tuple[str, Callable, str]]:
    """Names, functions and docstrings of the methods and properties that a class defines."""
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, _KINDS)):
            function = getattr(member, "fget", None) or getattr(member, "func", None)
            function = function or getattr(member, "__func__", member)
            yield name, inspect.unwrap(function), inspect.getdoc(getattr(cls, name)) or ""


def array_hints(thing: Callable | type, hints: dict[str, object] | None = None) -> list[str]:
    """Names of the parameters or fields that hold arrays, ``return`` for what is returned."""
    names = vars(inspect.getmodule(thing))
    found = []
    for name, hint in (thing.__annotations__ if hints is None else hints).items():
        try:
            hint = eval(hint, names) if isinstance(hint, str) else hint
        except NameError:
            # Imported for type checkers only.
            if re.search(r"\b(ndarray|Tensor)\b", hint):
                found.append(name)
            continue
        if holds_arrays(hint):
            found.append(name)
    return found


def holds_arrays(hint: object) -> bool:
    """Whether a type is an array or a tensor, or one of its arguments is; functions are not."""
    kind = typing.get_origin(hint) or hint
    if kind is Callable:
        return False
    if isinstance(kind, type) and issubclass(kind, (np.ndarray, torch.Tensor)):
        return True
    return any(map(holds_arrays, typing.get_args(hint)))


def function_faults(function: Callable, text: str) -> Iterator[str]:
    """What the docstring of a function or method lacks."""
    if not text:
        yield "has no docstring"
        return
    arrays = array_hints(function)
    doc = Docstring(text)
    yield from parameter_faults(doc, [name for name in arrays if name != "return"])
    returned = (doc.text, doc.sections.get("Returns", ""), doc.sections.get("Yields", ""))
    if "return" in arrays and not any(map(SHAPE.search, returned)):
        yield "the shape of what it returns is not stated"


def parameter_faults(doc: Docstring, arrays: list[str]) -> Iterator[str]:
    entries = doc.entries("Args")
    for name in arrays:
        if name in entries and not SHAPE.search(entries[name]):
            yield f"the shape of {name} is not stated"
    unlisted = [name for name in arrays if name not in entries]
    if len(SHAPE.findall(doc.text)) < len(unlisted):
        yield from (f"the shape of {name} is not stated" for name in unlisted)


def class_faults(cls: type, text: str) -> Iterator[str]:
    """What the docstring of a class lacks of its fields, or of its constructor's parameters."""
    if not text:
        yield "has no docstring"
        return
    doc = Docstring(text)
    is_record = dataclasses.is_dataclass(cls) or hasattr(cls, "_fields")
    if is_record:
        entries = doc.entries("Attributes", "Args")
        # A record may say of all its fields that they are scalars.
        fields = {} if "scalar" in doc.text else vars(cls).get("__annotations__", {})
        for name in array_hints(cls, fields):
            if not name.startswith("_") and not SHAPE.search(entries.get(name, "")):
                yield f"the shape of the field {name} is not stated"
    elif "__init__" in vars(cls):
        yield from parameter_faults(doc, array_hints(cls.__init__))


def faults_of(module_name: str) -> Iterator[str]:
    module = importlib.import_module(module_name)
    if not module.__doc__:
        yield f"{module_name}: has no docstring"
    for name, thing in public_names(module):
        where = f"{module_name}.{name}"
        if not inspect.isclass(thing):
            faults = function_faults(thing, inspect.getdoc(thing) or "")
            yield from (f"{where}: {fault}" for fault in faults)
            continue
        faults = class_faults(thing, inspect.cleandoc(thing.__doc__ or ""))
        yield from (f"{where}: {fault}" for fault in faults)
        for member, function, text in public_members(thing):
            faults = set(function_faults(function, text))
            for base in thing.__mro__[1:]:
                inherited = inspect.getdoc(vars(base)[member]) if member in vars(base) else None
                faults &= set(function_faults(function, inherited)) if inherited else faults
            yield from (f"{where}.{member}: {fault}" for fault in sorted(faults))


@pytest.mark.parametrize("module_name", modules())
def test_docstrings_state_shapes(module_name):
    faults = list(faults_of(module_name))
    assert not faults, "\n" + "\n".join(faults)


def _measure(points: np.ndarray, places: dict[str, torch.Tensor]) -> tuple[np.ndarray, float]:
    """The function whose docstrings are judged below."""


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Points ``(N, 2)`` in places ``(N,)``.", []),
        ("Points ``(N, 2)`` in places.", ["points", "places"]),
        ("Points (left, top) in places (seen in Rome, 2020).", ["points", "places", "returns"]),
        (
            "Args:\n    points: ``(N, 2)``.\n    places: Two.\n\nReturns:\n    Some.",
            ["places", "returns"],
        ),
        (
            "Args:\n    points: (..., 3).\n    places: Like ``points``.\n\nReturns:\n    (N,).",
            [],
        ),
        ("Places ``(N, 2)``.\n\nArgs:\n    points: See :func:`f`.", []),
        ("", ["has no docstring"]),
    ],
)
def test_the_rule(text, faults):
    found = list(function_faults(_measure, text))
    assert len(found) == len(faults)
    assert all(fault in line for line, fault in zip(found, faults, strict=True))


def test_the_rule_of_fields():
    @dataclasses.dataclass
    class Record:
        """What is kept.

        Attributes:
            points: ``(N, 2)``, metres.
            labels: Of the points.
        """

        points: np.ndarray
        labels: np.ndarray | None
        name: str

    (fault,) = class_faults(Record, inspect.cleandoc(Record.__doc__))
    assert fault == "the shape of the field labels is not stated"
