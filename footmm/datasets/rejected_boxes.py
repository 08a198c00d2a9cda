"""Boxes of annotation files that cannot be used: an error, or dropped, counted and reported."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable

from mmengine.logging import print_log

from footmm.errors import DataFormatError

NO_POSITIVE_SIZE = "no positive size"
OUTSIDE_IMAGE = "outside the image"
UNKNOWN_TRACK = "unknown track"

Reject = Callable[[str, str, str], None]
"""Is told of a box that cannot be used: kind of the problem, file and line, and the problem."""

_NUM_SHOWN = 3


def refuse(kind: str, place: str, problem: str) -> None:
    """Stop at the first box that cannot be used.

    Raises:
        DataFormatError: Always.
    """
    raise DataFormatError(f"{place}: {problem}")


class RejectedBoxes:
    """Counts the boxes that cannot be used, instead of stopping at them.

    Attributes:
        counts: Their number by kind.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._examples: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, place: str, problem: str) -> None:
        """Count a box; a :data:`Reject`."""
        self.counts[kind] += 1
        if self.counts[kind] <= _NUM_SHOWN:
            self._examples[kind].append(f"{place}: {problem}")

    def report(self, reader: str) -> None:
        """Write a warning for each kind into the log: how many, and where the first ones are.

        Args:
            reader: Who dropped them.
        """
        for kind, count in self.counts.items():
            examples = self._examples[kind]
            lines = [f"{reader} dropped {count} boxes ({kind}):", *examples]
            if count > len(examples):
                lines.append(f"and {count - len(examples)} more")
            print_log("\n  ".join(lines), logger="current", level=logging.WARNING)
