"""Errors that are meant for the person at the keyboard.

The command line tools print the message of a :class:`FootmmError` without a traceback, so every
message says what was wrong, where (file, key, value) and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FootmmError(Exception):
    """Base of all errors whose message is enough to act on."""


class ConfigError(FootmmError):
    """A config file, or an override of one, is wrong."""


class UnknownTypeError(ConfigError, KeyError):
    """A config names a type that no registry knows."""

    def __str__(self) -> str:
        # KeyError would print the repr of its message.
        return str(self.args[0])


class CheckpointError(FootmmError):
    """A checkpoint is missing, damaged, unsafe or belongs to another model."""


class DatasetNotFoundError(FootmmError, FileNotFoundError):
    """The files of a dataset are not where the config says; the message tells how to get them."""


class DownloadError(FootmmError, OSError):
    """Data cannot be fetched: no network, no permission, no room, or not what was announced."""


class DataFormatError(FootmmError, ValueError):
    """A data file exists but breaks its format; the message names file, place and value."""


class TrainingError(FootmmError, RuntimeError):
    """Training cannot go on, for a reason the user can act on."""


def did_you_mean(name: str, known: Iterable[str], count: int = 3, cutoff: float = 0.6) -> str:
    """The end of a message about an unknown name: the known names that are near.

    Args:
        name: The unknown name.
        known: The names there are.
        count: Names to show at the most.
        cutoff: Similarity, 0 to 1, from which on a name counts as near.

    Returns:
        E.g. ``"; did you mean 'OSNet' or 'ResNet'?"``; empty where nothing is near.
    """
    nearest = difflib.get_close_matches(name, sorted(known), count, cutoff)
    return f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
