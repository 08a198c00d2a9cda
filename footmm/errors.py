"""Errors that are meant for the person at the keyboard.

The command line tools print the message of a :class:`FootmmError` without a traceback, so every
message says what was wrong, where (file, key, value) and what to do about it.
"""


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


class DataFormatError(FootmmError, ValueError):
    """A data file exists but breaks its format; the message names file, place and value."""


class TrainingError(FootmmError, RuntimeError):
    """Training cannot go on, for a reason the user can act on."""
