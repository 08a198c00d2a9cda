"""Passwords: from the environment or a prompt, and nowhere else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from getpass import getpass
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

from footmm.errors import ConfigError, DownloadError, FootmmError

HIDDEN = "***"


def ask(variable: str, what: str, secret: bool = True) -> str:
    """Return what an environment variable holds, or what is typed at the terminal.

    Args:
        variable: Name of the variable.
        what: Shown as the prompt.
        secret: Whether the typing is hidden.

    Raises:
        ConfigError: There is no such variable and nobody to ask.
    """
    if value := os.environ.get(variable):
        return value
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{what} is needed: set the environment variable {variable}, or run this in a terminal "
            "to be asked. It is never an argument: other users of a machine can read those"
        )
    return getpass(f"{what}: ") if secret else input(f"{what}: ")


@contextmanager
def hidden(*secrets: str) -> Iterator[None]:
    """Keep secrets out of all that is printed or raised meanwhile.

    Raises:
        DownloadError: In place of any exception but footmm's own.
    """
    forms = _forms(secrets)
    out, err = _Redacting(sys.stdout, forms), _Redacting(sys.stderr, forms)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        except FootmmError as error:
            raise type(error)(_redact(str(error), forms)) from None
        # Whatever a library raises can hold what it was given.
        except Exception as error:
            text = _redact(f"{type(error).__name__}: {error}", forms)
            raise DownloadError(text) from None


class _Redacting:
    """A text stream that writes stars in place of secrets."""

    def __init__(self, stream: TextIO, forms: list[str]) -> None:
        self._stream = stream
        self._forms = forms

    def write(self, text: str) -> int:
        self._stream.write(_redact(text, self._forms))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _forms(secrets: tuple[str, ...]) -> list[str]:
    """How secrets can be written, the longest ones first."""
    forms = {
        form
        for secret in secrets
        if secret
        for form in (secret, quote(secret), quote_plus(secret), repr(secret)[1:-1])
    } | {json.dumps(secret)[1:-1] for secret in secrets if secret}
    return sorted(forms, key=len, reverse=True)


def _redact(text: str, forms: list[str]) -> str:
    for form in forms:
        text = text.replace(form, HIDDEN)
    return text
