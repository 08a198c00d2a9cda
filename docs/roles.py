"""Links of the docstrings, which are written as Sphinx's roles, for the API reference.

A class, function or module that is named by a role becomes a link to it; a name without a page,
such as one of another library, becomes code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`(~?)([\w.]+)`", re.ASCII)


class RolesExtension(griffe.Extension):
    """Replaces the roles in all docstrings of a package, once it is read."""

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Griffe's hook."""
        for item in _documented(pkg):
            item.docstring.value = _ROLE.sub(
                lambda match, item=item: _link(item, match[2], shorten=bool(match[1])),
                item.docstring.value,
            )


def _documented(item: griffe.Object) -> Iterator[griffe.Object]:
    """An object and those in it that have a docstring of their own."""
    if item.docstring:
        yield item
    for member in item.members.values():
        if not member.is_alias:
            yield from _documented(member)


def _link(item: griffe.Object, name: str, shorten: bool) -> str:
    try:
        path = item.resolve(name)
    except griffe.NameResolutionError:
        path = name
    shown = name.rpartition(".")[2] if shorten else name
    return f'<autoref optional identifier="{path}"><code>{shown}</code></autoref>'
