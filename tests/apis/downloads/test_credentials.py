"""Passwords are asked for, and never shown."""

from __future__ import annotations

import sys

import pytest

from footmm.apis.downloads import credentials
from footmm.apis.downloads.credentials import ask, hidden
from footmm.errors import ConfigError, DownloadError

SECRET = "pa ss/w'ö"


def test_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("A_PASSWORD", SECRET)
    assert ask("A_PASSWORD", "the password") == SECRET


def test_nobody_to_ask(monkeypatch):
    monkeypatch.delenv("A_PASSWORD", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(ConfigError, match=r"the password is needed: set .* A_PASSWORD"):
        ask("A_PASSWORD", "the password")


def test_at_a_terminal_it_is_asked_for(monkeypatch):
    monkeypatch.delenv("A_PASSWORD", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(credentials, "getpass", lambda prompt: SECRET)
    assert ask("A_PASSWORD", "the password") == SECRET


@pytest.mark.parametrize("form", ["pa ss/w'ö", "pa%20ss/w%27%C3%B6", "pa+ss%2Fw%27%C3%B6"])
def test_nothing_shows_a_secret(capsys, form):
    def log_in():
        print(f"login with {form} at once")
        print(f"again {form}", file=sys.stderr)
        raise RuntimeError(f"401 for https://me:{form}@host")

    with pytest.raises(DownloadError) as caught, hidden(SECRET, ""):
        log_in()
    shown = capsys.readouterr()
    assert shown.out == "login with *** at once\n"
    assert shown.err == "again ***\n"
    assert str(caught.value) == "RuntimeError: 401 for https://me:***@host"
    # A traceback would print it.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_own_errors_keep_their_class():
    with pytest.raises(ConfigError, match=r"^wrong: \*\*\*$"), hidden(SECRET):
        raise ConfigError(f"wrong: {SECRET}")
